// Runs one training job from claim to end: store -> train::Trainer -> model version.

#ifndef SOBOLEV_SERVER_JOBS_TRAINING_JOB_H_
#define SOBOLEV_SERVER_JOBS_TRAINING_JOB_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <stop_token>

#include "server/base/clock.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"
#include "server/storage/store.h"

namespace sobolev::server {

// What training jobs need from the server. The references outlive the jobs.
struct TrainingEnvironment {
  Store& store;
  ModelRegistry& models;
  Metrics& metrics;
  const Clock& clock;
  int num_threads;           // Of the oneTBB arena of one job.
  std::size_t memory_limit;  // Bytes one job may hold.
  std::chrono::milliseconds checkpoint_interval;
};

// How RunTrainingJob left the job.
enum class JobEnding {
  kSucceeded,  // Its model version is published.
  kFailed,     // The failure is recorded.
  kStopped,    // `stop` fired. The caller cancels or releases; for a release a checkpoint is saved.
};

// Works on the claimed job; calls `on_news` after each event it wrote. Throws Error only for what
// is not the job's fault: a lost lease, or a full disk when the result is to be stored.
JobEnding RunTrainingJob(const TrainingEnvironment& environment, const JobRecord& job,
                         const std::stop_token& stop, const std::function<void()>& on_news);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_TRAINING_JOB_H_
