// grpc.reflection.v1alpha: what the server offers, for tools such as grpcurl. grpc's own plug-in
// does the same for everyone; with login, this is for administrators.

#ifndef SOBOLEV_SERVER_RPC_REFLECTION_SERVICE_H_
#define SOBOLEV_SERVER_RPC_REFLECTION_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "server/metrics/metrics.h"

namespace sobolev::server {

class ReflectionService final
    : public grpc::reflection::v1alpha::ServerReflection::CallbackService {
 public:
  using Request = grpc::reflection::v1alpha::ServerReflectionRequest;
  using Response = grpc::reflection::v1alpha::ServerReflectionResponse;

  // `metrics` outlives the service.
  explicit ReflectionService(Metrics& metrics);

  grpc::ServerBidiReactor<Request, Response>* ServerReflectionInfo(
      grpc::CallbackServerContext* context) override;

 private:
  MethodMetrics* const metrics_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_REFLECTION_SERVICE_H_
