#include "server/gateway/http_error.h"

#include <grpcpp/support/status.h>

#include "engine/base/error.h"
#include "server/convert/grpc_status.h"

namespace sobolev::server {
namespace {

int HttpStatus(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::FAILED_PRECONDITION:
      return 400;
    case grpc::StatusCode::NOT_FOUND:
      return 404;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return 413;
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::UNAVAILABLE:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

HttpError ToHttpError(const std::exception_ptr& error) {
  const grpc::Status status = ToStatus(error);
  HttpError http = {.status = HttpStatus(status.error_code()),
                    .reason = ErrorReason(error),
                    .message = status.error_message()};
  try {
    std::rethrow_exception(error);
  } catch (const Error& known) {
    http.field = known.field();
  } catch (...) {  // Without a field.
  }
  return http;
}

}  // namespace sobolev::server
