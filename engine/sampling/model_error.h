// How wrong the model of a round is over the cube, from the cross-validation that chose it.
//
// Samples crowd where they were placed for their use, so that the mean over them is not that over
// the cube: every point is given the error at its nearest held-out sample. Errors of models that
// are fitted to all samples at once hardly fall with the distance to a sample, unlike those of
// local models (error_estimate.h); noise, which is part of the errors, does not.

#ifndef SOBOLEV_ENGINE_SAMPLING_MODEL_ERROR_H_
#define SOBOLEV_ENGINE_SAMPLING_MODEL_ERROR_H_

#include <limits>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/error_estimate.h"
#include "engine/sampling/evidence.h"
#include "engine/train/selection.h"

namespace sobolev::sampling {

// Root mean squares; NaN where unknown.
struct RelativeErrors {
  // Relative to the standard deviation of each output.
  double value = std::numeric_limits<double>::quiet_NaN();
  // Relative to the root mean square of the Jacobian.
  double gradient = std::numeric_limits<double>::quiet_NaN();
};

// columns: for each sample of the selection its column in the evidence, or -1 outside the cube.
// Throws as EstimateError.
RelativeErrors JudgeByHeldOut(const std::vector<train::HeldOutSample>& held_out,
                              const Evidence& evidence, const std::vector<Index>& columns,
                              const ErrorOptions& options, const std::stop_token& stop = {});

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_MODEL_ERROR_H_
