#include "server/rpc/watch_call.h"

#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "server/convert/grpc_status.h"
#include "server/convert/message_codec.h"
#include "server/convert/names.h"
#include "server/convert/resources.h"
#include "server/rpc/own_records.h"

namespace sobolev::server {
namespace {

constexpr std::int64_t kEventsPerFetch = 100;

}  // namespace

WatchCall* WatchCall::Start(Store& store, JobWatchers& watchers, MethodMetrics* metrics,
                            ThreadPool& pool, grpc::CallbackServerContext* context,
                            const grpc::ByteBuffer& request) {
  auto* call = new WatchCall(store, watchers, metrics, pool, context);
  call->self_.reset(call);
  const grpc::Status entered = call->context_.Enter(*metrics, request.Length());
  if (!entered.ok()) {
    call->End(entered);
    return call;
  }
  call->tenant_ = call->context_.tenant();
  pool.Submit([self = call->self_, request] {
    const grpc::Status status = Guard([&] { self->Open(request); });
    if (!status.ok()) self->End(status);
  });
  return call;
}

WatchCall::WatchCall(Store& store, JobWatchers& watchers, MethodMetrics* metrics, ThreadPool& pool,
                     grpc::CallbackServerContext* context)
    : store_(store),
      watchers_(watchers),
      pool_(pool),
      context_(CallContext::Of(context)),
      meter_(metrics) {}

void WatchCall::Open(const grpc::ByteBuffer& bytes) {
  const TenantScope tenant(tenant_);
  meter_.Received();
  v1::WatchJobRequest request;
  Parse(bytes, request);
  const std::string job_id = ParseJobName(request.name(), "name");
  if (request.after_event() < 0) {
    throw InvalidArgument(
        "OUT_OF_RANGE", "after_event",
        "expected 0 or the number of an event, got " + std::to_string(request.after_event()));
  }
  GetOwnJob(store_, job_id);
  const std::lock_guard lock(mutex_);
  if (end_) return;
  job_id_ = job_id;
  last_event_ = request.after_event();
  subscription_ = watchers_.Subscribe(
      job_id_, [self = self_] { self->pool_.Submit([self] { self->OnNews(); }); });
  Step();
}

void WatchCall::OnNews() {
  const std::lock_guard lock(mutex_);
  news_ = true;
  Step();
}

void WatchCall::Fetch() {
  std::deque<v1::WatchJobResponse> fetched;
  std::int64_t after = 0;
  {
    const std::lock_guard lock(mutex_);
    after = last_event_;
    news_ = false;
  }
  const grpc::Status status = Guard([&] {
    // The job first: its terminal event is then among the events.
    const JobRecord job = store_.GetJob(job_id_);
    const std::vector<JobEventRecord> events = store_.ListEvents(job_id_, after, kEventsPerFetch);
    for (const JobEventRecord& event : events) {
      v1::WatchJobResponse& response = fetched.emplace_back();
      *response.mutable_event() = ToProto(event);
      // A job that was reopened is not over, although it was.
      if (IsTerminal(event.state)) {
        const JobRecord now = store_.GetJob(job_id_);
        if (IsTerminal(now.state)) *response.mutable_job() = ToProto(now);
      }
      after = event.number;
    }
    const bool all = static_cast<std::int64_t>(events.size()) < kEventsPerFetch;
    const std::lock_guard lock(mutex_);
    if (!all) news_ = true;
    if (all && IsTerminal(job.state) && !end_) end_ = grpc::Status::OK;
    if (all && watchers_.is_closed() && !end_) {
      throw Error(ErrorCode::kUnavailable, "SHUTTING_DOWN", "",
                  "the server is shutting down; watch again with after_event");
    }
  });
  const std::lock_guard lock(mutex_);
  fetching_ = false;
  last_event_ = after;
  std::move(fetched.begin(), fetched.end(), std::back_inserter(events_));
  if (!status.ok() && !end_) end_ = status;
  Step();
}

void WatchCall::Step() {
  if (writing_ || fetching_ || finished_) return;
  if (!events_.empty()) {
    writing_ = true;
    outgoing_ = Serialize(events_.front());
    events_.pop_front();
    StartWrite(&outgoing_);
  } else if (end_) {
    finished_ = true;
    context_.Leave(*end_);
    meter_.Finish(*end_);
    Finish(*end_);
  } else if (news_) {
    fetching_ = true;
    pool_.Submit([self = self_] { self->Fetch(); });
  }
}

void WatchCall::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  if (ok) {
    meter_.Sent();
  } else {
    events_.clear();
    if (!end_) end_ = grpc::Status(grpc::StatusCode::CANCELLED, "the caller cancelled");
  }
  Step();
}

void WatchCall::OnCancel() {
  End(grpc::Status(grpc::StatusCode::CANCELLED, "the caller cancelled"));
}

void WatchCall::End(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  if (!end_) end_ = status;
  events_.clear();
  Step();
}

void WatchCall::OnDone() {
  // The subscription holds a reference to this call.
  if (subscription_ != 0) watchers_.Unsubscribe(job_id_, subscription_);
  self_.reset();
}

}  // namespace sobolev::server
