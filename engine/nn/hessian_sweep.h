// Hessians of a network and their products with tangents and adjoints, for a block of points, by
// whichever way of curvature_chunk.h takes fewer multiply-adds.

#ifndef SOBOLEV_ENGINE_NN_HESSIAN_SWEEP_H_
#define SOBOLEV_ENGINE_NN_HESSIAN_SWEEP_H_

#include "engine/base/matrix.h"
#include "engine/nn/curvature_chunk.h"
#include "engine/nn/evaluator.h"

namespace sobolev::nn {

CurvaturePlan PlanHessians(const PackedNetwork& network);
CurvaturePlan PlanSecondAdjoints(const PackedNetwork& network, Index num_tangents,
                                 Index num_adjoints);

// Elements of workspace, aligned to kAlignment.
Index CurvatureWorkspace(const PackedNetwork& network, const CurvaturePlan& plan);

// evaluation.out.H or, unless the plan is one of units, X_bar_dot for points first …
// first + count − 1, count <= kernels.lanes. Throws Error(kCancelled).
void EvaluateCurvature(const PackedNetwork& network, const Evaluation& evaluation,
                       const CurvaturePlan& plan, Index first, Index count, double* workspace);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_HESSIAN_SWEEP_H_
