// Answers HTTP requests for data: which protocol is asked, how many at once, and what is counted.

#ifndef SOBOLEV_SERVER_GATEWAY_GATEWAY_H_
#define SOBOLEV_SERVER_GATEWAY_GATEWAY_H_

#include <mutex>
#include <stop_token>
#include <string>

#include "server/auth/gate.h"
#include "server/base/config.h"
#include "server/gateway/caller_watch.h"
#include "server/gateway/tesseract.h"
#include "server/gateway/um_bridge.h"
#include "server/http/gateway_listener.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"
#include "server/predict/predictor.h"
#include "server/storage/store.h"

namespace sobolev::server {

// Thread-safe.
class Gateway {
 public:
  // The references outlive the object.
  Gateway(Store& store, ModelRegistry& models, const Predictor& predictor, Gate& gate,
          Metrics& metrics, const ServerConfig& config)
      : um_bridge_(store, models, predictor),
        tesseract_(models, predictor, config),
        gate_(gate),
        metrics_(metrics) {}

  // For the listener.
  GatewayCallbacks Callbacks();

  // Requests under way end with 503, soon.
  void Cancel() { stop_.request_stop(); }

 private:
  HttpReply Answer(const HttpRequest& request);
  // What the gate says, and then the protocol.
  HttpReply AnswerCaller(const HttpRequest& request);
  HttpReply Route(const HttpRequest& request, const std::stop_token& stop) const;

  const UmBridge um_bridge_;
  const Tesseract tesseract_;
  Gate& gate_;
  Metrics& metrics_;
  std::stop_source stop_;
  CallerWatch callers_;
  std::mutex large_bodies_;  // One at a time: JSON takes a multiple of its text in memory.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_GATEWAY_GATEWAY_H_
