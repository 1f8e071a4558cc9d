#include "server/http/admin_listener.h"

#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include <httplib.h>
#include <sys/socket.h>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

constexpr std::size_t kMaxPayloadBytes = 1024;
constexpr std::size_t kMaxRequestsPerConnection = 1000;
constexpr time_t kIdleSeconds = 5;
constexpr std::size_t kNumThreads = 4;

}  // namespace

struct AdminListener::Impl {
  AdminCallbacks callbacks;
  httplib::Server server;
  int port = 0;
  std::thread thread;

  void AddRoutes() {
    server.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(callbacks.metrics_text(), "text/plain; version=0.0.4; charset=utf-8");
    });
    server.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
      const bool serving = callbacks.serving();
      response.status = serving ? 200 : 503;
      response.set_content(serving ? R"({"status":"SERVING"})" : R"({"status":"NOT_SERVING"})",
                           "application/json");
    });
    server.set_exception_handler(
        [](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
          response.status = 500;  // Without the text, which may name internals.
        });
  }

  void SetLimits() {
    server.set_payload_max_length(kMaxPayloadBytes);
    server.set_keep_alive_max_count(kMaxRequestsPerConnection);
    server.set_keep_alive_timeout(kIdleSeconds);
    server.set_read_timeout(kIdleSeconds);
    server.set_write_timeout(kIdleSeconds);
    server.new_task_queue = [] { return new httplib::ThreadPool(kNumThreads); };
    // The library's default also sets SO_REUSEPORT, with which a second server on the same port
    // would silently take half of the requests.
    server.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
  }
};

AdminListener::AdminListener(const std::string& host, int port, AdminCallbacks callbacks)
    : impl_(std::make_unique<Impl>()) {
  impl_->callbacks = std::move(callbacks);
  impl_->AddRoutes();
  impl_->SetLimits();
  if (port == 0) {
    impl_->port = impl_->server.bind_to_any_port(host);
  } else {
    impl_->port = impl_->server.bind_to_port(host, port) ? port : -1;
  }
  if (impl_->port <= 0) {
    throw FailedPrecondition("CANNOT_LISTEN", "metrics",
                             "cannot listen on " + host + ":" + std::to_string(port) +
                                 "; is the port taken, or the address not of this machine?");
  }
  impl_->thread = std::thread([this] { impl_->server.listen_after_bind(); });
  // Server::stop does nothing before the loop runs.
  while (!impl_->server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

AdminListener::~AdminListener() { Stop(); }

int AdminListener::port() const { return impl_->port; }

void AdminListener::Stop() {
  if (!impl_->thread.joinable()) return;
  impl_->server.stop();
  impl_->thread.join();
}

}  // namespace sobolev::server
