// Activation functions and their derivatives between parallel cubics and parabolas.
//
// φ is interpolated at the four Chebyshev nodes of a range of half width h, from which it then
// differs by at most max |φ⁗| h⁴/192, and φ′ at three, by at most max |φ⁗| h³/24.

#ifndef SOBOLEV_ENGINE_BOUNDS_CUBIC_RELAXATION_H_
#define SOBOLEV_ENGINE_BOUNDS_CUBIC_RELAXATION_H_

#include "engine/bounds/chebyshev.h"
#include "engine/nn/activation.h"

namespace sobolev::bounds {

struct CubicRelaxation {
  Cubic value;
  Cubic slope;  // Without t³.
};

// Of φ(z) and φ′(z) in t = z − centre for z in [l, u] and centre there; z as in Relax. Of φ′ only
// if `slope`.
CubicRelaxation RelaxToCubics(nn::Activation activation, double l, double u, double centre,
                              bool slope);

// A bound of |φ⁗| on [l, u].
double LargestFourthDerivative(nn::Activation activation, double l, double u);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_CUBIC_RELAXATION_H_
