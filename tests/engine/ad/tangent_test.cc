#include "engine/ad/tangent.h"

#include <cmath>
#include <functional>
#include <numbers>

#include <Eigen/Dense>
#include <gtest/gtest.h>

namespace sobolev::ad {
namespace {

using Dual = Tangent<double>;
using Second = Tangent<Dual>;

// f(x), f′(x), f″(x) by tangents over tangents.
struct Derivatives {
  double value;
  double first;
  double second;
};
Derivatives Differentiate(const std::function<Second(const Second&)>& f, double x) {
  const Second y = f(Second(Dual(x, 1), Dual(1, 0)));
  EXPECT_EQ(y.value.dot, y.dot.value);  // Both sweeps carry the same first derivative.
  return {y.value.value, y.dot.value, y.dot.dot};
}

void ExpectDerivatives(const Derivatives& actual, double value, double first, double second) {
  EXPECT_NEAR(actual.value, value, 1e-15 * (1 + std::abs(value)));
  EXPECT_NEAR(actual.first, first, 1e-14 * (1 + std::abs(first)));
  EXPECT_NEAR(actual.second, second, 1e-14 * (1 + std::abs(second)));
}

constexpr double kX = 0.7;

TEST(TangentTest, ElementaryFunctionsHaveTheirFirstTwoDerivatives) {
  const double e = std::exp(kX);
  const double s = std::sin(kX);
  const double c = std::cos(kX);
  const double t = std::tanh(kX);
  const double bell = 2 * std::numbers::inv_sqrtpi * std::exp(-kX * kX);
  ExpectDerivatives(Differentiate([](const Second& x) { return exp(x); }, kX), e, e, e);
  ExpectDerivatives(Differentiate([](const Second& x) { return log(x); }, kX), std::log(kX), 1 / kX,
                    -1 / (kX * kX));
  ExpectDerivatives(Differentiate([](const Second& x) { return log1p(x); }, kX), std::log1p(kX),
                    1 / (1 + kX), -1 / ((1 + kX) * (1 + kX)));
  ExpectDerivatives(Differentiate([](const Second& x) { return sqrt(x); }, kX), std::sqrt(kX),
                    0.5 / std::sqrt(kX), -0.25 / (kX * std::sqrt(kX)));
  ExpectDerivatives(Differentiate([](const Second& x) { return sin(x); }, kX), s, c, -s);
  ExpectDerivatives(Differentiate([](const Second& x) { return cos(x); }, kX), c, -s, -c);
  ExpectDerivatives(Differentiate([](const Second& x) { return tanh(x); }, kX), t, 1 - t * t,
                    -2 * t * (1 - t * t));
  ExpectDerivatives(Differentiate([](const Second& x) { return erf(x); }, kX), std::erf(kX), bell,
                    -2 * kX * bell);
  ExpectDerivatives(Differentiate([](const Second& x) { return pow(x, 3.0); }, kX), kX * kX * kX,
                    3 * kX * kX, 6 * kX);
  ExpectDerivatives(Differentiate([](const Second& x) { return abs(-x); }, kX), kX, 1, 0);
}

TEST(TangentTest, ArithmeticFollowsTheProductAndQuotientRules) {
  ExpectDerivatives(
      Differentiate([](const Second& x) { return (x * x - 3.0 * x + 1.0) / (2.0 - x); }, kX),
      (kX * kX - 3 * kX + 1) / (2 - kX),
      // Long division leaves 1 − x − 1/(2 − x).
      -1 - 1 / ((2 - kX) * (2 - kX)), -2 / std::pow(2 - kX, 3));
}

TEST(TangentTest, VariableExponentsObeyTheChainRule) {
  // xˣ has the derivatives xˣ(1 + ln x) and xˣ((1 + ln x)² + 1/x).
  const double power = std::pow(kX, kX);
  const double slope = 1 + std::log(kX);
  ExpectDerivatives(Differentiate([](const Second& x) { return pow(x, x); }, kX), power,
                    power * slope, power * (slope * slope + 1 / kX));
}

TEST(TangentTest, ComparisonsLookAtValues) {
  EXPECT_TRUE(Dual(1, 5) < Dual(2, 0));
  EXPECT_TRUE(Dual(1, 5) == Dual(1, 0));
  EXPECT_TRUE(Dual(2, 0) >= 1.0);
}

// ∂(A⁻¹) = −A⁻¹ Ȧ A⁻¹, through Eigen's factorisation of a matrix of tangents.
TEST(TangentTest, ServesAsAnEigenScalar) {
  Eigen::Matrix3d A;
  A << 4, 1, 2, 1, 5, 3, 2, 3, 6;
  Eigen::Matrix3d A_dot;
  A_dot << 1, 2, 3, 4, 5, 6, 7, 8, 10;
  Eigen::Matrix<Dual, 3, 3> seeded;
  for (int i = 0; i < 9; ++i) seeded(i) = Dual(A(i), A_dot(i));
  const Eigen::Matrix<Dual, 3, 3> inverse =
      seeded.partialPivLu().solve(Eigen::Matrix<Dual, 3, 3>::Identity());
  const Eigen::Matrix3d expected = -A.inverse() * A_dot * A.inverse();
  for (int i = 0; i < 9; ++i) EXPECT_NEAR(inverse(i).dot, expected(i), 1e-13);
}

}  // namespace
}  // namespace sobolev::ad
