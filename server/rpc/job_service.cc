#include "server/rpc/job_service.h"

#include <string>
#include <vector>

#include "server/convert/names.h"
#include "server/convert/resources.h"
#include "server/rpc/own_records.h"
#include "server/rpc/unary_call.h"
#include "server/rpc/watch_call.h"

namespace sobolev::server {
namespace {

constexpr const char* kService = "sobolev.v1.JobService";

}  // namespace

JobService::JobService(Store& store, JobManager& jobs, Metrics& metrics, ThreadPool& pool)
    : store_(store),
      jobs_(jobs),
      pool_(pool),
      get_metrics_(metrics.Method(RpcType::kUnary, kService, "GetJob")),
      list_metrics_(metrics.Method(RpcType::kUnary, kService, "ListJobs")),
      watch_metrics_(metrics.Method(RpcType::kServerStream, kService, "WatchJob")),
      cancel_metrics_(metrics.Method(RpcType::kUnary, kService, "CancelJob")) {}

grpc::ServerUnaryReactor* JobService::GetJob(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetJobRequest, v1::Job>::Start(
      get_metrics_, pool_, context, request, response,
      [this](const v1::GetJobRequest& parsed, v1::Job& reply, const std::stop_token&) {
        reply = ToProto(GetOwnJob(store_, ParseJobName(parsed.name(), "name")));
      });
}

grpc::ServerUnaryReactor* JobService::ListJobs(grpc::CallbackServerContext* context,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  return UnaryCall<v1::ListJobsRequest, v1::ListJobsResponse>::Start(
      list_metrics_, pool_, context, request, response,
      [this](const v1::ListJobsRequest& parsed, v1::ListJobsResponse& reply,
             const std::stop_token&) {
        const std::int64_t limit = PageSize(parsed.page_size());
        const std::string before = DecodePageToken("jobs", parsed.page_token());
        const std::vector<JobRecord> records = ListOwnJobs(store_, before, limit + 1);
        for (const JobRecord& record : FirstPage(records, limit)) {
          *reply.add_jobs() = ToProto(record);
        }
        if (HasNextPage(records, limit)) {
          reply.set_next_page_token(
              EncodePageToken("jobs", records[static_cast<std::size_t>(limit) - 1].id));
        }
      });
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* JobService::WatchJob(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  return WatchCall::Start(store_, jobs_.watchers(), watch_metrics_, pool_, context, *request);
}

grpc::ServerUnaryReactor* JobService::CancelJob(grpc::CallbackServerContext* context,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) {
  return UnaryCall<v1::CancelJobRequest, v1::Job>::Start(
      cancel_metrics_, pool_, context, request, response,
      [this](const v1::CancelJobRequest& parsed, v1::Job& reply, const std::stop_token&) {
        reply = ToProto(jobs_.Cancel(GetOwnJob(store_, ParseJobName(parsed.name(), "name")).id));
      });
}

}  // namespace sobolev::server
