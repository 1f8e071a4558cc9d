// The UM-Bridge protocol 1.0: models for uncertainty quantification over HTTP and JSON.
// https://um-bridge-benchmarks.readthedocs.io/en/docs/umbridge/protocol.html

#ifndef SOBOLEV_SERVER_GATEWAY_UM_BRIDGE_H_
#define SOBOLEV_SERVER_GATEWAY_UM_BRIDGE_H_

#include <stop_token>
#include <string>
#include <string_view>

#include "server/http/gateway_listener.h"
#include "server/models/model_registry.h"
#include "server/predict/predictor.h"
#include "server/rpc/predict_answer.h"
#include "server/storage/store.h"

namespace sobolev::server {

// Every model has one input vector, of its n inputs, and one output vector, of its m outputs. Its
// name is "id" for the newest version or "id:version"; the config {"version": 2} says the same.
// Thread-safe.
class UmBridge {
 public:
  // The references outlive the object.
  UmBridge(Store& store, ModelRegistry& models, const Predictor& predictor)
      : store_(store), models_(models), answer_(models, predictor) {}

  // Whether the path is one of the protocol's.
  static bool Takes(std::string_view path);

  // The reply to a request with such a path. Errors are replies, too:
  // {"error":{"type":..,"message":..}}.
  HttpReply Answer(const HttpRequest& request, const std::stop_token& stop) const;

  static HttpReply ErrorReply(int status, const std::string& type, const std::string& message);

 private:
  std::string Info() const;

  Store& store_;
  ModelRegistry& models_;
  const PredictAnswer answer_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_GATEWAY_UM_BRIDGE_H_
