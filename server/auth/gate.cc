#include "server/auth/gate.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <thread>
#include <utility>

namespace sobolev::server {
namespace {

using grpc::StatusCode;

constexpr std::string_view kScheme = "Bearer ";
// About as long as a full lane takes to move on.
constexpr int kFullLanePushbackMs = 100;
// A request that is no larger is not counted: how many there are is bounded by the lanes.
constexpr std::size_t kUncountedBytes = 4096;

std::array<int, kNumLanes> Limits(const ServerConfig& config) {
  const auto processors = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::array<int, kNumLanes> limits{};
  limits[static_cast<std::size_t>(Lane::kControl)] = config.max_control_calls;
  limits[static_cast<std::size_t>(Lane::kPredict)] =
      config.max_predict_calls > 0 ? config.max_predict_calls : 4 * processors + 256;
  limits[static_cast<std::size_t>(Lane::kTransfer)] = config.max_transfers;
  limits[static_cast<std::size_t>(Lane::kWatch)] = config.max_watches;
  limits[static_cast<std::size_t>(Lane::kHealth)] = std::numeric_limits<int>::max();
  return limits;
}

std::string_view Name(Lane lane) {
  switch (lane) {
    case Lane::kControl:
      return "control calls";
    case Lane::kPredict:
      return "predictions and evaluations";
    case Lane::kTransfer:
      return "uploads and downloads";
    case Lane::kWatch:
      return "watches of jobs";
    case Lane::kHealth:
      return "questions for its health";
  }
  return "";
}

Refusal TooFast(double wait_seconds, const std::string& what) {
  const int wait_ms = static_cast<int>(std::ceil(1000 * std::min(wait_seconds, 3600.0)));
  return {.code = StatusCode::RESOURCE_EXHAUSTED,
          .reason = "RATE_EXCEEDED",
          .message = "too many " + what + " a second for this token; try again in " +
                     std::to_string(wait_ms) + " ms",
          .pushback_ms = std::max(1, wait_ms)};
}

}  // namespace

Pass& Pass::operator=(Pass&& other) noexcept {
  Release();
  caller_ = std::move(other.caller_);
  bytes_ = std::exchange(other.bytes_, nullptr);
  predictions_ = std::exchange(other.predictions_, nullptr);
  lane_ = std::exchange(other.lane_, nullptr);
  memory_ = std::move(other.memory_);
  return *this;
}

void Pass::Release() {
  if (std::atomic<int>* const lane = std::exchange(lane_, nullptr)) --*lane;
  memory_.Release();
}

double Pass::ChargeBytes(std::size_t bytes, Budget::Time now) {
  return bytes_ == nullptr ? 0 : bytes_->Charge(static_cast<double>(bytes), now);
}

double Pass::ChargePrediction(std::size_t bytes, Budget::Time now) {
  return predictions_ == nullptr ? 0
                                 : std::max(predictions_->Charge(1, now), ChargeBytes(bytes, now));
}

const std::string& Pass::tenant() const {
  static const std::string kDefault;
  return caller_ == nullptr ? kDefault : caller_->tenant;
}

const std::string& Pass::principal() const {
  static const std::string kNobody;
  return caller_ == nullptr ? kNobody : caller_->principal;
}

Gate::Gate(const ServerConfig& config, const Clock& clock, Metrics& metrics)
    : config_(config),
      clock_(clock),
      metrics_(metrics),
      tokens_(config.auth_tokens.empty()
                  ? nullptr
                  : std::make_unique<const TokenFile>(config.auth_tokens,
                                                      std::chrono::seconds(config.reload_seconds))),
      limits_(Limits(config)),
      memory_(static_cast<std::size_t>(config.request_memory_bytes)) {}

std::optional<Refusal> Gate::Enter(std::string_view method, const Credentials& credentials,
                                   std::size_t bytes, Pass& pass) {
  std::optional<Refusal> refusal = Check(FindRule(method), method, credentials, bytes, pass);
  if (refusal) CountRejection(refusal->reason);
  return refusal;
}

std::optional<Refusal> Gate::ReserveMemory(std::size_t bytes, MemoryBudget::Reservation& memory) {
  std::optional<Refusal> refusal = FindMemory(bytes, memory);
  if (refusal) CountRejection(refusal->reason);
  return refusal;
}

std::optional<Refusal> Gate::FindMemory(std::size_t bytes, MemoryBudget::Reservation& memory) {
  if (bytes <= kUncountedBytes) return std::nullopt;
  std::optional<MemoryBudget::Reservation> reserved = memory_.Reserve(bytes);
  if (!reserved) {
    return Refusal{.code = StatusCode::RESOURCE_EXHAUSTED,
                   .reason = "REQUEST_MEMORY_FULL",
                   .message =
                       "the requests under way take as much memory as the server has for "
                       "them; try again",
                   .pushback_ms = kFullLanePushbackMs};
  }
  memory = *std::move(reserved);
  return std::nullopt;
}

std::optional<Refusal> Gate::Check(const Rule* rule, std::string_view method,
                                   const Credentials& credentials, std::size_t bytes, Pass& pass) {
  if (rule == nullptr) {
    return Refusal{.code = StatusCode::PERMISSION_DENIED,
                   .reason = "NO_POLICY",
                   .message = "no rule allows " + std::string(method)};
  }
  std::shared_ptr<const Caller> caller;
  Account* account = nullptr;
  if (tokens_ != nullptr) {
    std::optional<Refusal> unknown = Identify(*rule, credentials, caller);
    pass = Pass(caller, nullptr, nullptr, nullptr);
    if (unknown) return unknown;
    account = &AccountOf(*caller);
    if (auto refusal = Spend(*account, rule->lane, bytes)) return refusal;
  }
  const auto lane = static_cast<std::size_t>(rule->lane);
  if (++in_lane_[lane] > limits_[lane]) {
    --in_lane_[lane];
    return Refusal{.code = StatusCode::RESOURCE_EXHAUSTED,
                   .reason = "TOO_MANY_CALLS",
                   .message = "the server has as many " + std::string(Name(rule->lane)) +
                              " under way as it takes at once; try again",
                   .pushback_ms = kFullLanePushbackMs};
  }
  pass = account == nullptr
             ? Pass(nullptr, nullptr, nullptr, &in_lane_[lane])
             : Pass(std::move(caller), &account->bytes, &account->predict, &in_lane_[lane]);
  return FindMemory(bytes, pass.memory());
}

std::optional<Refusal> Gate::Identify(const Rule& rule, const Credentials& credentials,
                                      std::shared_ptr<const Caller>& caller) const {
  const auto refuse = [](const std::string& reason, const std::string& message) {
    return Refusal{.code = StatusCode::UNAUTHENTICATED, .reason = reason, .message = message};
  };
  const std::string_view authorization = credentials.authorization;
  const bool by_certificate = authorization.empty() && !credentials.certificate_names.empty();
  if (!by_certificate && !authorization.starts_with(kScheme)) {
    return refuse("TOKEN_MISSING",
                  "expected a token in the metadata, \"authorization: Bearer sbv_...\"");
  }
  const std::int64_t now = clock_.WallMicros();
  TokenAnswer answer = by_certificate ? tokens_->FindCertificate(credentials.certificate_names, now)
                                      : tokens_->Find(authorization.substr(kScheme.size()), now);
  switch (answer.kind) {
    case TokenAnswer::Kind::kUnknown:
      return by_certificate
                 ? refuse("CERTIFICATE_UNKNOWN",
                          "the server does not know the names in this certificate; give a token in "
                          "the metadata, \"authorization: Bearer sbv_...\"")
                 : refuse("TOKEN_UNKNOWN", "the server does not know this token");
    case TokenAnswer::Kind::kExpired:
      return by_certificate ? refuse("CERTIFICATE_EXPIRED",
                                     "the server lets the owner of this certificate in no longer")
                            : refuse("TOKEN_EXPIRED", "this token has expired; ask for a new one");
    case TokenAnswer::Kind::kKnown:
      break;
  }
  caller = std::move(answer.caller);
  if (!Allows(caller->role, rule.permission)) {
    return Refusal{.code = StatusCode::PERMISSION_DENIED,
                   .reason = "ROLE_LACKS_PERMISSION",
                   .message = "the role " + std::string(Name(caller->role)) + " may not call " +
                              std::string(rule.method)};
  }
  return std::nullopt;
}

std::optional<Refusal> Gate::Spend(Account& account, Lane lane, std::size_t bytes) const {
  if (lane == Lane::kHealth) return std::nullopt;
  const Budget::Time now = clock_.Steady();
  const bool predicts = lane == Lane::kPredict;
  if (const double wait = (predicts ? account.predict : account.control).Take(1, now); wait > 0) {
    return TooFast(wait, predicts ? "predictions" : "control calls");
  }
  if (const double wait = account.bytes.Take(static_cast<double>(bytes), now); wait > 0) {
    return TooFast(wait, "bytes");
  }
  return std::nullopt;
}

Gate::Account& Gate::AccountOf(const Caller& caller) {
  std::string key = caller.tenant;
  key += '/';
  key += caller.principal;
  const std::lock_guard lock(mutex_);
  return accounts_.try_emplace(std::move(key), config_).first->second;
}

}  // namespace sobolev::server
