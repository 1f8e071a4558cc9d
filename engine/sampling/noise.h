// Whether values of a function are noisy, from what no smooth function does.
//
// Repeated points that differ show noise at once. Elsewhere derivatives tell: with a slope that
// changes steadily from one end of a step h to the other,
//   |y_b − y_a − ½(g_a + g_b)·h| <= ½|g_b − g_a| |h|.
// Noise breaks this bound where gradients hardly differ, at most pairs of neighbours; a
// discontinuity breaks it at those that are on both sides, and a feature between samples at few.

#ifndef SOBOLEV_ENGINE_SAMPLING_NOISE_H_
#define SOBOLEV_ENGINE_SAMPLING_NOISE_H_

#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"

namespace sobolev::sampling {

// The standard deviation of the noise of each output (m); 0 where the values show none, among them
// values without derivatives at points that are not repeated. Wrong derivatives look like noise:
// check them first (train/label_checks.h). Throws Error(kCancelled) soon after `stop` fires.
Vector EstimateNoise(const Evidence& evidence, const std::stop_token& stop = {});

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_NOISE_H_
