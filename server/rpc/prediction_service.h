// sobolev.v1.PredictionService.

#ifndef SOBOLEV_SERVER_RPC_PREDICTION_SERVICE_H_
#define SOBOLEV_SERVER_RPC_PREDICTION_SERVICE_H_

#include <chrono>
#include <exception>
#include <functional>
#include <stop_token>

#include "proto/sobolev/v1/prediction.grpc.pb.h"
#include "server/base/thread_pool.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"
#include "server/predict/batcher.h"
#include "server/predict/predictor.h"
#include "server/rpc/predict_answer.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The service with every method raw.
using RawPredictionService = v1::PredictionService::WithRawCallbackMethod_Predict<
    v1::PredictionService::WithRawCallbackMethod_PredictStream<
        v1::PredictionService::WithRawCallbackMethod_Bound<
            v1::PredictionService::WithRawCallbackMethod_Certify<v1::PredictionService::Service>>>>;

class PredictionService final : public RawPredictionService {
 public:
  // The references outlive the service. `analyses` does what takes long.
  PredictionService(Store& store, ModelRegistry& models, const Predictor& predictor,
                    Metrics& metrics, ThreadPool& pool, ThreadPool& analyses);

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* PredictStream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Bound(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Certify(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;

 private:
  // The answer as a message.
  void Reply(const v1::PredictRequest& request, grpc::ByteBuffer& reply,
             const std::stop_token& stop) const;
  // Likewise once a thread is free, along with other small requests to the same model.
  void ReplyLater(const v1::PredictRequest& request, grpc::ByteBuffer& reply,
                  std::chrono::steady_clock::time_point arrival, const std::stop_token& stop,
                  const std::function<void(const std::exception_ptr&)>& done);

  Store& store_;
  ModelRegistry& models_;
  const Predictor& predictor_;
  const PredictAnswer answer_;
  Metrics& metrics_;
  ThreadPool& pool_;
  ThreadPool& analyses_;
  Batcher batcher_;
  MethodMetrics* const predict_metrics_;
  MethodMetrics* const stream_metrics_;
  MethodMetrics* const bound_metrics_;
  MethodMetrics* const certify_metrics_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_PREDICTION_SERVICE_H_
