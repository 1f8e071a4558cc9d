#include "server/storage/job_store.h"

#include <algorithm>
#include <exception>

#include "engine/base/error.h"
#include "server/base/log.h"
#include "server/base/stored_id.h"
#include "server/storage/model_store.h"

namespace sobolev::server {
namespace {

// Event numbers that are reserved at a time.
constexpr std::int64_t kReservedEvents = 256;
constexpr int kInternalStatus = 13;  // grpc::StatusCode::INTERNAL.

JobRecord WithBufferedProgress(JobRecord job, const std::vector<JobEventRecord>& buffered) {
  if (!buffered.empty()) job.progress = buffered.back().progress;
  return job;
}

void RequireDatasetVersion(Database& db, const JobRecord& job) {
  if (job.dataset_id.empty()) return;
  Rows rows = db.Query("SELECT 1 FROM datasets WHERE uid = ?1 AND id = ?2 AND version >= ?3",
                       job.dataset_uid, job.dataset_id, job.dataset_version);
  if (!rows.Next()) throw NotFound("dataset", LocalId(job.dataset_id));
}

}  // namespace

JobStore::JobStore(StoreCore& core)
    : core_(core), events_(static_cast<std::size_t>(core.options.max_job_events)) {
  Recover();
  flusher_ = std::thread([this] { FlushPeriodically(); });
}

JobStore::~JobStore() {
  {
    const std::lock_guard lock(flush_mutex_);
    closing_ = true;
  }
  wake_flusher_.notify_one();
  flusher_.join();
}

void JobStore::Recover() {
  StoreCore::Writer writer(core_);
  for (JobRow& job : LoadRunningJobs(writer.db())) {
    ++job.crashes;
    if (job.record.cancel_requested) {
      job.record.state = JobState::kCancelled;
    } else if (job.crashes >= core_.options.max_job_crashes) {
      job.record.state = JobState::kFailed;
      job.record.failure = {
          .code = kInternalStatus,
          .reason = "CRASH_LOOP",
          .message = "the server ended " + std::to_string(job.crashes) +
                     " times while the job was running, without a checkpoint in between; the job "
                     "may need more memory than there is"};
    } else {
      job.record.state = JobState::kQueued;
    }
    EnterState(writer.db(), job);
  }
  writer.Commit();
}

JobRecord JobStore::Create(JobRecord job) {
  core_.directory.RequireRoom(0);
  StoreCore::Writer writer(core_);
  Database& db = writer.db();
  if (!job.request_id.empty()) {
    if (const std::optional<JobRow> known = FindJobByRequest(db, job.request_id)) {
      if (known->record.kind == job.kind && known->record.spec == job.spec) {
        return WithBufferedProgress(known->record, events_.Events(known->record.id));
      }
      throw InvalidArgument("REQUEST_ID_REUSED", "request_id",
                            "expected the request that \"" + LocalId(job.request_id) +
                                "\" stood for before, got another; choose a new request_id");
    }
  }
  RequireDatasetVersion(db, job);
  JobRow row{.record = std::move(job)};
  row.record.id = RandomHex().substr(0, 16);
  row.record.state = JobState::kQueued;
  row.record.create_micros = core_.clock.WallMicros();
  InsertJob(db, row);
  EnterState(db, row);
  writer.Commit();
  return row.record;
}

JobRecord JobStore::Get(const std::string& id) {
  const std::vector<JobEventRecord> buffered = events_.Events(id);
  StoreCore::Reader reader(core_);
  return WithBufferedProgress(LoadJob(reader.db(), id).record, buffered);
}

std::vector<JobRecord> JobStore::List(const std::string& before, std::int64_t limit) {
  StoreCore::Reader reader(core_);
  std::vector<JobRecord> jobs;
  for (JobRow& job : LoadJobs(reader.db(), before, limit)) {
    const std::vector<JobEventRecord> buffered = events_.Events(job.record.id);
    jobs.push_back(WithBufferedProgress(std::move(job.record), buffered));
  }
  return jobs;
}

std::vector<std::pair<JobState, std::int64_t>> JobStore::Count() {
  std::vector<std::pair<JobState, std::int64_t>> counts;
  for (const JobState state : {JobState::kQueued, JobState::kRunning, JobState::kSucceeded,
                               JobState::kFailed, JobState::kCancelled}) {
    counts.emplace_back(state, 0);
  }
  StoreCore::Reader reader(core_);
  Rows rows = reader.db().Query("SELECT state, count(*) FROM jobs GROUP BY state");
  while (rows.Next()) counts.at(static_cast<std::size_t>(rows.Int(0))).second = rows.Int(1);
  return counts;
}

std::optional<JobRecord> JobStore::Claim(JobPool pool) {
  StoreCore::Writer writer(core_);
  std::optional<JobRow> job = FindOldestQueuedJob(writer.db(), pool);
  if (!job) return std::nullopt;
  JobRecord& record = job->record;
  record.state = JobState::kRunning;
  ++record.attempt;
  ++record.lease_epoch;
  if (record.start_micros == 0) record.start_micros = core_.clock.WallMicros();
  EnterState(writer.db(), *job);
  const std::int64_t next = job->last_event + 1;
  job->last_event += kReservedEvents;
  UpdateJob(writer.db(), *job);
  writer.Commit();
  events_.Start({.job_id = record.id, .epoch = record.lease_epoch}, next, job->last_event);
  return record;
}

JobRecord JobStore::RequestCancel(const std::string& id) {
  const std::vector<JobEventRecord> buffered = events_.Events(id);
  JobRow job;
  std::string checkpoint;
  {
    StoreCore::Writer writer(core_);
    job = LoadJob(writer.db(), id);
    if (!IsTerminal(job.record.state)) {
      job.record.cancel_requested = true;
      if (job.record.state == JobState::kQueued) {
        checkpoint = job.checkpoint.file;
        job.record.state = JobState::kCancelled;
        EnterState(writer.db(), job);
      } else {
        UpdateJob(writer.db(), job);
      }
      writer.Commit();
    }
  }
  core_.blobs.Remove(checkpoint);
  return WithBufferedProgress(std::move(job.record), buffered);
}

void JobStore::Release(const Lease& lease) {
  EndLease(lease, [](Database&, JobRow& job) {
    job.crashes = 0;
    job.record.state = job.record.cancel_requested ? JobState::kCancelled : JobState::kQueued;
  });
}

void JobStore::Fail(const Lease& lease, const JobFailure& failure) {
  EndLease(lease, [&](Database&, JobRow& job) {
    job.record.state = JobState::kFailed;
    job.record.failure = failure;
  });
}

void JobStore::FinishCancelled(const Lease& lease) {
  EndLease(lease, [](Database&, JobRow& job) { job.record.state = JobState::kCancelled; });
}

ModelVersionRecord JobStore::Complete(const Lease& lease, std::string_view weights,
                                      const DescribeVersion& describe) {
  const BlobRef blob = core_.blobs.Write(weights);
  ModelVersionRecord version;
  try {
    EndLease(lease, [&](Database& db, JobRow& job) {
      version =
          PublishModelVersion(db, job.record.model_id, blob, describe, core_.clock.WallMicros());
      job.record.state = JobState::kSucceeded;
      job.record.model_version = version.version;
    });
  } catch (...) {
    core_.blobs.Remove(blob.file);
    throw;
  }
  return version;
}

void JobStore::CompleteWith(const Lease& lease, std::int64_t model_version) {
  EndLease(lease, [&](Database&, JobRow& job) {
    job.record.state = JobState::kSucceeded;
    job.record.model_version = model_version;
  });
}

JobRecord JobStore::Change(const std::string& id,
                           const std::function<bool(Database& db, const JobRow& job)>& change) {
  const std::vector<JobEventRecord> buffered = events_.Events(id);
  StoreCore::Writer writer(core_);
  JobRow job = LoadJob(writer.db(), id);
  if (change(writer.db(), job)) {
    job.record.state = JobState::kQueued;
    job.record.model_version = 0;
    job.record.end_micros = 0;
    EnterState(writer.db(), job);
  }
  writer.Commit();
  return WithBufferedProgress(std::move(job.record), buffered);
}

void JobStore::EndLease(const Lease& lease, const EndOfLease& change) {
  std::string checkpoint;
  {
    StoreCore::Writer writer(core_);
    JobRow job = LoadLeasedJob(writer.db(), lease);
    checkpoint = job.checkpoint.file;
    WriteBuffered(writer.db(), job);
    change(writer.db(), job);
    EnterState(writer.db(), job);
    if (!IsTerminal(job.record.state)) checkpoint.clear();
    writer.Commit();
    events_.Stop(lease.job_id);  // Before anybody can claim the job again.
  }
  core_.blobs.Remove(checkpoint);
}

void JobStore::SaveCheckpoint(const Lease& lease, std::string_view state, double compute_seconds) {
  core_.directory.RequireRoom(static_cast<std::int64_t>(state.size()));
  const BlobRef blob = core_.blobs.Write(state);
  std::string replaced;
  try {
    StoreCore::Writer writer(core_);
    JobRow job = LoadLeasedJob(writer.db(), lease);
    const std::int64_t last = WriteBuffered(writer.db(), job);
    replaced = std::exchange(job.checkpoint, blob).file;
    job.crashes = 0;
    job.record.compute_seconds = compute_seconds;
    UpdateJob(writer.db(), job);
    writer.Commit();
    events_.Forget(lease.job_id, last);
  } catch (...) {
    core_.blobs.Remove(blob.file);
    throw;
  }
  core_.blobs.Remove(replaced);
}

std::string JobStore::LoadCheckpoint(const std::string& job_id) {
  BlobRef checkpoint;
  {
    StoreCore::Reader reader(core_);
    checkpoint = LoadJob(reader.db(), job_id).checkpoint;
  }
  if (checkpoint.file.empty()) return "";
  return core_.blobs.Read(checkpoint, "the checkpoint of job \"" + job_id + "\"");
}

JobEventRecord JobStore::AppendProgress(const Lease& lease, const std::string& progress) {
  std::optional<JobEventRecord> event;
  while (!(event = events_.Append(lease, core_.clock.WallMicros(), progress))) {
    StoreCore::Writer writer(core_);
    JobRow job = LoadLeasedJob(writer.db(), lease);
    job.last_event += kReservedEvents;
    UpdateJob(writer.db(), job);
    writer.Commit();
    events_.Extend(lease.job_id, job.last_event);
  }
  {
    const std::lock_guard lock(flush_mutex_);
    has_buffered_ = true;
  }
  wake_flusher_.notify_one();
  return *std::move(event);
}

std::vector<JobEventRecord> JobStore::ListEvents(const std::string& job_id, std::int64_t after,
                                                 std::int64_t limit) {
  // The buffer first: what moves to the disk in between is then seen twice, and not never.
  const std::vector<JobEventRecord> buffered = events_.Events(job_id);
  StoreCore::Reader reader(core_);
  std::vector<JobEventRecord> events =
      LoadEvents(reader.db(), LoadJob(reader.db(), job_id).number, after, limit);
  for (const JobEventRecord& event : buffered) {
    if (std::ssize(events) >= limit) break;
    if (event.number > (events.empty() ? after : events.back().number)) events.push_back(event);
  }
  return events;
}

void JobStore::EnterState(Database& db, JobRow& job) {
  const std::int64_t now = core_.clock.WallMicros();
  const std::optional<std::int64_t> taken = events_.TakeNumber(job.record.id);
  // Of a job at work the reserved numbers that were not used are free again: its lease ends here.
  const JobEventRecord event{
      .number = taken.value_or(job.last_event + 1), .time_micros = now, .state = job.record.state};
  InsertEvent(db, job.number, event, /*is_progress=*/false);
  job.last_event = event.number;
  if (IsTerminal(job.record.state)) {
    job.record.end_micros = now;
    job.checkpoint = {};
  }
  UpdateJob(db, job);
}

std::int64_t JobStore::WriteBuffered(Database& db, JobRow& job) {
  const std::vector<JobEventRecord> buffered = events_.Events(job.record.id);
  if (buffered.empty()) return 0;
  for (const JobEventRecord& event : buffered) {
    InsertEvent(db, job.number, event, /*is_progress=*/true);
  }
  ThinEvents(db, job.number, core_.options.max_job_events);
  job.record.progress = buffered.back().progress;
  return buffered.back().number;
}

void JobStore::Flush(const std::string& job_id) {
  StoreCore::Writer writer(core_);
  JobRow job = LoadJob(writer.db(), job_id);
  const std::int64_t last = WriteBuffered(writer.db(), job);
  UpdateJob(writer.db(), job);
  writer.Commit();
  events_.Forget(job_id, last);
}

void JobStore::FlushPeriodically() {
  std::unique_lock lock(flush_mutex_);
  while (true) {
    wake_flusher_.wait(lock, [this] { return closing_ || has_buffered_; });
    wake_flusher_.wait_for(lock, core_.options.event_flush_interval, [this] { return closing_; });
    has_buffered_ = false;
    const bool last_time = closing_;
    lock.unlock();
    for (const std::string& job_id : events_.Jobs()) {
      try {
        Flush(job_id);
      } catch (const std::exception& error) {
        LogWarning("progress events stay in memory", {{"job", job_id}, {"what", error.what()}});
      }
    }
    if (last_time) return;
    lock.lock();
  }
}

}  // namespace sobolev::server
