#include "server/gateway/gateway.h"

#include <cstddef>
#include <mutex>
#include <string_view>

namespace sobolev::server {
namespace {

constexpr std::size_t kLargeBodyBytes = std::size_t{1} << 20;

struct Labels {
  std::string protocol;
  std::string path;  // Without the model; "other" for what is no endpoint.
};

Labels LabelsFor(std::string_view path) {
  if (Tesseract::Takes(path)) {
    const std::string_view endpoint = Tesseract::EndpointIn(path);
    return {"tesseract", endpoint.empty() ? "other" : std::string(endpoint)};
  }
  if (UmBridge::Takes(path)) return {"umbridge", std::string(path)};
  return {"other", "other"};
}

}  // namespace

GatewayCallbacks Gateway::Callbacks() {
  return {.answer = [this](const HttpRequest& request) { return Answer(request); },
          .refuse =
              [this](int status, const std::string& message) {
                metrics_.HttpAnswered("other", "other", status);
                return UmBridge::ErrorReply(status, "InvalidInput", message);
              }};
}

HttpReply Gateway::Answer(const HttpRequest& request) {
  HttpReply reply;
  if (request.body.size() > kLargeBodyBytes) {
    const std::lock_guard turn(large_bodies_);
    reply = Route(request);
  } else {
    reply = Route(request);
  }
  const Labels labels = LabelsFor(request.path);
  metrics_.HttpAnswered(labels.protocol, labels.path, reply.status);
  return reply;
}

HttpReply Gateway::Route(const HttpRequest& request) const {
  if (Tesseract::Takes(request.path)) return tesseract_.Answer(request, stop_.get_token());
  if (UmBridge::Takes(request.path)) return um_bridge_.Answer(request, stop_.get_token());
  return UmBridge::ErrorReply(404, "InvalidInput",
                              "no such path; expected those of UM-Bridge 1.0 (/Info, /ModelInfo, "
                              "/InputSizes, /OutputSizes, /Evaluate, /Gradient, /ApplyJacobian, "
                              "/ApplyHessian) or /tesseract/{model}/");
}

}  // namespace sobolev::server
