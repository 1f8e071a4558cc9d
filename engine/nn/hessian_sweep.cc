#include "engine/nn/hessian_sweep.h"

#include <algorithm>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/curvature_chunk.h"
#include "engine/nn/curvature_point.h"
#include "engine/nn/evaluator.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

namespace {

// What the adjoints, and by squares the tangents, may take of the workspace, in doubles: the shared
// cache, more or less.
constexpr Index kMostOfAdjoints = 1 << 19;
constexpr Index kMostOfTangents = 1 << 20;

// The plan with fewer multiply-adds; only the numbers of directions and `units` are given.
CurvaturePlan Cheapest(const PackedNetwork& network, const CurvaturePlan& given) {
  CurvaturePlan products = given;
  if (network.depth == 1) return products;
  double sweep = 0;
  double units = 0;
  for (const PackedLayer& layer : network.layers) {
    sweep += static_cast<double>(layer.weights.MultiplyAdds());
    units += static_cast<double>(layer.rows);
  }
  units -= static_cast<double>(network.m);
  const Index array = network.widest * network.kernels.lanes;
  const Index hessian = network.n * network.n * network.kernels.lanes;
  const Index layers = network.depth - 1;
  const auto slots = [&](Index size) {
    return std::clamp<Index>(kMostOfAdjoints / size, 1, std::max<Index>(1, given.num_adjoints));
  };
  const auto groups = [&](Index of) {
    const Index count = (given.num_adjoints + of - 1) / of;
    return static_cast<double>(count);
  };
  const auto n = static_cast<double>(network.n);
  const auto p = static_cast<double>(given.num_tangents);
  const auto q = static_cast<double>(given.num_adjoints);

  products.slots = slots(layers * array);
  products.cost = sweep * (1 + q + p * groups(products.slots) + p * q);
  CurvaturePlan squares = given;
  squares.by_squares = true;
  squares.slots = slots(layers * array + hessian);
  squares.cost = sweep * (1 + q + n * groups(squares.slots)) + q * units * n * (n + 1) / 2 +
                 (given.units ? 0 : p * q * n * n);
  const bool fits = 2 * network.n * array <= kMostOfTangents && hessian <= kMostOfAdjoints;
  return fits && squares.cost < products.cost ? squares : products;
}

// Columns (s·q+i)·p+k of `to`.
void EvaluateChunkOf(const PackedNetwork& network, const Evaluation& evaluation,
                     const CurvaturePlan& plan, Index first, Index count, double* workspace,
                     double* to) {
  const Index n = network.n;
  const Index p = plan.num_tangents;
  const Index q = plan.num_adjoints;
  CurvatureChunk chunk(network, evaluation, plan, first, count, workspace);
  chunk.Value();
  for (Index begin = 0; begin < q; begin += plan.slots) {
    const Index num_slots = std::min(plan.slots, q - begin);
    for (Index slot = 0; slot < num_slots; ++slot) {
      plan.units ? chunk.UnitAdjoint(begin + slot, slot) : chunk.Adjoint(begin + slot, slot);
    }
    if (plan.by_squares) chunk.Squares(num_slots);
    for (Index k = 0; k < p; ++k) {
      if (!plan.by_squares) plan.units ? chunk.UnitTangent(k) : chunk.Tangent(k);
      for (Index slot = 0; slot < num_slots; ++slot) {
        const double* const product = !plan.by_squares ? chunk.ReverseSweep(slot)
                                      : plan.units     ? chunk.HessianColumn(k, slot)
                                                       : chunk.HessianTimesTangent(k, slot);
        network.kernels.scatter(product, n, count, to + ((first * q + begin + slot) * p + k) * n,
                                q * p * n);
      }
    }
  }
}

}  // namespace

CurvaturePlan PlanHessians(const PackedNetwork& network) {
  return Cheapest(network, {.units = true,
                            .num_tangents = network.n,
                            .num_adjoints = network.m,
                            .by_squares = false,
                            .slots = 1,
                            .cost = 0});
}

CurvaturePlan PlanSecondAdjoints(const PackedNetwork& network, Index num_tangents,
                                 Index num_adjoints) {
  return Cheapest(network, {.units = false,
                            .num_tangents = num_tangents,
                            .num_adjoints = num_adjoints,
                            .by_squares = false,
                            .slots = 1,
                            .cost = 0});
}

Index CurvatureWorkspace(const PackedNetwork& network, const CurvaturePlan& plan) {
  return std::max(CurvatureChunk::Workspace(network, plan),
                  CurvaturePoint::Workspace(network, plan));
}

void EvaluateCurvature(const PackedNetwork& network, const Evaluation& evaluation,
                       const CurvaturePlan& plan, Index first, Index count, double* workspace) {
  ThrowIfStopped(evaluation.stop);
  double* const to = plan.units ? evaluation.out.H : evaluation.out.X_bar_dot;
  const Index size = plan.num_adjoints * plan.num_tangents * network.n;
  if (network.depth == 1) {
    std::fill_n(to + first * size, count * size, 0.0);
  } else if (count > network.max_points_one_by_one) {
    EvaluateChunkOf(network, evaluation, plan, first, count, workspace, to);
  } else {
    for (Index s = first; s < first + count; ++s) {
      CurvaturePoint(network, evaluation, plan, s, workspace).Evaluate(to + s * size);
    }
  }
}

}  // namespace sobolev::nn
