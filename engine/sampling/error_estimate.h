// How wrong a model is over the cube, from what it predicts at samples that it has not seen.
//
// At a sample that is left out a model is worse than elsewhere: its nearest other sample is far.
// Every point of the cube is given the error at its nearest sample, scaled down by the ratio of the
// two distances. Places where features hide unseen are beyond any such estimate.

#ifndef SOBOLEV_ENGINE_SAMPLING_ERROR_ESTIMATE_H_
#define SOBOLEV_ENGINE_SAMPLING_ERROR_ESTIMATE_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/taylor_model.h"

namespace sobolev::sampling {

struct ErrorOptions {
  Feasible feasible;        // Errors count where evaluations are feasible,
  Index num_points = 1024;  // at so many points,
  std::uint64_t seed = 0;   // of this Sobol sequence.
};

// RMS errors over the feasible part of the cube without regions of failures, for each output; NaN
// where no held-out label tells.
struct ErrorEstimate {
  Vector value;     // m
  Vector gradient;  // m: of the norm of the gradient's error, by coordinates of the unit cube.
};

// Squared errors of predictions at K samples by models that had not seen them.
struct HeldOutSquares {
  Matrix value;     // m×K; NaN where no label tells.
  Matrix gradient;  // m×K: of norms over the inputs; likewise.
  // K: from the sample to the nearest that the model had seen; NaN: none. Empty: every point is
  // given the error at its nearest sample as it is.
  Vector distance;
};

// Of samples that are spread over the cube so many have met features of common widths.
Index LeastSamplesToJudge(Index n);

// Of any model, from predictions at samples by models that had not seen them, such as those of a
// cross-validation. held_out.distance: from the sample to the nearest that the model had seen.
//
// Throws as RequireEvidence; Error(kInvalidArgument) naming "samples", "held_out" or "num_points";
// Error(kFailedPrecondition) if no point is feasible; Error(kCancelled) soon after `stop` fires.
ErrorEstimate EstimateError(const Evidence& evidence, const std::vector<Index>& samples,
                            const TaylorPrediction& held_out, const ErrorOptions& options,
                            const std::stop_token& stop = {});

// Of squares alone. With distances they are scaled to that of each point and the estimate is
// lowered as that above is; without, every point has the errors at the nearest sample.
ErrorEstimate EstimateError(const Evidence& evidence, const std::vector<Index>& samples,
                            const HeldOutSquares& held_out, const ErrorOptions& options,
                            const std::stop_token& stop = {});

// Of the local Taylor model of the highest order, 2 in more than kMaxTaylorInputs inputs, from
// samples left out one by one. Throws as EstimateError and TaylorModel do.
ErrorEstimate EstimateTaylorError(const Evidence& evidence, const ErrorOptions& options,
                                  const std::stop_token& stop = {});

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_ERROR_ESTIMATE_H_
