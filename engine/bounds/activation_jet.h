// Activation functions and their derivatives in plain doubles, with a proven error.

#ifndef SOBOLEV_ENGINE_BOUNDS_ACTIVATION_JET_H_
#define SOBOLEV_ENGINE_BOUNDS_ACTIVATION_JET_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "engine/ad/interval_bounds.h"
#include "engine/ad/interval_points.h"
#include "engine/nn/activation.h"

namespace sobolev::bounds {

// |z| up to which activations are enclosed by other than their limits.
inline constexpr double kLargestActivation = 0x1p20;

// e^x for x <= 0, within 2^-50 of itself or, below e^−700, 2^-1000.
//
// x = k ln 2 + r with |r| <= 0.35: k ln2_high is exact, so that r is within 2^-53. Of the Taylor
// series e^r the rest after r¹³ is below 2^-57. Its even and odd terms are two sums that overlap;
// their errors, of which each step divides those before by more than 8, stay below 2^-51.
inline double ExpOfNegative(double x) {
  constexpr double kLn2High = 0x1.62e42feep-1;  // 32 bits
  constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
  constexpr double kRound = 0x1.8p52;
  constexpr std::array kEven = {1.0 / 479001600, 1.0 / 3628800, 1.0 / 40320, 1.0 / 720,
                                1.0 / 24,        0.5,           1.0};
  constexpr std::array kOdd = {1.0 / 6227020800, 1.0 / 39916800, 1.0 / 362880, 1.0 / 5040,
                               1.0 / 120,        1.0 / 6,        1.0};
  if (x < -700) return 0;
  const double k = (x * 1.4426950408889634 + kRound) - kRound;
  const double r = (x - k * kLn2High) - k * kLn2Low;
  const double square = r * r;
  double even = 0;
  double odd = 0;
  for (std::size_t i = 0; i < kEven.size(); ++i) {
    even = even * square + kEven[i];
    odd = odd * square + kOdd[i];
  }
  const auto exponent = static_cast<std::int64_t>(k);
  return (even + r * odd) * std::bit_cast<double>((exponent + 1023) << 52);
}

// log(1 + e) for e in [0, 1], within 2^-49.
//
// 2 atanh(s) for s = e/(2 + e) <= 1/3: the rest of the series after s³¹ is below 2^-54. Two sums,
// of every other term, so that they overlap.
inline double LogOfOnePlus(double e) {
  constexpr std::array kEven = {1.0 / 29, 1.0 / 25, 1.0 / 21, 1.0 / 17,
                                1.0 / 13, 1.0 / 9,  1.0 / 5,  1.0};
  constexpr std::array kOdd = {1.0 / 31, 1.0 / 27, 1.0 / 23, 1.0 / 19,
                               1.0 / 15, 1.0 / 11, 1.0 / 7,  1.0 / 3};
  const double s = e / (2 + e);
  const double square = s * s;
  const double fourth = square * square;
  double even = 0;
  double odd = 0;
  for (std::size_t i = 0; i < kEven.size(); ++i) {
    even = even * fourth + kEven[i];
    odd = odd * fourth + kOdd[i];
  }
  return 2 * s * (even + square * odd);
}

// 1/(1 + e^−z) and 1/(1 + e^z).
struct Logistic {
  explicit Logistic(double z) : small(ExpOfNegative(-std::abs(z))) {
    const double larger = 1 / (1 + small);
    const double smaller = small * larger;
    value = z < 0 ? smaller : larger;
    rest = z < 0 ? larger : smaller;
  }

  double small;  // e^−|z|
  double value = 0;
  double rest = 0;
};

// φ, φ′ and φ″ at z.
using Jet = std::array<double, 3>;

// |z| <= kLargestActivation; each is within kJetError (1 + |z|), φ only if `value`.
//
// Products and sums of a few numbers of size 1 and z, each within 2^-49 of itself or of 1: their
// errors add up to less than 2^-47 (1 + |z|).
inline constexpr double kJetError = 0x1p-47;
template <nn::Activation activation>
Jet EvaluateJet(double z, bool value = true) {
  using nn::Activation;
  const auto middle = [](const ad::Bounds& bounds) { return 0.5 * (bounds.lo + bounds.hi); };
  switch (activation) {
    case Activation::kSoftplus: {
      const Logistic s(z);
      const double phi = value ? std::max(z, 0.0) + LogOfOnePlus(s.small) : 0;
      return {phi, s.value, s.value * s.rest};
    }
    case Activation::kTanh: {
      const Logistic s(2 * z);
      const double t = s.value - s.rest;
      const double slope = 4 * s.value * s.rest;
      return {t, slope, -2 * t * slope};
    }
    case Activation::kSilu: {
      const Logistic s(z);
      const double bend = s.value * s.rest;
      return {z * s.value, s.value + z * bend, bend * (2 + z * (s.rest - s.value))};
    }
    case Activation::kGelu: {
      const double cdf = middle(ad::at::NormalCdf(z));
      const double density = 0.3989422804014327 * ExpOfNegative(-0.5 * z * z);
      return {z * cdf, cdf + z * density, density * (2 - z * z)};
    }
    case Activation::kSin:
      break;
  }
  const ad::at::Angle angle = ad::at::Trigonometric(z);
  const double sine = middle(angle.sin);
  return {sine, middle(angle.cos), -sine};
}

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_ACTIVATION_JET_H_
