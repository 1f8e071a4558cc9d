// sobolev.v1.SamplingService.

#ifndef SOBOLEV_SERVER_RPC_SAMPLING_SERVICE_H_
#define SOBOLEV_SERVER_RPC_SAMPLING_SERVICE_H_

#include <stop_token>
#include <string>

#include "proto/sobolev/v1/sampling.grpc.pb.h"
#include "server/base/clock.h"
#include "server/base/config.h"
#include "server/base/thread_pool.h"
#include "server/jobs/job_manager.h"
#include "server/jobs/sampling_desk.h"
#include "server/metrics/metrics.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The service with every method raw.
using RawSamplingService = v1::SamplingService::WithRawCallbackMethod_StartSampling<
    v1::SamplingService::WithRawCallbackMethod_GetSampling<
        v1::SamplingService::WithRawCallbackMethod_UpdateSampling<
            v1::SamplingService::WithRawCallbackMethod_GetSamplingBoxes<
                v1::SamplingService::WithRawCallbackMethod_ListSamplingPoints<
                    v1::SamplingService::WithRawCallbackMethod_Ask<
                        v1::SamplingService::WithRawCallbackMethod_Tell<
                            v1::SamplingService::WithRawCallbackMethod_Heartbeat<
                                v1::SamplingService::WithRawCallbackMethod_PauseSampling<
                                    v1::SamplingService::WithRawCallbackMethod_ResumeSampling<
                                        v1::SamplingService::WithRawCallbackMethod_StopSampling<
                                            v1::SamplingService::Service>>>>>>>>>>>;

class SamplingService final : public RawSamplingService {
 public:
  // The references outlive the service.
  SamplingService(Store& store, JobManager& jobs, SamplingDesk& desk, const Clock& clock,
                  Metrics& metrics, ThreadPool& pool, const ServerConfig& config);

  grpc::ServerUnaryReactor* StartSampling(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetSampling(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UpdateSampling(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetSamplingBoxes(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListSamplingPoints(grpc::CallbackServerContext* context,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Ask(grpc::CallbackServerContext* context,
                                const grpc::ByteBuffer* request,
                                grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Tell(grpc::CallbackServerContext* context,
                                 const grpc::ByteBuffer* request,
                                 grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Heartbeat(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* PauseSampling(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ResumeSampling(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* StopSampling(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;

 private:
  v1::Job Start(const v1::StartSamplingRequest& request, const std::stop_token& stop) const;
  v1::Sampling Describe(const std::string& name) const;
  void AddBest(const JobRecord& job, v1::Sampling& sampling) const;
  v1::Sampling Update(const v1::UpdateSamplingRequest& request) const;
  v1::SamplingBoxes Boxes(const std::string& name) const;
  v1::AskResponse Answer(const v1::AskRequest& request) const;
  v1::TellResponse Answer(const v1::TellRequest& request) const;
  v1::HeartbeatResponse Answer(const v1::HeartbeatRequest& request) const;
  v1::ListSamplingPointsResponse Answer(const v1::ListSamplingPointsRequest& request) const;
  v1::Sampling Pause(const std::string& name, bool paused) const;
  v1::Sampling Stop(const std::string& name) const;

  // The sampling job of this name. Throws Error(kNotFound), or Error(kFailedPrecondition) if it is
  // of another kind.
  JobRecord GetSamplingJob(const std::string& name) const;
  SamplingLeaseTerms Terms(const v1::SamplingSpec& spec) const;

  Store& store_;
  JobManager& jobs_;
  SamplingDesk& desk_;
  const Clock& clock_;
  ThreadPool& pool_;
  const ServerConfig& config_;
  MethodMetrics* const start_metrics_;
  MethodMetrics* const get_metrics_;
  MethodMetrics* const update_metrics_;
  MethodMetrics* const boxes_metrics_;
  MethodMetrics* const list_metrics_;
  MethodMetrics* const ask_metrics_;
  MethodMetrics* const tell_metrics_;
  MethodMetrics* const heartbeat_metrics_;
  MethodMetrics* const pause_metrics_;
  MethodMetrics* const resume_metrics_;
  MethodMetrics* const stop_metrics_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_SAMPLING_SERVICE_H_
