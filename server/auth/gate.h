// What every call passes before its request is parsed: who calls, may they, and is there room?

#ifndef SOBOLEV_SERVER_AUTH_GATE_H_
#define SOBOLEV_SERVER_AUTH_GATE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <grpcpp/support/status.h>

#include "server/auth/budget.h"
#include "server/auth/memory_budget.h"
#include "server/auth/policy.h"
#include "server/auth/tokens.h"
#include "server/base/clock.h"
#include "server/base/config.h"
#include "server/metrics/metrics.h"

namespace sobolev::server {

// A call that passed. Its place in its lane is free again once this is gone.
class Pass {
 public:
  Pass() = default;
  Pass(std::shared_ptr<const Caller> caller, Budget* bytes, Budget* predictions,
       std::atomic<int>* lane)
      : caller_(std::move(caller)), bytes_(bytes), predictions_(predictions), lane_(lane) {}
  Pass(Pass&& other) noexcept
      : caller_(std::move(other.caller_)),
        bytes_(std::exchange(other.bytes_, nullptr)),
        predictions_(std::exchange(other.predictions_, nullptr)),
        lane_(std::exchange(other.lane_, nullptr)),
        memory_(std::move(other.memory_)) {}
  Pass& operator=(Pass&& other) noexcept;
  ~Pass() { Release(); }

  // Frees the place and the memory. The caller stays.
  void Release();
  // Counts a message of a stream; returns how many seconds to wait before the next one is read.
  double ChargeBytes(std::size_t bytes, Budget::Time now);
  // Likewise a message that asks for a prediction.
  double ChargePrediction(std::size_t bytes, Budget::Time now);
  // The default tenant without login.
  const std::string& tenant() const;
  // What the request takes of the server's memory for requests.
  MemoryBudget::Reservation& memory() { return memory_; }
  // Who calls; empty without login.
  const std::string& principal() const;

 private:
  std::shared_ptr<const Caller> caller_;  // Null without login.
  Budget* bytes_ = nullptr;               // Null without login.
  Budget* predictions_ = nullptr;         // Likewise.
  std::atomic<int>* lane_ = nullptr;
  MemoryBudget::Reservation memory_;
};

// By what a caller says who it is.
struct Credentials {
  std::string_view authorization;                  // The header, or empty.
  std::span<const std::string> certificate_names;  // Looked at without that header.
};

// Why a call is turned away.
struct Refusal {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string reason;  // UPPER_SNAKE_CASE.
  std::string message;
  // When to try again; with RESOURCE_EXHAUSTED.
  std::optional<int> pushback_ms;
};

// Thread-safe.
class Gate {
 public:
  // The references outlive the gate. Throws as TokenFile.
  Gate(const ServerConfig& config, const Clock& clock, Metrics& metrics);

  // Lets a call of `method` ("/package.Service/Method") with a request of `bytes` in, or says why
  // not. Either way the pass tells who calls, where that is known.
  std::optional<Refusal> Enter(std::string_view method, const Credentials& credentials,
                               std::size_t bytes, Pass& pass);
  // Takes memory for one more message of a call that is in, or says why not.
  std::optional<Refusal> ReserveMemory(std::size_t bytes, MemoryBudget::Reservation& memory);
  std::size_t memory_in_use() const { return memory_.used(); }
  // Whether half of the memory is taken.
  bool MemoryIsShort() const { return 2 * memory_.used() >= memory_.limit(); }

  // Whether credentials are looked at.
  bool has_login() const { return tokens_ != nullptr; }

  // For refusals that only the call itself can know of.
  void CountRejection(const std::string& reason) { metrics_.Rejected(reason); }

 private:
  // What one principal has left.
  struct Account {
    explicit Account(const ServerConfig& config)
        : control(config.control_rate),
          predict(config.predict_rate),
          bytes(static_cast<double>(config.byte_rate)) {}
    Budget control;
    Budget predict;
    Budget bytes;
  };

  std::optional<Refusal> Check(const Rule* rule, std::string_view method,
                               const Credentials& credentials, std::size_t bytes, Pass& pass);
  std::optional<Refusal> Identify(const Rule& rule, const Credentials& credentials,
                                  std::shared_ptr<const Caller>& caller) const;
  std::optional<Refusal> FindMemory(std::size_t bytes, MemoryBudget::Reservation& memory);
  std::optional<Refusal> Spend(Account& account, Lane lane, std::size_t bytes) const;
  Account& AccountOf(const Caller& caller);

  const ServerConfig& config_;
  const Clock& clock_;
  Metrics& metrics_;
  const std::unique_ptr<const TokenFile> tokens_;  // Null without login.
  const std::array<int, kNumLanes> limits_;
  std::array<std::atomic<int>, kNumLanes> in_lane_{};
  MemoryBudget memory_;
  std::mutex mutex_;
  std::map<std::string, Account, std::less<>>
      accounts_;  // By "tenant/principal". Guarded by mutex_.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_AUTH_GATE_H_
