// Twin sweeps over rows with directional labels and entry weights: against the residuals written
// down one by one, against the sweep of the Gauss-Newton optimisers, and against differences.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/gram_sweep.h"
#include "engine/nn/network.h"
#include "engine/nn/row_layout.h"
#include "engine/nn/twin_sweep.h"
#include "tests/engine/nn/gram_reference.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::nn {
namespace {

using reference::GramProblem;
using reference::kMissing;
using reference::LabelChoice;

std::vector<Isa> SupportedIsas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::kSse2, Isa::kAvx2, Isa::kAvx512}) {
    if (isa <= BestIsa()) isas.push_back(isa);
  }
  return isas;
}

// The rows of labelled points: each with as many directions as the point with the most.
struct Rows {
  RowLayout layout;
  reference::RowMajorOf<double> rows;
};

Index MostOfAPoint(const std::vector<Index>& point_of_label) {
  Index most = 0;
  for (const Index s : point_of_label) {
    most = std::max<Index>(most, std::ranges::count(point_of_label, s));
  }
  return most;
}

Rows RowsOf(const LabelledPoints& points, const Matrix& lambda) {
  const Index n = points.n();
  const Index m = points.m();
  Rows result{.layout = {.n = n,
                         .m = m,
                         .jacobian = points.J.cols() > 0,
                         .num_tangents = MostOfAPoint(points.tangents.point),
                         .num_adjoints = MostOfAPoint(points.adjoints.point)},
              .rows = {}};
  const RowLayout& layout = result.layout;
  result.rows.setZero(points.NumPoints(), layout.Size());
  const Matrix squares = lambda.cwiseAbs2();
  for (Index s = 0; s < points.NumPoints(); ++s) {
    auto row = result.rows.row(s);
    row.head(n) = points.X.col(s).transpose();
    row.segment(layout.Y(), m) = points.Y.col(s).transpose();
    for (Index i = 0; i < m && layout.jacobian; ++i) {
      row.segment(layout.Jacobian() + i * n, n) = points.J.col(s * m + i).transpose();
    }
    Index next = 0;
    for (std::size_t k = 0; k < points.tangents.point.size(); ++k) {
      if (points.tangents.point[k] != s) continue;
      const Vector x_dot = points.tangents.X_dot.col(static_cast<Index>(k));
      const double norm = x_dot.norm();
      const Vector unit = x_dot / norm;
      auto label = row.segment(layout.Tangent(next++), n + 2 * m);
      label << unit.transpose(),
          points.tangents.Y_dot.col(static_cast<Index>(k)).transpose() / norm,
          (squares.transpose() * unit.cwiseAbs2()).transpose();
    }
    next = 0;
    for (std::size_t k = 0; k < points.adjoints.point.size(); ++k) {
      if (points.adjoints.point[k] != s) continue;
      const Vector y_bar = points.adjoints.Y_bar.col(static_cast<Index>(k));
      const double norm = y_bar.norm();
      const Vector unit = y_bar / norm;
      auto label = row.segment(layout.Adjoint(next++), m + 2 * n);
      label << unit.transpose(),
          points.adjoints.X_bar.col(static_cast<Index>(k)).transpose() / norm,
          (squares * unit.cwiseAbs2()).transpose();
    }
    row.tail(2).setConstant(points.weight[s]);
  }
  return result;
}

template <class T>
struct Result {
  double loss;
  Vector gradient;
};

// Of all rows, in order.
template <class T>
Result<T> RunOn(const GramProblem& problem, const Rows& rows, const Vector& theta,
                Isa isa = BestIsa()) {
  const reference::RowMajorOf<T> converted = rows.rows.cast<T>();
  std::vector<T> lambda;
  for (Index i = 0; i < problem.architecture.m; ++i) {
    for (Index j = 0; j < problem.architecture.n; ++j) {
      lambda.push_back(static_cast<T>(problem.weights.lambda(j, i)));
    }
  }
  std::vector<std::uint32_t> indices(static_cast<std::size_t>(converted.rows()));
  std::iota(indices.begin(), indices.end(), 0U);
  TwinSweep<T> sweep(problem.architecture, rows.layout, lambda, converted.rows(), isa);
  sweep.SetParameters(std::vector<T>(theta.begin(), theta.end()));
  std::vector<T> gradient(static_cast<std::size_t>(theta.size()),
                          std::numeric_limits<T>::quiet_NaN());
  const double alpha = problem.weights.alpha;
  const double beta = problem.weights.beta;
  const TwinLoss loss =
      sweep.LossAndGradient({converted.data(), converted.cols()}, indices, alpha, beta, gradient);
  Result<T> result{.loss = alpha * loss.value + beta * loss.gradient,
                   .gradient = Vector(theta.size())};
  std::copy(gradient.begin(), gradient.end(), result.gradient.begin());
  const TwinLoss residuals = sweep.Residuals({converted.data(), converted.cols()}, indices, {}, {});
  const double tolerance = std::is_same_v<T, double> ? 1e-13 : 2e-6;
  EXPECT_NEAR(residuals.value, loss.value, tolerance * loss.value);
  EXPECT_NEAR(residuals.gradient, loss.gradient, tolerance * loss.gradient);
  return result;
}

class TwinDirectionalTest : public testing::TestWithParam<Architecture> {
 protected:
  // Rounding of sums of a few hundred terms.
  static void Check(const LabelChoice& choice) {
    const GramProblem problem = reference::RandomGramProblem(GetParam(), 75, choice, 11);
    const Rows rows = RowsOf(problem.points, problem.weights.lambda);
    const Vector r = reference::StackedResiduals<double>(problem.architecture, problem.theta,
                                                         problem.points, problem.weights);
    const Vector slope = 2 *
                         reference::ResidualJacobian(problem.architecture, problem.theta,
                                                     problem.points, problem.weights)
                             .transpose() *
                         r;
    GramSweep gram(problem.architecture, problem.points, problem.weights,
                   {.use = GramSweep::Use::kProducts});
    Vector half_slope(problem.theta.size());
    gram.Gradient(problem.theta, half_slope);
    for (const Isa isa : SupportedIsas()) {
      SCOPED_TRACE(Name(isa));
      const Result<double> result = RunOn<double>(problem, rows, problem.theta, isa);
      EXPECT_NEAR(result.loss, r.squaredNorm(), 1e-12 * r.squaredNorm());
      EXPECT_THAT(result.gradient, IsNearMatrix(slope, 1e-11));
      EXPECT_THAT(result.gradient, IsNearMatrix(Vector(2 * half_slope), 1e-11));
      const Result<float> single = RunOn<float>(problem, rows, problem.theta, isa);
      EXPECT_NEAR(single.loss, r.squaredNorm(), 1e-5 * r.squaredNorm());
      EXPECT_THAT(single.gradient, IsNearMatrix(slope, 1e-4));
    }
  }
};

TEST_P(TwinDirectionalTest, OneTangentEach) { Check({.jacobians = false, .num_tangents = 1}); }
TEST_P(TwinDirectionalTest, Tangents) { Check({.jacobians = false, .num_tangents = 60}); }
TEST_P(TwinDirectionalTest, Adjoints) { Check({.jacobians = false, .num_adjoints = 60}); }
TEST_P(TwinDirectionalTest, TangentsAndAdjoints) {
  Check({.jacobians = false, .num_tangents = 90, .num_adjoints = 40});
}
TEST_P(TwinDirectionalTest, AllKindsWithGaps) {
  Check({.missing = 0.4, .rank_one_lambda = false, .num_tangents = 60, .num_adjoints = 60});
}
TEST_P(TwinDirectionalTest, NoDerivatives) { Check({.jacobians = false}); }

INSTANTIATE_TEST_SUITE_P(
    Architectures, TwinDirectionalTest,
    testing::Values(
        Architecture{.n = 3, .m = 1, .hidden = {5, 4}, .activation = Activation::kTanh},
        Architecture{.n = 2, .m = 6, .hidden = {6, 5}, .activation = Activation::kSoftplus},
        Architecture{.n = 1, .m = 2, .hidden = {4, 3, 5}, .activation = Activation::kSilu},
        Architecture{.n = 4, .m = 2, .hidden = {7}, .activation = Activation::kGelu},
        Architecture{.n = 3, .m = 2, .hidden = {}, .activation = Activation::kTanh},
        Architecture{.n = 5, .m = 3, .hidden = {3, 9}, .activation = Activation::kSin},
        Architecture{.n = 3, .m = 2, .hidden = {}, .activation = Activation::kTanh, .skip = true},
        Architecture{.n = 3, .m = 1, .hidden = {4}, .activation = Activation::kTanh, .skip = true},
        Architecture{
            .n = 2, .m = 6, .hidden = {4, 5, 3}, .activation = Activation::kSilu, .skip = true},
        Architecture{
            .n = 3, .m = 1, .hidden = {4, 4, 4}, .activation = Activation::kTanh, .residual = true},
        Architecture{.n = 3,
                     .m = 2,
                     .hidden = {4, 4, 3, 3},
                     .activation = Activation::kTanh,
                     .skip = true,
                     .residual = true}),
    [](const auto& test) { return "Case" + std::to_string(test.index); });

const Architecture kArchitecture{.n = 4, .m = 3, .hidden = {8, 6}};

// A step of 1e-5 leaves a truncation error of order 1e-10 and a rounding error of order 1e-11.
TEST(TwinDirectionalLossTest, GradientIsTheSlopeOfTheLoss) {
  const GramProblem problem = reference::RandomGramProblem(
      kArchitecture, 40, {.missing = 0.2, .num_tangents = 50, .num_adjoints = 50}, 3);
  const Rows rows = RowsOf(problem.points, problem.weights.lambda);
  const Vector gradient = RunOn<double>(problem, rows, problem.theta).gradient;
  constexpr double kStep = 1e-5;
  Vector differences(gradient.size());
  for (Index p = 0; p < gradient.size(); ++p) {
    Vector theta = problem.theta;
    theta[p] += kStep;
    const double above = RunOn<double>(problem, rows, theta).loss;
    theta[p] -= 2 * kStep;
    differences[p] = (above - RunOn<double>(problem, rows, theta).loss) / (2 * kStep);
  }
  EXPECT_THAT(gradient, IsNearMatrix(differences, 1e-8));
}

// Weights of entries are λ² for J by another way; of whole outputs, they scale their residuals.
TEST(TwinDirectionalLossTest, EntryWeightsMultiplySquares) {
  const GramProblem problem = reference::RandomGramProblem(kArchitecture, 75, {.missing = 0.2}, 5);
  Rows rows = RowsOf(problem.points, problem.weights.lambda);
  Rng rng(9);
  RowLayout layout = rows.layout;
  layout.entry_weights = true;
  Rows weighted{.layout = layout, .rows = {}};
  weighted.rows.setZero(rows.rows.rows(), layout.Size());
  // The same squares: residuals and predictions cannot be scaled, so a weight of 4 is four copies.
  std::vector<Index> copies;
  Matrix y_weights(3, 75);
  Matrix jacobian_weights(12, 75);
  for (double& weight : y_weights.reshaped()) weight = static_cast<double>(rng.Below(3));
  for (double& weight : jacobian_weights.reshaped()) weight = static_cast<double>(rng.Below(3));
  GramProblem copied = problem;
  copied.points.X = Matrix(4, 150);
  copied.points.Y = Matrix::Constant(3, 150, kMissing);
  copied.points.J = Matrix::Constant(4, 450, kMissing);
  copied.points.weight = Vector(150);
  for (Index s = 0; s < 75; ++s) {
    auto row = weighted.rows.row(s);
    row.head(layout.YWeights()) = rows.rows.row(s).head(layout.YWeights());
    row.segment(layout.YWeights(), 3) = y_weights.col(s).transpose();
    for (Index e = 0; e < 12; ++e) {
      const double lambda = problem.weights.lambda(e % 4, e / 4);
      row[layout.JacobianWeights() + e] = jacobian_weights(e, s) * lambda * lambda;
    }
    row.tail(2) = rows.rows.row(s).tail(2);
    for (Index copy = 0; copy < 2; ++copy) {
      const Index to = 2 * s + copy;
      copied.points.X.col(to) = problem.points.X.col(s);
      // The loss of twice the points is a mean over twice as many.
      copied.points.weight[to] = 2 * problem.points.weight[s];
      for (Index i = 0; i < 3; ++i) {
        if (static_cast<double>(copy) < y_weights(i, s)) {
          copied.points.Y(i, to) = problem.points.Y(i, s);
        }
        for (Index j = 0; j < 4; ++j) {
          if (static_cast<double>(copy) < jacobian_weights(i * 4 + j, s)) {
            copied.points.J(j, to * 3 + i) = problem.points.J(j, s * 3 + i);
          }
        }
      }
    }
  }
  const Rows expected_rows = RowsOf(copied.points, problem.weights.lambda);
  const Result<double> expected = RunOn<double>(copied, expected_rows, problem.theta);
  for (const Isa isa : SupportedIsas()) {
    SCOPED_TRACE(Name(isa));
    const Result<double> result = RunOn<double>(problem, weighted, problem.theta, isa);
    EXPECT_NEAR(result.loss, expected.loss, 1e-12 * expected.loss);
    EXPECT_THAT(result.gradient, IsNearMatrix(expected.gradient, 1e-12));
  }
}

// ẏ_i along the unit vector j, and x̄_j of the unit seed i, are ∂y_i/∂x_j.
TEST(TwinDirectionalLossTest, SquaresOfUnitDirectionsAreThoseOfTheJacobian) {
  const GramProblem problem = reference::RandomGramProblem(kArchitecture, 75, {}, 5);
  const auto squares_of = [&](const LabelledPoints& points) {
    const Rows rows = RowsOf(points, problem.weights.lambda);
    std::vector<std::uint32_t> indices(75);
    std::iota(indices.begin(), indices.end(), 0U);
    TwinSweep<double> sweep(kArchitecture, rows.layout, std::vector<double>(12, 1.0), 75);
    sweep.SetParameters({problem.theta.data(), static_cast<std::size_t>(problem.theta.size())});
    Vector squares = Vector::Zero(3);
    sweep.Residuals({rows.rows.data(), rows.rows.cols()}, indices, {}, {squares.data(), 3});
    return squares;
  };
  LabelledPoints tangents = problem.points;
  tangents.J.resize(0, 0);
  LabelledPoints adjoints = tangents;
  tangents.tangents = {{}, Matrix::Zero(4, 300), Matrix(3, 300)};
  adjoints.adjoints = {{}, Matrix::Zero(3, 225), Matrix(4, 225)};
  for (Index s = 0; s < 75; ++s) {
    for (Index j = 0; j < 4; ++j) {
      tangents.tangents.point.push_back(s);
      tangents.tangents.X_dot(j, 4 * s + j) = 3;
      tangents.tangents.Y_dot.col(4 * s + j) =
          3 * problem.points.J.middleCols(3 * s, 3).row(j).transpose();
    }
    for (Index i = 0; i < 3; ++i) {
      adjoints.adjoints.point.push_back(s);
      adjoints.adjoints.Y_bar(i, 3 * s + i) = -2;
      adjoints.adjoints.X_bar.col(3 * s + i) = -2 * problem.points.J.col(3 * s + i);
    }
  }
  const Vector expected = squares_of(problem.points);
  EXPECT_THAT(squares_of(tangents), IsNearMatrix(expected, 1e-12));
  EXPECT_THAT(squares_of(adjoints), IsNearMatrix(expected, 1e-12));
}

TEST(TwinDirectionalLossTest, ThreadsDoNotChangeABit) {
  const GramProblem problem = reference::RandomGramProblem(
      kArchitecture, 3000, {.num_tangents = 4000, .num_adjoints = 4000}, 3);
  const Rows rows = RowsOf(problem.points, problem.weights.lambda);
  const oneapi::tbb::global_control allow(oneapi::tbb::global_control::max_allowed_parallelism, 4);
  const auto run_with = [&](int num_threads) {
    oneapi::tbb::task_arena arena(num_threads);
    return arena.execute([&] { return RunOn<float>(problem, rows, problem.theta); });
  };
  const Result<float> one = run_with(1);
  const Result<float> three = run_with(3);
  EXPECT_EQ(one.loss, three.loss);
  EXPECT_EQ(one.gradient, three.gradient);
}

}  // namespace
}  // namespace sobolev::nn
