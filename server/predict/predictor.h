// Answers queries: what all doors to the models have in common.

#ifndef SOBOLEV_SERVER_PREDICT_PREDICTOR_H_
#define SOBOLEV_SERVER_PREDICT_PREDICTOR_H_

#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/surrogate/surrogate.h"
#include "server/base/config.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"
#include "server/predict/query.h"

namespace sobolev::server {

// Thread-safe.
class Predictor {
 public:
  // The references outlive the predictor.
  Predictor(Metrics& metrics, const ServerConfig& config) : metrics_(metrics), config_(config) {}

  // Throws Error before any memory is taken: kInvalidArgument naming what cannot be answered, of a
  // model without spread, with too many points, or where an input's logarithm does not exist;
  // kResourceExhausted for a reply beyond its limit.
  void Check(const Query& query) const;

  // Fills the buffers of AnswerParts(query), after Check. Throws Error(kInvalidArgument
  // PREDICTION_OVERFLOW) naming the first point whose prediction is not finite,
  // Error(kCancelled) once `stop` fires.
  void Answer(const Query& query, const PredictionBuffers& out, const std::stop_token& stop) const;

 private:
  Metrics& metrics_;
  const ServerConfig& config_;
};

// Whether point s lies within the box of the samples that the model was trained on.
bool IsInDomain(const Query& query, Index s);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_PREDICT_PREDICTOR_H_
