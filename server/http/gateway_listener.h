// The HTTP listener for data: reads requests, writes replies, knows no protocol above HTTP.

#ifndef SOBOLEV_SERVER_HTTP_GATEWAY_LISTENER_H_
#define SOBOLEV_SERVER_HTTP_GATEWAY_LISTENER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace sobolev::server {

struct HttpRequest {
  std::string method;         // "GET" or "POST".
  std::string path;           // "/Info": unescaped, of [A-Za-z0-9._:/~-] only.
  std::string accept;         // The header, or empty.
  std::string authorization;  // Likewise.
  std::string body;
  // Whether the client has gone, so that nobody waits for the reply; good until that is returned.
  std::function<bool()> has_left;
};

struct HttpReply {
  int status = 200;
  std::string body;  // JSON.
};

// Both are called from the listener's threads, concurrently. An exception is answered with 500
// and no text.
struct GatewayCallbacks {
  std::function<HttpReply(const HttpRequest&)> answer;
  // The reply to what is no HttpRequest: 404 for other paths, 405 for other methods, 411 for a body
  // without a length, 413 for too long a one, 415 for a compressed one or a form of parts, 400 for
  // one that ends early or whose end is not clear. The connection is closed after it.
  std::function<HttpReply(int status, const std::string& message)> refuse;
};

// Serves from its own threads between construction and Stop. Thread-safe.
//
// A connection serves any number of requests and is closed after 5 idle seconds. Bodies of
// POST come with a length or in chunks and may have nearly any content type; those of GET are not
// read.
class GatewayListener {
 public:
  // Listens on host:port; port 0 lets the kernel choose. host is a name or an address without
  // brackets. Throws Error(kFailedPrecondition CANNOT_LISTEN) naming "gateway" if that fails.
  GatewayListener(const std::string& host, int port, std::size_t max_body_bytes,
                  GatewayCallbacks callbacks);
  // Stops.
  ~GatewayListener();
  GatewayListener(const GatewayListener&) = delete;
  GatewayListener& operator=(const GatewayListener&) = delete;

  // The port that is listened on.
  int port() const;

  // Closes the listening socket, lets running requests end and joins the threads. Idempotent.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_HTTP_GATEWAY_LISTENER_H_
