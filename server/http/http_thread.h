// An HTTP server that listens in a thread of its own: what our listeners share.

#ifndef SOBOLEV_SERVER_HTTP_HTTP_THREAD_H_
#define SOBOLEV_SERVER_HTTP_HTTP_THREAD_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <httplib.h>

namespace sobolev::server {

struct HttpLimits {
  std::size_t max_body_bytes = 0;  // Of a body whose length is announced.
  std::size_t max_requests_per_connection = 0;
  std::size_t num_threads = 0;  // Each serves one connection at a time.
  std::size_t max_waiting = 0;  // Connections accepted beyond those; more wait in the kernel.
};

// Routes are set before Start and not changed after. Start and Stop from one thread.
class HttpThread {
 public:
  explicit HttpThread(const HttpLimits& limits);
  // Stops.
  ~HttpThread();
  HttpThread(const HttpThread&) = delete;
  HttpThread& operator=(const HttpThread&) = delete;

  // To set routes and handlers.
  httplib::Server& server() { return *server_; }

  // Called by a handler: a function that says whether the client whose request this thread answers
  // has gone. It is good, in any thread, until the handler returns.
  static std::function<bool()> PeerProbe();

  // Listens on host:port; port 0 lets the kernel choose. Returns the port. Throws
  // Error(kFailedPrecondition CANNOT_LISTEN) naming `setting` if that fails.
  int Start(const std::string& host, int port, const std::string& setting);

  // Closes the listening socket and idle connections, lets running requests end, and joins the
  // threads. Idempotent.
  void Stop();

 private:
  const std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_HTTP_HTTP_THREAD_H_
