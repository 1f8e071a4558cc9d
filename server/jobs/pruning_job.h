// Pruning jobs: model version -> prune::PruneNetwork -> train::Trainer -> bounds::Bound -> a
// smaller model version.

#ifndef SOBOLEV_SERVER_JOBS_PRUNING_JOB_H_
#define SOBOLEV_SERVER_JOBS_PRUNING_JOB_H_

#include <memory>

#include "server/jobs/job_work.h"

namespace sobolev::server {

// Loads the version and opens the dataset, if the job has one. Throws Error, kCancelled once the
// job is stopped.
std::unique_ptr<JobWork> MakePruningWork(const JobContext& context);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_PRUNING_JOB_H_
