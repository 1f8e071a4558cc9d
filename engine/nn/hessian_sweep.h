// Hessians of a network, tangent over adjoint: per output i an adjoint sweep, then per input j a
// tangent sweep and the reverse sweep of both,
//   ẑ₁ = W₁ e_j, t_l = φ′(z_l)·ẑ_l, q_l = φ″(z_l)·ā_l·ẑ_l, z̄_l = φ′(z_l)·(W_{l+1}ᵀ z̄_{l+1}) + q_l,
//   ∇²y_i e_j = W₁ᵀ z̄₁,
// the steps 2 to 4 of twin_sweep.h with v = e_j and no value residual.

#ifndef SOBOLEV_ENGINE_NN_HESSIAN_SWEEP_H_
#define SOBOLEV_ENGINE_NN_HESSIAN_SWEEP_H_

#include "engine/base/matrix.h"
#include "engine/nn/evaluator.h"

namespace sobolev::nn {

// Elements of workspace, aligned to kAlignment.
Index HessianWorkspace(const PackedNetwork& network);

// Multiply-adds per point.
double HessianCost(const Architecture& architecture);

// evaluation.out.H for points first … first + count − 1, count <= kernels.lanes. Throws
// Error(kCancelled).
void EvaluateHessians(const PackedNetwork& network, const Evaluation& evaluation, Index first,
                      Index count, double* workspace);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_HESSIAN_SWEEP_H_
