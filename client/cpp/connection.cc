#include "client/cpp/connection.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <mutex>
#include <random>
#include <utility>

namespace sobolev::client {
namespace {

constexpr int kKeepaliveTimeMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kMaxReconnectPauseMs = 2'000;
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{1'000};
constexpr std::chrono::seconds kPatienceBeforeContact{2};
constexpr std::chrono::seconds kPatienceAfterNews{60};

// Unary calls are idempotent, so they are retried: when the server is full, after the pause that it
// names, and not at all where it says that a repetition is of no use (grpc-retry-pushback-ms). The
// streams resume by themselves; a retry policy would make gRPC keep copies of what they sent.
constexpr const char* kServiceConfig = R"({
  "methodConfig": [
    {
      "name": [{}],
      "retryPolicy": {
        "maxAttempts": 4,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 3,
        "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]
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

RpcError BadOption(const std::string& description) {
  return {StatusCode::kInvalidArgument, "BAD_OPTION", description};
}

std::string ReadFile(const std::string& option, const std::string& path) {
  if (path.empty()) return "";
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file || text.empty()) throw BadOption(option + ": cannot read '" + path + "'");
  return text;
}

std::shared_ptr<grpc::ChannelCredentials> MakeCredentials(const Options& options) {
  if (options.cert.empty() != options.key.empty()) {
    throw BadOption("cert and key: expected both or none");
  }
  if (!options.tls && options.ca.empty() && options.cert.empty()) {
    return grpc::InsecureChannelCredentials();
  }
  return grpc::SslCredentials({.pem_root_certs = ReadFile("ca", options.ca),
                               .pem_private_key = ReadFile("key", options.key),
                               .pem_cert_chain = ReadFile("cert", options.cert)});
}

std::string Authorization(const std::string& token) {
  if (token.empty()) return "";
  if (!std::ranges::all_of(token, [](char c) { return c > ' ' && c <= '~'; })) {
    throw BadOption("token: expected printable characters without blanks");
  }
  return "Bearer " + token;
}

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
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectPauseMs);
  return grpc::CreateCustomChannel(target, MakeCredentials(options), arguments);
}

}  // namespace

Connection::Connection(const std::string& target, const Options& options)
    : timeout_(options.timeout),
      authorization_(Authorization(options.token)),
      channel_(MakeChannel(target, options)),
      datasets_(channel_),
      jobs_(channel_),
      models_(channel_),
      prediction_(channel_),
      programs_(channel_),
      sampling_(channel_),
      training_(channel_) {}

Backoff::Backoff(std::shared_ptr<grpc::Channel> channel)
    : channel_(std::move(channel)), patience_(kPatienceBeforeContact), pause_(kFirstPause) {}

bool Backoff::Wait(const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const Clock::time_point end = start + patience_ - waited_;
  if (start >= end) return false;
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, stop, pause_, [] { return false; });
  pause_ = std::min(2 * pause_, kLongestPause);
  // A channel makes progress only while a thread waits on it.
  while (!stop.stop_requested() && Clock::now() < end &&
         !channel_->WaitForConnected(std::chrono::system_clock::now() + kFirstPause)) {
  }
  waited_ += Clock::now() - start;
  return true;
}

void Backoff::Contact() { patience_ = kPatienceAfterNews; }

void Backoff::Progress() {
  Contact();
  pause_ = kFirstPause;
  waited_ = {};
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
