#include <utility>

#include <sobolev/rpc_error.h>

namespace sobolev::client {
namespace {

std::string Describe(StatusCode code, const std::string& reason, const std::string& message) {
  std::string text(Name(code));
  if (!reason.empty()) text += " (" + reason + ")";
  return text + ": " + message;
}

std::string Describe(const JobStatus& status) {
  if (status.state == JobState::kCancelled) return status.name + " was cancelled";
  return status.name + " failed: " + status.error_code + " (" + status.error_reason +
         "): " + status.error_message;
}

}  // namespace

std::string_view Name(StatusCode code) {
  switch (code) {
    case StatusCode::kCancelled:
      return "CANCELLED";
    case StatusCode::kUnknown:
      return "UNKNOWN";
    case StatusCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case StatusCode::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case StatusCode::kNotFound:
      return "NOT_FOUND";
    case StatusCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case StatusCode::kPermissionDenied:
      return "PERMISSION_DENIED";
    case StatusCode::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case StatusCode::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case StatusCode::kAborted:
      return "ABORTED";
    case StatusCode::kOutOfRange:
      return "OUT_OF_RANGE";
    case StatusCode::kUnimplemented:
      return "UNIMPLEMENTED";
    case StatusCode::kInternal:
      return "INTERNAL";
    case StatusCode::kUnavailable:
      return "UNAVAILABLE";
    case StatusCode::kDataLoss:
      return "DATA_LOSS";
    case StatusCode::kUnauthenticated:
      return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

RpcError::RpcError(StatusCode code, std::string reason, std::string message,
                   std::vector<FieldViolation> field_violations)
    : std::runtime_error(Describe(code, reason, message)),
      code_(code),
      reason_(std::move(reason)),
      message_(std::move(message)),
      field_violations_(std::move(field_violations)) {}

JobError::JobError(JobStatus status)
    : std::runtime_error(Describe(status)), status_(std::move(status)) {}

}  // namespace sobolev::client
