// Which units of a network matter over a box, by linear relaxations: σ(v) = w([v]) · max |∂y/∂v|,
// as prune/significance.h finds it by natural intervals.

#ifndef SOBOLEV_ENGINE_BOUNDS_UNIT_SIGNIFICANCE_H_
#define SOBOLEV_ENGINE_BOUNDS_UNIT_SIGNIFICANCE_H_

#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::bounds {

// [l − 1]: width×m of hidden layer l = 1 … D − 1, in the units of the outputs, rounded upwards;
// infinite in boxes that are too large for relaxations. The box is halved again and again, along
// the input that is most to blame, as long as at most max_boxes are enclosed; w is of the hull of
// all pieces, and the derivative the largest of all. Uses oneTBB's current arena; the same bits
// whatever its size. Throws as RequireBox, and Error(kCancelled) soon after `stop` fires.
std::vector<Matrix> UnitSignificance(const nn::NetworkSurrogate& network, const Box& box,
                                     Index max_boxes, const std::stop_token& stop = {});

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_UNIT_SIGNIFICANCE_H_
