// Samples in the user's units as labelled points in standardised coordinates.

#ifndef SOBOLEV_ENGINE_TRAIN_STANDARD_POINTS_H_
#define SOBOLEV_ENGINE_TRAIN_STANDARD_POINTS_H_

#include <cstdint>
#include <span>
#include <stop_token>

#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/samples.h"

namespace sobolev::train {

// The samples of these numbers, ascending. x̂ = (x − μ_x)/σ_x, ŷ = (y − μ_y)/σ_y, and derivatives
// follow: Ĵ = diag(1/σ_y) J diag(σ_x). Directional labels are scaled to directions of norm 1 in
// these coordinates; those with a direction of 0 are dropped. Weights have mean 1; those of single
// labels follow from their variances (variance_scale.h) and have mean 1 over the known values of an
// output, and over the known entries of its gradients. Throws
// Error(kFailedPrecondition) naming the sample if a standardised number is not finite, and
// Error(kCancelled) soon after `stop` fires.
LabelledPoints StandardPoints(const SampleSet& samples, std::span<const std::uint32_t> numbers,
                              const nn::Scaling& scaling, const std::stop_token& stop = {});

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_STANDARD_POINTS_H_
