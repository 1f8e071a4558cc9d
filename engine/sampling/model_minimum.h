// Where a model of the evidence has its least value: what candidates spread at random miss by their
// distance, a few steps of Newton's method find to all digits.

#ifndef SOBOLEV_ENGINE_SAMPLING_MODEL_MINIMUM_H_
#define SOBOLEV_ENGINE_SAMPLING_MODEL_MINIMUM_H_

#include <cstdint>
#include <optional>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/taylor_model.h"

namespace sobolev::sampling {

// Descends from a sample, whose value is known, on the Taylor polynomial around it: of `output`, or
// of its opposite if `sign` is −1. Stays in the unit cube and within the reach of the samples that
// determine the polynomial; where it is not feasible, it creeps along the border. Nothing if there
// is no lower place, or none that values could tell from a sample. The same arguments give the same
// bits.
//
// `model` is of the evidence. Throws Error(kCancelled) soon after `stop` fires.
std::optional<Vector> ModelMinimum(const TaylorModel& model, const Evidence& evidence, Index sample,
                                   Index output, double sign, const Feasible& feasible,
                                   std::uint64_t seed, const std::stop_token& stop = {});

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_MODEL_MINIMUM_H_
