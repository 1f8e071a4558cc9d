// Second-order adjoints of a network at a single point, with its features in lanes: the products of
// curvature_chunk.h, to the same bits, without 31 lanes of waste.

#ifndef SOBOLEV_ENGINE_NN_CURVATURE_POINT_H_
#define SOBOLEV_ENGINE_NN_CURVATURE_POINT_H_

#include "engine/base/matrix.h"
#include "engine/nn/evaluator.h"

namespace sobolev::nn {

// Elements of workspace, aligned to kAlignment.
Index CurvaturePointWorkspace(const PackedNetwork& network);

// evaluation.out.X_bar_dot at the point numbered `point`, of a network with hidden layers. Throws
// Error(kCancelled).
void EvaluateSecondAdjointsAt(const PackedNetwork& network, const Evaluation& evaluation,
                              Index point, double* workspace);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_CURVATURE_POINT_H_
