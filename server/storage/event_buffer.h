// Progress events of running jobs that are not on disk yet.
//
// Numbers are handed out in memory, from ranges that were reserved on disk before, so that none is
// ever used twice: after a crash the numbering goes on behind the reserved range (hi-lo).

#ifndef SOBOLEV_SERVER_STORAGE_EVENT_BUFFER_H_
#define SOBOLEV_SERVER_STORAGE_EVENT_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "server/storage/store.h"

namespace sobolev::server {

// What every call throws whose lease is no longer valid: kFailedPrecondition LEASE_LOST.
Error LeaseLost(const std::string& job_id);

// Thread-safe.
class EventBuffer {
 public:
  // Keeps at most so many events of a job: beyond, the older half is dropped.
  explicit EventBuffer(std::size_t max_events) : max_events_(max_events) {}

  // The job was claimed. Its next event gets number `next`; numbers up to `last` are reserved.
  void Start(const Lease& lease, std::int64_t next, std::int64_t last);
  // Numbers up to `last` are reserved.
  void Extend(const std::string& job_id, std::int64_t last);
  // The claim is over; what is buffered for the job is gone.
  void Stop(const std::string& job_id);

  // Gives the event the next number and keeps it; nothing if no number is reserved. Throws
  // LeaseLost unless the job was started with this lease.
  std::optional<JobEventRecord> Append(const Lease& lease, std::int64_t time_micros,
                                       const std::string& progress);
  // Takes the next number, reserved or not, for an event that the caller writes to disk; nothing if
  // the job was not started.
  std::optional<std::int64_t> TakeNumber(const std::string& job_id);

  // The job's events, ascending.
  std::vector<JobEventRecord> Events(const std::string& job_id) const;
  // Forgets the job's events up to this number: they are on disk.
  void Forget(const std::string& job_id, std::int64_t number);
  // The jobs that have events here.
  std::vector<std::string> Jobs() const;

 private:
  struct Job {
    std::int64_t lease_epoch = 0;
    std::int64_t next = 0;
    std::int64_t last = 0;
    std::vector<JobEventRecord> events;
  };

  const std::size_t max_events_;
  mutable std::mutex mutex_;
  std::map<std::string, Job> jobs_;  // Guarded by mutex_.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_EVENT_BUFFER_H_
