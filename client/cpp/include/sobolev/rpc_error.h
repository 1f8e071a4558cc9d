// How a call to the server fails.

#ifndef SOBOLEV_RPC_ERROR_H_
#define SOBOLEV_RPC_ERROR_H_

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sobolev/types.h>

namespace sobolev::client {

// The gRPC status codes, with their numbers.
enum class StatusCode {
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "INVALID_ARGUMENT" and so on.
std::string_view Name(StatusCode code);

// What is wrong with one field of the request.
struct FieldViolation {
  std::string field;  // A path such as "x[17][3]".
  std::string description;
};

// A call failed. what() reads "CODE (REASON): message".
class RpcError : public std::runtime_error {
 public:
  RpcError(StatusCode code, std::string reason, std::string message,
           std::vector<FieldViolation> field_violations = {});

  StatusCode code() const { return code_; }
  // Stable and machine-readable, UPPER_SNAKE_CASE; empty if the error did not come from Sobolev
  // itself, such as a refused connection.
  const std::string& reason() const { return reason_; }
  // For people.
  const std::string& message() const { return message_; }
  const std::vector<FieldViolation>& field_violations() const { return field_violations_; }

 private:
  StatusCode code_;
  std::string reason_;
  std::string message_;
  std::vector<FieldViolation> field_violations_;
};

// A job that was waited for failed or was cancelled.
class JobError : public std::runtime_error {
 public:
  explicit JobError(JobStatus status);

  const JobStatus& status() const { return status_; }

 private:
  JobStatus status_;
};

}  // namespace sobolev::client

#endif  // SOBOLEV_RPC_ERROR_H_
