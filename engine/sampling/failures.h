// Where evaluations are likely to fail.

#ifndef SOBOLEV_ENGINE_SAMPLING_FAILURES_H_
#define SOBOLEV_ENGINE_SAMPLING_FAILURES_H_

#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"

namespace sobolev::sampling {

// The part of failures among the evaluations nearest to each column of X, weighed by the inverse
// square of their distance: 1 deep in a region without values, near ½ at its border, 0 far from it,
// and everywhere 0 without failures. Throws Error(kCancelled) soon after `stop` fires.
Vector FailureChances(const Evidence& evidence, const Matrix& X, const std::stop_token& stop);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_FAILURES_H_
