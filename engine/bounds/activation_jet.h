// Activation functions and their derivatives in plain doubles, with a proven error.

#ifndef SOBOLEV_ENGINE_BOUNDS_ACTIVATION_JET_H_
#define SOBOLEV_ENGINE_BOUNDS_ACTIVATION_JET_H_

#include <array>

#include "engine/nn/activation.h"

namespace sobolev::bounds {

// |z| up to which activations are enclosed by other than their limits.
inline constexpr double kLargestActivation = 0x1p20;

// φ, φ′ and φ″ at z, |z| <= kLargestActivation, each within kJetError (1 + |z|); φ only if `value`.
using Jet = std::array<double, 3>;
inline constexpr double kJetError = 0x1p-47;
Jet EvaluateJet(nn::Activation activation, double z, bool value = true);

// e^x for x <= 0, within 2^-50 of itself or, below e^−700, 2^-1000.
double ExpOfNegative(double x);
// log(1 + e) for e in [0, 1], within 2^-49.
double LogOfOnePlus(double e);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_ACTIVATION_JET_H_
