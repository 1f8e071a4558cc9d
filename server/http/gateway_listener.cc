#include "server/http/gateway_listener.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/http/http_thread.h"

namespace sobolev::server {
namespace {

using HandlerResponse = httplib::Server::HandlerResponse;

constexpr std::size_t kMaxPath = 256;
// With the character set spelled out the library does not compress: JSON of numbers shrinks little
// for the time that it takes.
constexpr const char* kContentType = "application/json; charset=utf-8";

HttpLimits Limits(std::size_t max_body_bytes) {
  return {.max_body_bytes = max_body_bytes,
          .max_requests_per_connection = std::numeric_limits<std::size_t>::max(),
          .num_threads = 64,
          .max_waiting = 192};
}

bool IsPlainPath(std::string_view path) {
  return path.size() <= kMaxPath && std::ranges::all_of(path, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._:/~-").find(c) != std::string_view::npos;
         });
}

bool HasBody(const httplib::Request& request) {
  return request.has_header("Transfer-Encoding") ||
         request.get_header_value("Content-Length").find_first_not_of('0') != std::string::npos;
}

struct Refusal {
  int status;
  const char* message;
};

// What makes it unclear where the body ends, such that a proxy in front could see another request
// begin elsewhere.
std::optional<Refusal> FramingFault(const httplib::Request& request) {
  const std::string length = request.get_header_value("Content-Length");
  const bool chunked = request.has_header("Transfer-Encoding");
  if (chunked && request.get_header_value("Transfer-Encoding") != "chunked") {
    return Refusal{400, "Transfer-Encoding: expected chunked or none"};
  }
  if (request.get_header_value_count("Content-Length") +
          request.get_header_value_count("Transfer-Encoding") >
      1) {
    return Refusal{400, "expected one of Content-Length and Transfer-Encoding: chunked, once"};
  }
  if (length.size() > 18 || length.find_first_not_of("0123456789") != std::string::npos) {
    return Refusal{400, "Content-Length: expected a whole number"};
  }
  if (request.method == "POST" && !chunked && length.empty()) {
    return Refusal{411, "expected Content-Length or Transfer-Encoding: chunked"};
  }
  return std::nullopt;
}

// What is wrong with a request whatever its body says.
std::optional<Refusal> Fault(const httplib::Request& request) {
  if (!IsPlainPath(request.path)) {
    return Refusal{404, "expected a path of at most 256 letters, digits and ._:/~-"};
  }
  if (request.method != "POST" && request.method != "GET" && request.method != "HEAD") {
    return Refusal{405, "expected GET or POST"};
  }
  if (const std::optional<Refusal> fault = FramingFault(request)) return fault;
  const std::string encoding = request.get_header_value("Content-Encoding");
  if (!encoding.empty() && encoding != "identity") {
    return Refusal{415, "Content-Encoding: expected none; send the JSON as it is"};
  }
  if (request.get_header_value("Content-Type").starts_with("multipart/")) {
    return Refusal{415, "Content-Type: expected application/json, not a form of parts"};
  }
  if (request.has_header("Range")) {
    return Refusal{400, "Range: expected none; replies come whole"};
  }
  return std::nullopt;
}

}  // namespace

struct GatewayListener::Impl {
  Impl(std::size_t max_bytes, GatewayCallbacks given)
      : max_body_bytes(max_bytes), callbacks(std::move(given)), http(Limits(max_bytes)) {
    httplib::Server& server = http.server();
    server.set_pre_routing_handler(
        [this](const httplib::Request& request, httplib::Response& response) {
          const std::optional<Refusal> fault = Fault(request);
          if (!fault) return HandlerResponse::Unhandled;
          Refuse(fault->status, fault->message, response);
          return HandlerResponse::Handled;
        });
    server.Get(".*", [this](const httplib::Request& request, httplib::Response& response) {
      HttpReply reply = AnswerTo(request, "");
      // Some clients send one, which nobody reads.
      if (HasBody(request)) {
        WriteLast(std::move(reply), response);
      } else {
        Write(reply, response);
      }
    });
    server.Post(".*", [this](const httplib::Request& request, httplib::Response& response,
                             const httplib::ContentReader& reader) {
      ReadAndAnswer(request, reader, response);
    });
    // Of what the library refuses itself, such as a line that is no HTTP.
    server.set_error_handler([this](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty() && !response.content_provider_) {
        Refuse(response.status, "the server cannot read this HTTP request", response);
      }
    });
    server.set_exception_handler(
        [](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
          response.status = 500;  // Without the text, which may name internals.
        });
  }

  static void Write(const HttpReply& reply, httplib::Response& response) {
    response.status = reply.status;
    response.set_content(reply.body, kContentType);
  }

  // As Write, and closes the connection, on which the rest of a body may follow: a provider that
  // gives up after the last byte makes the library do so.
  static void WriteLast(HttpReply reply, httplib::Response& response) {
    response.status = reply.status;
    response.set_header("Connection", "close");
    const std::size_t size = reply.body.size();
    response.set_content_provider(
        size, kContentType,
        [body = std::move(reply.body)](std::size_t, std::size_t, httplib::DataSink& sink) {
          sink.write(body.data(), body.size());
          return false;
        });
  }

  void Refuse(int status, const std::string& message, httplib::Response& response) const {
    WriteLast(callbacks.refuse(status, message), response);
  }

  HttpReply AnswerTo(const httplib::Request& request, std::string body) const {
    return callbacks.answer({.method = request.method == "HEAD" ? "GET" : request.method,
                             .path = request.path,
                             .accept = request.get_header_value("Accept"),
                             .authorization = request.get_header_value("Authorization"),
                             .body = std::move(body),
                             .has_left = HttpThread::PeerProbe()});
  }

  // The library bounds bodies with a length; this one also those that come in chunks.
  void ReadAndAnswer(const httplib::Request& request, const httplib::ContentReader& reader,
                     httplib::Response& response) const {
    std::string body;
    bool too_long = false;
    const bool whole = reader([&](const char* data, std::size_t size) {
      too_long = size > max_body_bytes - body.size();
      if (!too_long) body.append(data, size);
      return !too_long;
    });
    if (whole) {
      Write(AnswerTo(request, std::move(body)), response);
    } else if (too_long || response.status == 413) {
      Refuse(413, "expected a body of at most " + std::to_string(max_body_bytes) + " bytes",
             response);
    } else {
      Refuse(400, "the body ended before its announced length", response);
    }
  }

  const std::size_t max_body_bytes;
  const GatewayCallbacks callbacks;
  HttpThread http;
  int port = 0;
};

GatewayListener::GatewayListener(const std::string& host, int port, std::size_t max_body_bytes,
                                 GatewayCallbacks callbacks)
    : impl_(std::make_unique<Impl>(max_body_bytes, std::move(callbacks))) {
  impl_->port = impl_->http.Start(host, port, "gateway");
}

GatewayListener::~GatewayListener() = default;

int GatewayListener::port() const { return impl_->port; }

void GatewayListener::Stop() { impl_->http.Stop(); }

}  // namespace sobolev::server
