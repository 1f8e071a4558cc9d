// Plans at work: the Jacobians of a chain at a batch of points, made step by step as planned.

#ifndef SOBOLEV_ENGINE_CHAIN_PLAN_EXECUTION_H_
#define SOBOLEV_ENGINE_CHAIN_PLAN_EXECUTION_H_

#include <functional>
#include <stop_token>
#include <vector>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/chain/chain_plan.h"

namespace sobolev::chain {

// A factor at the N points of a batch: products of its Jacobians with directions, in the shapes of
// PredictionBuffers. Those of different factors may be called at the same time.
struct LinearisedFactor {
  Index n = 0;
  Index m = 0;
  // Y_dot, m×(p·N), for U_dot, n×(p·N): p directions at each point.
  std::function<void(const ConstMatrixMap& U_dot, Index p, double* Y_dot)> tangents;
  // U_bar, n×(q·N), for Y_bar, m×(q·N).
  std::function<void(const ConstMatrixMap& Y_bar, Index q, double* U_bar)> adjoints;
};

// F'_{j,i} = F'_{j,k+1} F'_{k,i} at N points, n_i×(m_j·N), of m_k×(m_j·N) and n_i×(m_k·N): rows
// are columns, as in all Jacobians of batches. The bits of a point do not depend on the others. The
// processor supports `isa`.
Matrix MultiplyJacobians(const Matrix& later, const Matrix& earlier, Index num_points,
                         Isa isa = BestIsa());

// The Jacobian of the chain, n×(m·N), by a plan whose steps carry no zeros and no given factors.
// Factors are accumulated by unit vectors. What is done is what the plan says, so that it takes
// plan.cost multiply-adds for each point if every product of a factor with a direction takes E_i.
//
// The operands of a product are made side by side in the current oneTBB arena where that pays. A
// step does the same on any thread, so that the bits do not depend on how many there are.
//
// The sizes of plan and factors agree. Throws Error(kCancelled) once `stop` fires.
Matrix ExecutePlan(const ChainPlan& plan, const std::vector<LinearisedFactor>& factors,
                   Index num_points, const std::stop_token& stop = {});

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_PLAN_EXECUTION_H_
