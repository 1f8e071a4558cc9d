// sobolev.v1.TrainingService.

#ifndef SOBOLEV_SERVER_RPC_TRAINING_SERVICE_H_
#define SOBOLEV_SERVER_RPC_TRAINING_SERVICE_H_

#include "proto/sobolev/v1/training.grpc.pb.h"
#include "server/base/config.h"
#include "server/base/thread_pool.h"
#include "server/jobs/job_manager.h"
#include "server/metrics/metrics.h"
#include "server/storage/store.h"

namespace sobolev::server {

class TrainingService final
    : public v1::TrainingService::WithRawCallbackMethod_Train<v1::TrainingService::Service> {
 public:
  // The references outlive the service.
  TrainingService(Store& store, JobManager& jobs, Metrics& metrics, ThreadPool& pool,
                  const ServerConfig& config);

  grpc::ServerUnaryReactor* Train(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;

 private:
  v1::Job Start(const v1::TrainRequest& request) const;

  Store& store_;
  JobManager& jobs_;
  ThreadPool& pool_;
  const ServerConfig& config_;
  MethodMetrics* const train_metrics_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_TRAINING_SERVICE_H_
