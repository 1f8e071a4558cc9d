#include "server/jobs/job_manager.h"

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>

#include "engine/base/error.h"
#include "server/base/log.h"
#include "server/jobs/job_runner.h"

namespace sobolev::server {
namespace {

// Pause after an unexpected failure of the store, such as a full disk.
constexpr std::chrono::seconds kRetryDelay{1};

}  // namespace

JobManager::JobManager(JobEnvironment environment, int max_sampling) : environment_(environment) {
  for (int i = 0; i < environment.slots.count(); ++i) {
    threads_.emplace_back([this] { Work(JobPool::kCompute); });
  }
  for (int i = 0; i < max_sampling; ++i) {
    threads_.emplace_back([this] { Work(JobPool::kSampling); });
  }
}

JobManager::~JobManager() { Drain(); }

JobRecord JobManager::Submit(const JobRecord& job) {
  JobRecord submitted = environment_.store.CreateJob(job);
  Wake(submitted.id);
  return submitted;
}

void JobManager::Wake(const std::string& job_id) {
  {
    const std::lock_guard lock(mutex_);
    ++submissions_;
  }
  wake_.notify_all();  // Which of the threads may have it is for the store to say.
  watchers_.Notify(job_id);
}

JobRecord JobManager::Cancel(const std::string& job_id) {
  JobRecord job = environment_.store.RequestCancel(job_id);
  {
    const std::lock_guard lock(mutex_);
    const auto [first, last] = running_.equal_range(job_id);
    for (auto running = first; running != last; ++running) running->second.request_stop();
  }
  watchers_.Notify(job_id);
  return job;
}

void JobManager::Drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    for (auto& [job_id, stop] : running_) stop.request_stop();
  }
  drain_.request_stop();
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void JobManager::Work(JobPool pool) {
  while (true) {
    std::uint64_t seen = 0;
    {
      const std::lock_guard lock(mutex_);
      if (draining_) return;
      seen = submissions_;
    }
    try {
      if (RunNext(pool)) continue;
    } catch (const std::exception& error) {
      LogError("job worker failed", {{"what", error.what()}});
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kRetryDelay, [this] { return draining_; });
      continue;
    }
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return draining_ || submissions_ != seen; });
  }
}

bool JobManager::RunNext(JobPool pool) {
  // Sampling jobs wait for slots whenever they train.
  std::optional<ComputeSlots::Place> place;
  if (pool == JobPool::kCompute &&
      !place.emplace(environment_.slots).WaitForSlot(drain_.get_token())) {
    return true;
  }
  const std::optional<JobRecord> job = environment_.store.ClaimJob(pool);
  if (!job) return false;
  RunOne(*job);
  return true;
}

// The store failed in mid-job, of a full disk for example: the job goes back to the queue as soon
// as the store can say so, unless somebody else has it or the server shuts down.
void JobManager::ReleaseStubbornly(const Lease& lease) {
  while (true) {
    try {
      environment_.store.ReleaseJob(lease);
      return;
    } catch (const Error& error) {
      if (error.reason() == "LEASE_LOST") return;
      LogError("cannot release a job", {{"job", lease.job_id}, {"what", error.what()}});
    }
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, kRetryDelay, [this] { return draining_; })) return;
  }
}

void JobManager::RunOne(const JobRecord& job) {
  std::stop_source stop;
  const Lease lease{.job_id = job.id, .epoch = job.lease_epoch};
  std::multimap<std::string, std::stop_source>::iterator running;
  {
    const std::lock_guard lock(mutex_);
    running = running_.emplace(job.id, stop);
    if (draining_) stop.request_stop();
  }
  const auto on_news = [&] { watchers_.Notify(job.id); };
  std::exception_ptr failure;
  try {
    on_news();
    // A cancel between claim and registration set the flag but found nothing to stop.
    if (environment_.store.GetJob(job.id).cancel_requested) stop.request_stop();
    LogInfo("job started", {{"job", job.id}, {"attempt", job.attempt}});
    const JobEnding ending = RunJob(environment_, job, stop.get_token(), on_news);
    if (ending == JobEnding::kStopped) {
      if (environment_.store.GetJob(job.id).cancel_requested) {
        environment_.store.FinishCancelledJob(lease);
        LogInfo("job cancelled", {{"job", job.id}});
      } else {
        environment_.store.ReleaseJob(lease);
        LogInfo("job released", {{"job", job.id}});
      }
    }
  } catch (...) {
    failure = std::current_exception();
    ReleaseStubbornly(lease);
  }
  {
    const std::lock_guard lock(mutex_);
    running_.erase(running);
  }
  on_news();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace sobolev::server
