// Networks without the inputs that do not matter.

#ifndef SOBOLEV_ENGINE_PRUNE_INPUT_REMOVAL_H_
#define SOBOLEV_ENGINE_PRUNE_INPUT_REMOVAL_H_

#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::prune {

// The inputs, ascending, whose significance is at least `threshold` for one of the outputs
// (columns), by whatever measure: interval or sampled significance, or bounds on total Sobol
// indices, for which 0.01 means that an input that goes explains at most a hundredth of the
// variance. The one that matters most stays in any case. Throws Error(kInvalidArgument) naming
// "threshold" unless it is 0 or more.
std::vector<Index> SignificantInputs(const Matrix& significance, double threshold);

// y of the kept inputs, in the order of `kept`, with the others fixed at their entries of x (n,
// user units): the same function, up to rounding, of fewer inputs. Throws Error(kInvalidArgument)
// naming "kept" unless it is ascending, within 0 … n − 1 and not empty, or "x" for its size.
nn::NetworkSurrogate FixInputs(const nn::NetworkSurrogate& network, const std::vector<Index>& kept,
                               const Vector& x);

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_INPUT_REMOVAL_H_
