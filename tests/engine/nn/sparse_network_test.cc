// Networks with zeros among their weights, which are multiplied without them.

#include <algorithm>
#include <complex>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/jacobian_plan.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "tests/support/matrix_matchers.h"
#include "tests/support/random_matrix.h"
#include "tests/support/reference_network.h"

namespace sobolev::nn {
namespace {

// What a dense network has instead of 0: too little to change a sum, and no sum is of these alone.
constexpr double kTiny = 1e-200;

Scaling TestScaling(Index n, Index m) {
  return {.x_mean = 10 * RandomMatrix(n, 1, 11),
          .x_scale = (2 * RandomMatrix(n, 1, 12).array().abs() + 0.3).matrix(),
          .y_mean = RandomMatrix(m, 1, 13),
          .y_scale = (3 * RandomMatrix(m, 1, 14).array().abs() + 0.2).matrix()};
}

// Weights are `zero` at random, all others normal, and so are the biases.
NetworkSurrogate WithZeros(const Architecture& architecture, double share, double zero = 0) {
  Vector theta = InitialParameters(architecture, 3);
  Rng rng(4);
  Index next = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Index num_weights = architecture.Rows(l) * architecture.Cols(l);
    for (Index k = 0; k < num_weights; ++k, ++next) {
      if (rng.Uniform() < share) theta[next] = zero;
    }
    for (Index i = 0; i < architecture.Rows(l); ++i, ++next) theta[next] = 0.3 * rng.Normal();
  }
  return {architecture, TestScaling(architecture.n, architecture.m), theta};
}

Matrix RandomPoints(const NetworkSurrogate& network, Index count) {
  return (network.scaling().x_scale.asDiagonal() * RandomMatrix(network.n(), count, 5)).colwise() +
         network.scaling().x_mean;
}

struct Prediction {
  Matrix Y, J, Y_dot, X_bar, H, X_bar_dot;
};

Prediction Predict(const NetworkSurrogate& network, const Matrix& X) {
  const Index n = network.n();
  const Index m = network.m();
  const Index N = X.cols();
  const Matrix D = RandomMatrix(n, 3, 8);
  const Matrix E = RandomMatrix(m, 2, 9);
  Prediction result{Matrix(m, N),     Matrix(n, m * N),     Matrix(m, 3 * N),
                    Matrix(n, 2 * N), Matrix(n, n * m * N), Matrix(n, 6 * N)};
  network.Predict(View(X), Directions{View(D), 3, false}, Directions{View(E), 2, false},
                  {.Y = result.Y.data(),
                   .J = result.J.data(),
                   .H = result.H.data(),
                   .Y_dot = result.Y_dot.data(),
                   .X_bar = result.X_bar.data(),
                   .X_bar_dot = result.X_bar_dot.data()});
  return result;
}

struct Case {
  Index n;
  Index m;
  std::vector<Index> hidden;
  reference::Form form;
  double share;
};

// Jacobians by tangents, by adjoints and at a waist; layers of one row and of many; all shares.
class SparseNetworkTest : public testing::TestWithParam<Case> {
 protected:
  static Architecture FromParam() {
    const Case& of = GetParam();
    return {.n = of.n,
            .m = of.m,
            .hidden = of.hidden,
            .activation = Activation::kSilu,
            .skip = of.form.skip,
            .residual = of.form.residual};
  }
};

TEST_P(SparseNetworkTest, AgreesWithTheDenseNetwork) {
  const NetworkSurrogate sparse = WithZeros(FromParam(), GetParam().share);
  const NetworkSurrogate dense = WithZeros(FromParam(), GetParam().share, kTiny);
  for (const Index count : {1, 5, 13, 40, 131}) {
    SCOPED_TRACE(count);
    const Matrix X = RandomPoints(sparse, count);
    const Prediction with_zeros = Predict(dense, X);
    const Prediction without = Predict(sparse, X);
    EXPECT_TRUE(without.Y == with_zeros.Y);
    EXPECT_THAT(without.J, IsNearMatrix(with_zeros.J, 1e-12));
    EXPECT_THAT(without.Y_dot, IsNearMatrix(with_zeros.Y_dot, 1e-12));
    EXPECT_THAT(without.X_bar, IsNearMatrix(with_zeros.X_bar, 1e-12));
    EXPECT_THAT(without.H, IsNearMatrix(with_zeros.H, 1e-12));
    EXPECT_THAT(without.X_bar_dot, IsNearMatrix(with_zeros.X_bar_dot, 1e-12));
  }
}

TEST_P(SparseNetworkTest, JacobiansAreThoseOfTheReference) {
  const NetworkSurrogate network = WithZeros(FromParam(), GetParam().share);
  const Scaling& scaling = network.scaling();
  const Matrix X = RandomPoints(network, 40);
  const Prediction prediction = Predict(network, X);
  for (Index s = 0; s < X.cols(); s += 13) {
    const Vector standard = (X.col(s) - scaling.x_mean).cwiseQuotient(scaling.x_scale);
    const Matrix J = reference::Jacobian<double>(FromParam(), network.theta(), standard);
    const Matrix scaled =
        scaling.y_scale.asDiagonal() * J * scaling.x_scale.cwiseInverse().asDiagonal();
    EXPECT_THAT(prediction.J.middleCols(s * network.m(), network.m()),
                IsNearMatrix(scaled.transpose(), 1e-12));
  }
}

// Im f(x + ihe)/h has no rounding error of a difference.
TEST_P(SparseNetworkTest, TangentsAreTheComplexStepDerivative) {
  using Complex = std::complex<double>;
  constexpr double kStep = 1e-30;
  const NetworkSurrogate network = WithZeros(FromParam(), GetParam().share);
  const Scaling& scaling = network.scaling();
  const Matrix X = RandomPoints(network, 40);
  const Prediction prediction = Predict(network, X);
  const Vector direction = RandomMatrix(network.n(), 3, 8).col(1);
  for (Index s = 0; s < X.cols(); s += 13) {
    const reference::VectorOf<Complex> x =
        (X.col(s) - scaling.x_mean).cwiseQuotient(scaling.x_scale).cast<Complex>() +
        Complex(0, kStep) * direction.cwiseQuotient(scaling.x_scale).cast<Complex>();
    const reference::VectorOf<Complex> y =
        reference::Value<Complex>(FromParam(), network.theta().cast<Complex>(), x);
    const Vector slope = scaling.y_scale.cwiseProduct(y.imag() / kStep);
    EXPECT_THAT(prediction.Y_dot.col(3 * s + 1), IsNearMatrix(slope, 1e-12));
  }
}

// ⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩
TEST_P(SparseNetworkTest, VjpIsTheTransposeOfJvp) {
  const NetworkSurrogate network = WithZeros(FromParam(), GetParam().share);
  const Matrix D = RandomMatrix(network.n(), 3, 8);
  const Matrix E = RandomMatrix(network.m(), 2, 9);
  const Prediction prediction = Predict(network, RandomPoints(network, 40));
  for (Index s = 0; s < 40; ++s) {
    const Matrix forward = E.transpose() * prediction.Y_dot.middleCols(3 * s, 3);
    const Matrix reverse = prediction.X_bar.middleCols(2 * s, 2).transpose() * D;
    EXPECT_THAT(forward, IsNearMatrix(reverse, 1e-13));
  }
}

TEST_P(SparseNetworkTest, PointHasTheSameBitsAloneAndInABatch) {
  const NetworkSurrogate network = WithZeros(FromParam(), GetParam().share);
  const Index m = network.m();
  const Matrix X = RandomPoints(network, 200);
  const Prediction batch = Predict(network, X);
  for (Index s = 0; s < X.cols(); s += 37) {
    const Prediction one = Predict(network, X.col(s));
    EXPECT_TRUE(one.Y == batch.Y.col(s)) << s;
    EXPECT_TRUE(one.J == batch.J.middleCols(m * s, m)) << s;
    EXPECT_TRUE(one.Y_dot == batch.Y_dot.middleCols(3 * s, 3)) << s;
    EXPECT_TRUE(one.X_bar == batch.X_bar.middleCols(2 * s, 2)) << s;
  }
}

INSTANTIATE_TEST_SUITE_P(Plain, SparseNetworkTest,
                         testing::Values(Case{9, 3, {20, 33, 7}, reference::kPlain, 0.75},
                                         Case{9, 3, {20, 33, 7}, reference::kPlain, 0.9},
                                         Case{3, 11, {17, 18}, reference::kPlain, 0.8},
                                         Case{19, 14, {20, 2, 20}, reference::kPlain, 0.8},
                                         Case{8, 1, {64, 64}, reference::kPlain, 0.9},
                                         Case{6, 5, {}, reference::kPlain, 0.85},
                                         Case{6, 5, {12, 12}, reference::kPlain, 1.0}));
INSTANTIATE_TEST_SUITE_P(EveryForm, SparseNetworkTest,
                         testing::Values(Case{7, 3, {14, 14, 9}, reference::kVariations[0], 0.8},
                                         Case{7, 3, {14, 14, 9}, reference::kVariations[1], 0.8},
                                         Case{7, 3, {14, 14, 9}, reference::kVariations[2], 0.8},
                                         Case{2, 11, {14, 14, 9}, reference::kVariations[2], 0.8}));

// ---- Costs --------------------------------------------------------------------------------------

// W_1 has 12·8 weights, W_2 6·12 and W_3 3·6.
NetworkSurrogate WithWeightsLeft(Index in_first, Index in_second) {
  const Architecture architecture{.n = 8, .m = 3, .hidden = {12, 6}};
  Vector theta = Vector::Ones(architecture.NumParameters());
  std::fill_n(theta.begin() + in_first, 96 - in_first, 0.0);
  std::fill_n(theta.begin() + 96 + 12 + in_second, 72 - in_second, 0.0);
  return {architecture, TestScaling(8, 3), theta};
}

TEST(SparseNetworkCostTest, LayersWithManyZerosCostTheirOtherWeights) {
  const NetworkSurrogate network = WithWeightsLeft(11, 60);
  EXPECT_EQ(network.NumEdges(1), 11);
  EXPECT_EQ(network.NumEdges(2), 72) << "too many to be multiplied alone";
  EXPECT_EQ(network.NumEdges(3), 18);
  EXPECT_EQ(network.Cost({.num_points = 2, .num_tangents = 3}), 2 * 4 * (11 + 72 + 18));
  // A value, and three adjoints whose first step is free.
  EXPECT_EQ(network.Cost({.num_points = 1, .jacobian = true}), 101 + 3 * (11 + 72));
}

// The fewest multiply-adds are other ones than those of the dense network, which takes adjoints.
TEST(SparseNetworkCostTest, ZerosChangeThePlan) {
  const Architecture architecture{.n = 64, .m = 60, .hidden = {64, 64, 64}};
  EXPECT_EQ(WithZeros(architecture, 0).jacobian_plan().mode, JacobianPlan::Mode::kAdjoints);
  Vector theta = WithZeros(architecture, 0).theta();
  // But for W_1, all but a few weights go.
  Index next = Index{64} * 65;
  for (Index l = 2; l <= 4; ++l) {
    const Index num_weights = architecture.Rows(l) * architecture.Cols(l);
    for (Index k = 0; k < num_weights; ++k) {
      if (k % 20 > 0) theta[next + k] = 0;
    }
    next += num_weights + architecture.Rows(l);
  }
  const NetworkSurrogate network(architecture, TestScaling(64, 60), theta);
  EXPECT_EQ(network.jacobian_plan().mode, JacobianPlan::Mode::kTangents);
  EXPECT_EQ(network.jacobian_plan().cost, 64 * (205 + 205 + 192));
}

TEST(SparseNetworkCostTest, ZerosTakeLessMemory) {
  const Architecture architecture{.n = 8, .m = 3, .hidden = {100, 100}};
  EXPECT_LT(WithZeros(architecture, 0.9).SizeBytes(), WithZeros(architecture, 0).SizeBytes());
}

}  // namespace
}  // namespace sobolev::nn
