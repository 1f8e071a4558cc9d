// inference.GRPCInferenceService: the Open Inference Protocol.

#ifndef SOBOLEV_SERVER_RPC_INFERENCE_SERVICE_H_
#define SOBOLEV_SERVER_RPC_INFERENCE_SERVICE_H_

#include <functional>
#include <stop_token>
#include <string>

#include "proto/inference/inference.grpc.pb.h"
#include "server/base/thread_pool.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"
#include "server/predict/predictor.h"
#include "server/rpc/predict_answer.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The service with every method raw.
using RawInferenceService = inference::GRPCInferenceService::WithRawCallbackMethod_ServerLive<
    inference::GRPCInferenceService::WithRawCallbackMethod_ServerReady<
        inference::GRPCInferenceService::WithRawCallbackMethod_ModelReady<
            inference::GRPCInferenceService::WithRawCallbackMethod_ServerMetadata<
                inference::GRPCInferenceService::WithRawCallbackMethod_ModelMetadata<
                    inference::GRPCInferenceService::WithRawCallbackMethod_ModelInfer<
                        inference::GRPCInferenceService::WithRawCallbackMethod_RepositoryIndex<
                            inference::GRPCInferenceService::Service>>>>>>>;

class InferenceService final : public RawInferenceService {
 public:
  // The references outlive the service. `serving` says whether the server takes work.
  InferenceService(Store& store, ModelRegistry& models, const Predictor& predictor,
                   Metrics& metrics, ThreadPool& pool, std::function<bool()> serving);

  grpc::ServerUnaryReactor* ServerLive(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ServerReady(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ModelReady(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ServerMetadata(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ModelMetadata(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* RepositoryIndex(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;

 private:
  void AnswerMetadata(const inference::ModelMetadataRequest& request,
                      inference::ModelMetadataResponse& response) const;

  Store& store_;
  ModelRegistry& models_;
  const PredictAnswer answer_;
  ThreadPool& pool_;
  const std::function<bool()> serving_;
  MethodMetrics* const live_metrics_;
  MethodMetrics* const ready_metrics_;
  MethodMetrics* const model_ready_metrics_;
  MethodMetrics* const metadata_metrics_;
  MethodMetrics* const model_metadata_metrics_;
  MethodMetrics* const infer_metrics_;
  MethodMetrics* const index_metrics_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_INFERENCE_SERVICE_H_
