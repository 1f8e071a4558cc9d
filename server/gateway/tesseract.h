// Models as Tesseracts: the HTTP endpoints that the clients of tesseract-core and tesseract-jax
// call. https://docs.pasteurlabs.ai/projects/tesseract-core/latest/

#ifndef SOBOLEV_SERVER_GATEWAY_TESSERACT_H_
#define SOBOLEV_SERVER_GATEWAY_TESSERACT_H_

#include <stop_token>
#include <string>
#include <string_view>

#include "server/base/config.h"
#include "server/http/gateway_listener.h"
#include "server/models/model_registry.h"
#include "server/predict/predictor.h"
#include "server/rpc/predict_answer.h"

namespace sobolev::server {

// Each model is one Tesseract below /tesseract/{model}, where {model} is "id" for the newest
// version or "id:version". Its input is x [..., n] and its output y [..., m], point by point; the
// reply is float32 if x is. Thread-safe.
class Tesseract {
 public:
  // The references outlive the object.
  Tesseract(ModelRegistry& models, const Predictor& predictor, const ServerConfig& config)
      : models_(models), config_(config), answer_(models, predictor) {}

  // Whether the path belongs here.
  static bool Takes(std::string_view path);
  // The endpoint in the path, such as "/apply", or nothing if there is none.
  static std::string_view EndpointIn(std::string_view path);

  // The reply to a request with such a path. Errors are replies, too: 422 with
  // {"detail":[{"type":..,"loc":[..],"msg":..}]} for what is wrong in the body, else
  // {"detail":".."}.
  HttpReply Answer(const HttpRequest& request, const std::stop_token& stop) const;

 private:
  std::string Text(std::string_view endpoint, const ServedModel& model, const HttpRequest& request,
                   const std::stop_token& stop) const;

  ModelRegistry& models_;
  const ServerConfig& config_;
  const PredictAnswer answer_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_GATEWAY_TESSERACT_H_
