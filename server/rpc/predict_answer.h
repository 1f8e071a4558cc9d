// Answers one PredictRequest, alone or from a stream.

#ifndef SOBOLEV_SERVER_RPC_PREDICT_ANSWER_H_
#define SOBOLEV_SERVER_RPC_PREDICT_ANSWER_H_

#include <stop_token>

#include "proto/sobolev/v1/prediction.pb.h"
#include "server/models/model_registry.h"
#include "server/predict/predictor.h"

namespace sobolev::server {

// Thread-safe.
class PredictAnswer {
 public:
  // The references outlive the object.
  PredictAnswer(ModelRegistry& models, const Predictor& predictor)
      : models_(models), predictor_(predictor) {}

  // Whether the answer takes no disk access and little time. Says nothing of validity.
  bool IsSmall(const v1::PredictRequest& request) const;

  // Throws Error naming the field of the request that is wrong.
  void Fill(const v1::PredictRequest& request, v1::PredictResponse& response,
            const std::stop_token& stop) const;

 private:
  ModelRegistry& models_;
  const Predictor& predictor_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_PREDICT_ANSWER_H_
