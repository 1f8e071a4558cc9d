#include "server/rpc/predict_stream_call.h"

#include <chrono>
#include <string>
#include <utility>

#include <google/protobuf/arena.h>

#include "engine/base/error.h"
#include "server/convert/grpc_status.h"
#include "server/convert/message_codec.h"
#include "server/convert/names.h"

namespace sobolev::server {
namespace {

// A request and its reply, from reading to writing.
struct Exchange {
  google::protobuf::Arena arena;
  v1::PredictRequest* request = google::protobuf::Arena::CreateMessage<v1::PredictRequest>(&arena);
  v1::PredictResponse* response =
      google::protobuf::Arena::CreateMessage<v1::PredictResponse>(&arena);
};

// The status of work(); errors name their field within the request of that number.
template <class Work>
grpc::Status GuardRequest(std::int64_t number, const Work& work) {
  return Guard([&] {
    try {
      work();
    } catch (const Error& error) {
      const std::string request = "request[" + std::to_string(number) + "]";
      const std::string what = error.what();
      if (error.field().empty()) throw Error(error.code(), error.reason(), request, what);
      throw Error(error.code(), error.reason(), request + "." + error.field(),
                  what.substr(std::string(error.field() + ": ").size()));
    }
  });
}

}  // namespace

PredictStreamCall* PredictStreamCall::Start(const PredictAnswer& answer, MethodMetrics* metrics,
                                            ThreadPool& pool,
                                            grpc::CallbackServerContext* context) {
  auto* call = new PredictStreamCall(answer, metrics, pool, CallContext::Of(context));
  call->self_.reset(call);
  const grpc::Status entered = call->context_.Enter(*metrics, 0);
  call->tenant_ = call->context_.tenant();
  if (!entered.ok()) call->error_ = entered;
  call->Proceed();
  return call;
}

PredictStreamCall::PredictStreamCall(const PredictAnswer& answer, MethodMetrics* metrics,
                                     ThreadPool& pool, CallContext& context)
    : answer_(answer), pool_(pool), context_(context), meter_(metrics) {}

void PredictStreamCall::OnReadDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    if (ok) {
      meter_.Received();
      const double wait_seconds = context_.ChargePrediction(incoming_.Length());
      if (wait_seconds > 0) Pause(wait_seconds);
      const grpc::Status reserved = context_.ReserveMemory(incoming_.Length(), request_memory_);
      if (reserved.ok()) {
        request_ = incoming_;  // Shares the bytes.
      } else if (!error_) {
        error_ = reserved;
      }
      incoming_.Clear();
    } else {
      client_is_done_ = true;
    }
  }
  Proceed();
}

void PredictStreamCall::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (ok) {
      meter_.Sent();
    } else if (!error_) {
      error_ = grpc::Status(grpc::StatusCode::CANCELLED, "the caller cancelled");
    }
  }
  Proceed();
}

void PredictStreamCall::OnCancel() {
  stop_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = grpc::Status(grpc::StatusCode::CANCELLED, "the caller cancelled");
    request_.reset();
    reply_.reset();
  }
  Proceed();
}

void PredictStreamCall::OnDone() { self_.reset(); }

void PredictStreamCall::Pause(double seconds) {
  paused_ = true;
  const auto wait = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * seconds) + 1);
  pause_end_.Set(std::chrono::system_clock::now() + wait, [weak = std::weak_ptr(self_)](bool) {
    const std::shared_ptr<PredictStreamCall> self = weak.lock();
    if (self == nullptr) return;
    {
      const std::lock_guard lock(self->mutex_);
      self->paused_ = false;
    }
    self->Proceed();
  });
}

void PredictStreamCall::Proceed() {
  while (const std::optional<grpc::ByteBuffer> request = Step()) {
    if (!AnswerHere(*request)) return;
  }
}

std::optional<grpc::ByteBuffer> PredictStreamCall::Step() {
  const std::lock_guard lock(mutex_);
  if (finished_) return std::nullopt;
  if (reply_ && !writing_) {
    writing_ = true;
    outgoing_ = *reply_;
    reply_.reset();
    StartWrite(&outgoing_);
  }
  std::optional<grpc::ByteBuffer> begun;
  if (request_ && !answering_ && !reply_ && !error_) {
    answering_ = true;
    ++num_begun_;
    begun.swap(request_);
    answer_memory_ = std::move(request_memory_);
  }
  if (!reading_ && !paused_ && !request_ && !client_is_done_ && !error_) {
    reading_ = true;
    StartRead(&incoming_);
  }
  const bool idle = !answering_ && !reply_ && !writing_;
  if (idle && (error_ || (client_is_done_ && !request_))) {
    finished_ = true;
    const grpc::Status status = error_.value_or(grpc::Status::OK);
    context_.Leave(status);
    meter_.Finish(status);
    Finish(status);
  }
  return begun;
}

bool PredictStreamCall::AnswerHere(const grpc::ByteBuffer& bytes) {
  const std::int64_t number = num_begun_ - 1;  // Nobody else begins one meanwhile.
  auto exchange = std::make_shared<Exchange>();
  bool is_small = false;
  const grpc::Status parsed = GuardRequest(number, [&] {
    const TenantScope tenant(tenant_);
    Parse(bytes, *exchange->request);
    is_small = answer_.IsSmall(*exchange->request);
  });
  if (!parsed.ok()) {
    Answered(parsed, {});
    return true;
  }
  auto work = [self = self_, exchange = std::move(exchange), number] {
    grpc::ByteBuffer reply;
    const TenantScope tenant(self->tenant_);
    const grpc::Status status = GuardRequest(number, [&] {
      self->answer_.Fill(*exchange->request, *exchange->response, self->stop_.get_token());
      reply = Serialize(*exchange->response);
    });
    self->Answered(status, reply);
  };
  if (is_small) {
    work();
    return true;
  }
  pool_.Submit([self = self_, work = std::move(work)] {
    work();
    self->Proceed();
  });
  return false;
}

void PredictStreamCall::Answered(const grpc::Status& status, const grpc::ByteBuffer& reply) {
  const std::lock_guard lock(mutex_);
  answering_ = false;
  answer_memory_.Release();
  if (status.ok() && !error_) reply_ = reply;
  if (!status.ok() && !error_) error_ = status;
}

}  // namespace sobolev::server
