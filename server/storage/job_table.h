// Jobs and their events as rows of the metadata store.

#ifndef SOBOLEV_SERVER_STORAGE_JOB_TABLE_H_
#define SOBOLEV_SERVER_STORAGE_JOB_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/storage/blob_files.h"
#include "server/storage/sqlite.h"
#include "server/storage/store.h"

namespace sobolev::server {

struct JobRow {
  std::int64_t number = 0;  // Order of creation.
  JobRecord record;
  std::int64_t crashes = 0;
  BlobRef checkpoint;
  std::int64_t last_event = 0;  // Event numbers up to this one are used or reserved.
};

// Throws kNotFound.
JobRow LoadJob(Database& db, const std::string& id);
// Throws kFailedPrecondition LEASE_LOST, too.
JobRow LoadLeasedJob(Database& db, const Lease& lease);
std::optional<JobRow> FindJobByRequest(Database& db, const std::string& request_id);
std::optional<JobRow> FindOldestQueuedJob(Database& db, JobPool pool);
std::vector<JobRow> LoadRunningJobs(Database& db);
// Newest first, those before job `before` (all if empty).
std::vector<JobRow> LoadJobs(Database& db, const std::string& before, std::int64_t limit);

// Assigns the number.
void InsertJob(Database& db, JobRow& job);
// Writes everything that changes in the life of a job.
void UpdateJob(Database& db, const JobRow& job);

void InsertEvent(Database& db, std::int64_t job_number, const JobEventRecord& event,
                 bool is_progress);
std::vector<JobEventRecord> LoadEvents(Database& db, std::int64_t job_number, std::int64_t after,
                                       std::int64_t limit);
// If the job has more than `max_events`: drops every second progress event of the older half, so
// that the past gets sparser the longer ago it is.
void ThinEvents(Database& db, std::int64_t job_number, std::int64_t max_events);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_JOB_TABLE_H_
