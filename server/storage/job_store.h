// Jobs with their leases, checkpoints and events, in the embedded store.

#ifndef SOBOLEV_SERVER_STORAGE_JOB_STORE_H_
#define SOBOLEV_SERVER_STORAGE_JOB_STORE_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/storage/event_buffer.h"
#include "server/storage/job_table.h"
#include "server/storage/store_core.h"

namespace sobolev::server {

// The methods are those of Store. Thread-safe.
class JobStore {
 public:
  // Queues the jobs that were running when the store was last closed. `core` outlives this.
  explicit JobStore(StoreCore& core);
  // Writes the events that are still buffered.
  ~JobStore();
  JobStore(const JobStore&) = delete;
  JobStore& operator=(const JobStore&) = delete;

  JobRecord Create(JobRecord job);
  JobRecord Get(const std::string& id);
  std::vector<JobRecord> List(const std::string& before, std::int64_t limit);
  std::vector<std::pair<JobState, std::int64_t>> Count();
  std::optional<JobRecord> Claim(JobPool pool);
  JobRecord RequestCancel(const std::string& id);
  void Release(const Lease& lease);
  void SaveCheckpoint(const Lease& lease, std::string_view state, double compute_seconds);
  std::string LoadCheckpoint(const std::string& job_id);
  JobEventRecord AppendProgress(const Lease& lease, const std::string& progress);
  std::vector<JobEventRecord> ListEvents(const std::string& job_id, std::int64_t after,
                                         std::int64_t limit);
  ModelVersionRecord Complete(const Lease& lease, std::string_view weights,
                              const DescribeVersion& describe);
  void CompleteWith(const Lease& lease, std::int64_t model_version);
  void Fail(const Lease& lease, const JobFailure& failure);
  void FinishCancelled(const Lease& lease);
  // Calls `change` in a write transaction, and queues the job, which has succeeded, again if that
  // returns true.
  JobRecord Change(const std::string& id,
                   const std::function<bool(Database& db, const JobRow& job)>& change);

 private:
  using EndOfLease = std::function<void(Database& db, JobRow& job)>;

  void Recover();
  // `change` leads a running job to another state, in one transaction with the event.
  void EndLease(const Lease& lease, const EndOfLease& change);
  // The rest works inside a write transaction.
  // Writes the job with an event of its present state; if that is terminal, with the end, and
  // without a checkpoint.
  void EnterState(Database& db, JobRow& job);
  // Writes the buffered events of the job, not the job itself; returns the last one's number.
  std::int64_t WriteBuffered(Database& db, JobRow& job);

  // The thread that writes buffered events when they have waited long enough.
  void FlushPeriodically();
  void Flush(const std::string& job_id);

  StoreCore& core_;
  EventBuffer events_;
  std::mutex flush_mutex_;
  std::condition_variable wake_flusher_;
  bool has_buffered_ = false;  // Guarded by flush_mutex_.
  bool closing_ = false;       // Guarded by flush_mutex_.
  std::thread flusher_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_JOB_STORE_H_
