// The server's side of TLS.

#ifndef SOBOLEV_SERVER_AUTH_TLS_H_
#define SOBOLEV_SERVER_AUTH_TLS_H_

#include <memory>

#include <grpcpp/security/server_credentials.h>

#include "server/base/config.h"

namespace sobolev::server {

// What the gRPC listener speaks: plaintext unless config.tls_cert is set, else TLS 1.2 or 1.3, with
// config.tls_client_ca only to callers whose certificate one of these authorities signed.
//
// The files are looked at every config.reload_seconds; new connections use what they hold then, and
// the last good state while they are missing. Throws Error(kFailedPrecondition BAD_TLS_FILE) unless
// they are readable PEM now and the key fits the certificate.
std::shared_ptr<grpc::ServerCredentials> ListenerCredentials(const ServerConfig& config);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_AUTH_TLS_H_
