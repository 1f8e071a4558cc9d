#include "server/gateway/gateway.h"

#include <cstddef>
#include <mutex>
#include <optional>
#include <string_view>

#include <malloc.h>

#include "server/convert/names.h"

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

int StatusOf(const Refusal& refusal) {
  switch (refusal.code) {
    case grpc::StatusCode::UNAUTHENTICATED:
      return 401;
    case grpc::StatusCode::PERMISSION_DENIED:
      return 403;
    default:
      return 429;
  }
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
  HttpReply reply = AnswerCaller(request);
  const Labels labels = LabelsFor(request.path);
  metrics_.HttpAnswered(labels.protocol, labels.path, reply.status);
  return reply;
}

HttpReply Gateway::AnswerCaller(const HttpRequest& request) {
  Pass pass;
  const std::optional<Refusal> refusal =
      gate_.Enter("/gateway", {.authorization = request.authorization, .certificate_names = {}},
                  request.body.size(), pass);
  if (refusal) return UmBridge::ErrorReply(StatusOf(*refusal), refusal->reason, refusal->message);
  const TenantScope tenant(pass.tenant());
  std::unique_lock turn(large_bodies_, std::defer_lock);
  const bool is_large = request.body.size() > kLargeBodyBytes;
  if (is_large) turn.lock();
  std::stop_source stop;
  const std::stop_callback on_cancel(stop_.get_token(), [&stop] { stop.request_stop(); });
  const CallerWatch::Watched watched(callers_, request.has_left, stop);
  HttpReply reply = Route(request, stop.get_token());
  // What the JSON took goes back to the system: each of the many threads that may take the next
  // large body would keep as much for itself.
  if (is_large) malloc_trim(0);
  return reply;
}

HttpReply Gateway::Route(const HttpRequest& request, const std::stop_token& stop) const {
  if (Tesseract::Takes(request.path)) return tesseract_.Answer(request, stop);
  if (UmBridge::Takes(request.path)) return um_bridge_.Answer(request, stop);
  return UmBridge::ErrorReply(404, "InvalidInput",
                              "no such path; expected those of UM-Bridge 1.0 (/Info, /ModelInfo, "
                              "/InputSizes, /OutputSizes, /Evaluate, /Gradient, /ApplyJacobian, "
                              "/ApplyHessian) or /tesseract/{model}/");
}

}  // namespace sobolev::server
