#include "engine/nn/jacobian_plan.h"

#include <cstddef>
#include <span>

#include "engine/base/matrix.h"
#include "engine/nn/network.h"

namespace sobolev::nn {
namespace {

// That each point of a chunk keeps at a waist.
constexpr Index kMaxWaistElements = Index{1} << 18;

// By tangents J is written in pieces of its rows, which takes about as long for every entry.
constexpr double kWriting = 16;

// Of one direction through layers first … last.
double SweepCost(std::span<const Index> edges, Index first, Index last) {
  double cost = 0;
  for (Index l = first; l <= last; ++l) {
    cost += static_cast<double>(edges[static_cast<std::size_t>(l - 1)]);
  }
  return cost;
}

// What tangents have to save to be chosen. Those of dense networks save a lot or nothing, unless n
// is about m.
double Margin(const Architecture& architecture, std::span<const Index> edges) {
  double all = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    all += static_cast<double>(architecture.Rows(l) * architecture.Cols(l));
  }
  const bool is_dense = SweepCost(edges, 1, architecture.Depth()) == all;
  return is_dense ? 0 : kWriting * static_cast<double>(architecture.n * architecture.m);
}

}  // namespace

JacobianPlan PlanJacobian(const Architecture& architecture, std::span<const Index> edges) {
  using Mode = JacobianPlan::Mode;
  const auto n = static_cast<double>(architecture.n);
  const auto m = static_cast<double>(architecture.m);
  const Index depth = architecture.Depth();
  const double by_tangents = n * SweepCost(edges, 2, depth);
  const double by_adjoints = m * SweepCost(edges, 1, depth - 1);
  JacobianPlan best = by_tangents + Margin(architecture, edges) < by_adjoints
                          ? JacobianPlan{.mode = Mode::kTangents, .cost = by_tangents}
                          : JacobianPlan{.mode = Mode::kAdjoints, .cost = by_adjoints};
  if (architecture.skip || architecture.residual) return best;
  for (Index l = 1; l < depth; ++l) {
    const Index waist = architecture.Rows(l);
    if (waist * (architecture.n + 2 * architecture.m) > kMaxWaistElements) continue;
    const double cost = static_cast<double>(waist) *
                        (SweepCost(edges, 1, l - 1) + SweepCost(edges, l + 1, depth) + m * n);
    if (cost < best.cost) best = {.mode = Mode::kWaist, .layer = l, .waist = waist, .cost = cost};
  }
  return best;
}

}  // namespace sobolev::nn
