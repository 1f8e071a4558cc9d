#include "server/auth/tokens.h"

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <stop_token>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/time/time.h>
#include <nlohmann/json.hpp>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "engine/base/error.h"
#include "server/base/log.h"

namespace sobolev::server {
namespace {

constexpr std::size_t kMaxNameLength = 63;

// The tenant becomes part of names in the store, where '/' ends it and '~' is behind all it may
// hold.
bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameLength && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' ||
           c == '@';
  });
}

struct LineError {
  std::string what;
};

std::string Field(const nlohmann::json& line, const char* name, bool required) {
  const auto field = line.find(name);
  if (field == line.end()) {
    if (required) throw LineError{std::string("expected a field ") + name};
    return "";
  }
  if (!field->is_string()) throw LineError{std::string(name) + ": expected a string"};
  return field->get<std::string>();
}

std::array<unsigned char, 32> ParseDigest(const std::string& hex) {
  std::array<unsigned char, 32> digest{};
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (hex.size() != 2 * digest.size() || !std::ranges::all_of(hex, is_hex)) {
    throw LineError{"sha256: expected 64 digits 0-9a-f"};
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

// What the caller of this entry, if there is one, is told now.
TokenAnswer AnswerFor(const TokenEntry* entry, std::int64_t now_micros) {
  if (entry == nullptr) return {};
  if (entry->expires_micros != 0 && entry->expires_micros <= now_micros) {
    return {.kind = TokenAnswer::Kind::kExpired};
  }
  return {.kind = TokenAnswer::Kind::kKnown, .caller = entry->caller};
}

TokenEntry ParseLine(const std::string& text) {
  const nlohmann::json line = nlohmann::json::parse(text, nullptr, false);
  if (!line.is_object()) throw LineError{"expected a JSON object"};
  TokenEntry entry;
  entry.certificate = Field(line, "certificate", false);
  const std::string hex = Field(line, "sha256", entry.certificate.empty());
  if (!entry.certificate.empty() && !hex.empty()) {
    throw LineError{"expected sha256 or certificate, not both"};
  }
  if (entry.certificate.empty()) entry.sha256 = ParseDigest(hex);
  Caller caller{.principal = Field(line, "principal", true),
                .tenant = Field(line, "tenant", false)};
  if (!IsName(caller.principal) || (!caller.tenant.empty() && !IsName(caller.tenant))) {
    throw LineError{"principal and tenant: expected 1 to 63 characters of a-z, 0-9, ._-@"};
  }
  const std::optional<Role> role = ParseRole(Field(line, "role", true));
  if (!role) throw LineError{"role: expected viewer, predictor, worker, writer or admin"};
  caller.role = *role;
  if (const std::string expires = Field(line, "expires", false); !expires.empty()) {
    absl::Time time;
    if (!absl::ParseTime(absl::RFC3339_full, expires, &time, nullptr)) {
      throw LineError{"expires: expected a time such as 2027-01-31T12:00:00Z"};
    }
    entry.expires_micros = std::max<std::int64_t>(1, absl::ToUnixMicros(time));
  }
  entry.caller = std::make_shared<const Caller>(std::move(caller));
  return entry;
}

}  // namespace

std::vector<TokenEntry> ParseTokens(std::string_view text) {
  std::vector<TokenEntry> entries;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string::npos || line.front() == '#') continue;
    try {
      entries.push_back(ParseLine(line));
    } catch (const LineError& error) {
      throw InvalidArgument("BAD_TOKEN_FILE", "auth-tokens",
                            "line " + std::to_string(number) + ": " + error.what);
    }
  }
  return entries;
}

TokenFile::TokenFile(std::string path, std::chrono::seconds reload_interval)
    : path_(std::move(path)),
      text_(ReadFile()),
      entries_(std::make_shared<const EntryList>(ParseTokens(text_))),
      watcher_([this, reload_interval](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any wake;
        std::unique_lock lock(mutex);
        while (!wake.wait_for(lock, stop, reload_interval, [] { return false; }) &&
               !stop.stop_requested()) {
          ReloadIfChanged();
        }
      }) {}

TokenAnswer TokenFile::Find(std::string_view token, std::int64_t now_micros) const {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data());
  const std::shared_ptr<const EntryList> entries = Entries();
  const TokenEntry* found = nullptr;
  for (const TokenEntry& entry : *entries) {
    const bool same = CRYPTO_memcmp(entry.sha256.data(), digest.data(), digest.size()) == 0;
    if (same && entry.certificate.empty()) found = &entry;
  }
  return AnswerFor(found, now_micros);
}

TokenAnswer TokenFile::FindCertificate(std::span<const std::string> names,
                                       std::int64_t now_micros) const {
  const std::shared_ptr<const EntryList> entries = Entries();
  const auto found = std::ranges::find_if(*entries, [&](const TokenEntry& entry) {
    return !entry.certificate.empty() && std::ranges::find(names, entry.certificate) != names.end();
  });
  return AnswerFor(found == entries->end() ? nullptr : &*found, now_micros);
}

std::shared_ptr<const TokenFile::EntryList> TokenFile::Entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

std::string TokenFile::ReadFile() const {
  std::ifstream file(path_, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    throw FailedPrecondition("CANNOT_READ", "auth-tokens", "cannot read '" + path_ + "'");
  }
  return text;
}

void TokenFile::ReloadIfChanged() {
  try {
    std::string text = ReadFile();
    if (text == text_) return;
    text_ = std::move(text);
    auto entries = std::make_shared<const EntryList>(ParseTokens(text_));
    LogInfo("tokens read again", {{"count", entries->size()}});
    const std::lock_guard lock(mutex_);
    entries_ = std::move(entries);
  } catch (const std::exception& error) {
    LogError("tokens stay as they were", {{"what", error.what()}});
  }
}

}  // namespace sobolev::server
