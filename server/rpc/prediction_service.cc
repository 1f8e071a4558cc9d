#include "server/rpc/prediction_service.h"

#include <array>
#include <memory>
#include <optional>

#include <google/protobuf/arena.h>

#include "server/convert/message_codec.h"
#include "server/rpc/bound_answer.h"
#include "server/rpc/predict_stream_call.h"
#include "server/rpc/unary_call.h"

namespace sobolev::server {
namespace {

constexpr const char* kService = "sobolev.v1.PredictionService";

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A response on its way to the wire.
class ReplyMessage {
 public:
  v1::PredictResponse& response() { return *response_; }

  void Write(PredictTask& task, Metrics& metrics, grpc::ByteBuffer& reply) const {
    const auto start = std::chrono::steady_clock::now();
    task.Finish();
    reply = Serialize(*response_);
    metrics.PredictSerialized(task.query().mask.order(), SecondsSince(start));
  }

 private:
  std::array<char, 1024> memory_;  // Holds the message but for large tensors.
  google::protobuf::Arena arena_{memory_.data(), memory_.size()};
  v1::PredictResponse* const response_ =
      google::protobuf::Arena::CreateMessage<v1::PredictResponse>(&arena_);
};

}  // namespace

PredictionService::PredictionService(Store& store, ModelRegistry& models,
                                     const Predictor& predictor, Metrics& metrics, ThreadPool& pool,
                                     ThreadPool& analyses)
    : store_(store),
      models_(models),
      predictor_(predictor),
      answer_(models, predictor),
      metrics_(metrics),
      pool_(pool),
      analyses_(analyses),
      batcher_(predictor, pool, metrics),
      predict_metrics_(metrics.Method(RpcType::kUnary, kService, "Predict")),
      stream_metrics_(metrics.Method(RpcType::kBidiStream, kService, "PredictStream")),
      bound_metrics_(metrics.Method(RpcType::kUnary, kService, "Bound")),
      certify_metrics_(metrics.Method(RpcType::kUnary, kService, "Certify")) {}

grpc::ServerUnaryReactor* PredictionService::Predict(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  using Call = UnaryCall<v1::PredictRequest, grpc::ByteBuffer>;
  return Call::Start(
      predict_metrics_, pool_, context, request, response,
      [this](const v1::PredictRequest& parsed, grpc::ByteBuffer& reply,
             const std::stop_token& stop) { Reply(parsed, reply, stop); },
      [this](const v1::PredictRequest& parsed) { return answer_.IsSmall(parsed); },
      [this, arrival = std::chrono::steady_clock::now()](
          const v1::PredictRequest& parsed, grpc::ByteBuffer& reply, const std::stop_token& stop,
          const Call::Done& done) { ReplyLater(parsed, reply, arrival, stop, done); });
}

void PredictionService::Reply(const v1::PredictRequest& request, grpc::ByteBuffer& reply,
                              const std::stop_token& stop) const {
  ReplyMessage message;
  PredictTask task(models_, predictor_, request, message.response());
  predictor_.Answer(task.query(), task.out(), stop);
  message.Write(task, metrics_, reply);
}

void PredictionService::ReplyLater(const v1::PredictRequest& request, grpc::ByteBuffer& reply,
                                   std::chrono::steady_clock::time_point arrival,
                                   const std::stop_token& stop,
                                   const std::function<void(const std::exception_ptr&)>& done) {
  struct Exchange {
    ReplyMessage message;
    std::optional<PredictTask> task;
  };
  const auto exchange = std::make_shared<Exchange>();
  exchange->task.emplace(models_, predictor_, request, exchange->message.response());
  const PredictTask& task = *exchange->task;
  if (!Batcher::Takes(task.query())) {
    metrics_.PredictWaited(task.query().mask.order(), SecondsSince(arrival));
    predictor_.Answer(task.query(), task.out(), stop);
    exchange->message.Write(*exchange->task, metrics_, reply);
    done(nullptr);
    return;
  }
  batcher_.Submit({.query = &task.query(),
                   .out = task.out(),
                   .stop = stop,
                   .arrival = arrival,
                   .done = [this, exchange, &reply, done](std::exception_ptr error) {
                     try {
                       if (!error) exchange->message.Write(*exchange->task, metrics_, reply);
                     } catch (...) {
                       error = std::current_exception();
                     }
                     done(error);
                   }});
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* PredictionService::PredictStream(
    grpc::CallbackServerContext* context) {
  return PredictStreamCall::Start(answer_, stream_metrics_, pool_, context);
}

grpc::ServerUnaryReactor* PredictionService::Bound(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  return UnaryCall<v1::BoundRequest, v1::BoundResponse>::Start(
      bound_metrics_, analyses_, context, request, response,
      [this](const v1::BoundRequest& parsed, v1::BoundResponse& reply,
             const std::stop_token& stop) { AnswerBound(parsed, models_, store_, reply, stop); });
}

grpc::ServerUnaryReactor* PredictionService::Certify(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return UnaryCall<v1::CertifyRequest, v1::CertifyResponse>::Start(
      certify_metrics_, analyses_, context, request, response,
      [this](const v1::CertifyRequest& parsed, v1::CertifyResponse& reply,
             const std::stop_token& stop) { AnswerCertify(parsed, models_, store_, reply, stop); });
}

}  // namespace sobolev::server
