// Sampling jobs: place points -> have them evaluated -> train a model version -> place points.

#ifndef SOBOLEV_SERVER_JOBS_SAMPLING_JOB_H_
#define SOBOLEV_SERVER_JOBS_SAMPLING_JOB_H_

#include <memory>

#include "server/jobs/job_work.h"

namespace sobolev::server {

// All that it needs to go on is in the store: its checkpoints are empty.
std::unique_ptr<JobWork> MakeSamplingWork(const JobContext& context);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_SAMPLING_JOB_H_
