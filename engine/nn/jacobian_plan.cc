#include "engine/nn/jacobian_plan.h"

namespace sobolev::nn {
namespace {

// That each point of a chunk keeps at a waist.
constexpr Index kMaxWaistElements = Index{1} << 18;

// Of one direction through layers first … last.
double SweepCost(const Architecture& architecture, Index first, Index last) {
  double cost = 0;
  for (Index l = first; l <= last; ++l) {
    cost += static_cast<double>(architecture.Rows(l) * architecture.Cols(l));
  }
  return cost;
}

}  // namespace

JacobianPlan PlanJacobian(const Architecture& architecture) {
  using Mode = JacobianPlan::Mode;
  const auto n = static_cast<double>(architecture.n);
  const auto m = static_cast<double>(architecture.m);
  const Index depth = architecture.Depth();
  const double by_tangents = n * SweepCost(architecture, 2, depth);
  const double by_adjoints = m * SweepCost(architecture, 1, depth - 1);
  JacobianPlan best = by_tangents < by_adjoints
                          ? JacobianPlan{.mode = Mode::kTangents, .cost = by_tangents}
                          : JacobianPlan{.mode = Mode::kAdjoints, .cost = by_adjoints};
  if (architecture.skip || architecture.residual) return best;
  for (Index l = 1; l < depth; ++l) {
    const Index waist = architecture.Rows(l);
    if (waist * (architecture.n + 2 * architecture.m) > kMaxWaistElements) continue;
    const double cost =
        static_cast<double>(waist) *
        (SweepCost(architecture, 1, l - 1) + SweepCost(architecture, l + 1, depth) + m * n);
    if (cost < best.cost) best = {.mode = Mode::kWaist, .layer = l, .waist = waist, .cost = cost};
  }
  return best;
}

}  // namespace sobolev::nn
