#include "server/rpc/reflection_service.h"

#include <set>
#include <string>
#include <string_view>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "server/auth/policy.h"
#include "server/rpc/call_context.h"
#include "server/rpc/unary_call.h"

namespace sobolev::server {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using Request = ReflectionService::Request;
using Response = ReflectionService::Response;

// The services of the table of methods.
std::set<std::string> ServiceNames() {
  std::set<std::string> names;
  for (const Rule& rule : Rules()) {
    const std::size_t end = rule.method.rfind('/');
    if (end > 0) names.emplace(rule.method.substr(1, end - 1));  // The gateway is none of gRPC's.
  }
  return names;
}

// The file and all that it imports, each once.
void AddFile(const FileDescriptor& file, std::set<std::string>& added,
             grpc::reflection::v1alpha::FileDescriptorResponse& response) {
  if (!added.insert(file.name()).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  *response.add_file_descriptor_proto() = proto.SerializeAsString();
  for (int i = 0; i < file.dependency_count(); ++i) {
    AddFile(*file.dependency(i), added, response);
  }
}

Response Answer(const Request& request) {
  Response response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const FileDescriptor* file = nullptr;
  switch (request.message_request_case()) {
    case Request::kListServices:
      for (const std::string& name : ServiceNames()) {
        response.mutable_list_services_response()->add_service()->set_name(name);
      }
      return response;
    case Request::kFileByFilename:
      file = pool.FindFileByName(request.file_by_filename());
      break;
    case Request::kFileContainingSymbol:
      file = pool.FindFileContainingSymbol(request.file_containing_symbol());
      break;
    default:
      break;  // Nothing here has extensions.
  }
  if (file != nullptr) {
    std::set<std::string> added;
    AddFile(*file, added, *response.mutable_file_descriptor_response());
  } else {
    response.mutable_error_response()->set_error_code(grpc::StatusCode::NOT_FOUND);
    response.mutable_error_response()->set_error_message("not found");
  }
  return response;
}

// Answers one request after another. Owns itself until gRPC is done with it.
class ReflectionCall final : public grpc::ServerBidiReactor<Request, Response> {
 public:
  ReflectionCall(MethodMetrics* metrics, grpc::CallbackServerContext* context)
      : context_(CallContext::Of(context)), meter_(metrics) {
    const grpc::Status entered = context_.Enter(*metrics, 0);
    if (entered.ok()) {
      StartRead(&request_);
    } else {
      End(entered);
    }
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) {
      End(grpc::Status::OK);
      return;
    }
    meter_.Received();
    response_ = Answer(request_);
    StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      End(grpc::Status(grpc::StatusCode::CANCELLED, "the caller cancelled"));
      return;
    }
    meter_.Sent();
    StartRead(&request_);
  }

  void OnDone() override { delete this; }

  void End(const grpc::Status& status) {
    context_.Leave(status);
    meter_.Finish(status);
    Finish(status);
  }

  CallContext& context_;
  CallMeter meter_;
  Request request_;
  Response response_;
};

}  // namespace

ReflectionService::ReflectionService(Metrics& metrics)
    : metrics_(metrics.Method(RpcType::kBidiStream, "grpc.reflection.v1alpha.ServerReflection",
                              "ServerReflectionInfo")) {}

grpc::ServerBidiReactor<Request, Response>* ReflectionService::ServerReflectionInfo(
    grpc::CallbackServerContext* context) {
  return new ReflectionCall(metrics_, context);
}

}  // namespace sobolev::server
