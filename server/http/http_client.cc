#include "server/http/http_client.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <charconv>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <httplib.h>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr int kMaxPort = 65535;
constexpr int kOk = 200;
constexpr std::size_t kQuotedBytes = 200;

// Ends a request when its time is over or the caller gives up: the library's own limits are for
// single reads, which a server that trickles never exceeds.
class Watchdog {
 public:
  Watchdog(httplib::Client& client, std::chrono::milliseconds time, const std::stop_token& stop)
      : stopped_(stop, [this] { wake_.notify_all(); }),
        thread_([this, &client, time, stop](const std::stop_token& done) {
          std::unique_lock lock(mutex_);
          const bool is_late = !wake_.wait_for(
              lock, done, time, [&] { return done.stop_requested() || stop.stop_requested(); });
          if (done.stop_requested()) return;
          late_ = is_late && !stop.stop_requested();
          // A connection that is still to come about is beyond stop(); its own limit ends it.
          client.stop();
        }) {}

  bool is_late() const { return late_; }

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::atomic<bool> late_{false};
  std::stop_callback<std::function<void()>> stopped_;
  std::jthread thread_;  // Last: it uses the others.
};

[[noreturn]] void ThrowBadReply(const HttpUrl& url, const std::string& what) {
  throw FailedPrecondition("BAD_REPLY", "", "the simulator at " + url.Authority() + " " + what);
}

}  // namespace

HttpUrl ParseHttpUrl(const std::string& text, const std::string& field) {
  const auto fail = [&]() -> Error {
    return InvalidArgument("INVALID_URL", field,
                           "expected http://HOST[:PORT][/PATH], got \"" + text + "\"");
  };
  if (!text.starts_with(kScheme)) throw fail();
  const std::string rest = text.substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  const std::string authority = rest.substr(0, slash);
  HttpUrl url;
  url.path = slash == std::string::npos ? "" : rest.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  const std::size_t colon = authority.rfind(':');
  url.host = authority.substr(0, colon);
  if (colon != std::string::npos) {
    const char* const end = authority.data() + authority.size();
    const auto [stopped, error] = std::from_chars(authority.data() + colon + 1, end, url.port);
    if (error != std::errc() || stopped != end || url.port < 1 || url.port > kMaxPort) throw fail();
  }
  // No user names, queries, spaces or control characters.
  const auto is_plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("-._~/").find(c) != std::string_view::npos;
  };
  if (url.host.empty() || !std::ranges::all_of(url.host, is_plain) ||
      !std::ranges::all_of(url.path, is_plain)) {
    throw fail();
  }
  return url;
}

std::string PostJson(const HttpUrl& url, const std::string& path, const std::string& body,
                     const HttpLimits& limits, const std::stop_token& stop) {
  httplib::Client client(url.host, url.port);
  client.set_connection_timeout(limits.connect);
  client.set_read_timeout(limits.total);
  client.set_write_timeout(limits.total);
  client.set_follow_location(false);
  client.set_decompress(false);
  client.set_keep_alive(false);
  httplib::Request request;
  request.method = "POST";
  request.path = url.path + path;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = body;
  std::string reply;
  bool is_too_large = false;
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t /*offset*/,
                                 std::uint64_t /*total*/) {
    is_too_large = reply.size() + size > limits.max_reply_bytes;
    if (!is_too_large) reply.append(data, size);
    return !is_too_large;
  };
  const Watchdog watchdog(client, limits.total, stop);
  const httplib::Result result = client.send(request);
  if (stop.stop_requested()) {
    throw Error(ErrorCode::kCancelled, "CANCELLED", "", "the caller gave up");
  }
  if (watchdog.is_late()) {
    throw Error(ErrorCode::kDeadlineExceeded, "DEADLINE_EXCEEDED", "",
                "the simulator at " + url.Authority() + " took longer than " +
                    std::to_string(limits.total.count()) + " ms");
  }
  if (is_too_large) {
    ThrowBadReply(url, "sent more than " + std::to_string(limits.max_reply_bytes) + " bytes");
  }
  if (!result) {
    if (result.error() == httplib::Error::Connection ||
        result.error() == httplib::Error::ConnectionTimeout) {
      throw Error(ErrorCode::kUnavailable, "CANNOT_CONNECT", "",
                  "cannot connect to the simulator at " + url.Authority());
    }
    ThrowBadReply(url, "broke off: " + httplib::to_string(result.error()));
  }
  if (result->status != kOk) {
    ThrowBadReply(
        url, "answered " + std::to_string(result->status) + ": " + reply.substr(0, kQuotedBytes));
  }
  return reply;
}

}  // namespace sobolev::server
