#include "server/storage/job_table.h"

#include <utility>

#include "engine/base/error.h"
#include "server/storage/event_buffer.h"

namespace sobolev::server {
namespace {

// The jobs that `rest` (a WHERE clause and what follows) selects.
std::string SelectJobs(const char* rest) {
  return "SELECT number, id, state, dataset_id, dataset_uid, dataset_version, model_id,"
         "       model_version, spec, request_id, cancel_requested, attempt, lease_epoch,"
         "       failure_code, failure_reason, failure_message, progress, compute_seconds,"
         "       create_micros, start_micros, end_micros, crashes, checkpoint_file,"
         "       checkpoint_sha256, last_event, kind, source_model_id, source_model_version "
         "FROM jobs " +
         std::string(rest);
}

JobRow ReadJob(const Rows& rows) {
  return {.number = rows.Int(0),
          .record = {.id = rows.Text(1),
                     .kind = static_cast<JobKind>(rows.Int(25)),
                     .state = static_cast<JobState>(rows.Int(2)),
                     .dataset_id = rows.Text(3),
                     .dataset_uid = rows.Text(4),
                     .dataset_version = rows.Int(5),
                     .source_model_id = rows.Text(26),
                     .source_model_version = rows.Int(27),
                     .model_id = rows.Text(6),
                     .model_version = rows.Int(7),
                     .spec = rows.Text(8),
                     .request_id = rows.Text(9),
                     .cancel_requested = rows.Int(10) != 0,
                     .attempt = rows.Int(11),
                     .lease_epoch = rows.Int(12),
                     .failure = {.code = static_cast<int>(rows.Int(13)),
                                 .reason = rows.Text(14),
                                 .message = rows.Text(15)},
                     .progress = rows.Text(16),
                     .compute_seconds = rows.Real(17),
                     .create_micros = rows.Int(18),
                     .start_micros = rows.Int(19),
                     .end_micros = rows.Int(20)},
          .crashes = rows.Int(21),
          .checkpoint = {.file = rows.Text(22), .sha256 = rows.Text(23)},
          .last_event = rows.Int(24)};
}

std::vector<JobRow> ReadAll(Rows rows) {
  std::vector<JobRow> jobs;
  while (rows.Next()) jobs.push_back(ReadJob(rows));
  return jobs;
}

std::optional<JobRow> ReadFirst(Rows rows) {
  if (!rows.Next()) return std::nullopt;
  return ReadJob(rows);
}

}  // namespace

JobRow LoadJob(Database& db, const std::string& id) {
  std::optional<JobRow> job = ReadFirst(db.Query(SelectJobs("WHERE id = ?1"), id));
  if (!job) throw NotFound("job", id);
  return *std::move(job);
}

JobRow LoadLeasedJob(Database& db, const Lease& lease) {
  JobRow job = LoadJob(db, lease.job_id);
  if (job.record.state != JobState::kRunning || job.record.lease_epoch != lease.epoch) {
    throw LeaseLost(lease.job_id);
  }
  return job;
}

std::optional<JobRow> FindJobByRequest(Database& db, const std::string& request_id) {
  // The second condition lets SQLite use the partial index.
  return ReadFirst(db.Query(SelectJobs("WHERE request_id = ?1 AND request_id <> ''"), request_id));
}

std::optional<JobRow> FindOldestQueuedJob(Database& db, JobPool pool) {
  return ReadFirst(
      db.Query(SelectJobs("WHERE state = ?1 AND (kind = ?2) = ?3 ORDER BY number LIMIT 1"),
               static_cast<int>(JobState::kQueued), static_cast<int>(JobKind::kSample),
               pool == JobPool::kSampling));
}

std::vector<JobRow> LoadRunningJobs(Database& db) {
  return ReadAll(db.Query(SelectJobs("WHERE state = ?1 ORDER BY number"),
                          static_cast<int>(JobState::kRunning)));
}

std::vector<JobRow> LoadJobs(Database& db, const std::string& before, std::int64_t limit) {
  if (before.empty()) {
    return ReadAll(db.Query(SelectJobs("ORDER BY number DESC LIMIT ?1"), limit));
  }
  return ReadAll(db.Query(SelectJobs("WHERE number < ?1 ORDER BY number DESC LIMIT ?2"),
                          LoadJob(db, before).number, limit));
}

void InsertJob(Database& db, JobRow& job) {
  const JobRecord& record = job.record;
  Rows rows = db.Query(
      "INSERT INTO jobs (id, state, dataset_id, dataset_uid, dataset_version, model_id, spec,"
      "                  request_id, last_event, create_micros, kind, source_model_id,"
      "                  source_model_version) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) RETURNING number",
      record.id, static_cast<int>(record.state), record.dataset_id, record.dataset_uid,
      record.dataset_version, record.model_id, Blob{record.spec}, record.request_id, job.last_event,
      record.create_micros, static_cast<int>(record.kind), record.source_model_id,
      record.source_model_version);
  rows.Next();
  job.number = rows.Int(0);
}

void UpdateJob(Database& db, const JobRow& job) {
  const JobRecord& record = job.record;
  db.Run(
      "UPDATE jobs SET state = ?2, model_version = ?3, cancel_requested = ?4, attempt = ?5,"
      "  crashes = ?6, lease_epoch = ?7, failure_code = ?8, failure_reason = ?9,"
      "  failure_message = ?10, progress = ?11, checkpoint_file = ?12, checkpoint_sha256 = ?13,"
      "  compute_seconds = ?14, last_event = ?15, start_micros = ?16, end_micros = ?17 "
      "WHERE number = ?1",
      job.number, static_cast<int>(record.state), record.model_version, record.cancel_requested,
      record.attempt, job.crashes, record.lease_epoch, record.failure.code, record.failure.reason,
      record.failure.message, Blob{record.progress}, job.checkpoint.file, job.checkpoint.sha256,
      record.compute_seconds, job.last_event, record.start_micros, record.end_micros);
}

void InsertEvent(Database& db, std::int64_t job_number, const JobEventRecord& event,
                 bool is_progress) {
  db.Run("INSERT INTO job_events VALUES (?1, ?2, ?3, ?4, ?5, ?6)", job_number, event.number,
         event.time_micros, static_cast<int>(event.state), is_progress, Blob{event.progress});
}

std::vector<JobEventRecord> LoadEvents(Database& db, std::int64_t job_number, std::int64_t after,
                                       std::int64_t limit) {
  Rows rows = db.Query(
      "SELECT number, time_micros, state, progress FROM job_events "
      "WHERE job_number = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
      job_number, after, limit);
  std::vector<JobEventRecord> events;
  while (rows.Next()) {
    events.push_back({.number = rows.Int(0),
                      .time_micros = rows.Int(1),
                      .state = static_cast<JobState>(rows.Int(2)),
                      .progress = rows.Text(3)});
  }
  return events;
}

void ThinEvents(Database& db, std::int64_t job_number, std::int64_t max_events) {
  {
    Rows rows = db.Query("SELECT count(*) FROM job_events WHERE job_number = ?1", job_number);
    rows.Next();
    if (rows.Int(0) <= max_events) return;
  }
  db.Run(
      "DELETE FROM job_events WHERE job_number = ?1 AND number IN ("
      "  SELECT number FROM ("
      "    SELECT number, row_number() OVER (ORDER BY number) AS place FROM job_events"
      "    WHERE job_number = ?1 AND is_progress ORDER BY number LIMIT ?2)"
      "  WHERE place % 2 = 0)",
      job_number, max_events / 2);
}

}  // namespace sobolev::server
