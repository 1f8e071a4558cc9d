// One unary RPC over raw bytes: pass the gate, parse, do the work, serialise,
// finish.

#ifndef SOBOLEV_SERVER_RPC_UNARY_CALL_H_
#define SOBOLEV_SERVER_RPC_UNARY_CALL_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <google/protobuf/arena.h>
#include <grpcpp/grpcpp.h>

#include "engine/base/error.h"
#include "server/base/thread_pool.h"
#include "server/base/timeouts.h"
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

// Throws Error(kDeadlineExceeded) or Error(kCancelled) if nobody waits for the
// answer any more.
inline void RequireWaiting(const CallContext& context, const std::stop_token& stop) {
  if (context.IsLate()) {
    throw Error(ErrorCode::kDeadlineExceeded, "DEADLINE_EXCEEDED", "",
                "the deadline passed before the work began");
  }
  if (stop.stop_requested()) {
    throw Error(ErrorCode::kCancelled, "CANCELLED", "", "the caller cancelled");
  }
}

// One call, which owns itself from Start until gRPC is done with it. The stop
// token given to the work fires when the caller cancels or its deadline passes,
// which is the server's where the caller set none.
// Where Response is grpc::ByteBuffer the work serialises its reply itself.
template <class Request, class Response>
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  using Work = std::function<void(const Request&, Response&, const std::stop_token&)>;
  using RunsInline = std::function<bool(const Request&)>;
  // Null, or what was thrown. Called once, from any thread.
  using Done = std::function<void(const std::exception_ptr&)>;
  // Work that goes on after it returns, unless it throws. Request and response
  // live until `done`.
  using LongWork =
      std::function<void(const Request&, Response&, const std::stop_token&, const Done& done)>;

  // The work runs in `pool` unless `runs_inline` says that it neither blocks
  // nor takes long.
  static grpc::ServerUnaryReactor* Start(MethodMetrics* metrics, ThreadPool& pool,
                                         grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request_bytes,
                                         grpc::ByteBuffer* response_bytes, const Work& work,
                                         const RunsInline& runs_inline = nullptr) {
    return Start(metrics, pool, context, request_bytes, response_bytes, work, runs_inline,
                 [work](const Request& request, Response& response, const std::stop_token& stop,
                        const Done& done) {
                   work(request, response, stop);
                   done(nullptr);
                 });
  }

  // Likewise, with long work in the pool.
  static grpc::ServerUnaryReactor* Start(MethodMetrics* metrics, ThreadPool& pool,
                                         grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request_bytes,
                                         grpc::ByteBuffer* response_bytes, const Work& work,
                                         const RunsInline& runs_inline, LongWork long_work) {
    CallMeter meter(metrics);
    meter.Received();
    CallContext& own_context = CallContext::Of(context);
    grpc::Status status = own_context.Enter(*metrics, request_bytes->Length());
    bool answered = !status.ok();
    if (!answered && runs_inline && request_bytes->Length() <= kMaxInlineBytes) {
      status = Guard([&] {
        answered = RunInline(own_context, *request_bytes, *response_bytes, work, runs_inline);
      });
      answered |= !status.ok();
      if (answered && status.ok()) meter.Sent();
    }
    if (answered) {
      own_context.Leave(status);
      meter.Finish(status);
      // gRPC's own reactor costs no memory, and no other thread to end the
      // call.
      grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
      reactor->Finish(status);
      return reactor;
    }
    auto* call = new UnaryCall(meter, own_context, response_bytes, std::move(long_work));
    status = Guard([&] { Parse(*request_bytes, *call->request_); });
    if (status.ok()) {
      own_context.NoteObject(*call->request_);
      if (!own_context.HasDeadline()) own_context.timeouts().Start(call->stop_, call->timeout_);
      ++call->holders_;
      if (pool.TrySubmit([call] { call->Run(); })) return call;
      --call->holders_;
      status = own_context.NoRoom();
    }
    call->End(status);
    return call;
  }

 private:
  static constexpr bool kSerialises = std::is_same_v<Response, grpc::ByteBuffer>;
  // Of a request that may be parsed on the stack, twice if it turns out to be
  // long work.
  static constexpr std::size_t kMaxInlineBytes = 4096;
  static constexpr std::size_t kStackBytes = 16384;

  // False, and nothing is done, where the work is not for this thread.
  static bool RunInline(CallContext& context, const grpc::ByteBuffer& request_bytes,
                        grpc::ByteBuffer& response_bytes, const Work& work,
                        const RunsInline& runs_inline) {
    alignas(std::max_align_t) std::array<char, kStackBytes> memory;
    google::protobuf::Arena arena(memory.data(), memory.size());
    auto* request = google::protobuf::Arena::CreateMessage<Request>(&arena);
    const TenantScope tenant(context.tenant());
    Parse(request_bytes, *request);
    if (!runs_inline(*request)) return false;
    RequireWaiting(context, {});
    if constexpr (kSerialises) {
      work(*request, response_bytes, {});
    } else {
      auto* response = google::protobuf::Arena::CreateMessage<Response>(&arena);
      work(*request, *response, {});
      response_bytes = Serialize(*response);
    }
    return true;
  }

  UnaryCall(const CallMeter& meter, CallContext& context, grpc::ByteBuffer* response_bytes,
            LongWork work)
      : meter_(meter),
        context_(context),
        response_bytes_(response_bytes),
        work_(std::move(work)),
        request_(google::protobuf::Arena::CreateMessage<Request>(&arena_)) {
    if constexpr (!kSerialises) {
      response_ = google::protobuf::Arena::CreateMessage<Response>(&arena_);
    } else {
      response_ = response_bytes;
    }
  }

  void Run() {
    const grpc::Status status = Guard([this] {
      const std::stop_token stop = stop_.get_token();
      RequireWaiting(context_, stop);
      const TenantScope tenant(context_.tenant());
      work_(*request_, *response_, stop, [this](const std::exception_ptr& error) {
        End(Guard([&] {
          if (error) std::rethrow_exception(error);
          if constexpr (!kSerialises) *response_bytes_ = Serialize(*response_);
          meter_.Sent();
        }));
      });
    });
    if (!status.ok()) End(status);
    Release();
  }

  void End(const grpc::Status& ended) {
    const bool late = ended.error_code() == grpc::StatusCode::CANCELLED && context_.IsLate();
    const grpc::Status status =
        late ? ToStatus(grpc::StatusCode::DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED",
                        "the deadline passed before the work was done")
             : ended;
    timeout_.reset();
    context_.Leave(status);
    meter_.Finish(status);
    Finish(status);
  }

  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { Release(); }

  void Release() {
    if (--holders_ == 0) delete this;
  }

  CallMeter meter_;
  CallContext& context_;
  grpc::ByteBuffer* const response_bytes_;
  const LongWork work_;
  std::stop_source stop_;
  std::optional<Timeouts::Watch> timeout_;  // Unless the caller set a deadline.
  std::atomic<int> holders_ = 1;            // gRPC, and the thread in Run.
  google::protobuf::Arena arena_;
  Request* const request_;
  Response* response_ = nullptr;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_UNARY_CALL_H_
