// The cheapest way to the Jacobian of a network.

#ifndef SOBOLEV_ENGINE_NN_JACOBIAN_PLAN_H_
#define SOBOLEV_ENGINE_NN_JACOBIAN_PLAN_H_

#include <span>

#include "engine/base/matrix.h"
#include "engine/nn/network.h"

namespace sobolev::nn {

// Unit tangents of all inputs, unit adjoints of all outputs, or, at a waist z_l of r features,
// both: r adjoints back to the inputs, r tangents on to the outputs, and the product of the two,
//
//     J = (∂y/∂z_l) (∂z_l/∂x),  m×r times r×n.
//
// A network with skips or residual layers has no waist, since its layers are no chain.
struct JacobianPlan {
  enum class Mode { kTangents, kAdjoints, kWaist };

  Mode mode = Mode::kAdjoints;
  Index layer = 0;  // l, 1 <= l < D, of a waist.
  Index waist = 0;  // r
  double cost = 0;  // Multiply-adds for each point.
};

// For layers of which a product takes edges[l − 1] multiply-adds. The first step of a direction
// needs no product: it is a row or a column of weights.
JacobianPlan PlanJacobian(const Architecture& architecture, std::span<const Index> edges);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_JACOBIAN_PLAN_H_
