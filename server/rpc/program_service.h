// sobolev.v1.ProgramService.

#ifndef SOBOLEV_SERVER_RPC_PROGRAM_SERVICE_H_
#define SOBOLEV_SERVER_RPC_PROGRAM_SERVICE_H_

#include <stop_token>

#include "proto/sobolev/v1/programs.grpc.pb.h"
#include "server/base/config.h"
#include "server/base/thread_pool.h"
#include "server/metrics/metrics.h"
#include "server/programs/program_registry.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The service with every method raw.
using RawProgramService = v1::ProgramService::WithRawCallbackMethod_CreateProgram<
    v1::ProgramService::WithRawCallbackMethod_CheckProgram<
        v1::ProgramService::WithRawCallbackMethod_GetProgram<
            v1::ProgramService::WithRawCallbackMethod_ListPrograms<
                v1::ProgramService::WithRawCallbackMethod_DeleteProgram<
                    v1::ProgramService::WithRawCallbackMethod_Evaluate<
                        v1::ProgramService::WithRawCallbackMethod_Enclose<
                            v1::ProgramService::WithRawCallbackMethod_AnalyzeCurvature<
                                v1::ProgramService::Service>>>>>>>>;

class ProgramService final : public RawProgramService {
 public:
  // The references outlive the service.
  ProgramService(Store& store, ProgramRegistry& programs, Metrics& metrics, ThreadPool& pool,
                 const ServerConfig& config);

  grpc::ServerUnaryReactor* CreateProgram(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* CheckProgram(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetProgram(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListPrograms(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DeleteProgram(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Evaluate(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Enclose(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* AnalyzeCurvature(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override;

 private:
  bool IsSmall(const v1::EvaluateRequest& request) const;
  void AnswerEvaluate(const v1::EvaluateRequest& request, v1::EvaluateResponse& response,
                      const std::stop_token& stop) const;
  void AnswerEnclose(const v1::EncloseRequest& request, v1::EncloseResponse& response,
                     const std::stop_token& stop) const;

  Store& store_;
  ProgramRegistry& programs_;
  Metrics& metrics_;
  ThreadPool& pool_;
  const ServerConfig& config_;
  MethodMetrics* const create_metrics_;
  MethodMetrics* const check_metrics_;
  MethodMetrics* const get_metrics_;
  MethodMetrics* const list_metrics_;
  MethodMetrics* const delete_metrics_;
  MethodMetrics* const evaluate_metrics_;
  MethodMetrics* const enclose_metrics_;
  MethodMetrics* const curvature_metrics_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_PROGRAM_SERVICE_H_
