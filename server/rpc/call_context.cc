#include "server/rpc/call_context.h"

#include <array>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <grpc/grpc_security_constants.h>

#include "server/auth/policy.h"
#include "server/base/log.h"
#include "server/base/trace.h"
#include "server/convert/grpc_status.h"

namespace sobolev::server {
namespace {

// The URIs and DNS names that the caller's certificate, which TLS has checked, is for.
std::vector<std::string> CertificateNames(const grpc::AuthContext& peer) {
  std::vector<std::string> names;
  if (!peer.IsPeerAuthenticated()) return names;
  for (const char* kind : {GRPC_PEER_URI_PROPERTY_NAME, GRPC_PEER_DNS_PROPERTY_NAME}) {
    for (const grpc::string_ref& name : peer.FindPropertyValues(kind)) {
      names.emplace_back(name.data(), name.size());
    }
  }
  return names;
}

// The name of what a request is about, from the first of these fields that it has.
std::string ObjectOf(const google::protobuf::Message& request) {
  constexpr std::size_t kMaxBytes = 200;
  constexpr std::array<std::pair<const char*, const char*>, 5> kFields = {
      {{"name", ""},
       {"dataset_id", "datasets/"},
       {"model_id", "models/"},
       {"program_id", "programs/"},
       {"dataset", ""}}};
  using google::protobuf::FieldDescriptor;
  for (const auto& [name, collection] : kFields) {
    const FieldDescriptor* const field = request.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) continue;
    const std::string value = request.GetReflection()->GetString(request, field);
    if (!value.empty()) return collection + value.substr(0, kMaxBytes);
  }
  return "";
}

}  // namespace

grpc::Status CallContext::Enter(const MethodMetrics& method, std::size_t request_bytes) {
  method_ = method.name();
  start_ = std::chrono::steady_clock::now();
  Credentials credentials;
  std::vector<std::string> names;
  if (services_.gate.has_login()) {
    credentials.authorization = Header("authorization");
    if (credentials.authorization.empty()) names = CertificateNames(*auth_context());
    credentials.certificate_names = names;
  }
  return AnswerOf(services_.gate.Enter(method.name(), credentials, request_bytes, pass_));
}

grpc::Status CallContext::ReserveMemory(std::size_t bytes, MemoryBudget::Reservation& memory) {
  return AnswerOf(services_.gate.ReserveMemory(bytes, memory));
}

grpc::Status CallContext::AnswerOf(const std::optional<Refusal>& refusal) {
  if (!refusal) return grpc::Status::OK;
  pushback_ms_ = refusal->pushback_ms.value_or(-1);
  return ToStatus(refusal->code, refusal->reason, refusal->message);
}

bool CallContext::HasDeadline() const {
  return deadline() != std::chrono::system_clock::time_point::max();
}

bool CallContext::IsLate() const {
  if (HasDeadline()) return deadline() < std::chrono::system_clock::now();
  return std::chrono::steady_clock::now() - start_ >= services_.timeouts.timeout();
}

void CallContext::NoteObject(const google::protobuf::Message& request) {
  if (services_.audit.is_on()) object_ = ObjectOf(request);
}

void CallContext::Leave(const grpc::Status& status) {
  pass_.Release();
  Log(status);
  Audit(status);
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
  services_.gate.CountRejection("QUEUE_FULL");
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

void CallContext::Audit(const grpc::Status& status) const {
  if (!services_.audit.is_on()) return;
  const Rule* const rule = FindRule(method_);
  if (rule == nullptr || !Changes(rule->permission)) return;
  services_.audit.Write({{"principal", pass_.principal()},
                         {"tenant", pass_.tenant()},
                         {"method", method_},
                         {"object", object_},
                         {"code", static_cast<int>(status.error_code())}});
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
