// Takes queued jobs from the store and runs them, a few at a time.

#ifndef SOBOLEV_SERVER_JOBS_JOB_MANAGER_H_
#define SOBOLEV_SERVER_JOBS_JOB_MANAGER_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "server/jobs/job_watchers.h"
#include "server/jobs/job_work.h"
#include "server/storage/store.h"

namespace sobolev::server {

// Thread-safe.
class JobManager {
 public:
  // Starts the threads, which take up what the store has queued: one for each slot to compute, and
  // `max_sampling` for sampling jobs.
  JobManager(JobEnvironment environment, int max_sampling);
  // Drains.
  ~JobManager();
  JobManager(const JobManager&) = delete;
  JobManager& operator=(const JobManager&) = delete;

  // Queues the job durably, or returns the one that had the same request_id.
  JobRecord Submit(const JobRecord& job);

  // A job was queued by other means: it is taken up.
  void Wake(const std::string& job_id);

  // Durable at once; a running job frees its processors within a fraction of a second.
  JobRecord Cancel(const std::string& job_id);

  // Checkpoints what runs, puts it back to the queue for the next start, and joins the threads.
  void Drain();

  JobWatchers& watchers() { return watchers_; }

 private:
  void Work(JobPool pool);
  // Whether a job was waiting for this thread, or the server drains.
  bool RunNext(JobPool pool);
  void RunOne(const JobRecord& job);
  void ReleaseStubbornly(const Lease& lease);

  const JobEnvironment environment_;
  JobWatchers watchers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool draining_ = false;          // Guarded by mutex_.
  std::stop_source drain_;         // Fires with it.
  std::uint64_t submissions_ = 0;  // Guarded by mutex_.
  // Guarded by mutex_. A job that was queued again may be there twice for a moment.
  std::multimap<std::string, std::stop_source> running_;
  std::vector<std::thread> threads_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_JOB_MANAGER_H_
