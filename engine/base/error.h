// The one exception of engine and storage.
//
// An Error carries what a caller needs to act: a code (what kind of failure), a stable
// machine-readable reason, the field that is wrong, and a sentence with what was expected, what
// came, and how to mend it. The server translates it once per RPC (server/convert/grpc_status.h).

#ifndef SOBOLEV_ENGINE_BASE_ERROR_H_
#define SOBOLEV_ENGINE_BASE_ERROR_H_

#include <cstddef>
#include <stdexcept>
#include <string>

namespace sobolev {

// What kind of failure it was. The names and meanings are those of the gRPC status codes.
enum class ErrorCode {
  kInvalidArgument,     // The request is wrong in itself, whatever the state of the system.
  kNotFound,            // A named thing does not exist.
  kAlreadyExists,       // A thing of that name exists with other content.
  kFailedPrecondition,  // The system is not in the state that the call needs.
  kResourceExhausted,   // A limit was hit: memory, disk, quota.
  kAborted,             // A concurrent change won; read again and retry.
  kCancelled,           // The caller gave up.
  kDeadlineExceeded,    // The caller's deadline passed.
  kUnavailable,         // Try again later with the same request.
  kDataLoss,            // Stored bytes failed their checksum.
  kInternal,            // A bug of ours.
};

class Error : public std::runtime_error {
 public:
  // reason: UPPER_SNAKE_CASE, stable, at most 63 characters. field: a path such as
  // "x[17][3]" or "spec.network.hidden", empty when no field is to blame. what() reads
  // "field: description".
  Error(ErrorCode code, std::string reason, std::string field, const std::string& description);

  ErrorCode code() const { return code_; }
  const std::string& reason() const { return reason_; }
  const std::string& field() const { return field_; }

 private:
  ErrorCode code_;
  std::string reason_;
  std::string field_;
};

// Shorthands for the kinds that are thrown in many places.
Error InvalidArgument(std::string reason, std::string field, const std::string& description);
Error NotFound(std::string field, const std::string& name);
Error FailedPrecondition(std::string reason, std::string field, const std::string& description);

// Throws kInvalidArgument SHAPE_MISMATCH "field: expected `expected`, got `actual`" unless equal.
void RequireSize(const char* field, std::ptrdiff_t actual, std::ptrdiff_t expected);

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_BASE_ERROR_H_
