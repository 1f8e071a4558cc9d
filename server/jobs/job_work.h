// What a kind of job does between its claim and its end, for job_runner.h to drive: something that
// advances, reports, saves and ends with a model version.

#ifndef SOBOLEV_SERVER_JOBS_JOB_WORK_H_
#define SOBOLEV_SERVER_JOBS_JOB_WORK_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "engine/surrogate/surrogate.h"
#include "proto/sobolev/v1/jobs.pb.h"
#include "proto/sobolev/v1/models.pb.h"
#include "server/base/clock.h"
#include "server/jobs/compute_slots.h"
#include "server/jobs/sampling_desk.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"
#include "server/storage/store.h"

namespace sobolev::server {

// What jobs need from the server. The references outlive the jobs.
struct JobEnvironment {
  Store& store;
  ModelRegistry& models;
  Metrics& metrics;
  SamplingDesk& desk;
  ComputeSlots& slots;  // Of whatever trains or prunes.
  const Clock& clock;
  const std::string& um_bridge_hosts;  // That the server may call: "host:port", by commas.
  int num_threads;                     // Of the oneTBB arena of one job.
  std::size_t memory_limit;            // Bytes one job may hold.
  std::chrono::milliseconds checkpoint_interval;
};

// A claimed job. The references outlive its work.
struct JobContext {
  const JobEnvironment& environment;
  const JobRecord& job;
  std::stop_token stop;
  std::function<double()> compute_seconds;  // Spent on the job so far, over all attempts.
};

// The model version that a job made.
struct JobResult {
  std::shared_ptr<const Surrogate> surrogate;
  v1::ModelVersion version;        // All but what the store assigns.
  std::int64_t known_version = 0;  // > 0: instead, the number of one that is published already.
};

// Everything is called inside the job's arena, by one thread. Methods throw Error if the job failed
// for good.
class JobWork {
 public:
  enum class Status { kRunning, kFinished, kCancelled };

  virtual ~JobWork() = default;

  // Works for a fraction of a second.
  virtual Status Advance(const std::stop_token& stop) = 0;

  // Grows whenever Progress() has something new to tell.
  virtual std::size_t NewsCount() const = 0;
  virtual v1::TrainingProgress Progress() const = 0;

  // Work that loads what other work of the same job has saved ends with the same bits.
  virtual std::string SaveState() const = 0;
  // Throws Error(kDataLoss), changing nothing, if the state is not of this work.
  virtual void LoadState(std::string_view state) = 0;

  // Once finished.
  virtual JobResult Result() const = 0;
};

// The samples of the job's dataset in this version (0: the current one), every block of them
// checked. Throws Error(kDataLoss), and kCancelled once the job is stopped.
std::shared_ptr<const Snapshot> OpenVerifiedSnapshot(const JobContext& context,
                                                     std::int64_t version);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_JOB_WORK_H_
