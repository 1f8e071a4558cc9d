// The file that says which bearer tokens and certificates are good, and for whom.
//
// One JSON object per line; empty lines and lines that start with # are skipped:
//   {"sha256":"<hex>","principal":"ann","tenant":"","role":"writer","expires":"2027-01-31T12:00:00Z"}
// sha256 is that of the token, which the file does not hold. tenant may be missing (the default
// tenant), and so may expires (never). In place of sha256,
//   {"certificate":"spiffe://acme.example/worker-7","principal":"worker-7","role":"worker"}
// stands for a caller without a token whose certificate, as --tls-client-ca vouches for it, has
// that subject alternative name, a URI or a DNS name.

#ifndef SOBOLEV_SERVER_AUTH_TOKENS_H_
#define SOBOLEV_SERVER_AUTH_TOKENS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/auth/policy.h"

namespace sobolev::server {

// Whom a token or certificate stands for.
struct Caller {
  std::string principal;
  std::string tenant;  // Empty: the default one.
  Role role = Role::kViewer;
};

struct TokenEntry {
  std::array<unsigned char, 32> sha256{};
  std::string certificate;          // The name in a certificate; empty: this is a token.
  std::int64_t expires_micros = 0;  // Since the epoch; 0: never.
  std::shared_ptr<const Caller> caller;
};

// Throws Error(kInvalidArgument BAD_TOKEN_FILE) with the number of the first bad line.
std::vector<TokenEntry> ParseTokens(std::string_view text);

struct TokenAnswer {
  enum class Kind { kUnknown, kExpired, kKnown } kind = Kind::kUnknown;
  std::shared_ptr<const Caller> caller;  // With kKnown.
};

// Reads the file now and again whenever it has changed. A file that turns bad or vanishes changes
// nothing but the log, so that a mistake locks nobody out. Thread-safe.
class TokenFile {
 public:
  // Throws Error(kFailedPrecondition) unless the file can be read, or as ParseTokens.
  TokenFile(std::string path, std::chrono::seconds reload_interval);

  // Whom the token stands for at this time. Takes equally long whichever tokens there are.
  TokenAnswer Find(std::string_view token, std::int64_t now_micros) const;
  // Likewise a certificate with these names: the first line of the file that has one of them.
  TokenAnswer FindCertificate(std::span<const std::string> names, std::int64_t now_micros) const;
  std::size_t size() const { return Entries()->size(); }

 private:
  using EntryList = std::vector<TokenEntry>;

  std::shared_ptr<const EntryList> Entries() const;
  std::string ReadFile() const;
  void ReloadIfChanged();

  const std::string path_;
  std::string text_;  // As last read; touched by the watcher alone once it runs.
  mutable std::mutex mutex_;
  std::shared_ptr<const EntryList> entries_;  // Guarded by mutex_.
  std::jthread watcher_;                      // Last: it ends first.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_AUTH_TOKENS_H_
