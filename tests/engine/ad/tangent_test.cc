#include "engine/ad/tangent.h"

#include <array>
#include <cmath>
#include <complex>
#include <functional>
#include <limits>
#include <numbers>

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

// Complex step: Im f(x + ih)/h with h = 1e-200 is f′(x) to rounding, with the same code.
TEST(TangentTest, AgreesWithTheComplexStep) {
  const auto f = [](const auto& x) {
    using std::exp, std::log, std::sin, std::sqrt, std::tanh;
    return exp(-x * x) * sin(3.0 * x) / (2.0 + tanh(x)) + log(sqrt(x + 4.0)) * x;
  };
  for (const double x : {-2.0, -0.3, 0.0, 0.9, 3.1}) {
    const double expected = std::imag(f(std::complex<double>(x, 1e-200))) / 1e-200;
    EXPECT_NEAR(f(Dual(x, 1)).dot, expected, 1e-14 * (1 + std::abs(expected))) << x;
  }
}

template <int N>
void ExpectLanesAreScalarTangents() {
  const auto f = [](const auto& x, const auto& y) {
    return pow(x, y) + atan2(x, y) * sqrt(x) / (1.0 + y) - 2 * Max(x, y) + hypot(x, 3.0) - x / 7;
  };
  std::array<double, N> x_dot;
  std::array<double, N> y_dot;
  Tangent<double, N> x(1.7);
  Tangent<double, N> y(0.6);
  for (int i = 0; i < N; ++i) {
    x.dot[i] = x_dot[i] = std::cos(i + 1.0);
    y.dot[i] = y_dot[i] = std::sin(3.0 * i);
  }
  const Tangent<double, N> z = f(x, y);
  for (int i = 0; i < N; ++i) {
    const Dual scalar = f(Dual(1.7, x_dot[i]), Dual(0.6, y_dot[i]));
    EXPECT_EQ(z.value, scalar.value);
    EXPECT_NEAR(z.dot[i], scalar.dot, 4e-15) << "lane " << i << " of " << N;
  }
}

// Powers of two live in vector registers, other widths in arrays.
TEST(TangentTest, LanesAreScalarTangents) {
  ExpectLanesAreScalarTangents<2>();
  ExpectLanesAreScalarTangents<3>();
  ExpectLanesAreScalarTangents<4>();
  ExpectLanesAreScalarTangents<7>();
  ExpectLanesAreScalarTangents<8>();
  ExpectLanesAreScalarTangents<16>();
}

TEST(TangentTest, VectorTangentsNest) {
  using Inner = Tangent<double, 2>;
  using Outer = Tangent<Inner, 3>;
  Outer x(Inner(1.2));
  x.value.dot[1] = 1;
  x.dot[2] = Inner(1.0);
  const Outer y = sin(x) * x;
  const double second = 2 * std::cos(1.2) - 1.2 * std::sin(1.2);
  EXPECT_NEAR(y.dot[2].dot[1], second, 1e-15);
  EXPECT_EQ(y.dot[2].dot[0], 0);
  EXPECT_EQ(y.dot[0].dot[1], 0);
}

TEST(TangentTest, SeedSelectsADirection) {
  const auto x = Tangent<double, 4>::Seed(2, 1);
  EXPECT_EQ(x.dot[0], 0);
  EXPECT_EQ(x.dot[1], 1);
  EXPECT_EQ(Dual::Seed(2).dot, 1);
}

TEST(TangentTest, ZeroTangentsStayZeroAtInfinitePartials) {
  const Dual zero(0, 0);
  for (const Dual& y : {sqrt(zero), cbrt(zero), pow(zero, 0.5), asin(zero + 1.0), acos(zero - 1.0),
                        acosh(zero + 1.0), log(zero), atanh(zero + 1.0), log1p(zero - 1.0)}) {
    EXPECT_EQ(y.dot, 0);
  }
  EXPECT_EQ(sqrt(Dual(0, 1)).dot, std::numeric_limits<double>::infinity());
  EXPECT_EQ(sqrt(Square(Dual(0, 1))).dot, 0);  // The tangent of x² is 0 there.
  const Tangent<double, 4> lanes = sqrt(Tangent<double, 4>::Seed(0, 2));
  EXPECT_EQ(lanes.dot[0], 0);
  EXPECT_EQ(lanes.dot[2], std::numeric_limits<double>::infinity());
}

TEST(TangentTest, EdgesFollowTheConventions) {
  const Dual x(0, 1);
  EXPECT_EQ(abs(x).dot, 0);
  EXPECT_EQ(floor(Dual(1, 1)).dot, 0);
  EXPECT_EQ(Max(x, x).dot, 1);
  EXPECT_EQ(Max(x, -x).dot, 0);
  EXPECT_EQ(Max(x, 0.0).dot, 0.5);
  EXPECT_EQ(pow(x, 0).dot, 0);
  EXPECT_EQ(pow(x, 1).dot, 1);
  EXPECT_EQ(pow(x, 2).dot, 0);
  EXPECT_EQ(pow(x, Dual(2, 1)).dot, 0);
  EXPECT_EQ(pow(0.0, Dual(2, 1)).dot, 0);
  EXPECT_EQ(pow(Dual(-2, 1), 3).dot, 12);
  EXPECT_EQ(atan2(x, Dual(0, 1)).dot, 0);
  EXPECT_EQ(hypot(x, Dual(0, 1)).dot, 0);
  EXPECT_TRUE(std::isnan(Max(x, Dual(std::nan(""), 0)).value));
}

TEST(TangentTest, RemainingFunctionsOfCmath) {
  const Dual x(7.5, 1);
  const Dual y(-2, 10);
  EXPECT_EQ(fmod(x, y).value, 1.5);
  EXPECT_EQ(fmod(x, y).dot, 1 + 3 * 10);  // x − (−3) y.
  EXPECT_EQ(fma(x, y, x).value, -7.5);
  EXPECT_EQ(fma(x, y, x).dot, -2 + 75 + 1);
  EXPECT_EQ(fabs(y).dot, -10);
  EXPECT_EQ(round(x).value, 8);
  EXPECT_EQ(trunc(x).dot, 0);
  EXPECT_TRUE(isfinite(x));
  EXPECT_FALSE(isnan(x));
  EXPECT_TRUE(isinf(x / 0.0));
  using std::max;
  using std::min;
  EXPECT_EQ(max(x, x).dot, 1);
  EXPECT_EQ(min(x, y).dot, 10);
}

TEST(TangentTest, IfLessSelectsValueAndTangent) {
  const Dual u(3, 30);
  const Dual v(4, 40);
  EXPECT_EQ(IfLess(Dual(1, 9), Dual(2, 9), u, v).dot, 30);
  EXPECT_EQ(IfLess(Dual(2, 9), Dual(2, 9), u, v).dot, 40);
}

}  // namespace
}  // namespace sobolev::ad
