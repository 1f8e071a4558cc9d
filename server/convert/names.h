// Resource names, ids and page tokens.

#ifndef SOBOLEV_SERVER_CONVERT_NAMES_H_
#define SOBOLEV_SERVER_CONVERT_NAMES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/stored_id.h"

namespace sobolev::server {

// The tenant whose call this thread works on, while one of these lives. Outside, and without login,
// that is the default tenant, whose name is empty. Every call opens one around its work
// (unary_call.h and the streams), so that names mean that tenant's resources.
//
// The functions below put the tenant in front of ids, as server/base/stored_id.h says, and take it
// off again.
class TenantScope {
 public:
  explicit TenantScope(const std::string& tenant);  // `tenant` must outlive this.
  ~TenantScope();
  TenantScope(const TenantScope&) = delete;
  TenantScope& operator=(const TenantScope&) = delete;

 private:
  const std::string* const outer_;
};

// The id in the store of what the current tenant calls `id`.
std::string StoredId(std::string_view id);
// Whether a stored id belongs to the current tenant.
bool IsOwn(std::string_view stored_id);

// A model with, in "models/m/versions/3", the version; 0 stands for the newest.
struct ModelRef {
  std::string id;
  std::int64_t version = 0;
};

// The stored ids of "datasets/{id}", "jobs/{id}", "programs/{id}",
// "models/{id}[/versions/{version}]". All throw Error(kInvalidArgument INVALID_NAME) naming
// `field`.
std::string ParseDatasetName(std::string_view name, const std::string& field);
std::string ParseJobName(std::string_view name, const std::string& field);
std::string ParseProgramName(std::string_view name, const std::string& field);
ModelRef ParseModelName(std::string_view name, const std::string& field);

// The names of what has these stored ids.
std::string DatasetName(std::string_view id);
std::string JobName(std::string_view id);
std::string ProgramName(std::string_view id);
std::string ModelName(std::string_view id);
std::string ModelVersionName(std::string_view id, std::int64_t version);

// Throws unless `id` is [a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])? without "..".
void RequireResourceId(std::string_view id, const std::string& field);
// A resource id for callers that chose none.
std::string RandomModelId();
// Throws unless `token` is 1 to 63 characters of [A-Za-z0-9_.-]: upload ids, request ids, and (when
// it starts with a letter or _) names of variables.
void RequireToken(std::string_view token, const std::string& field);

// Throws unless `version`, of a dataset, is 0 (the current one) or more.
void RequireDatasetVersion(std::int64_t version, const std::string& field);

// 0 means 100, more than 1000 means 1000; throws for a negative one.
std::int64_t PageSize(std::int32_t requested);
// For listings that fetch one record more than the page holds: the page, and whether more follow.
template <class Record>
std::span<const Record> FirstPage(const std::vector<Record>& records, std::int64_t page_size) {
  return std::span(records).first(std::min(records.size(), static_cast<std::size_t>(page_size)));
}
template <class Record>
bool HasNextPage(const std::vector<Record>& records, std::int64_t page_size) {
  return records.size() > static_cast<std::size_t>(page_size);
}
// An opaque token for "go on after this id", and back. Decode throws for tokens it did not make for
// the same listing.
std::string EncodePageToken(std::string_view listing, std::string_view after);
std::string DecodePageToken(std::string_view listing, const std::string& token);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_NAMES_H_
