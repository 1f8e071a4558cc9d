// sobolev.v1.ModelService.

#ifndef SOBOLEV_SERVER_RPC_MODEL_SERVICE_H_
#define SOBOLEV_SERVER_RPC_MODEL_SERVICE_H_

#include <stop_token>

#include "proto/sobolev/v1/models.grpc.pb.h"
#include "proto/sobolev/v1/models.pb.h"
#include "server/base/config.h"
#include "server/base/thread_pool.h"
#include "server/jobs/job_manager.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The service with every method raw.
using RawModelService = v1::ModelService::WithRawCallbackMethod_GetModel<
    v1::ModelService::WithRawCallbackMethod_ListModels<
        v1::ModelService::WithRawCallbackMethod_DeleteModel<
            v1::ModelService::WithRawCallbackMethod_GetModelVersion<
                v1::ModelService::WithRawCallbackMethod_ListModelVersions<
                    v1::ModelService::WithRawCallbackMethod_CreatePipeline<
                        v1::ModelService::WithRawCallbackMethod_PlanDerivatives<
                            v1::ModelService::WithRawCallbackMethod_Prune<
                                v1::ModelService::WithRawCallbackMethod_AnalyzeSignificance<
                                    v1::ModelService::Service>>>>>>>>>;

class ModelService final : public RawModelService {
 public:
  // The references outlive the service. `analyses` does what takes long.
  ModelService(Store& store, ModelRegistry& models, JobManager& jobs, Metrics& metrics,
               ThreadPool& pool, ThreadPool& analyses, const ServerConfig& config);

  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DeleteModel(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetModelVersion(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListModelVersions(grpc::CallbackServerContext* context,
                                              const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* CreatePipeline(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* PlanDerivatives(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Prune(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* AnalyzeSignificance(grpc::CallbackServerContext* context,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) override;

 private:
  v1::DerivativePlan Plan(const v1::PlanDerivativesRequest& request,
                          const std::stop_token& stop) const;
  v1::ModelVersion Compose(const v1::CreatePipelineRequest& request) const;

  Store& store_;
  ModelRegistry& models_;
  JobManager& jobs_;
  ThreadPool& pool_;
  ThreadPool& analyses_;
  const ServerConfig& config_;
  MethodMetrics* const get_metrics_;
  MethodMetrics* const list_metrics_;
  MethodMetrics* const delete_metrics_;
  MethodMetrics* const get_version_metrics_;
  MethodMetrics* const list_versions_metrics_;
  MethodMetrics* const create_pipeline_metrics_;
  MethodMetrics* const plan_derivatives_metrics_;
  MethodMetrics* const prune_metrics_;
  MethodMetrics* const analyze_significance_metrics_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_MODEL_SERVICE_H_
