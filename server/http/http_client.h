// Calls of other servers over HTTP, bounded in time and bytes, whatever these answer.

#ifndef SOBOLEV_SERVER_HTTP_HTTP_CLIENT_H_
#define SOBOLEV_SERVER_HTTP_HTTP_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>

namespace sobolev::server {

// "http://host:port/path"; without a port 80.
struct HttpUrl {
  std::string host;
  int port = 80;
  std::string path;  // Without '/' at the end: empty or "/…".

  // "host:port"
  std::string Authority() const { return host + ":" + std::to_string(port); }
};

// Throws Error(kInvalidArgument INVALID_URL) naming `field`.
HttpUrl ParseHttpUrl(const std::string& text, const std::string& field);

struct HttpLimits {
  std::chrono::milliseconds connect{5'000};
  std::chrono::milliseconds total{600'000};  // From the first byte sent to the last one received.
  std::size_t max_reply_bytes = 16 << 20;
};

// POSTs JSON to url.path + path and returns the body of the reply. Redirects are not followed and
// nothing is unpacked. Throws Error(kUnavailable CANNOT_CONNECT) if no connection comes about,
// Error(kDeadlineExceeded), Error(kCancelled) soon after `stop` fires, and
// Error(kFailedPrecondition BAD_REPLY) for a reply that is broken, too large or other than 200,
// with the beginning of what it says.
std::string PostJson(const HttpUrl& url, const std::string& path, const std::string& body,
                     const HttpLimits& limits, const std::stop_token& stop);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_HTTP_HTTP_CLIENT_H_
