// What a network is on a box as cubics in the inputs, and its first derivatives as parabolas, with
// proven remainders (chebyshev.h): Taylor models (Berz and Makino 1998) in which activations are
// replaced not by their Taylor polynomials but by cubics that interpolate them over their whole
// range (cubic_relaxation.h). Remainders are of fourth order in the size of the box for values and
// of third order for derivatives, and what two networks have in common up to third order cancels in
// their difference.

#ifndef SOBOLEV_ENGINE_BOUNDS_CUBIC_SWEEP_H_
#define SOBOLEV_ENGINE_BOUNDS_CUBIC_SWEEP_H_

#include <optional>

#include "engine/base/matrix.h"
#include "engine/bounds/adjoint_form.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/box.h"
#include "engine/bounds/chebyshev.h"
#include "engine/bounds/network_layers.h"

namespace sobolev::bounds {

// A cubic has about n³/6 coefficients, and a box takes a multiplication for each of them and each
// parameter.
inline constexpr Index kMaxCubicInputs = 10;
inline constexpr Index kMaxCubicParameters = Index{1} << 20;

struct CubicForms {
  AffineForm y;                  // Of degree 3.
  std::optional<AdjointForm> J;  // Of degree 2.
  // By how much less the remainders of y would be in half the box, by the input that is halved.
  Vector influence;
  // Whether all values vary more than they are unknown; else bounds by lines may be tighter.
  bool converges = false;
};

// None if the box or a number on the way is too large.
std::optional<CubicForms> CubicFormsOf(const NetworkLayers& network, const ChebyshevBasis& basis,
                                       const Box& box, bool jacobian);

// Of f − g on the same box.
CubicForms Difference(CubicForms f, const CubicForms& g);

Enclosure EnclosureOf(const ChebyshevBasis& basis, CubicForms forms);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_CUBIC_SWEEP_H_
