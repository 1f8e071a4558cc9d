#include "engine/nn/gram_sweep.h"

#include <cmath>
#include <limits>
#include <stop_token>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "tests/engine/nn/gram_reference.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::nn {
namespace {

using reference::GramProblem;
using reference::LabelChoice;
using reference::RandomGramProblem;

std::vector<Isa> SupportedIsas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::kSse2, Isa::kAvx2, Isa::kAvx512}) {
    if (isa <= BestIsa()) isas.push_back(isa);
  }
  return isas;
}

struct Assembled {
  Matrix H;  // Lower triangle, zeros above.
  Vector gradient;
  Vector r;
  double loss = 0;
};

Assembled Assemble(GramSweep& sweep, const Vector& theta) {
  Assembled result;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Matrix H = Matrix::Constant(theta.size(), theta.size(), nan);
  result.gradient = Vector::Constant(theta.size(), nan);
  result.r = Vector::Constant(sweep.ResidualSize(), nan);
  result.loss = sweep.Assemble(theta, H, result.gradient, result.r);
  result.H = H.triangularView<Eigen::Lower>();
  return result;
}

// Everything the sweep computes against the rows of the residual Jacobian.
void ExpectMatchesRows(const GramProblem& problem, Isa isa) {
  const Vector r = reference::StackedResiduals<double>(problem.architecture, problem.theta,
                                                       problem.points, problem.weights);
  const Matrix R = reference::ResidualJacobian(problem.architecture, problem.theta, problem.points,
                                               problem.weights);
  GramSweep sweep(problem.architecture, problem.points, problem.weights,
                  {.use = GramSweep::Use::kMatrix, .isa = isa});
  // Sums of products of a few hundred terms: rounding stays below 1e-12 of the largest entry.
  const Matrix H = (R.transpose() * R).triangularView<Eigen::Lower>();
  const Vector gradient = R.transpose() * r;
  const double scale = 1 / H.cwiseAbs().maxCoeff();
  const Assembled assembled = Assemble(sweep, problem.theta);
  EXPECT_THAT(assembled.H * scale, IsNearMatrix(H * scale, 1e-12));
  EXPECT_THAT(assembled.gradient, IsNearMatrix(gradient, 1e-12));
  EXPECT_NEAR(assembled.loss, r.squaredNorm(), 1e-12 * r.squaredNorm());
  EXPECT_NEAR(sweep.Loss(problem.theta), r.squaredNorm(), 1e-12 * r.squaredNorm());
  EXPECT_EQ(sweep.NumResiduals(), r.size());

  Vector stacked = Vector::Constant(sweep.ResidualSize(), std::numeric_limits<double>::quiet_NaN());
  EXPECT_NEAR(sweep.Residuals(problem.theta, stacked), r.squaredNorm(), 1e-12 * r.squaredNorm());
  EXPECT_EQ(assembled.r, stacked);
  Vector product = Vector::Constant(problem.theta.size(), std::numeric_limits<double>::quiet_NaN());
  sweep.ApplyTransposed(problem.theta, stacked, product);
  EXPECT_THAT(product, IsNearMatrix(gradient, 1e-12));
  // The rows are in the sweep's own order, so they are compared by what they are good for.
  Matrix rows = Matrix::Constant(sweep.ResidualSize(), problem.theta.size(),
                                 std::numeric_limits<double>::quiet_NaN());
  Vector of_rows(problem.theta.size());
  Vector r_of_rows(sweep.ResidualSize());
  EXPECT_EQ(sweep.Rows(problem.theta, rows, of_rows, r_of_rows), sweep.Loss(problem.theta));
  EXPECT_EQ(of_rows, product);
  EXPECT_EQ(r_of_rows, stacked);
  const Matrix gram_of_rows = (rows.transpose() * rows).triangularView<Eigen::Lower>();
  EXPECT_THAT(gram_of_rows * scale, IsNearMatrix(H * scale, 1e-12));
  EXPECT_THAT(Vector(rows.transpose() * stacked), IsNearMatrix(gradient, 1e-12));
  const Vector v = Vector::LinSpaced(problem.theta.size(), -1, 1.3);
  Vector along = Vector::Constant(sweep.ResidualSize(), std::numeric_limits<double>::quiet_NaN());
  sweep.Apply(problem.theta, v, along);
  EXPECT_THAT(along, IsNearMatrix(rows * v, 1e-12));
  Vector descent = Vector::Constant(problem.theta.size(), std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(sweep.Gradient(problem.theta, descent), sweep.Loss(problem.theta));
  EXPECT_EQ(descent, product);
}

const Architecture kArchitectures[] = {
    {.n = 3, .m = 1, .hidden = {5, 4}, .activation = Activation::kTanh},
    {.n = 2, .m = 3, .hidden = {6, 5}, .activation = Activation::kSoftplus},
    {.n = 1, .m = 2, .hidden = {4, 3, 5}, .activation = Activation::kSilu},
    {.n = 4, .m = 2, .hidden = {7}, .activation = Activation::kGelu},
    {.n = 3, .m = 2, .hidden = {}, .activation = Activation::kTanh},
    {.n = 5, .m = 3, .hidden = {3, 9}, .activation = Activation::kSin},
    {.n = 3, .m = 2, .hidden = {}, .activation = Activation::kTanh, .skip = true},
    {.n = 3, .m = 2, .hidden = {4}, .activation = Activation::kTanh, .skip = true},
    {.n = 2, .m = 3, .hidden = {4, 5, 3}, .activation = Activation::kSoftplus, .skip = true},
    {.n = 3, .m = 1, .hidden = {4, 4, 4}, .activation = Activation::kTanh, .residual = true},
    {.n = 2, .m = 3, .hidden = {5, 3, 3}, .activation = Activation::kSilu, .residual = true},
    {.n = 3,
     .m = 2,
     .hidden = {4, 4, 3, 3},
     .activation = Activation::kTanh,
     .skip = true,
     .residual = true},
};

class GramSweepTest : public testing::TestWithParam<Architecture> {
 protected:
  void Check(const LabelChoice& choice) {
    for (const Isa isa : SupportedIsas()) {
      SCOPED_TRACE(Name(isa));
      // More than one block of groups.
      ExpectMatchesRows(RandomGramProblem(GetParam(), 75, choice, 11), isa);
    }
  }
};

TEST_P(GramSweepTest, ValuesAndJacobians) { Check({}); }
TEST_P(GramSweepTest, ValuesOnly) { Check({.jacobians = false}); }
TEST_P(GramSweepTest, WeightsOfEveryEntry) { Check({.rank_one_lambda = false}); }
TEST_P(GramSweepTest, WeightsOfEveryLabel) { Check({.missing = 0.2, .label_weights = true}); }
TEST_P(GramSweepTest, MissingLabels) { Check({.missing = 0.4}); }
TEST_P(GramSweepTest, Tangents) { Check({.jacobians = false, .num_tangents = 40}); }
TEST_P(GramSweepTest, Adjoints) { Check({.jacobians = false, .num_adjoints = 40}); }
TEST_P(GramSweepTest, Curvatures) { Check({.jacobians = false, .num_curvatures = 40}); }
TEST_P(GramSweepTest, ManyCurvaturesPerPoint) {
  Check({.jacobians = false, .missing = 0.5, .num_curvatures = 300});
}
TEST_P(GramSweepTest, AllKindsTogether) {
  Check({.missing = 0.2, .num_tangents = 70, .num_adjoints = 70, .num_curvatures = 70});
}

INSTANTIATE_TEST_SUITE_P(Architectures, GramSweepTest, testing::ValuesIn(kArchitectures),
                         [](const auto& architecture) {
                           return std::to_string(architecture.index);
                         });

// A tangent in the direction of an input and the adjoint of an output weigh what the entries of a
// Jacobian weigh.
TEST(GramSweepLabelsTest, UnitTangentsAndUnitAdjointsAreJacobians) {
  const Architecture architecture{
      .n = 3, .m = 2, .hidden = {4, 4}, .activation = Activation::kTanh};
  const GramProblem problem = RandomGramProblem(architecture, 10, {.rank_one_lambda = false}, 5);
  LabelledPoints tangents = problem.points;
  LabelledPoints adjoints = problem.points;
  tangents.J.resize(3, 0);
  adjoints.J.resize(3, 0);
  tangents.tangents = {{}, Matrix(3, 30), Matrix(2, 30)};
  adjoints.adjoints = {{}, Matrix(2, 20), Matrix(3, 20)};
  for (Index s = 0; s < 10; ++s) {
    for (Index j = 0; j < 3; ++j) {
      tangents.tangents.point.push_back(s);
      tangents.tangents.X_dot.col(3 * s + j) = 2 * Vector::Unit(3, j);
      tangents.tangents.Y_dot.col(3 * s + j) =
          2 * problem.points.J.middleCols(2 * s, 2).row(j).transpose();
    }
    for (Index i = 0; i < 2; ++i) {
      adjoints.adjoints.point.push_back(s);
      adjoints.adjoints.Y_bar.col(2 * s + i) = -3 * Vector::Unit(2, i);
      adjoints.adjoints.X_bar.col(2 * s + i) = -3 * problem.points.J.col(2 * s + i);
    }
  }
  GramSweep expected(architecture, problem.points, problem.weights);
  GramSweep by_tangents(architecture, tangents, problem.weights);
  GramSweep by_adjoints(architecture, adjoints, problem.weights);
  const Assembled want = Assemble(expected, problem.theta);
  for (GramSweep* sweep : {&by_tangents, &by_adjoints}) {
    const Assembled got = Assemble(*sweep, problem.theta);
    EXPECT_NEAR(got.loss, want.loss, 1e-12 * want.loss);
    EXPECT_THAT(got.gradient, IsNearMatrix(want.gradient, 1e-12));
    EXPECT_THAT(got.H, IsNearMatrix(want.H, 1e-12));
  }
}

TEST(GramSweepLabelsTest, LengthsOfCurvatureDirectionsDoNotMatter) {
  const Architecture architecture{
      .n = 3, .m = 2, .hidden = {4, 4}, .activation = Activation::kSoftplus};
  GramProblem problem =
      RandomGramProblem(architecture, 10, {.jacobians = false, .num_curvatures = 12}, 5);
  GramSweep expected(architecture, problem.points, problem.weights);
  CurvatureLabels& labels = problem.points.curvatures;
  for (Index k = 0; k < 12; ++k) {
    const double of_seed = std::pow(10.0, static_cast<double>(k) - 6);
    const double of_direction = -std::pow(7.0, static_cast<double>(3 - k));
    labels.Y_bar.col(k) *= of_seed;
    labels.V.col(k) *= of_direction;
    labels.H_v.col(k) *= of_seed * of_direction;
  }
  GramSweep scaled(architecture, problem.points, problem.weights);
  const Assembled want = Assemble(expected, problem.theta);
  const Assembled got = Assemble(scaled, problem.theta);
  EXPECT_NEAR(got.loss, want.loss, 1e-12 * want.loss);
  EXPECT_THAT(got.gradient, IsNearMatrix(want.gradient, 1e-12));
  EXPECT_THAT(got.H, IsNearMatrix(want.H, 1e-12));
}

TEST(GramSweepLabelsTest, DirectionsOfLengthZeroAreLeftOut) {
  const Architecture architecture{.n = 2, .m = 2, .hidden = {3}, .activation = Activation::kTanh};
  GramProblem problem = RandomGramProblem(architecture, 6, {}, 3);
  GramSweep without(architecture, problem.points, problem.weights);
  problem.points.tangents = {{1}, Matrix::Zero(2, 1), Matrix::Ones(2, 1)};
  problem.points.adjoints = {{2}, Matrix::Zero(2, 1), Matrix::Ones(2, 1)};
  problem.points.curvatures = {{3, 4}, Matrix(2, 2), Matrix(2, 2), Matrix::Ones(2, 2)};
  problem.points.curvatures.Y_bar << 0, 1, 0, 2;
  problem.points.curvatures.V << 1, 0, 2, 0;
  GramSweep with(architecture, problem.points, problem.weights);
  EXPECT_EQ(with.NumResiduals(), without.NumResiduals());
  EXPECT_EQ(with.Loss(problem.theta), without.Loss(problem.theta));
}

TEST(GramSweepLabelsTest, NoLabelsGiveZeros) {
  const Architecture architecture{.n = 2, .m = 1, .hidden = {3}, .activation = Activation::kTanh};
  const GramProblem problem = RandomGramProblem(architecture, 6, {.missing = 1.1}, 3);
  GramSweep sweep(architecture, problem.points, problem.weights);
  EXPECT_EQ(sweep.NumResiduals(), 0);
  const Assembled assembled = Assemble(sweep, problem.theta);
  EXPECT_EQ(assembled.loss, 0);
  EXPECT_TRUE(assembled.H.isZero(0));
  EXPECT_TRUE(assembled.gradient.isZero(0));
}

TEST(GramSweepLabelsTest, CotangentsMayStartAnywhere) {
  const Architecture architecture{.n = 3, .m = 2, .hidden = {5}, .activation = Activation::kTanh};
  const GramProblem problem = RandomGramProblem(architecture, 30, {.missing = 0.2}, 5);
  for (const Isa isa : SupportedIsas()) {
    GramSweep sweep(architecture, problem.points, problem.weights, {.isa = isa});
    const Index size = sweep.ResidualSize();
    Vector u(size);
    sweep.Residuals(problem.theta, u);
    Vector expected(problem.theta.size());
    sweep.ApplyTransposed(problem.theta, u, expected);
    for (Index start = 1; start < 8; ++start) {
      Vector shifted(size + start);
      shifted.tail(size) = u;
      Vector product(problem.theta.size());
      sweep.ApplyTransposed(problem.theta, shifted.tail(size), product);
      EXPECT_EQ(product, expected) << start;
    }
  }
}

TEST(GramSweepThreadsTest, SameBitsForAnyNumberOfThreads) {
  const Architecture architecture{
      .n = 5, .m = 2, .hidden = {13, 11}, .activation = Activation::kTanh};
  const GramProblem problem = RandomGramProblem(
      architecture, 700,
      {.missing = 0.1, .num_tangents = 90, .num_adjoints = 90, .num_curvatures = 300}, 9);
  GramSweep sweep(architecture, problem.points, problem.weights);
  const oneapi::tbb::global_control allow(oneapi::tbb::global_control::max_allowed_parallelism, 4);
  std::vector<Assembled> results;
  std::vector<Vector> products;
  for (const int num_threads : {1, 2, 4}) {
    oneapi::tbb::task_arena arena(num_threads);
    arena.execute([&] {
      results.push_back(Assemble(sweep, problem.theta));
      Vector r(sweep.ResidualSize());
      EXPECT_EQ(sweep.Residuals(problem.theta, r), results.front().loss);
      Vector product(problem.theta.size());
      sweep.ApplyTransposed(problem.theta, r, product);
      products.push_back(product);
    });
  }
  for (std::size_t i = 1; i < results.size(); ++i) {
    EXPECT_EQ(results[i].loss, results[0].loss);
    EXPECT_EQ(results[i].H, results[0].H);
    EXPECT_EQ(results[i].gradient, results[0].gradient);
    EXPECT_EQ(products[i], products[0]);
  }
}

TEST(GramSweepThreadsTest, StopsAndCanBeUsedAgain) {
  const Architecture architecture{.n = 3, .m = 2, .hidden = {6}, .activation = Activation::kTanh};
  const GramProblem problem = RandomGramProblem(architecture, 100, {.missing = 0.2}, 9);
  GramSweep sweep(architecture, problem.points, problem.weights);
  const Assembled before = Assemble(sweep, problem.theta);
  std::stop_source source;
  source.request_stop();
  const Index p = problem.theta.size();
  Matrix H(p, p);
  Vector gradient(p);
  try {
    Vector r(sweep.ResidualSize());
    sweep.Assemble(problem.theta, H, gradient, r, source.get_token());
    ADD_FAILURE() << "not stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  const Assembled after = Assemble(sweep, problem.theta);
  EXPECT_EQ(after.H, before.H);
  EXPECT_EQ(after.gradient, before.gradient);
}

TEST(GramSweepErrorsTest, SayWhatIsWrong) {
  const Architecture architecture{.n = 2, .m = 1, .hidden = {3}, .activation = Activation::kTanh};
  const auto message = [&](const LabelledPoints& points, const LossWeights& weights) {
    try {
      const GramSweep sweep(architecture, points, weights);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return std::string(error.what());
    }
    return std::string();
  };
  const GramProblem good = RandomGramProblem(architecture, 4, {.num_tangents = 2}, 3);
  LabelledPoints points = good.points;
  points.tangents.point[1] = 4;
  EXPECT_EQ(message(points, good.weights), "tangents.point: expected a number below 4, got 4");
  points = good.points;
  points.curvatures = {{0}, Matrix::Ones(1, 1), Matrix::Ones(2, 2), Matrix::Ones(2, 1)};
  EXPECT_EQ(message(points, good.weights), "curvatures.V columns: expected 1, got 2");
  points = good.points;
  points.J.resize(2, 3);
  EXPECT_EQ(message(points, good.weights), "J columns: expected 4, got 3");
  LossWeights weights = good.weights;
  weights.lambda.resize(1, 2);
  EXPECT_EQ(message(good.points, weights), "lambda rows: expected 2, got 1");
}

}  // namespace
}  // namespace sobolev::nn
