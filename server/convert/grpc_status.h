// The one place where exceptions become gRPC statuses.

#ifndef SOBOLEV_SERVER_CONVERT_GRPC_STATUS_H_
#define SOBOLEV_SERVER_CONVERT_GRPC_STATUS_H_

#include <exception>
#include <string>
#include <utility>

#include <grpcpp/support/status.h>

namespace sobolev::server {

// sobolev::Error keeps its code and message and gains google.rpc details (ErrorInfo with reason and
// domain "sobolev", BadRequest, PreconditionFailure, RetryInfo, where they fit); bad_alloc becomes
// RESOURCE_EXHAUSTED; anything else becomes INTERNAL with an incident number, its text goes to the
// log only.
grpc::Status ToStatus(const std::exception_ptr& error);

// A status of the server itself, with ErrorInfo.
grpc::Status ToStatus(grpc::StatusCode code, const std::string& reason, const std::string& message);

// The reason of a sobolev::Error, "INTERNAL" for anything else.
std::string ErrorReason(const std::exception_ptr& error);

// Runs one RPC's work; nothing escapes into gRPC, which would hide the message.
template <class Work>
grpc::Status Guard(Work&& work) {
  try {
    std::forward<Work>(work)();
    return grpc::Status::OK;
  } catch (...) {
    return ToStatus(std::current_exception());
  }
}

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_GRPC_STATUS_H_
