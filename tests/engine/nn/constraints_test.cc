#include "engine/nn/constraints.h"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/constrained_sweep.h"
#include "engine/nn/gram_sweep.h"
#include "engine/nn/network.h"
#include "engine/nn/proven_shape.h"
#include "tests/engine/nn/gram_reference.h"
#include "tests/support/matrix_matchers.h"
#include "tests/support/reference_network.h"

namespace sobolev::nn {
namespace {

constexpr Slope kUp = Slope::kIncreasing;
constexpr Slope kDown = Slope::kDecreasing;
constexpr Slope kFree = Slope::kFree;

struct Case {
  const char* name;
  Activation activation;
  std::vector<Index> hidden;
  reference::Form form;
  ShapeConstraints shape;
};

const Case kCases[] = {
    {"all_inputs_monotone", Activation::kTanh, {7, 5}, {}, {.slopes = {kUp, kDown, kUp}}},
    {"some_inputs_free", Activation::kTanh, {7, 5, 1}, {}, {.slopes = {kUp, kFree, kDown}}},
    {"free_with_skips",
     Activation::kTanh,
     {6, 6, 5},
     {.skip = true, .residual = true},
     {.slopes = {kFree, kFree, kDown}}},
    {"convex", Activation::kSoftplus, {6, 6, 5}, {.skip = true}, {.convexity = Convexity::kConvex}},
    {"concave",
     Activation::kSoftplus,
     {6, 6, 5},
     {.residual = true},
     {.convexity = Convexity::kConcave}},
    {"convex_and_monotone",
     Activation::kSoftplus,
     {6, 5},
     {.skip = true},
     {.slopes = {kUp, kFree, kDown}, .convexity = Convexity::kConvex}},
    {"concave_and_monotone",
     Activation::kSoftplus,
     {6, 6},
     {.skip = true, .residual = true},
     {.slopes = {kUp, kFree, kDown}, .convexity = Convexity::kConcave}},
    {"linear",
     Activation::kTanh,
     {},
     {},
     {.slopes = {kUp, kFree, kDown}, .convexity = Convexity::kConvex}},
};

Vector Normal(Index size, double scale, Rng& rng) {
  Vector numbers(size);
  for (double& number : numbers) number = scale * rng.Normal();
  return numbers;
}

class ConstraintsTest : public testing::TestWithParam<Case> {
 protected:
  ConstraintsTest()
      : architecture_{.n = 3,
                      .m = 2,
                      .hidden = GetParam().hidden,
                      .activation = GetParam().activation,
                      .skip = GetParam().form.skip,
                      .residual = GetParam().form.residual},
        map_(architecture_, GetParam().shape) {}

  // Free parameters of both signs, small and large.
  Vector SomeParameters(Rng& rng) const {
    return Normal(architecture_.NumParameters(), rng.Uniform() < 0.5 ? 0.3 : 2, rng);
  }

  const Architecture architecture_;
  const WeightMap map_;
};

TEST_P(ConstraintsTest, SlopesHaveTheirSignWhateverTheParameters) {
  const ShapeConstraints& shape = GetParam().shape;
  Rng rng(1);
  for (int trial = 0; trial < 200; ++trial) {
    const Vector weights = map_.Weights(SomeParameters(rng));
    const Matrix J = reference::Jacobian<double>(architecture_, weights, Normal(3, 2, rng));
    for (std::size_t j = 0; j < shape.slopes.size(); ++j) {
      const auto sign = static_cast<double>(shape.slopes[j]);
      EXPECT_GE((sign * J.col(static_cast<Index>(j))).minCoeff(), 0);
    }
  }
}

// f((x + x′)/2) <= (f(x) + f(x′))/2 up to rounding.
TEST_P(ConstraintsTest, MidpointsAreOnTheirSideOfTheChord) {
  const auto sign = static_cast<double>(GetParam().shape.convexity);
  Rng rng(2);
  for (int trial = 0; trial < 200; ++trial) {
    const Vector weights = map_.Weights(SomeParameters(rng));
    const Vector from = Normal(3, 2, rng);
    const Vector to = Normal(3, 2, rng);
    const auto f = [&](const Vector& x) {
      return reference::Value<double>(architecture_, weights, x);
    };
    const Vector start = f(from);
    const Vector end = f(to);
    const Vector above = 0.5 * (start + end) - f(0.5 * (from + to));
    const double rounding = 1e-13 * (1 + start.norm() + end.norm());
    EXPECT_GE((sign * above).minCoeff(), -rounding);
  }
}

TEST_P(ConstraintsTest, TheSignsOfTheWeightsProveTheShape) {
  const ShapeConstraints& shape = GetParam().shape;
  Rng rng(5);
  for (int trial = 0; trial < 50; ++trial) {
    const ShapeConstraints proven = ProvenShape(architecture_, map_.Weights(SomeParameters(rng)));
    for (std::size_t j = 0; j < shape.slopes.size(); ++j) {
      if (shape.slopes[j] == kFree) continue;
      ASSERT_EQ(proven.slopes.size(), shape.slopes.size());
      EXPECT_EQ(proven.slopes[j], shape.slopes[j]);
    }
    if (architecture_.hidden.empty() || shape.convexity == Convexity::kFree) continue;
    EXPECT_EQ(proven.convexity, shape.convexity);
  }
}

// What is not constrained is free: some network has either sign of slope or bend.
TEST_P(ConstraintsTest, OtherSlopesAndBendsHaveBothSigns) {
  const ShapeConstraints& shape = GetParam().shape;
  Rng rng(3);
  std::vector<bool> up(3, false);
  std::vector<bool> down(3, false);
  for (int trial = 0; trial < 200; ++trial) {
    const Vector weights = map_.Weights(SomeParameters(rng));
    const Matrix J = reference::Jacobian<double>(architecture_, weights, Normal(3, 2, rng));
    for (Index j = 0; j < 3; ++j) {
      up[static_cast<std::size_t>(j)] = up[static_cast<std::size_t>(j)] || J(0, j) > 0;
      down[static_cast<std::size_t>(j)] = down[static_cast<std::size_t>(j)] || J(0, j) < 0;
    }
  }
  for (std::size_t j = 0; j < 3; ++j) {
    if (!shape.slopes.empty() && shape.slopes[j] != kFree) continue;
    EXPECT_TRUE(up[j] && down[j]) << "input " << j;
  }
}

// A step of 1e-6 leaves an error of order 1e-10 in a function that bends over a width of 0.1.
TEST_P(ConstraintsTest, SlopesOfTheMapAreItsDerivatives) {
  Rng rng(4);
  const Vector theta = SomeParameters(rng);
  Vector slopes(theta.size());
  map_.Slopes<double>({theta.data(), static_cast<std::size_t>(theta.size())},
                      {slopes.data(), static_cast<std::size_t>(theta.size())});
  const Vector step = Vector::Constant(theta.size(), 1e-6);
  const Vector differences = (map_.Weights(theta + step) - map_.Weights(theta - step)) / 2e-6;
  EXPECT_THAT(slopes, IsNearMatrix(differences, 1e-8));
}

TEST_P(ConstraintsTest, ParametersAreTheInverseOfTheMap) {
  Rng rng(5);
  const Vector weights = map_.Weights(Normal(architecture_.NumParameters(), 0.3, rng));
  EXPECT_THAT(map_.Weights(map_.Parameters(weights)), IsNearMatrix(weights, 1e-13));
  // A weight of the wrong sign becomes a small one of the right sign.
  EXPECT_LT((map_.Weights(map_.Parameters(Vector::Zero(weights.size())))).norm(), 1e-2);
}

// R at θ is R at the weights, times dw/dθ.
TEST_P(ConstraintsTest, TheSweepAppliesTheChainRule) {
  const reference::GramProblem problem = reference::RandomGramProblem(
      architecture_, 40, {.missing = 0.1, .num_tangents = 9, .num_adjoints = 9}, 6);
  Rng rng(7);
  const Vector theta = Normal(problem.theta.size(), 0.3, rng);
  const Vector weights = map_.Weights(theta);
  Vector slopes(theta.size());
  map_.Slopes<double>({theta.data(), static_cast<std::size_t>(theta.size())},
                      {slopes.data(), static_cast<std::size_t>(theta.size())});
  const Matrix R =
      reference::ResidualJacobian(architecture_, weights, problem.points, problem.weights) *
      slopes.asDiagonal();
  const Vector r =
      reference::StackedResiduals<double>(architecture_, weights, problem.points, problem.weights);
  ConstrainedSweep sweep(architecture_, GetParam().shape, problem.points, problem.weights, {});
  const Index p = theta.size();
  const Index size = sweep.ResidualSize();
  Matrix H = Matrix::Zero(p, p);
  Matrix rows(size, p);
  Vector gradient(p);
  Vector stacked(size);
  const Matrix expected = (R.transpose() * R).triangularView<Eigen::Lower>();
  const Vector expected_gradient = R.transpose() * r;
  EXPECT_NEAR(sweep.Loss(theta), r.squaredNorm(), 1e-12 * r.squaredNorm());
  sweep.Assemble(theta, H, gradient, stacked);
  EXPECT_THAT(H, IsNearMatrix(expected, 1e-12));
  EXPECT_THAT(gradient, IsNearMatrix(expected_gradient, 1e-12));
  sweep.Rows(theta, rows, gradient, stacked);
  const Matrix of_rows = (rows.transpose() * rows).triangularView<Eigen::Lower>();
  EXPECT_THAT(of_rows, IsNearMatrix(expected, 1e-12));
  EXPECT_THAT(gradient, IsNearMatrix(expected_gradient, 1e-12));
  sweep.Gradient(theta, gradient);
  EXPECT_THAT(gradient, IsNearMatrix(expected_gradient, 1e-12));
  sweep.ApplyTransposed(theta, stacked, gradient);
  EXPECT_THAT(gradient, IsNearMatrix(expected_gradient, 1e-12));
  const Vector v = Normal(p, 1, rng);
  Vector along(size);
  sweep.Apply(theta, v, along);
  EXPECT_THAT(along, IsNearMatrix(rows * v, 1e-12));
}

// Sums over units keep their size: hidden activations of an initial network stay of order one.
TEST_P(ConstraintsTest, InitialNetworksHaveModerateSlopes) {
  for (const Index width : {10, 100}) {
    Architecture architecture = architecture_;
    for (Index& units : architecture.hidden) units = width;
    const WeightMap map(architecture, GetParam().shape);
    const Vector weights =
        map.Weights(map.InitialParameters(architecture, InitialParameters(architecture, 8)));
    Rng rng(9);
    double square = 0;
    for (int trial = 0; trial < 50; ++trial) {
      square +=
          reference::Jacobian<double>(architecture, weights, Normal(3, 1, rng)).squaredNorm() / 50;
    }
    EXPECT_GT(square, 1e-4) << width;
    EXPECT_LT(square, 100) << width;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, ConstraintsTest, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ConstraintsCheckTest, WithoutConstraintsWeightsAreTheParameters) {
  const Architecture architecture{.n = 3, .m = 1, .hidden = {4}, .activation = Activation::kSin};
  EXPECT_TRUE(WeightMap(architecture, {}).IsIdentity());
  EXPECT_TRUE(WeightMap(architecture, {.slopes = {kFree, kFree, kFree}}).IsIdentity());
}

TEST(ConstraintsCheckTest, ActivationsThatCannotObeyAreRefused) {
  const auto check = [](Activation activation, const ShapeConstraints& shape) {
    return
        [=] { CheckConstraints({.n = 2, .m = 1, .hidden = {4}, .activation = activation}, shape); };
  };
  EXPECT_NO_THROW(check(Activation::kTanh, {.slopes = {kUp, kFree}})());
  EXPECT_NO_THROW(check(Activation::kSoftplus, {.convexity = Convexity::kConcave})());
  EXPECT_THAT(check(Activation::kSin, {.slopes = {kUp, kFree}}),
              testing::ThrowsMessage<Error>(
                  "spec.network.activation: expected tanh or softplus for a network that is to be "
                  "monotone, got sin; leave it unset"));
  EXPECT_THAT(check(Activation::kTanh, {.convexity = Convexity::kConvex}),
              testing::ThrowsMessage<Error>(
                  "spec.network.activation: expected softplus for a network that is to be convex "
                  "or concave, got tanh; leave it unset"));
  EXPECT_THAT(check(Activation::kTanh, {.slopes = {kUp}}),
              testing::ThrowsMessage<Error>("spec.monotone: expected 2, got 1"));
}

// Of small networks with any signs many are monotone or convex by chance; what is proven of them
// holds at random points.
TEST(ProvenShapeTest, HoldsForAnyWeights) {
  Rng rng(6);
  int slopes = 0;
  int bends = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    const bool softplus = rng.Uniform() < 0.5;
    const Architecture architecture{
        .n = 2,
        .m = 1,
        .hidden = {1 + trial % 2, 1 + trial % 3},
        .activation = softplus ? Activation::kSoftplus : Activation::kTanh,
        .skip = rng.Uniform() < 0.5,
        .residual = rng.Uniform() < 0.5};
    const Vector weights = Normal(architecture.NumParameters(), 1, rng);
    const ShapeConstraints proven = ProvenShape(architecture, weights);
    if (proven.IsFree()) continue;
    const auto f = [&](const Vector& x) {
      return reference::Value<double>(architecture, weights, x)[0];
    };
    for (int point = 0; point < 20; ++point) {
      const Vector x = Normal(2, 2, rng);
      const Vector y = Normal(2, 2, rng);
      const Matrix J = reference::Jacobian<double>(architecture, weights, x);
      for (std::size_t j = 0; j < proven.slopes.size(); ++j) {
        EXPECT_GE(static_cast<double>(proven.slopes[j]) * J(0, static_cast<Index>(j)), 0);
        slopes += proven.slopes[j] == kFree ? 0 : 1;
      }
      const double above = 0.5 * (f(x) + f(y)) - f(0.5 * (x + y));
      const double rounding = 1e-13 * (1 + std::abs(f(x)) + std::abs(f(y)));
      EXPECT_GE(static_cast<double>(proven.convexity) * above, -rounding);
      bends += proven.convexity == Convexity::kFree ? 0 : 1;
    }
  }
  EXPECT_GT(slopes, 1000);
  EXPECT_GT(bends, 1000);
}

TEST(ProvenShapeTest, OtherActivationsProveNothing) {
  const Architecture architecture{.n = 1, .m = 1, .hidden = {1}, .activation = Activation::kSin};
  EXPECT_TRUE(ProvenShape(architecture, Vector::Ones(4)).IsFree());
}

}  // namespace
}  // namespace sobolev::nn
