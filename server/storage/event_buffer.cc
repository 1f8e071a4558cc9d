#include "server/storage/event_buffer.h"

#include <utility>

namespace sobolev::server {

Error LeaseLost(const std::string& job_id) {
  return FailedPrecondition("LEASE_LOST", "lease",
                            "expected the newest lease of running job \"" + job_id +
                                "\", got one that is over; drop the work");
}

void EventBuffer::Start(const Lease& lease, std::int64_t next, std::int64_t last) {
  const std::lock_guard lock(mutex_);
  jobs_[lease.job_id] = {.lease_epoch = lease.epoch, .next = next, .last = last};
}

void EventBuffer::Extend(const std::string& job_id, std::int64_t last) {
  const std::lock_guard lock(mutex_);
  const auto job = jobs_.find(job_id);
  if (job != jobs_.end()) job->second.last = last;
}

void EventBuffer::Stop(const std::string& job_id) {
  const std::lock_guard lock(mutex_);
  jobs_.erase(job_id);
}

std::optional<JobEventRecord> EventBuffer::Append(const Lease& lease, std::int64_t time_micros,
                                                  const std::string& progress) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(lease.job_id);
  if (found == jobs_.end() || found->second.lease_epoch != lease.epoch) {
    throw LeaseLost(lease.job_id);
  }
  Job& job = found->second;
  if (job.next > job.last) return std::nullopt;
  if (job.events.size() >= max_events_) {
    job.events.erase(job.events.begin(),
                     job.events.begin() + static_cast<std::ptrdiff_t>(job.events.size() / 2));
  }
  return job.events.emplace_back(JobEventRecord{.number = job.next++,
                                                .time_micros = time_micros,
                                                .state = JobState::kRunning,
                                                .progress = progress});
}

std::optional<std::int64_t> EventBuffer::TakeNumber(const std::string& job_id) {
  const std::lock_guard lock(mutex_);
  const auto job = jobs_.find(job_id);
  if (job == jobs_.end()) return std::nullopt;
  return job->second.next++;
}

std::vector<JobEventRecord> EventBuffer::Events(const std::string& job_id) const {
  const std::lock_guard lock(mutex_);
  const auto job = jobs_.find(job_id);
  return job == jobs_.end() ? std::vector<JobEventRecord>() : job->second.events;
}

void EventBuffer::Forget(const std::string& job_id, std::int64_t number) {
  const std::lock_guard lock(mutex_);
  const auto job = jobs_.find(job_id);
  if (job == jobs_.end()) return;
  std::erase_if(job->second.events,
                [&](const JobEventRecord& event) { return event.number <= number; });
}

std::vector<std::string> EventBuffer::Jobs() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, job] : jobs_) {
    if (!job.events.empty()) ids.push_back(id);
  }
  return ids;
}

}  // namespace sobolev::server
