// How far a model is from what workers tell.

#ifndef SOBOLEV_SERVER_JOBS_SAMPLING_ERRORS_H_
#define SOBOLEV_SERVER_JOBS_SAMPLING_ERRORS_H_

#include <limits>
#include <vector>

#include "engine/sampling/domain.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/samples.h"
#include "server/storage/store.h"

namespace sobolev::server {

// Root mean squares; NaN where unknown.
struct ModelErrors {
  // Relative to the standard deviation of each output.
  double value = std::numeric_limits<double>::quiet_NaN();
  // Relative to the root mean square of the Jacobian, whose entries are by coordinates of the
  // unit cube and by outputs in units of their standard deviation.
  double gradient = std::numeric_limits<double>::quiet_NaN();
};

// Errors of a model at the space-filling points among those that were told since it was trained,
// which it does not know: they are an unbiased sample of its errors over the domain. `samples` are
// all that is known, for the scales.
ModelErrors JudgeByNews(const Surrogate& model, const std::vector<SamplingPointRecord>& added,
                        const train::SampleSet& samples, const sampling::Domain& domain);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_SAMPLING_ERRORS_H_
