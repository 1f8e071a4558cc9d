// Functions that are recorded as compositions: their values where a plain formula fails, and their
// derivatives.

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/program/program.h"

namespace sobolev::program {
namespace {

// mod(x, y) by the C library, which is exact but for the last addition.
double Remainder(double x, double y) {
  const double remainder = std::fmod(x, y);
  return remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder;
}

// The values of a program with one output at the columns of X.
std::vector<double> Values(const std::string& source, const Matrix& X, Arithmetic arithmetic) {
  const Program program(source);
  std::vector<double> values(static_cast<std::size_t>(X.cols()));
  program.Evaluate(ConstMatrixMap(X.data(), X.rows(), X.cols()), {}, {}, {.Y = values.data()},
                   nullptr, {.arithmetic = arithmetic}, {});
  return values;
}

// The gradient of a program with one output at a point.
std::vector<double> Gradient(const std::string& source, const std::vector<double>& x,
                             Arithmetic arithmetic = Arithmetic::kFast) {
  const Program program(source);
  std::vector<double> gradient(x.size());
  program.Evaluate(ConstMatrixMap(x.data(), static_cast<Index>(x.size()), 1), {}, {},
                   {.J = gradient.data()}, nullptr, {.arithmetic = arithmetic}, {});
  return gradient;
}

constexpr const char* kMod = "input x; input y; output r = mod(x, y)";
// The same with 1/y at hand, which the executor then shares.
constexpr const char* kModAndQuotient = "input x; input y; output r = mod(x, y) + 0 * (1 / y)";

// Whether fast arithmetic fuses products with sums on this processor.
bool Fuses() {
  const Matrix X{{1 + 0x1p-30}};
  const double fused = std::fma(X(0, 0), X(0, 0), -1.0);
  return Values("input x; output y = x * x - 1", X, Arithmetic::kFast).front() == fused;
}

// Pairs of all sizes: |x/y| from 1/8 to 2^40, and points at which x/y is nearly whole.
Matrix Pairs(Index count) {
  Rng rng(7);
  Matrix X(2, count);
  for (Index s = 0; s < count; ++s) {
    const double y = (rng.Uniform() - 0.5) * 20;
    const double quotient = (rng.Uniform() - 0.5) * std::exp2(43 * rng.Uniform() - 3);
    X(1, s) = y;
    X(0, s) = s % 2 == 0 ? quotient * y : std::round(quotient) * y;
  }
  return X;
}

TEST(LanguageFunctionsTest, RemaindersOfInputsAreThoseOfNumbers) {
  if (!Fuses()) GTEST_SKIP() << "fast arithmetic rounds products on this processor";
  const Matrix X{{1, 1e17, 1e22, -7, 7, 0.5, -1e-20, 6, 1e16}, {0.1, 3, 7, 3, -3, 2, 1e-3, 3, 3}};
  for (const char* source : {kMod, kModAndQuotient}) {
    const std::vector<double> values = Values(source, X, Arithmetic::kFast);
    for (Index s = 0; s < X.cols(); ++s) {
      const double x = X(0, s);
      const double y = X(1, s);
      // Rounded, the remainder of -1e-20 is y itself, which stands for 0.
      const double expected = Remainder(x, y) == y ? 0 : Remainder(x, y);
      EXPECT_EQ(values[static_cast<std::size_t>(s)], expected) << x << " mod " << y;
    }
  }
  const Matrix many = Pairs(4000);
  const std::vector<double> values = Values(kMod, many, Arithmetic::kFast);
  for (Index s = 0; s < many.cols(); ++s) {
    EXPECT_EQ(values[static_cast<std::size_t>(s)], Remainder(many(0, s), many(1, s)))
        << many(0, s) << " mod " << many(1, s);
  }
}

TEST(LanguageFunctionsTest, RemaindersLieBetweenZeroAndTheDivisorInEveryArithmetic) {
  Matrix X = Pairs(4000);
  X.leftCols(5) = Matrix{{1, 1e17, 1e22, -1e22, 1e25}, {0.1, 3, 7, 7, -0.3}};
  for (const char* source : {kMod, kModAndQuotient}) {
    for (const Arithmetic arithmetic : {Arithmetic::kFast, Arithmetic::kStrict}) {
      const std::vector<double> values = Values(source, X, arithmetic);
      for (Index s = 0; s < X.cols(); ++s) {
        const double y = X(1, s);
        const double share = values[static_cast<std::size_t>(s)] / y;
        EXPECT_TRUE(share >= 0 && share < 1) << X(0, s) << " mod " << y << ": " << share;
      }
    }
  }
}

TEST(LanguageFunctionsTest, RemaindersHaveTheDerivativesOneAndMinusTheQuotient) {
  for (const Arithmetic arithmetic : {Arithmetic::kFast, Arithmetic::kStrict}) {
    EXPECT_EQ(Gradient(kMod, {7.5, 2}, arithmetic), (std::vector<double>{1, -3}));
    EXPECT_EQ(Gradient(kMod, {-7.5, 2}, arithmetic), (std::vector<double>{1, 4}));
    EXPECT_EQ(Gradient(kMod, {6, 2}, arithmetic), (std::vector<double>{1, -3}));
    EXPECT_EQ(Gradient(kMod, {0, 2}, arithmetic), (std::vector<double>{1, 0}));
    EXPECT_EQ(Gradient(kMod, {7.5, -2}, arithmetic), (std::vector<double>{1, 4}));
  }
}

TEST(LanguageFunctionsTest, BoundsOfARemainderAreTightWhereTheQuotientDoesNotJump) {
  const Program program("input x; output r = mod(x, 1)");
  const Matrix low{{2.25}};
  const Matrix high{{2.5}};
  double min = 0;
  double max = 0;
  program.Enclose(ConstMatrixMap(low.data(), 1, 1), ConstMatrixMap(high.data(), 1, 1),
                  {.Y_min = &min, .Y_max = &max}, nullptr, {});
  EXPECT_LE(min, 0.25);
  EXPECT_GE(max, 0.5);
  EXPECT_NEAR(min, 0.25, 1e-14);  // A few outward roundings of numbers up to 2.5.
  EXPECT_NEAR(max, 0.5, 1e-14);
}

// Like hypot: the distance from a point has the gradient 0 in the point itself.
TEST(LanguageFunctionsTest, TheNormOfZeroHasTheGradientZero) {
  EXPECT_EQ(Gradient("input v[2]; output r = norm(v)", {0, 0}), (std::vector<double>{0, 0}));
  EXPECT_EQ(Gradient("input v[2]; output r = hypot(v[0], v[1])", {0, 0}),
            (std::vector<double>{0, 0}));
  EXPECT_EQ(Gradient("input v[2]; output r = norm(v - [1, 2])", {1, 2}),
            (std::vector<double>{0, 0}));
  const std::vector<double> gradient = Gradient("input v[2]; output r = norm(v)", {3, 4});
  EXPECT_NEAR(gradient[0], 0.6, 1e-15);
  EXPECT_NEAR(gradient[1], 0.8, 1e-15);
}

// What README.md says of kinks.
TEST(LanguageFunctionsTest, DerivativesAtKinksAreThoseOfThePage) {
  const auto slope = [](const std::string& expression) {
    return Gradient("input x; output y = " + expression, {0}).front();
  };
  EXPECT_EQ(slope("abs(x)"), 0);
  EXPECT_EQ(slope("sign(x)"), 0);
  EXPECT_EQ(slope("floor(x)"), 0);
  EXPECT_EQ(slope("relu(x)"), 0.5);
  EXPECT_EQ(slope("max(3 * x, x)"), 2);
  EXPECT_EQ(slope("min(3 * x, x)"), 2);
  EXPECT_EQ(slope("where(x < 0, 5 * x, 7 * x)"), 7);
  EXPECT_EQ(slope("sqrt(x)"), INFINITY);
  EXPECT_EQ(slope("where(x > 0, sqrt(x), 0)"), 0);
  EXPECT_EQ(Gradient("input a; input b; output y = atan2(a, b)", {0, 0}),
            (std::vector<double>{0, 0}));
}

}  // namespace
}  // namespace sobolev::program
