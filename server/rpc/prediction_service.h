// sobolev.v1.PredictionService.

#ifndef SOBOLEV_SERVER_RPC_PREDICTION_SERVICE_H_
#define SOBOLEV_SERVER_RPC_PREDICTION_SERVICE_H_

#include "proto/sobolev/v1/prediction.grpc.pb.h"
#include "server/base/thread_pool.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"
#include "server/predict/predictor.h"
#include "server/rpc/predict_answer.h"

namespace sobolev::server {

// The service with every method raw.
using RawPredictionService = v1::PredictionService::WithRawCallbackMethod_Predict<
    v1::PredictionService::WithRawCallbackMethod_PredictStream<v1::PredictionService::Service>>;

class PredictionService final : public RawPredictionService {
 public:
  // The references outlive the service.
  PredictionService(ModelRegistry& models, const Predictor& predictor, Metrics& metrics,
                    ThreadPool& pool);

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* PredictStream(
      grpc::CallbackServerContext* context) override;

 private:
  const PredictAnswer answer_;
  ThreadPool& pool_;
  MethodMetrics* const predict_metrics_;
  MethodMetrics* const stream_metrics_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_PREDICTION_SERVICE_H_
