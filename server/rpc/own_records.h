// Lists of the store as one tenant may see them.

#ifndef SOBOLEV_SERVER_RPC_OWN_RECORDS_H_
#define SOBOLEV_SERVER_RPC_OWN_RECORDS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "server/convert/names.h"
#include "server/convert/resources.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The first `limit` records of the current tenant with an id beyond `after`, a local id or empty.
// `list` lists those of all tenants with a stored id > its first argument, in order.
template <class List>
auto ListOwn(const std::string& after, std::int64_t limit, const List& list) {
  const auto size = static_cast<std::size_t>(limit);
  const bool is_default_tenant = StoredId("").empty();
  std::string from = StoredId(after);
  decltype(list(from, limit)) own;
  while (true) {
    auto records = list(from, limit);
    const bool is_last = records.size() < size;
    for (auto& record : records) {
      from = record.id;
      if (own.size() < size && IsOwn(record.id)) own.push_back(std::move(record));
    }
    // The ids of one tenant are neighbours: those of a named one have ended, those of another
    // are passed over. No character of an id lies behind '~'.
    const bool has_left = !records.empty() && !IsOwn(from);
    if (is_last || own.size() == size || (has_left && !is_default_tenant)) return own;
    if (has_left) from = from.substr(0, from.find('/')) + "/~";
  }
}

// Calls visit(const ModelRecord&) for all models of the current tenant, in order of id.
template <class Visit>
void ForEachOwnModel(Store& store, const Visit& visit) {
  constexpr std::int64_t kRecordsPerFetch = 1000;
  std::string after;
  std::vector<ModelRecord> records;
  do {
    records = ListOwn(after, kRecordsPerFetch, [&](const std::string& from, std::int64_t limit) {
      return store.ListModels(from, limit);
    });
    for (const ModelRecord& record : records) visit(record);
    if (!records.empty()) after = LocalId(records.back().id);
  } while (records.size() == static_cast<std::size_t>(kRecordsPerFetch));
}

// Whether the job makes a model of the current tenant.
inline bool IsOwnJob(const JobRecord& job) { return IsOwn(job.model_id); }

// As ListOwn for jobs, newest first, after the one with this id.
inline std::vector<JobRecord> ListOwnJobs(Store& store, std::string before, std::int64_t limit) {
  const auto size = static_cast<std::size_t>(limit);
  // Many at a time, because most may be those of others.
  const std::int64_t fetched = std::max<std::int64_t>(limit, 1000);
  std::vector<JobRecord> own;
  while (true) {
    std::vector<JobRecord> jobs = store.ListJobs(before, fetched);
    const bool is_last = jobs.size() < static_cast<std::size_t>(fetched);
    for (JobRecord& job : jobs) {
      before = job.id;
      if (own.size() < size && IsOwnJob(job)) own.push_back(std::move(job));
    }
    if (is_last || own.size() == size) return own;
  }
}

// The job, which for other tenants does not exist.
inline JobRecord GetOwnJob(Store& store, const std::string& id) {
  JobRecord job = store.GetJob(id);
  if (!IsOwnJob(job)) throw NotFound("job", id);
  return job;
}

// Throws as RequireNoPipeline if there is such a model: refuses at once what would fail at the end
// of a job.
inline void RequireNoPipeline(Store& store, const std::string& model_id) {
  try {
    RequireNoPipeline(store.GetModel(model_id).latest);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
}

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_OWN_RECORDS_H_
