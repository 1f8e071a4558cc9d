#include <optional>
#include <utility>

#include <sobolev/client.h>

#include "client/cpp/connection.h"
#include "client/cpp/convert.h"

namespace sobolev::client {

Job::Job(std::shared_ptr<Connection> connection, std::string name)
    : connection_(std::move(connection)), name_(std::move(name)) {}

JobStatus Job::Get() const {
  v1::GetJobRequest request;
  request.set_name(name_);
  return FromProto(connection_->Call(connection_->jobs(), &v1::JobService::Stub::GetJob, request));
}

JobStatus Job::Cancel() const {
  v1::CancelJobRequest request;
  request.set_name(name_);
  return FromProto(
      connection_->Call(connection_->jobs(), &v1::JobService::Stub::CancelJob, request));
}

JobStatus Job::Watch(const OnEvent& on_event, std::int64_t after_event,
                     const std::stop_token& stop) const {
  v1::WatchJobRequest request;
  request.set_name(name_);
  request.set_after_event(after_event);
  Backoff backoff(connection_->channel());
  while (!stop.stop_requested()) {
    grpc::ClientContext context;
    const std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
    const std::unique_ptr<grpc::ClientReader<v1::WatchJobResponse>> reader =
        connection_->jobs().WatchJob(connection_->Authorize(context), request);
    std::optional<JobStatus> ended;
    const grpc::Status status =
        ReadAll(context, *reader, [&](const v1::WatchJobResponse& response) {
          backoff.Progress();
          request.set_after_event(response.event().number());
          if (response.has_job()) ended = FromProto(response.job());
          if (on_event) on_event(FromProto(response.event()));
        });
    if (ended) return *ended;
    if (stop.stop_requested()) break;
    // An end without an error and without the last event is a break as well.
    const bool broken = status.ok() || status.error_code() == grpc::StatusCode::UNAVAILABLE;
    if (!broken || !backoff.Wait(stop)) {
      if (!status.ok()) throw ToRpcError(status);
      throw RpcError(StatusCode::kUnavailable, "STREAM_ENDED",
                     "the server ends the watch again and again without an error");
    }
  }
  return Get();
}

ModelVersion Job::Wait(const OnEvent& on_event) const {
  JobStatus status = Watch(on_event);
  if (status.state != JobState::kSucceeded) throw JobError(std::move(status));
  v1::GetModelVersionRequest request;
  request.set_name(status.model);
  return FromProto(
      connection_->Call(connection_->models(), &v1::ModelService::Stub::GetModelVersion, request));
}

}  // namespace sobolev::client
