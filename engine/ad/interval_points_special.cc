// The error function and the logistic family at points.
//
// For |x| < 1/2, erf x is its Taylor series. For x >= 1/2, erfc x = e^(−x²) P(t)/(x + 4), where the
// polynomial P in t = (x − 4)/(x + 4) interpolates (x + 4) e^(x²) erfc x at the Chebyshev nodes of
// 1/2 <= x <= 28. Its proof was by computer, at 300 bits: the range was cut into 1400 cells; on
// each, the difference of function and polynomial, with the coefficients as they stand here, was
// expanded to order 14 about the middle. The remainder of e^(x²) erfc x is bounded by that of
// ∫ e^(−s²/4 − sx) ds / √π, whose n-th Taylor coefficient is at most 1/Γ(n/2 + 1) for x >= 0, and
// that of the polynomial by Cauchy's estimate. The largest sum of magnitudes over all cells was
// 2^-59.3 of the function.

#include <cmath>

#include "engine/ad/interval_ball.h"
#include "engine/ad/interval_points.h"
#include "engine/ad/interval_rounding.h"
#include "engine/ad/interval_series.h"

namespace sobolev::ad::at {

namespace {

constexpr Bounds kBelowOne = {1 - 0x1p-53, 1};
constexpr Bounds kNextToZero = {0, 0x1p-1074};

constexpr Ball kTwoOverRootPi = Ball::Constant(0x1.20dd750429b6dp+0, 0x1.1ae3a914fed80p-56);

// erf y for |y| < 0.51, with a relative error below 2^-65.
Ball ErfOf(const Ball& y) {
  // Σ_{n>=5} (−1)^n w^(n−5)/(n! (2n + 1)) with w = y² <= 0.2601: the 9 coefficients lose 20u/1320,
  // that is 2^-59, and the term w^9/(14!·29) is 2^-58.6; with slopes below 1/9360 the low part of w
  // does not matter.
  static constexpr double kTail[] = {-1.0 / 1320,      1.0 / 9360,          -1.0 / 75600,
                                     1.0 / 685440,     -1.0 / 6894720,      1.0 / 76204800,
                                     -1.0 / 918086400, 1.0 / 1.19750400e10, -1.0 / 1.681295616e11};
  constexpr Ball kFirst = Fraction(-3);
  constexpr Ball kSecond = Fraction(10);
  constexpr Ball kThird = Fraction(-42);
  constexpr Ball kFourth = Fraction(216);
  const Ball w = y * y;
  const Ball tail = Tail(kTail, w, 0x1p-57);
  const Ball series = ((((tail * w + kFourth) * w + kThird) * w + kSecond) * w + kFirst) * w + 1.0;
  return kTwoOverRootPi * y * series;
}

// erfc y for 1/2 <= y <= 28, with a relative error below 2^-57.
ScaledBall ErfcOf(const Ball& y) {
  static constexpr Ball kHead[] = {Ball::Constant(0x1.18932bf08e154p+0, 0x1.0981bf9d90751p-54),
                                   Ball::Constant(-0x1.f3fe31ecb49bfp-1, -0x1.112a29dbfa30ap-56),
                                   Ball::Constant(0x1.8be202d26c706p-1, -0x1.d8b5545765963p-55),
                                   Ball::Constant(-0x1.14eacb1ad0349p-1, -0x1.b61ebc9ca0598p-60),
                                   Ball::Constant(0x1.52cac2371014fp-2, -0x1.d4c9ea1998375p-58),
                                   Ball::Constant(-0x1.645fd8a4bb89ap-3, 0x1.589d7b7de1486p-57),
                                   Ball::Constant(0x1.38dbd2c8e347cp-4, -0x1.8ee4377cc730fp-59),
                                   Ball::Constant(-0x1.b00c052c8511dp-6, 0x1.8b62abce083e8p-63),
                                   Ball::Constant(0x1.908f472236d65p-8, -0x1.1fbcec614527fp-65),
                                   Ball::Constant(-0x1.269b5154a2732p-12, -0x1.14136991cd4bdp-68)};
  // The magnitudes of the tail's terms sum to 6.1e-4 for |t| <= 7/9, and its slope is below 1e-3:
  // the 15 coefficients lose 32u of the sum, that is 2^-58.7.
  static constexpr double kTail[] = {
      -0x1.dd28436f09ea4p-12, 0x1.72cd9d488096dp-13,  -0x1.e7eff65a9f1e5p-19,
      -0x1.3c6d7206b2878p-16, 0x1.3b193f54b7a67p-18,  0x1.7e11aa187f42ep-20,
      -0x1.c7862712c8a9dp-21, -0x1.3e2aabccb6220p-24, 0x1.12731ebf04c77p-23,
      -0x1.3a64b486486d1p-31, -0x1.4611383ce5975p-26, 0x1.daf5810cff937p-31,
      0x1.77a0cd9f68282p-29,  -0x1.f7801f579dae2p-34, -0x1.368b4165ef3fep-32};
  constexpr double kInterpolationError = 0x1p-59;
  const Ball t = (y - 4.0) / (y + 4.0);
  Ball sum = Tail(kTail, t, 0x1p-58);
  for (int i = 9; i >= 0; --i) sum = sum * t + kHead[i];
  sum = sum.WithError(sum.high * kInterpolationError);
  const ScaledBall e = ExpOf(-(y * y));
  return {e.power * sum / (y + 4.0), e.k};
}

// Beyond it erfc y < e^(−y²) is below the smallest double.
constexpr double kErfcEnd = 27.3;

}  // namespace

Bounds Erf(double x) {
  const double z = std::abs(x);
  const auto positive = [z]() -> Bounds {
    if (z == 0) return {0, 0};
    if (z < 0x1p-200) {  // 2z/√π (1 − δ) with δ < z².
      int k = 0;
      const Ball fraction = std::frexp(z, &k);
      return ToBounds(kTwoOverRootPi * fraction, k);
    }
    if (z < 0.5) return ToBounds(ErfOf(z));
    if (z > 6) return kBelowOne;  // erfc 6 < 2^-55.
    const ScaledBall complement = ErfcOf(z);
    return ToBounds(Ball(1.0) - complement.power.Scaled(complement.k));
  }();
  return x < 0 ? Bounds{-positive.hi, -positive.lo} : positive;
}

namespace {

// (1 + erf z)/2·scale for scale = 1 or 2 and z = −y: half or all of erfc y.
Bounds ScaledErfc(const Ball& y, int shift) {
  const double scale = directed::PowerOfTwo(shift + 1);  // 2 for erfc, 1 for half of it.
  if (y.high > kErfcEnd) return kNextToZero;
  if (y.high >= 0.5) {
    const ScaledBall e = ErfcOf(y);
    return ToBounds(e.power, e.k + shift);
  }
  if (y.high < -6) return {scale * kBelowOne.lo, scale};
  if (y.high <= -0.5) {
    const ScaledBall e = ErfcOf(-y);
    return ToBounds(Ball(scale) - e.power.Scaled(e.k + shift));
  }
  const double half = scale / 2;
  if (std::abs(y.high) < 0x1p-100) return {half * (1 - 0x1p-53), half * (1 + 0x1p-52)};
  return ToBounds(Ball(half) - Ball(half) * ErfOf(y));
}

}  // namespace

Bounds Erfc(double x) { return x == 0 ? Bounds{1, 1} : ScaledErfc(x, 0); }

Bounds NormalCdf(double x) {  // Φ(x) = erfc(−x/√2)/2
  if (x == 0) return {0.5, 0.5};
  if (std::abs(x) < 0x1p-100) return {0.5 - 0x1p-54, 0.5 + 0x1p-53};
  if (std::abs(x) > 100) return x > 0 ? kBelowOne : kNextToZero;
  constexpr Ball kRootHalf = Ball::Constant(0x1.6a09e667f3bcdp-1, -0x1.bdd3413b26456p-55);
  return ScaledErfc(-(kRootHalf * Ball(x)), -1);
}

namespace {

// Both functions below tend to e^x(1 − δ), 0 <= δ <= e^x, on the left.
Bounds LeftTail(double x) {
  if (x < -1000) return kNextToZero;
  const ScaledBall e = ExpOf(x);
  return ToBounds(e.power.WithError(0x1p-80), e.k);
}

}  // namespace

Bounds Sigmoid(double x) {
  if (x < -60) return LeftTail(x);
  if (x > 60) return kBelowOne;
  const ScaledBall e = ExpOf(-x);
  return ToBounds(Ball(1.0) / (e.power.Scaled(e.k) + 1.0));
}

Bounds Softplus(double x) {
  if (x < -60) return LeftTail(x);
  if (x > 60) return {x, directed::NextUp(x)};  // x + log(1 + e^(−x))
  const ScaledBall e = ExpOf(x);
  return ToBounds(Log1pOf(e.power.Scaled(e.k)));
}

}  // namespace sobolev::ad::at
