#include "client/cpp/status.h"

#include "proto/google/rpc/error_details.pb.h"
#include "proto/google/rpc/status.pb.h"

namespace sobolev::client {

RpcError ToRpcError(const grpc::Status& status) {
  std::string reason;
  std::vector<FieldViolation> violations;
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad_request;
    for (const google::protobuf::Any& detail : details.details()) {
      if (detail.UnpackTo(&info)) {
        reason = info.reason();
      } else if (detail.UnpackTo(&bad_request)) {
        for (const auto& violation : bad_request.field_violations()) {
          violations.push_back({violation.field(), violation.description()});
        }
      }
    }
  }
  return RpcError(static_cast<StatusCode>(status.error_code()), std::move(reason),
                  status.error_message(), std::move(violations));
}

void ThrowUnlessOk(const grpc::Status& status) {
  if (!status.ok()) throw ToRpcError(status);
}

}  // namespace sobolev::client
