#include "client/cpp/connection.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <random>

namespace sobolev::client {
namespace {

constexpr int kKeepaliveTimeMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kAttemptsBeforeContact = 3;
constexpr int kAttemptsAfterContact = 34;
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{2'000};

// Unary calls are idempotent, so they are retried. The streams resume by themselves; a retry policy
// would make gRPC keep copies of what they sent.
constexpr const char* kServiceConfig = R"({
  "methodConfig": [
    {
      "name": [{}],
      "retryPolicy": {
        "maxAttempts": 4,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 3,
        "retryableStatusCodes": ["UNAVAILABLE"]
      }
    },
    {
      "name": [
        {"service": "sobolev.v1.DatasetService", "method": "AppendSamples"},
        {"service": "sobolev.v1.DatasetService", "method": "ReadSamples"},
        {"service": "sobolev.v1.JobService", "method": "WatchJob"}
      ]
    }
  ],
  "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}
})";

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target, const Options& options) {
  grpc::ChannelArguments arguments;
  const int max_bytes = static_cast<int>(
      std::min<std::size_t>(options.max_message_bytes, std::numeric_limits<int>::max()));
  arguments.SetMaxReceiveMessageSize(max_bytes);
  arguments.SetMaxSendMessageSize(max_bytes);
  arguments.SetCompressionAlgorithm(GRPC_COMPRESS_NONE);
  arguments.SetLoadBalancingPolicyName("round_robin");
  arguments.SetServiceConfigJSON(kServiceConfig);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // A server that restarts is found again soon.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, static_cast<int>(kFirstPause.count()));
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(kFirstPause.count()));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(kLongestPause.count()));
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

Connection::Connection(const std::string& target, const Options& options)
    : timeout_(options.timeout),
      channel_(MakeChannel(target, options)),
      datasets_(channel_),
      jobs_(channel_),
      models_(channel_),
      prediction_(channel_),
      training_(channel_) {}

bool Backoff::Sleep(const std::stop_token& stop) {
  const int limit = had_contact_ ? kAttemptsAfterContact : kAttemptsBeforeContact;
  if (attempts_ >= limit) return false;
  const std::chrono::milliseconds pause =
      std::min(kLongestPause, kFirstPause * (1 << std::min(attempts_, 10)));
  ++attempts_;
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, stop, pause, [] { return false; });
  return true;
}

void Backoff::Progress() {
  had_contact_ = true;
  attempts_ = 0;
}

std::string ResourceName(const std::string& collection, const std::string& id_or_name) {
  const std::string prefix = collection + "/";
  return id_or_name.starts_with(prefix) ? id_or_name : prefix + id_or_name;
}

std::string RandomId() {
  std::random_device device;
  constexpr std::array kDigits = {'0', '1', '2', '3', '4', '5', '6', '7',
                                  '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
  std::string id;
  for (int word = 0; word < 4; ++word) {
    std::uint32_t bits = device();
    for (int digit = 0; digit < 8; ++digit, bits >>= 4) id += kDigits[bits & 15];
  }
  return id;
}

}  // namespace sobolev::client
