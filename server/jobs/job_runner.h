// Runs one job of any kind from claim to end.

#ifndef SOBOLEV_SERVER_JOBS_JOB_RUNNER_H_
#define SOBOLEV_SERVER_JOBS_JOB_RUNNER_H_

#include <functional>
#include <stop_token>

#include "server/jobs/job_work.h"
#include "server/storage/store.h"

namespace sobolev::server {

// How RunJob left the job.
enum class JobEnding {
  kSucceeded,  // Its model version is published.
  kFailed,     // The failure is recorded.
  kStopped,    // `stop` fired. The caller cancels or releases; for a release a checkpoint is saved.
};

// Works on the claimed job; calls `on_news` after each event it wrote. Throws Error only for what
// is not the job's fault: a lost lease, or a full disk when the result is to be stored.
JobEnding RunJob(const JobEnvironment& environment, const JobRecord& job,
                 const std::stop_token& stop, const std::function<void()>& on_news);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_JOB_RUNNER_H_
