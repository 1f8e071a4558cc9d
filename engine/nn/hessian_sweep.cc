#include "engine/nn/hessian_sweep.h"

#include <algorithm>

#include "engine/base/matrix.h"
#include "engine/nn/curvature_chunk.h"
#include "engine/nn/evaluator.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

namespace {

// What the adjoints, and by squares the tangents, may take of the workspace, in doubles: the shared
// cache, more or less.
constexpr Index kMostOfAdjoints = 1 << 19;
constexpr Index kMostOfTangents = 1 << 20;

enum class Pairs { kUnits, kOfRequest };

CurvaturePlan Cheapest(const PackedNetwork& network, Index num_tangents, Index num_adjoints,
                       Pairs pairs) {
  if (network.depth == 1) return {.by_squares = false, .slots = 1, .cost = 0};
  double sweep = 0;
  double units = 0;
  for (const PackedLayer& layer : network.layers) {
    sweep += static_cast<double>(layer.rows * layer.cols);
    units += static_cast<double>(layer.rows);
  }
  units -= static_cast<double>(network.m);
  const Index array = network.widest * network.kernels.lanes;
  const Index hessian = network.n * network.n * network.kernels.lanes;
  const Index layers = network.depth - 1;
  const auto slots = [&](Index size) {
    return std::clamp<Index>(kMostOfAdjoints / std::max<Index>(1, size), 1,
                             std::max<Index>(1, num_adjoints));
  };
  const auto groups = [&](Index of) { return static_cast<double>((num_adjoints + of - 1) / of); };
  const auto n = static_cast<double>(network.n);
  const auto p = static_cast<double>(num_tangents);
  const auto q = static_cast<double>(num_adjoints);

  CurvaturePlan products{.by_squares = false, .slots = slots(layers * array), .cost = 0};
  products.cost = sweep * (1 + q + p * groups(products.slots) + p * q);
  CurvaturePlan squares{.by_squares = true, .slots = slots(layers * array + hessian), .cost = 0};
  squares.cost = sweep * (1 + q + n * groups(squares.slots)) + q * units * n * (n + 1) / 2 +
                 (pairs == Pairs::kOfRequest ? p * q * n * n : 0);
  const bool fits = 2 * network.n * array <= kMostOfTangents && hessian <= kMostOfAdjoints;
  return fits && squares.cost < products.cost ? squares : products;
}

// Columns (s·q+i)·p+k of `to` for q adjoints and p tangents.
void Evaluate(const PackedNetwork& network, const Evaluation& evaluation, const CurvaturePlan& plan,
              Pairs pairs, Index p, Index q, Index first, Index count, double* workspace,
              double* to) {
  const Index n = network.n;
  to += first * q * p * n;
  if (network.depth == 1) {
    std::fill_n(to, count * q * p * n, 0.0);
    return;
  }
  const bool units = pairs == Pairs::kUnits;
  CurvatureChunk chunk(network, evaluation, plan, first, count, workspace);
  chunk.Value();
  for (Index begin = 0; begin < q; begin += plan.slots) {
    const Index num_slots = std::min(plan.slots, q - begin);
    for (Index slot = 0; slot < num_slots; ++slot) {
      units ? chunk.UnitAdjoint(begin + slot, slot) : chunk.Adjoint(begin + slot, slot);
    }
    if (plan.by_squares) chunk.Squares(num_slots);
    for (Index k = 0; k < p; ++k) {
      if (!plan.by_squares) units ? chunk.UnitTangent(k) : chunk.Tangent(k);
      for (Index slot = 0; slot < num_slots; ++slot) {
        const double* const product = !plan.by_squares ? chunk.ReverseSweep(slot)
                                      : units          ? chunk.HessianColumn(k, slot)
                                                       : chunk.HessianTimesTangent(k, slot);
        network.kernels.scatter(product, n, count, to + ((begin + slot) * p + k) * n, q * p * n);
      }
    }
  }
}

}  // namespace

CurvaturePlan PlanHessians(const PackedNetwork& network) {
  return Cheapest(network, network.n, network.m, Pairs::kUnits);
}

CurvaturePlan PlanSecondAdjoints(const PackedNetwork& network, Index num_tangents,
                                 Index num_adjoints) {
  return Cheapest(network, num_tangents, num_adjoints, Pairs::kOfRequest);
}

void EvaluateHessians(const PackedNetwork& network, const Evaluation& evaluation,
                      const CurvaturePlan& plan, Index first, Index count, double* workspace) {
  Evaluate(network, evaluation, plan, Pairs::kUnits, network.n, network.m, first, count, workspace,
           evaluation.out.H);
}

void EvaluateSecondAdjoints(const PackedNetwork& network, const Evaluation& evaluation,
                            const CurvaturePlan& plan, Index first, Index count,
                            double* workspace) {
  Evaluate(network, evaluation, plan, Pairs::kOfRequest, evaluation.tangents->count,
           evaluation.adjoints->count, first, count, workspace, evaluation.out.X_bar_dot);
}

}  // namespace sobolev::nn
