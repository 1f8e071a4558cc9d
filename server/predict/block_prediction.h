// Predictions of some outputs and their derivatives by some inputs.

#ifndef SOBOLEV_SERVER_PREDICT_BLOCK_PREDICTION_H_
#define SOBOLEV_SERVER_PREDICT_BLOCK_PREDICTION_H_

#include <optional>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/surrogate/surrogate.h"
#include "server/predict/query.h"

namespace sobolev::server {

// Surrogate::Predict of the function restricted to the block, whose sizes directions and buffers
// have. A few rows of a Jacobian come from adjoints, a few entries of Hessians from second-order
// adjoints, where that is less work than all of them. Memory beyond `out` is bounded: many points
// are taken a few at a time.
void PredictBlock(const Surrogate& surrogate, const ConstMatrixMap& X,
                  const std::optional<Directions>& tangents,
                  const std::optional<Directions>& adjoints, const Block& block,
                  const PredictionBuffers& out, const std::stop_token& stop);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_PREDICT_BLOCK_PREDICTION_H_
