#include "engine/bounds/activation_jet.h"

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

namespace {

using nn::Activation;

double Middle(const ad::Bounds& bounds) { return 0.5 * (bounds.lo + bounds.hi); }

// 1/(1 + e^−z) and 1/(1 + e^z), and log(1 + e^z) of softplus if wanted.
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

}  // namespace

// x = k ln 2 + r with |r| <= 0.35: k ln2_high is exact, so that r is within 2^-53. Of the Taylor
// series e^r the rest after r¹³ is below 2^-57, and each of the 13 steps of Horner's scheme rounds
// twice and divides the errors before by more than 2.8: 2^-51 in all, and 2^-53 from r.
double ExpOfNegative(double x) {
  constexpr double kLn2High = 0x1.62e42feep-1;  // 32 bits
  constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
  constexpr double kRound = 0x1.8p52;
  constexpr std::array kInverseFactorials = {
      1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
      1.0 / 5040,       1.0 / 720,       1.0 / 120,      1.0 / 24,      1.0 / 6,      0.5,
      1.0,              1.0};
  if (x < -700) return 0;
  const double shifted = x * 1.4426950408889634 + kRound;
  const double k = shifted - kRound;
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double sum = kInverseFactorials[0];
  for (std::size_t i = 1; i < kInverseFactorials.size(); ++i) sum = sum * r + kInverseFactorials[i];
  const auto exponent = static_cast<std::int64_t>(k);
  return sum * std::bit_cast<double>((exponent + 1023) << 52);
}

// 2 atanh(s) for s = e/(2 + e) <= 1/3: the rest of the series after s³¹ is below 2^-54. Two sums,
// of every other term, so that they overlap.
double LogOfOnePlus(double e) {
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

// Products and sums of a few numbers of size 1 and z, each within 2^-49 of itself or of 1: their
// errors add up to less than 2^-47 (1 + |z|).
Jet EvaluateJet(Activation activation, double z, bool value) {
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
      const double cdf = Middle(ad::at::NormalCdf(z));
      const double density = 0.3989422804014327 * ExpOfNegative(-0.5 * z * z);
      return {z * cdf, cdf + z * density, density * (2 - z * z)};
    }
    case Activation::kSin:
      break;
  }
  const ad::at::Angle angle = ad::at::Trigonometric(z);
  const double sine = Middle(angle.sin);
  return {sine, Middle(angle.cos), -sine};
}

}  // namespace sobolev::bounds
