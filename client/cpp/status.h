// From gRPC statuses with google.rpc details to RpcError.

#ifndef SOBOLEV_CLIENT_CPP_STATUS_H_
#define SOBOLEV_CLIENT_CPP_STATUS_H_

#include <grpcpp/support/status.h>
#include <sobolev/rpc_error.h>

namespace sobolev::client {

// Reads ErrorInfo and BadRequest from the status details; what cannot be parsed is left out.
// `status` is not OK.
RpcError ToRpcError(const grpc::Status& status);

// Throws ToRpcError(status) unless it is OK.
void ThrowUnlessOk(const grpc::Status& status);

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_CPP_STATUS_H_
