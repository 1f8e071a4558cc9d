#include "server/convert/names.h"

#include <algorithm>
#include <charconv>
#include <random>
#include <span>
#include <system_error>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/str_format.h>

#include "engine/base/error.h"
#include "proto/wire/crc32c.h"

namespace sobolev::server {
namespace {

constexpr std::size_t kMaxIdLength = 63;
constexpr std::int64_t kDefaultPageSize = 100;
constexpr std::int64_t kMaxPageSize = 1000;

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsTokenCharacter(char c) {
  return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-';
}

// For messages: control characters and bytes outside ASCII are escaped, long names cut.
std::string Quote(std::string_view text) {
  constexpr std::size_t kShown = 80;
  const std::string shown(text.substr(0, kShown));
  return "\"" + absl::CEscape(shown) + (text.size() > kShown ? "...\"" : "\"");
}

bool IsResourceId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdLength && IsLowerOrDigit(id.front()) &&
         IsLowerOrDigit(id.back()) && id.find("..") == std::string_view::npos &&
         std::all_of(id.begin(), id.end(),
                     [](char c) { return IsLowerOrDigit(c) || c == '.' || c == '_' || c == '-'; });
}

[[noreturn]] void ThrowBadName(std::string_view name, const std::string& field,
                               const std::string& form) {
  throw InvalidArgument(
      "INVALID_NAME", field,
      "expected " + form + ", got " + Quote(name) +
          "; ids are 1 to 63 characters of a-z, 0-9, '.', '_', '-', begin and end "
          "with a letter or digit, and have no '..'");
}

std::string ParseCollectionName(std::string_view name, const std::string& field,
                                std::string_view collection, const std::string& form) {
  if (name.substr(0, collection.size()) == collection) {
    const std::string_view id = name.substr(collection.size());
    if (IsResourceId(id)) return StoredId(id);
  }
  ThrowBadName(name, field, '"' + form + '"');
}

std::string Checksum(std::string_view listing, std::string_view after) {
  const std::string text = std::string(listing) + '\n' + std::string(after);
  return std::to_string(Crc32c(std::as_bytes(std::span(text))));
}

const std::string kDefaultTenant;
thread_local const std::string* current_tenant = &kDefaultTenant;

}  // namespace

TenantScope::TenantScope(const std::string& tenant)
    : outer_(std::exchange(current_tenant, &tenant)) {}

TenantScope::~TenantScope() { current_tenant = outer_; }

std::string StoredId(std::string_view id) {
  std::string stored = *current_tenant;
  if (!stored.empty()) stored += '/';
  return stored.append(id);
}

bool IsOwn(std::string_view stored_id) {
  const std::size_t slash = stored_id.find('/');
  return stored_id.substr(0, slash == std::string_view::npos ? 0 : slash) == *current_tenant;
}

std::string ParseDatasetName(std::string_view name, const std::string& field) {
  return ParseCollectionName(name, field, "datasets/", "datasets/{dataset}");
}

std::string ParseJobName(std::string_view name, const std::string& field) {
  // The store chooses the ids of jobs; whose they are is told by their datasets.
  return LocalId(ParseCollectionName(name, field, "jobs/", "jobs/{job}"));
}

std::string ParseProgramName(std::string_view name, const std::string& field) {
  return ParseCollectionName(name, field, "programs/", "programs/{program}");
}

ModelRef ParseModelName(std::string_view name, const std::string& field) {
  constexpr std::string_view kCollection = "models/";
  constexpr std::string_view kVersions = "/versions/";
  const std::string form = "\"models/{model}\" or \"models/{model}/versions/{version}\"";
  if (name.substr(0, kCollection.size()) != kCollection) ThrowBadName(name, field, form);
  const std::string_view rest = name.substr(kCollection.size());
  const std::size_t slash = rest.find('/');
  ModelRef model{.id = std::string(rest.substr(0, slash))};
  if (!IsResourceId(model.id)) ThrowBadName(name, field, form);
  model.id = StoredId(model.id);
  if (slash == std::string_view::npos) return model;
  if (rest.substr(slash, kVersions.size()) != kVersions) ThrowBadName(name, field, form);
  const std::string_view digits = rest.substr(slash + kVersions.size());
  const std::from_chars_result result =
      std::from_chars(digits.data(), digits.data() + digits.size(), model.version);
  if (result.ec != std::errc() || result.ptr != digits.data() + digits.size() ||
      model.version < 1) {
    ThrowBadName(name, field, form);
  }
  return model;
}

std::string DatasetName(std::string_view id) { return "datasets/" + LocalId(id); }
std::string JobName(std::string_view id) { return "jobs/" + LocalId(id); }
std::string ProgramName(std::string_view id) { return "programs/" + LocalId(id); }
std::string ModelName(std::string_view id) { return "models/" + LocalId(id); }
std::string ModelVersionName(std::string_view id, std::int64_t version) {
  return ModelName(id) + "/versions/" + std::to_string(version);
}

void RequireResourceId(std::string_view id, const std::string& field) {
  if (!IsResourceId(id)) ThrowBadName(id, field, "an id");
}

std::string RandomModelId() {
  std::random_device device;
  return absl::StrFormat("model-%08x%08x", device(), device());
}

void RequireToken(std::string_view token, const std::string& field) {
  if (!token.empty() && token.size() <= kMaxIdLength &&
      std::all_of(token.begin(), token.end(), IsTokenCharacter)) {
    return;
  }
  throw InvalidArgument(
      "INVALID_NAME", field,
      "expected 1 to 63 characters of A-Z, a-z, 0-9, '_', '.', '-', got " + Quote(token));
}

void RequireDatasetVersion(std::int64_t version, const std::string& field) {
  if (version >= 0) return;
  throw InvalidArgument(
      "OUT_OF_RANGE", field,
      "expected 0 (the current one) or a version of the dataset, got " + std::to_string(version));
}

std::int64_t PageSize(std::int32_t requested) {
  if (requested < 0) {
    throw InvalidArgument("OUT_OF_RANGE", "page_size",
                          "expected 0 (the default) or more, got " + std::to_string(requested));
  }
  return requested == 0 ? kDefaultPageSize : std::min<std::int64_t>(requested, kMaxPageSize);
}

std::string EncodePageToken(std::string_view listing, std::string_view after) {
  return absl::WebSafeBase64Escape(Checksum(listing, after) + ':' + std::string(after));
}

std::string DecodePageToken(std::string_view listing, const std::string& token) {
  if (token.empty()) return "";
  std::string text;
  if (absl::WebSafeBase64Unescape(token, &text)) {
    const std::size_t colon = text.find(':');
    if (colon != std::string::npos) {
      std::string after = text.substr(colon + 1);
      if (text.substr(0, colon) == Checksum(listing, after)) return after;
    }
  }
  throw InvalidArgument(
      "INVALID_PAGE_TOKEN", "page_token",
      "expected the next_page_token of an earlier page of the same listing, got " + Quote(token));
}

}  // namespace sobolev::server
