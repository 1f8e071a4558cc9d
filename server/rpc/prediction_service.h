// sobolev.v1.PredictionService.

#ifndef SOBOLEV_SERVER_RPC_PREDICTION_SERVICE_H_
#define SOBOLEV_SERVER_RPC_PREDICTION_SERVICE_H_

#include "proto/sobolev/v1/prediction.grpc.pb.h"
#include "server/base/config.h"
#include "server/base/thread_pool.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"

namespace sobolev::server {

class PredictionService final
    : public v1::PredictionService::WithRawCallbackMethod_Predict<v1::PredictionService::Service> {
 public:
  // The references outlive the service.
  PredictionService(ModelRegistry& models, Metrics& metrics, ThreadPool& pool,
                    const ServerConfig& config);

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;

 private:
  bool IsSmall(const v1::PredictRequest& request) const;
  void Answer(const v1::PredictRequest& request, v1::PredictResponse& response,
              const std::stop_token& stop) const;

  ModelRegistry& models_;
  Metrics& metrics_;
  ThreadPool& pool_;
  const ServerConfig& config_;
  MethodMetrics* const predict_metrics_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_PREDICTION_SERVICE_H_
