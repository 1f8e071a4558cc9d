// The worker of a sampling job whose function is a program: the server itself.

#ifndef SOBOLEV_SERVER_JOBS_SAMPLING_PROGRAM_H_
#define SOBOLEV_SERVER_JOBS_SAMPLING_PROGRAM_H_

#include <stop_token>
#include <string>

#include "engine/surrogate/surrogate.h"
#include "proto/sobolev/v1/sampling.pb.h"
#include "server/base/clock.h"
#include "server/storage/store.h"

namespace sobolev::server {

// Evaluates the program at the points that are queued, some hundred at most. Where it has no finite
// value or, if that is wanted, Jacobian, points are infeasible. `spec` is complete. Throws
// Error(kCancelled) soon after `stop` fires.
void EvaluateQueued(Store& store, const Clock& clock, const std::string& job_id,
                    const v1::SamplingSpec& spec, const Surrogate& program,
                    const std::stop_token& stop);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_SAMPLING_PROGRAM_H_
