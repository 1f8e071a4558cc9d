// What is monotone, convex or concave about a surrogate of any kind, by construction.

#ifndef SOBOLEV_ENGINE_TRAIN_SURROGATE_SHAPE_H_
#define SOBOLEV_ENGINE_TRAIN_SURROGATE_SHAPE_H_

#include "engine/nn/constraints.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::train {

// Found in its weights (nn/proven_shape.h), so that it holds whatever it was trained with. Nothing
// is known of polynomials and Gaussian processes.
nn::ShapeConstraints ProvenShape(const Surrogate& surrogate);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SURROGATE_SHAPE_H_
