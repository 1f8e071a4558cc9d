#include "server/rpc/call_context.h"

#include <chrono>
#include <optional>

#include "server/base/log.h"
#include "server/base/trace.h"
#include "server/convert/grpc_status.h"

namespace sobolev::server {

grpc::Status CallContext::Enter(const MethodMetrics& method, std::size_t request_bytes) {
  method_ = method.name();
  start_ = std::chrono::steady_clock::now();
  const std::optional<Refusal> refusal = gate_.Enter(
      method.name(), gate_.has_login() ? Header("authorization") : "", request_bytes, pass_);
  if (!refusal) return grpc::Status::OK;
  pushback_ms_ = refusal->pushback_ms.value_or(-1);
  return ToStatus(refusal->code, refusal->reason, refusal->message);
}

void CallContext::Leave(const grpc::Status& status) {
  pass_.Release();
  Log(status);
  if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(pushback_ms_));
  }
}

double CallContext::ChargeBytes(std::size_t bytes) {
  return pass_.ChargeBytes(bytes, std::chrono::steady_clock::now());
}

double CallContext::ChargePrediction(std::size_t bytes) {
  return pass_.ChargePrediction(bytes, std::chrono::steady_clock::now());
}

grpc::Status CallContext::NoRoom() {
  constexpr int kPushbackMs = 100;
  pushback_ms_ = kPushbackMs;
  gate_.CountRejection("QUEUE_FULL");
  return ToStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "QUEUE_FULL",
                  "too many calls wait for a thread; try again");
}

void CallContext::Log(const grpc::Status& status) const {
  const std::optional<TraceParent> trace = ParseTraceParent(Header("traceparent"));
  const bool sampled = trace && trace->sampled;
  const std::chrono::duration<double> duration = std::chrono::steady_clock::now() - start_;
  (sampled ? LogInfo : LogDebug)("call",
                                 {{"method", method_},
                                  {"code", static_cast<int>(status.error_code())},
                                  {"duration_s", duration.count()},
                                  {"trace_id", trace ? trace->trace_id : std::string_view()},
                                  {"span_id", trace ? trace->span_id : std::string_view()}});
}

void CallContextAllocator::Release(grpc::CallbackServerContext* context) {
  delete dynamic_cast<CallContext*>(context);
}

std::string_view CallContext::Header(const char* name) const {
  const auto entry = client_metadata().find(name);
  if (entry == client_metadata().end()) return {};
  return {entry->second.data(), entry->second.size()};
}

}  // namespace sobolev::server
