// Training jobs: store -> train::Trainer or train::Selection -> model version.

#ifndef SOBOLEV_SERVER_JOBS_TRAINING_JOB_H_
#define SOBOLEV_SERVER_JOBS_TRAINING_JOB_H_

#include <memory>

#include "server/jobs/job_work.h"

namespace sobolev::server {

// Opens the snapshot and checks every block. Throws Error, kCancelled once the job is stopped.
std::unique_ptr<JobWork> MakeTrainingWork(const JobContext& context);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_TRAINING_JOB_H_
