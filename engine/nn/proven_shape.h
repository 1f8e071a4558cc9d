// What the signs of the weights of a network prove of its shape.
//
// Of each unit is followed, layer by layer, whether it may rise and whether it may fall in each
// input, and whether it may bend upwards or downwards: a weight > 0 passes these on, one < 0
// exchanges them, tanh and softplus keep the slopes, softplus of what bends upwards or not at all
// bends upwards, and any other bend of a bend is unknown. What may do one of two things alone is
// monotone, convex or concave. Networks that were trained with constraints (nn/constraints.h) pass,
// and others hardly ever.

#ifndef SOBOLEV_ENGINE_NN_PROVEN_SHAPE_H_
#define SOBOLEV_ENGINE_NN_PROVEN_SHAPE_H_

#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"

namespace sobolev::nn {

// What holds for all outputs at every point. Empty slopes if nothing is known of any; of an input
// on which nothing depends, kFree. `weights` are those that the network evaluates with.
ShapeConstraints ProvenShape(const Architecture& architecture, const Vector& weights);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_PROVEN_SHAPE_H_
