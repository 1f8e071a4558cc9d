// The context of every call of ours: gRPC's, with the pass that the gate gave it.

#ifndef SOBOLEV_SERVER_RPC_CALL_CONTEXT_H_
#define SOBOLEV_SERVER_RPC_CALL_CONTEXT_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include "server/auth/gate.h"
#include "server/auth/memory_budget.h"
#include "server/base/log.h"
#include "server/base/timeouts.h"
#include "server/metrics/metrics.h"

namespace sobolev::server {

// What all calls of a server share, and which outlives it.
struct CallServices {
  Gate& gate;
  AuditLog& audit;
  Timeouts& timeouts;
};

// Enter comes first in a call, before its request is parsed; Leave comes last, before its status is
// sent. In between, any thread may ask for the tenant.
class CallContext final : public grpc::CallbackServerContext {
 public:
  explicit CallContext(const CallServices& services) : services_(services) {}

  // The context that gRPC hands to a method. Every server is built with a CallContextAllocator.
  static CallContext& Of(grpc::CallbackServerContext* context) {
    return *static_cast<CallContext*>(context);
  }

  // OK, or the status with which the call must end.
  grpc::Status Enter(const MethodMetrics& method, std::size_t request_bytes);
  // Takes memory for one more message of a stream until `memory` is gone: OK, or the status with
  // which the call must end.
  grpc::Status ReserveMemory(std::size_t bytes, MemoryBudget::Reservation& memory);
  // Whether there is less memory for messages than is taken.
  bool MemoryIsShort() const { return services_.gate.MemoryIsShort(); }
  // For the audit log: what the request is about.
  void NoteObject(const google::protobuf::Message& request);
  // Frees the call's place and tells the caller of RESOURCE_EXHAUSTED when to try again, or not to.
  void Leave(const grpc::Status& status);
  // The seconds to wait before the next message of a stream is read, after one of `bytes`.
  double ChargeBytes(std::size_t bytes);
  // Likewise after one that asks for a prediction.
  double ChargePrediction(std::size_t bytes);

  const std::string& tenant() const { return pass_.tenant(); }
  Timeouts& timeouts() const { return services_.timeouts; }
  // Whether the caller said how long it waits.
  bool HasDeadline() const;
  // Whether nobody waits any more: the caller's deadline, or ours if it set none, has passed.
  bool IsLate() const;
  // The status of a call that passed, but for which no thread had room.
  grpc::Status NoRoom();

 private:
  grpc::Status AnswerOf(const std::optional<Refusal>& refusal);
  // Of the call, or empty.
  std::string_view Header(const char* name) const;
  // One line for each call that the caller's tracing sampled, and with --log-level debug for all.
  void Log(const grpc::Status& status) const;
  // One line for each call that may change something.
  void Audit(const grpc::Status& status) const;

  const CallServices& services_;
  Pass pass_;
  int pushback_ms_ = -1;
  std::string_view method_;
  std::string object_;  // As NoteObject found it.
  std::chrono::steady_clock::time_point start_;
};

// Makes the contexts of a server's calls.
class CallContextAllocator final : public grpc::ContextAllocator {
 public:
  explicit CallContextAllocator(const CallServices& services) : services_(services) {}
  grpc::CallbackServerContext* NewCallbackServerContext() override {
    return new CallContext(services_);
  }
  // gRPC also calls this with its own context of a call to a method that nobody offers.
  void Release(grpc::CallbackServerContext* context) override;

 private:
  const CallServices services_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_CALL_CONTEXT_H_
