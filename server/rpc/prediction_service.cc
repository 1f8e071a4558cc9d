#include "server/rpc/prediction_service.h"

#include <stop_token>

#include "server/rpc/predict_stream_call.h"
#include "server/rpc/unary_call.h"

namespace sobolev::server {
namespace {

constexpr const char* kService = "sobolev.v1.PredictionService";

}  // namespace

PredictionService::PredictionService(ModelRegistry& models, const Predictor& predictor,
                                     Metrics& metrics, ThreadPool& pool)
    : answer_(models, predictor),
      pool_(pool),
      predict_metrics_(metrics.Method(RpcType::kUnary, kService, "Predict")),
      stream_metrics_(metrics.Method(RpcType::kBidiStream, kService, "PredictStream")) {}

grpc::ServerUnaryReactor* PredictionService::Predict(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return UnaryCall<v1::PredictRequest, v1::PredictResponse>::Start(
      predict_metrics_, pool_, context, request, response,
      [this](const v1::PredictRequest& parsed, v1::PredictResponse& reply,
             const std::stop_token& stop) { answer_.Fill(parsed, reply, stop); },
      [this](const v1::PredictRequest& parsed) { return answer_.IsSmall(parsed); });
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* PredictionService::PredictStream(
    grpc::CallbackServerContext*) {
  return PredictStreamCall::Start(answer_, stream_metrics_, pool_);
}

}  // namespace sobolev::server
