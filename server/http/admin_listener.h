// The operators' HTTP listener: GET /metrics and GET /healthz.

#ifndef SOBOLEV_SERVER_HTTP_ADMIN_LISTENER_H_
#define SOBOLEV_SERVER_HTTP_ADMIN_LISTENER_H_

#include <functional>
#include <memory>
#include <string>

namespace sobolev::server {

// What the listener serves. Both callbacks are called from the listener's threads, concurrently.
struct AdminCallbacks {
  std::function<std::string()> metrics_text;  // Prometheus text.
  std::function<bool()> serving;              // Whether the server takes calls.
};

// Serves from its own threads between construction and Stop. Thread-safe.
//
//   GET /metrics  200, text/plain; version=0.0.4
//   GET /healthz  200 {"status":"SERVING"} or 503 {"status":"NOT_SERVING"}
//
// Anything else is 404, requests with more than 1 KiB of body are 413, with a body in chunks 411,
// an idle connection is closed after 5 seconds.
class AdminListener {
 public:
  // Listens on host:port; port 0 lets the kernel choose. host is a name or an address without
  // brackets. Throws Error(kFailedPrecondition CANNOT_LISTEN) naming "metrics" if that fails, for
  // example because the port is taken.
  AdminListener(const std::string& host, int port, AdminCallbacks callbacks);
  // Stops.
  ~AdminListener();
  AdminListener(const AdminListener&) = delete;
  AdminListener& operator=(const AdminListener&) = delete;

  // The port that is listened on.
  int port() const;

  // Closes the listening socket, lets running requests end and joins the threads. Idempotent.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_HTTP_ADMIN_LISTENER_H_
