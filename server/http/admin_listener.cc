#include "server/http/admin_listener.h"

#include <exception>
#include <utility>

#include "server/http/http_thread.h"

namespace sobolev::server {
namespace {

using HandlerResponse = httplib::Server::HandlerResponse;

constexpr HttpLimits kLimits = {.max_body_bytes = 1024,
                                .max_requests_per_connection = 1000,
                                .num_threads = 4,
                                .max_waiting = 60};

}  // namespace

struct AdminListener::Impl {
  explicit Impl(AdminCallbacks given) : callbacks(std::move(given)), http(kLimits) {
    httplib::Server& server = http.server();
    // The library bounds bodies of announced length only.
    server.set_pre_routing_handler(
        [](const httplib::Request& request, httplib::Response& response) {
          if (!request.has_header("Transfer-Encoding")) return HandlerResponse::Unhandled;
          response.status = 411;
          return HandlerResponse::Handled;
        });
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

  AdminCallbacks callbacks;
  HttpThread http;
  int port = 0;
};

AdminListener::AdminListener(const std::string& host, int port, AdminCallbacks callbacks)
    : impl_(std::make_unique<Impl>(std::move(callbacks))) {
  impl_->port = impl_->http.Start(host, port, "metrics");
}

AdminListener::~AdminListener() = default;

int AdminListener::port() const { return impl_->port; }

void AdminListener::Stop() { impl_->http.Stop(); }

}  // namespace sobolev::server
