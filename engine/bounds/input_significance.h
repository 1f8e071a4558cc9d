// Which inputs of any surrogate matter over a box, by bounds of its derivatives.
//
// σ(x_j) = w(x_j) · max |∂y/∂x_j| bounds how much y varies along x_j anywhere in the box. Linear
// relaxations and subdivision (bound.h) bring it near what sampling finds, where natural intervals
// overestimate by orders of magnitude.

#ifndef SOBOLEV_ENGINE_BOUNDS_INPUT_SIGNIFICANCE_H_
#define SOBOLEV_ENGINE_BOUNDS_INPUT_SIGNIFICANCE_H_

#include "engine/base/matrix.h"
#include "engine/bounds/box.h"

namespace sobolev::bounds {

// n×m, rounded upwards, infinite where the derivative has no bound. The enclosure is one of the box
// with derivatives.
Matrix InputSignificance(const Box& box, const Enclosure& enclosure);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_INPUT_SIGNIFICANCE_H_
