#include "server/auth/gate.h"

#include <algorithm>
#include <cmath>
#include <thread>
#include <utility>

namespace sobolev::server {
namespace {

using grpc::StatusCode;

constexpr std::string_view kScheme = "Bearer ";
// About as long as a full lane takes to move on.
constexpr int kFullLanePushbackMs = 100;

std::array<int, kNumLanes> Limits(const ServerConfig& config) {
  const auto processors = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::array<int, kNumLanes> limits{};
  limits[static_cast<std::size_t>(Lane::kControl)] = config.max_control_calls;
  limits[static_cast<std::size_t>(Lane::kPredict)] =
      config.max_predict_calls > 0 ? config.max_predict_calls : 4 * processors + 256;
  limits[static_cast<std::size_t>(Lane::kTransfer)] = config.max_transfers;
  limits[static_cast<std::size_t>(Lane::kWatch)] = config.max_watches;
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
  return *this;
}

void Pass::Release() {
  if (std::atomic<int>* const lane = std::exchange(lane_, nullptr)) --*lane;
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

Gate::Gate(const ServerConfig& config, const Clock& clock, Metrics& metrics)
    : config_(config),
      clock_(clock),
      metrics_(metrics),
      tokens_(config.auth_tokens.empty()
                  ? nullptr
                  : std::make_unique<const TokenFile>(config.auth_tokens,
                                                      std::chrono::seconds(config.reload_seconds))),
      limits_(Limits(config)) {}

std::optional<Refusal> Gate::Enter(std::string_view method, std::string_view authorization,
                                   std::size_t bytes, Pass& pass) {
  std::optional<Refusal> refusal = Check(FindRule(method), method, authorization, bytes, pass);
  if (refusal) CountRejection(refusal->reason);
  return refusal;
}

std::optional<Refusal> Gate::Check(const Rule* rule, std::string_view method,
                                   std::string_view authorization, std::size_t bytes, Pass& pass) {
  if (rule == nullptr) {
    return Refusal{.code = StatusCode::PERMISSION_DENIED,
                   .reason = "NO_POLICY",
                   .message = "no rule allows " + std::string(method)};
  }
  std::shared_ptr<const Caller> caller;
  Account* account = nullptr;
  if (tokens_ != nullptr) {
    if (auto refusal = Identify(*rule, authorization, caller)) return refusal;
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
  return std::nullopt;
}

std::optional<Refusal> Gate::Identify(const Rule& rule, std::string_view authorization,
                                      std::shared_ptr<const Caller>& caller) const {
  const auto refuse = [](const std::string& reason, const std::string& message) {
    return Refusal{.code = StatusCode::UNAUTHENTICATED, .reason = reason, .message = message};
  };
  if (!authorization.starts_with(kScheme)) {
    return refuse("TOKEN_MISSING",
                  "expected a token in the metadata, \"authorization: Bearer sbv_...\"");
  }
  TokenAnswer answer = tokens_->Find(authorization.substr(kScheme.size()), clock_.WallMicros());
  switch (answer.kind) {
    case TokenAnswer::Kind::kUnknown:
      return refuse("TOKEN_UNKNOWN", "the server does not know this token");
    case TokenAnswer::Kind::kExpired:
      return refuse("TOKEN_EXPIRED", "this token has expired; ask for a new one");
    case TokenAnswer::Kind::kKnown:
      break;
  }
  if (!Allows(answer.caller->role, rule.permission)) {
    return Refusal{.code = StatusCode::PERMISSION_DENIED,
                   .reason = "ROLE_LACKS_PERMISSION",
                   .message = "the role " + std::string(Name(answer.caller->role)) +
                              " may not call " + std::string(rule.method)};
  }
  caller = std::move(answer.caller);
  return std::nullopt;
}

std::optional<Refusal> Gate::Spend(Account& account, Lane lane, std::size_t bytes) const {
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
