// The composition root: owns every part of a running server, in order.

#ifndef SOBOLEV_SERVER_APP_SERVER_H_
#define SOBOLEV_SERVER_APP_SERVER_H_

#include <memory>
#include <string>

#include "server/base/config.h"

namespace sobolev::server {

// From construction to Shutdown the server answers. Not thread-safe.
class Server {
 public:
  // Opens the store, resumes queued jobs and listens. Throws Error: the store is locked, damaged or
  // newer than this program; an address is taken.
  explicit Server(const ServerConfig& config);
  ~Server();

  // Where it listens, with the ports that the kernel chose: "127.0.0.1:50551".
  const std::string& grpc_address() const;
  const std::string& metrics_address() const;
  // Empty if there is no gateway.
  const std::string& gateway_address() const;

  // NOT_SERVING, grace, checkpoint and release jobs, let calls end, close the store.
  void Shutdown();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_APP_SERVER_H_
