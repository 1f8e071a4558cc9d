// Activation functions and their derivatives in extended precision.

#ifndef SOBOLEV_TESTS_ENGINE_BOUNDS_ACTIVATION_TRUTH_H_
#define SOBOLEV_TESTS_ENGINE_BOUNDS_ACTIVATION_TRUTH_H_

#include <cmath>

#include "engine/nn/activation.h"

namespace sobolev::bounds {

struct Truth {
  long double value;
  long double first;
  long double second;
};

inline Truth TruthOf(nn::Activation activation, long double z) {
  const long double s = 1 / (1 + std::exp(-z));
  const long double bend = s / (1 + std::exp(z));
  const long double t = std::tanh(z);
  const long double cdf = 0.5L * std::erfc(-z / std::sqrt(2.0L));
  const long double density = std::exp(-0.5L * z * z) / std::sqrt(2 * std::acos(-1.0L));
  switch (activation) {
    case nn::Activation::kSoftplus:
      return {z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z)), s, bend};
    case nn::Activation::kTanh:
      return {t, 1 - t * t, -2 * t * (1 - t * t)};
    case nn::Activation::kSilu:
      return {z * s, s + z * bend, bend * (2 + z * (1 - 2 * s))};
    case nn::Activation::kGelu:
      return {z * cdf, cdf + z * density, density * (2 - z * z)};
    case nn::Activation::kSin:
      break;
  }
  return {std::sin(z), std::cos(z), -std::sin(z)};
}

}  // namespace sobolev::bounds

#endif  // SOBOLEV_TESTS_ENGINE_BOUNDS_ACTIVATION_TRUTH_H_
