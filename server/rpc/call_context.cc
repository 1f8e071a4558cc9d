#include "server/rpc/call_context.h"

#include <chrono>
#include <optional>

#include "server/convert/grpc_status.h"

namespace sobolev::server {

grpc::Status CallContext::Enter(const MethodMetrics& method, std::size_t request_bytes) {
  const std::optional<Refusal> refusal =
      gate_.Enter(method.name(), Authorization(), request_bytes, pass_);
  if (!refusal) return grpc::Status::OK;
  pushback_ms_ = refusal->pushback_ms.value_or(-1);
  return ToStatus(refusal->code, refusal->reason, refusal->message);
}

void CallContext::Leave(const grpc::Status& status) {
  pass_.Release();
  if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(pushback_ms_));
  }
}

double CallContext::ChargeBytes(std::size_t bytes) {
  return pass_.ChargeBytes(bytes, std::chrono::steady_clock::now());
}

grpc::Status CallContext::NoRoom() {
  constexpr int kPushbackMs = 100;
  pushback_ms_ = kPushbackMs;
  gate_.CountRejection("QUEUE_FULL");
  return ToStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "QUEUE_FULL",
                  "too many calls wait for a thread; try again");
}

void CallContextAllocator::Release(grpc::CallbackServerContext* context) {
  delete dynamic_cast<CallContext*>(context);
}

std::string_view CallContext::Authorization() const {
  if (!gate_.has_login()) return {};  // gRPC sorts the headers only when asked for them.
  const auto entry = client_metadata().find("authorization");
  if (entry == client_metadata().end()) return {};
  return {entry->second.data(), entry->second.size()};
}

}  // namespace sobolev::server
