#include "server/convert/grpc_status.h"

#include <atomic>
#include <cstdint>
#include <new>
#include <string>

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>

#include "engine/base/error.h"
#include "server/base/log.h"

namespace sobolev::server {
namespace {

// Details travel in a header, of which clients accept 8 KiB in all.
constexpr std::size_t kMaxMessageBytes = 1500;
constexpr std::size_t kMaxFieldBytes = 128;  // Some fields have names that callers choose.
constexpr int kRetryDelaySeconds = 1;

grpc::StatusCode ToGrpc(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case ErrorCode::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case ErrorCode::kAlreadyExists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case ErrorCode::kFailedPrecondition:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case ErrorCode::kResourceExhausted:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorCode::kAborted:
      return grpc::StatusCode::ABORTED;
    case ErrorCode::kCancelled:
      return grpc::StatusCode::CANCELLED;
    case ErrorCode::kDeadlineExceeded:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case ErrorCode::kUnavailable:
      return grpc::StatusCode::UNAVAILABLE;
    case ErrorCode::kDataLoss:
      return grpc::StatusCode::DATA_LOSS;
    case ErrorCode::kInternal:
      return grpc::StatusCode::INTERNAL;
  }
  return grpc::StatusCode::INTERNAL;
}

// Its first bytes, up to the end of a UTF-8 character: details with half a one cannot be parsed.
std::string Shortened(const std::string& text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  constexpr unsigned kTopBits = 0xC0;
  constexpr unsigned kContinuation = 0x80;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & kTopBits) == kContinuation) --end;
  return text.substr(0, end) + "...";
}

grpc::Status ToStatus(const Error& error) {
  const std::string field = Shortened(error.field(), kMaxFieldBytes);
  // What begins with the field.
  const std::string message =
      Shortened(field + std::string(error.what()).substr(error.field().size()), kMaxMessageBytes);

  google::rpc::Status status;
  status.set_code(ToGrpc(error.code()));
  status.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_reason(error.reason());
  info.set_domain("sobolev");
  if (!field.empty()) (*info.mutable_metadata())["field"] = field;
  status.add_details()->PackFrom(info);
  if (error.code() == ErrorCode::kInvalidArgument && !field.empty()) {
    google::rpc::BadRequest bad_request;
    google::rpc::BadRequest::FieldViolation* violation = bad_request.add_field_violations();
    violation->set_field(field);
    violation->set_description(message);
    status.add_details()->PackFrom(bad_request);
  }
  if (error.code() == ErrorCode::kFailedPrecondition) {
    google::rpc::PreconditionFailure failure;
    google::rpc::PreconditionFailure::Violation* violation = failure.add_violations();
    violation->set_type(error.reason());
    violation->set_subject(field);
    violation->set_description(message);
    status.add_details()->PackFrom(failure);
  }
  if (error.code() == ErrorCode::kUnavailable) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(kRetryDelaySeconds);
    status.add_details()->PackFrom(retry);
  }
  return grpc::Status(ToGrpc(error.code()), message, status.SerializeAsString());
}

// The caller learns a number to quote, the log learns what happened.
grpc::Status Incident(const std::string& what) {
  static std::atomic<std::uint64_t> counter{0};
  const std::string incident = std::to_string(++counter);
  LogError("internal error", {{"incident", incident}, {"what", what}});
  return ToStatus(Error(ErrorCode::kInternal, "INTERNAL", "",
                        "internal error; the server's log tells more under incident " + incident));
}

}  // namespace

grpc::Status ToStatus(grpc::StatusCode code, const std::string& reason,
                      const std::string& message) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("sobolev");
  status.add_details()->PackFrom(info);
  return grpc::Status(code, message, status.SerializeAsString());
}

grpc::Status ToStatus(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return e.code() == ErrorCode::kInternal ? Incident(e.what()) : ToStatus(e);
  } catch (const std::bad_alloc&) {
    return ToStatus(
        Error(ErrorCode::kResourceExhausted, "OUT_OF_MEMORY", "",
              "the server is out of memory for this request; send fewer rows at a time"));
  } catch (const std::exception& e) {
    return Incident(e.what());
  } catch (...) {
    return Incident("unknown exception");
  }
}

std::string ErrorReason(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return e.reason();
  } catch (...) {
    return "INTERNAL";
  }
}

}  // namespace sobolev::server
