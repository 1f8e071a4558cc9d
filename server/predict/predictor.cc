#include "server/predict/predictor.h"

#include <chrono>
#include <string>

#include "engine/base/error.h"
#include "server/convert/derivatives.h"
#include "server/convert/tensor.h"
#include "server/predict/block_prediction.h"

namespace sobolev::server {
namespace {

void RequirePositiveInputs(const Query& query) {
  for (const auto& [j, name] : query.model->logarithmic) {
    for (Index s = 0; s < query.num_points(); ++s) {
      if (query.X(j, s) > 0) continue;
      throw InvalidArgument(
          "OUT_OF_RANGE", query.x_field + "[" + std::to_string(s) + "][" + std::to_string(j) + "]",
          "expected input '" + name + "' > 0, because the model takes its logarithm, got " +
              Text(query.X(j, s)));
    }
  }
}

// A surrogate overflows only far outside its domain, a pipeline also where a program of it has no
// value; such numbers are not served.
void RequireFinite(const Query& query, const double* values, Index per_point) {
  if (AllFinite(values, query.num_points() * per_point)) return;
  Index point = 0;
  while (AllFinite(values + point * per_point, per_point)) ++point;
  const bool is_pipeline = query.model->surrogate->kind() == SurrogateKind::kPipeline;
  throw InvalidArgument("PREDICTION_OVERFLOW", query.x_field + "[" + std::to_string(point) + "]",
                        std::string("the prediction at this point is ") +
                            (is_pipeline ? "not finite: a stage has no value or derivative there, "
                                           "or one beyond the range of float64"
                                         : "beyond the range of float64") +
                            "; ask for points nearer to the model's domain");
}

}  // namespace

void Predictor::Check(const Query& query) const {
  if ((query.mask.spread || query.mask.jacobian_spread) && !query.model->surrogate->HasSpread()) {
    ThrowUnsupported("QUANTITY_SPREAD and QUANTITY_JACOBIAN_SPREAD",
                     "this model does not judge its own uncertainty; Gaussian processes and "
                     "ensembles do");
  }
  RequirePointLimit(query.num_points(), config_.max_predict_rows, query.x_field);
  RequireReplyLimit(AnswerParts(query).NumElements(), config_.max_predict_reply_bytes,
                    query.x_field);
  RequirePositiveInputs(query);
}

void Predictor::Answer(const Query& query, const PredictionBuffers& out,
                       const std::stop_token& stop) const {
  const Surrogate& surrogate = *query.model->surrogate;
  const auto start = std::chrono::steady_clock::now();
  if (query.block.IsWhole()) {
    surrogate.Predict(query.X, query.tangents, query.adjoints, out, stop);
  } else {
    PredictBlock(surrogate, query.X, query.tangents, query.adjoints, query.block, out, stop);
  }
  metrics_.Predicted(
      query.num_points(), query.mask.order(),
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  for (const AnswerPart& part : AnswerParts(query)) {
    RequireFinite(query, out.*part.buffer, part.per_point());
  }
}

bool IsInDomain(const Query& query, Index s) {
  return (query.X.col(s).array() >= query.model->domain_min.array()).all() &&
         (query.X.col(s).array() <= query.model->domain_max.array()).all();
}

}  // namespace sobolev::server
