// The context of every call of ours: gRPC's, with the pass that the gate gave it.

#ifndef SOBOLEV_SERVER_RPC_CALL_CONTEXT_H_
#define SOBOLEV_SERVER_RPC_CALL_CONTEXT_H_

#include <chrono>
#include <cstddef>
#include <string>

#include <grpcpp/grpcpp.h>

#include "server/auth/gate.h"
#include "server/metrics/metrics.h"

namespace sobolev::server {

// Enter comes first in a call, before its request is parsed; Leave comes last, before its status is
// sent. In between, any thread may ask for the tenant.
class CallContext final : public grpc::CallbackServerContext {
 public:
  explicit CallContext(Gate& gate) : gate_(gate) {}

  // The context that gRPC hands to a method. Every server is built with a CallContextAllocator.
  static CallContext& Of(grpc::CallbackServerContext* context) {
    return *static_cast<CallContext*>(context);
  }

  // OK, or the status with which the call must end.
  grpc::Status Enter(const MethodMetrics& method, std::size_t request_bytes);
  // Frees the call's place and tells the caller of RESOURCE_EXHAUSTED when to try again, or not to.
  void Leave(const grpc::Status& status);
  // The seconds to wait before the next message of a stream is read, after one of `bytes`.
  double ChargeBytes(std::size_t bytes);
  // Likewise after one that asks for a prediction.
  double ChargePrediction(std::size_t bytes);

  const std::string& tenant() const { return pass_.tenant(); }
  // The status of a call that passed, but for which no thread had room.
  grpc::Status NoRoom();

 private:
  // Of the call, or empty.
  std::string_view Header(const char* name) const;
  // One line for each call that the caller's tracing sampled, and with --log-level debug for all.
  void Log(const grpc::Status& status) const;

  Gate& gate_;
  Pass pass_;
  int pushback_ms_ = -1;
  std::string_view method_;
  std::chrono::steady_clock::time_point start_;
};

// Makes the contexts of a server's calls. The gate outlives the server.
class CallContextAllocator final : public grpc::ContextAllocator {
 public:
  explicit CallContextAllocator(Gate& gate) : gate_(gate) {}
  grpc::CallbackServerContext* NewCallbackServerContext() override {
    return new CallContext(gate_);
  }
  // gRPC also calls this with its own context of a call to a method that nobody offers.
  void Release(grpc::CallbackServerContext* context) override;

 private:
  Gate& gate_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_CALL_CONTEXT_H_
