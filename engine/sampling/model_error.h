// How wrong the model of a round is over the cube, from the cross-validation that chose it.
//
// Samples crowd where they were placed for their use, so that the mean over them is not that over
// the cube: every point is given the error at its nearest held-out sample. Errors of models that
// are fitted to all samples at once hardly fall with the distance to a sample, unlike those of
// local models (error_estimate.h); noise, which is part of the errors, does not.

#ifndef SOBOLEV_ENGINE_SAMPLING_MODEL_ERROR_H_
#define SOBOLEV_ENGINE_SAMPLING_MODEL_ERROR_H_

#include <limits>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/error_estimate.h"
#include "engine/sampling/evidence.h"
#include "engine/surrogate/held_out_sample.h"

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
RelativeErrors JudgeByHeldOut(const std::vector<HeldOutSample>& held_out, const Evidence& evidence,
                              const std::vector<Index>& columns, const ErrorOptions& options,
                              const std::stop_token& stop = {});

// A round of a campaign: what its model was chosen from.
struct JudgedRound {
  Index num_samples = 0;
  RelativeErrors held_out;  // As JudgeByHeldOut has them.
};

// The errors, likewise, of the model of the last round. It knows all samples, while those that were
// judged did not know the held-out ones, and where rounds tell that errors fall with the number of
// samples N like N^−p, its own are smaller: by N^−p for a part of the samples that were held out,
// on the safe side. value_noise is what errors of values cannot fall below, on the same scale. n:
// the inputs that vary. NaN where the last error is unknown. At least one round.
RelativeErrors ErrorsOfLastModel(std::span<const JudgedRound> rounds, Index n, double value_noise);

// What to take an error for when deciding whether a target is reached. From fewer samples than
// LeastSamplesToJudge two rounds have to show it, and well: ten times the larger of the error and
// of `before`, that of the round before, NaN if there is none; unless the model is the function, up
// to rounding.
double BelievedError(double error, double before, bool few_samples);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_MODEL_ERROR_H_
