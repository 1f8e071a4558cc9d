// Answers one PredictRequest, alone or from a stream.

#ifndef SOBOLEV_SERVER_RPC_PREDICT_ANSWER_H_
#define SOBOLEV_SERVER_RPC_PREDICT_ANSWER_H_

#include <optional>
#include <stop_token>

#include "proto/sobolev/v1/prediction.pb.h"
#include "server/convert/derivatives.h"
#include "server/convert/tensor.h"
#include "server/models/model_registry.h"
#include "server/predict/predictor.h"
#include "server/predict/query.h"

namespace sobolev::server {

// A request from its check to its reply.
class PredictTask {
 public:
  // Finds the model, checks the request and makes room for the answer. Throws Error naming the
  // field of the request that is wrong. Request and response outlive the task.
  PredictTask(ModelRegistry& models, const Predictor& predictor, const v1::PredictRequest& request,
              v1::PredictResponse& response);

  const Query& query() const { return *query_; }
  // Where the answer to query() goes.
  const PredictionBuffers& out() const { return out_; }
  // Once the buffers are filled: the rest of the response.
  void Finish();

 private:
  const v1::PredictRequest& request_;
  v1::PredictResponse& response_;
  std::optional<TensorView> x_;
  std::optional<RequestedDirections> tangents_;
  std::optional<RequestedDirections> adjoints_;
  std::optional<Query> query_;  // Views of these.
  PredictionBuffers out_;
};

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
