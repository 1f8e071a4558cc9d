// One unary RPC over raw bytes: pass the gate, parse, do the work, serialise, finish.

#ifndef SOBOLEV_SERVER_RPC_UNARY_CALL_H_
#define SOBOLEV_SERVER_RPC_UNARY_CALL_H_

#include <chrono>
#include <functional>
#include <stop_token>
#include <utility>

#include <google/protobuf/arena.h>
#include <grpcpp/grpcpp.h>

#include "engine/base/error.h"
#include "server/base/thread_pool.h"
#include "server/convert/grpc_status.h"
#include "server/convert/message_codec.h"
#include "server/convert/names.h"
#include "server/metrics/metrics.h"
#include "server/rpc/call_context.h"

namespace sobolev::server {

// Counts one RPC in the metrics from construction to Finish.
class CallMeter {
 public:
  explicit CallMeter(MethodMetrics* metrics)
      : metrics_(metrics), start_(std::chrono::steady_clock::now()) {
    metrics_->Started();
  }
  void Received() { metrics_->MessageReceived(); }
  void Sent() { metrics_->MessageSent(); }
  void Finish(const grpc::Status& status) {
    metrics_->Handled(
        static_cast<int>(status.error_code()),
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count());
  }

 private:
  MethodMetrics* const metrics_;
  const std::chrono::steady_clock::time_point start_;
};

// Throws Error(kDeadlineExceeded) or Error(kCancelled) if nobody waits for the answer any more.
inline void RequireWaiting(const grpc::CallbackServerContext& context,
                           const std::stop_token& stop) {
  if (context.deadline() < std::chrono::system_clock::now()) {
    throw Error(ErrorCode::kDeadlineExceeded, "DEADLINE_EXCEEDED", "",
                "the deadline passed before the work began");
  }
  if (stop.stop_requested()) {
    throw Error(ErrorCode::kCancelled, "CANCELLED", "", "the caller cancelled");
  }
}

// Owns itself from Start until gRPC is done with it. The stop token given to the work fires when
// the caller cancels or its deadline passes.
template <class Request, class Response>
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  using Work = std::function<void(const Request&, Response&, const std::stop_token&)>;
  using RunsInline = std::function<bool(const Request&)>;

  // The work runs in `pool` unless `runs_inline` says that it neither blocks nor takes long.
  static grpc::ServerUnaryReactor* Start(MethodMetrics* metrics, ThreadPool& pool,
                                         grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request_bytes,
                                         grpc::ByteBuffer* response_bytes, Work work,
                                         const RunsInline& runs_inline = nullptr) {
    auto* call = new UnaryCall(metrics, context, response_bytes, std::move(work));
    const grpc::Status entered = call->context_.Enter(*metrics, request_bytes->Length());
    if (!entered.ok()) {
      call->End(entered);
      return call;
    }
    bool is_inline = false;
    const grpc::Status parsed = Guard([&] {
      const TenantScope tenant(call->context_.tenant());
      Parse(*request_bytes, *call->request_);
      is_inline = runs_inline && runs_inline(*call->request_);
    });
    if (!parsed.ok()) {
      call->End(parsed);
    } else if (is_inline) {
      call->Run();
    } else if (!pool.TrySubmit([call] { call->Run(); })) {
      call->End(call->context_.NoRoom());
    }
    return call;
  }

 private:
  UnaryCall(MethodMetrics* metrics, grpc::CallbackServerContext* context,
            grpc::ByteBuffer* response_bytes, Work work)
      : meter_(metrics),
        context_(CallContext::Of(context)),
        response_bytes_(response_bytes),
        work_(std::move(work)),
        request_(google::protobuf::Arena::CreateMessage<Request>(&arena_)),
        response_(google::protobuf::Arena::CreateMessage<Response>(&arena_)) {
    meter_.Received();
  }

  void Run() {
    End(Guard([this] {
      const std::stop_token stop = stop_.get_token();
      RequireWaiting(context_, stop);
      const TenantScope tenant(context_.tenant());
      work_(*request_, *response_, stop);
      *response_bytes_ = Serialize(*response_);
      meter_.Sent();
    }));
  }

  void End(const grpc::Status& status) {
    context_.Leave(status);
    meter_.Finish(status);
    Finish(status);
  }

  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { delete this; }

  CallMeter meter_;
  CallContext& context_;
  grpc::ByteBuffer* const response_bytes_;
  const Work work_;
  std::stop_source stop_;
  google::protobuf::Arena arena_;
  Request* const request_;
  Response* const response_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_UNARY_CALL_H_
