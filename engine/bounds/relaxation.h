// Activation functions and their derivatives between parallel lines.
//
// On [l, u] a function ψ is enclosed by λ z + μ ± δ. λ is about the slope of the chord; then μ and
// δ follow from the extrema of h = ψ − λ z, which are at l, at u or where ψ′ = λ. The inflections
// of ψ cut [l, u] into pieces on which h is convex or concave. On a convex piece h is at most the
// larger of its values at the ends, and above its tangent at any point: taken near the root of
// ψ′ = λ, whose exact place does not matter, the tangent is nearly level and the bound nearly
// sharp.

#ifndef SOBOLEV_ENGINE_BOUNDS_RELAXATION_H_
#define SOBOLEV_ENGINE_BOUNDS_RELAXATION_H_

#include "engine/ad/interval_bounds.h"
#include "engine/bounds/activation_jet.h"
#include "engine/nn/activation.h"

namespace sobolev::bounds {

// |φ′| is nowhere larger, for any activation.
inline constexpr double kLargestSlope = 1.2;

// ψ(z) ∈ λ z + μ ± δ and ψ(z) ∈ [lo, hi] for all z of a range.
struct Relaxation {
  double lambda = 0;
  double mu = 0;
  double delta = 0;
  double lo = 0;
  double hi = 0;
};

struct ActivationRelaxation {
  Relaxation value;  // ψ = φ
  Relaxation slope;  // ψ = φ′
};

// For z in [l, u], −kLargestActivation <= l <= u <= kLargestActivation; of φ′ only if `slope`.
ActivationRelaxation Relax(nn::Activation activation, double l, double u, bool slope = true);

// Bounds of φ″ on [l, u], likewise.
ad::Bounds EncloseBend(nn::Activation activation, double l, double u);

// φ(z) within kJetError (1 + |z|), |z| <= kLargestActivation.
double ActivationNear(nn::Activation activation, double z);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_RELAXATION_H_
