// sobolev.v1.JobService. The stream lives in watch_call.h.

#ifndef SOBOLEV_SERVER_RPC_JOB_SERVICE_H_
#define SOBOLEV_SERVER_RPC_JOB_SERVICE_H_

#include "proto/sobolev/v1/jobs.grpc.pb.h"
#include "server/base/thread_pool.h"
#include "server/jobs/job_manager.h"
#include "server/metrics/metrics.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The service with every method raw.
using RawJobService = v1::JobService::WithRawCallbackMethod_GetJob<
    v1::JobService::WithRawCallbackMethod_ListJobs<v1::JobService::WithRawCallbackMethod_WatchJob<
        v1::JobService::WithRawCallbackMethod_CancelJob<v1::JobService::Service>>>>;

class JobService final : public RawJobService {
 public:
  // The references outlive the service.
  JobService(Store& store, JobManager& jobs, Metrics& metrics, ThreadPool& pool);

  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchJob(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;

 private:
  Store& store_;
  JobManager& jobs_;
  ThreadPool& pool_;
  MethodMetrics* const get_metrics_;
  MethodMetrics* const list_metrics_;
  MethodMetrics* const watch_metrics_;
  MethodMetrics* const cancel_metrics_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_JOB_SERVICE_H_
