#include "engine/prune/edge_pruning.h"

#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/ad/interval_rounding.h"
#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/edge_order.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"
#include "engine/prune/significance.h"
#include "engine/prune/sobolev_fit.h"

namespace sobolev::prune {

namespace {

// Weights go, w·constant goes to the bias.
Layers Folded(const Layers& layers, std::span<const EdgeRemoval> removed,
              const std::vector<Vector>& constants) {
  Layers folded = layers;
  for (const EdgeRemoval& removal : removed) {
    double& weight = folded.Weights(removal.layer)(removal.row, removal.column);
    folded.Bias(removal.layer)[removal.row] +=
        weight * constants[static_cast<std::size_t>(removal.layer - 1)][removal.column];
    weight = 0;
  }
  return folded;
}

// What may stay of [W_l | b_l], at [l − 1].
std::vector<Allowed> AllowedAfter(const Layers& layers, std::span<const EdgeRemoval> removed) {
  std::vector<Allowed> allowed;
  for (Index l = 1; l <= layers.depth(); ++l) {
    allowed.emplace_back(
        Allowed::Constant(layers.Weights(l).rows(), layers.Weights(l).cols() + 1, true));
  }
  for (const EdgeRemoval& removal : removed) {
    allowed[static_cast<std::size_t>(removal.layer - 1)](removal.row, removal.column) = false;
  }
  return allowed;
}

// Refits from the first layer that lost a weight, layer by layer on the refitted layers before.
Layers Refitted(const Layers& layers, std::span<const EdgeRemoval> removed,
                const std::vector<Vector>& means, const FitPoints& points,
                const std::stop_token& stop) {
  Layers fitted = Folded(layers, removed, means);
  const std::vector<Allowed> allowed = AllowedAfter(layers, removed);
  bool changed = false;
  for (Index l = 1; l <= layers.depth(); ++l) {
    const Allowed& of_layer = allowed[static_cast<std::size_t>(l - 1)];
    changed = changed || !of_layer.all();
    if (!changed) continue;
    std::vector<Index> rows(static_cast<std::size_t>(of_layer.rows()));
    std::iota(rows.begin(), rows.end(), Index{0});
    RefitLayer(layers, l, rows, of_layer, points, fitted, stop);
  }
  return fitted;
}

// By the sum of significances (significance.h); a midpoint is at most half the width away.
Vector Proven(const NetworkSignificance& significance, std::span<const EdgeRemoval> removed,
              double share) {
  Vector sum = Vector::Zero(significance.y.rows());
  for (const EdgeRemoval& removal : removed) {
    const std::vector<Matrix>& of_layer =
        significance.edges[static_cast<std::size_t>(removal.layer - 1)];
    for (Index o = 0; o < sum.size(); ++o) {
      const double sigma = of_layer[static_cast<std::size_t>(o)](removal.row, removal.column);
      sum[o] = ad::directed::AddUp(sum[o], share * sigma);
    }
  }
  return sum;
}

// Everything that results for different numbers of removals share.
class EdgePruner {
 public:
  EdgePruner(const nn::NetworkSurrogate& network, const Box& box, const EdgePruningOptions& options,
             const std::stop_token& stop)
      : network_(network),
        box_(box),
        options_(options),
        stop_(stop),
        layers_(network),
        points_(DrawFitPoints(network, box, options.num_points, options.seed)),
        order_(RemovalOrder(network, box, options.score, points_, options.seed, stop)),
        constants_(Means(layers_, points_.X)),
        // Neighbouring seeds are other points (base/rng.h).
        judges_(UniformPoints(box, options.num_points, options.seed + 1)) {
    if (IsProven()) significance_ = AnalyzeSignificance(network, box, {.edges = true}, stop);
    if (options.compensation == Compensation::kMidpoint) {
      constants_ = Midpoints(layers_, network.scaling(), box, *significance_);
    } else if (options.compensation == Compensation::kZero) {
      for (Vector& of_layer : constants_) of_layer.setZero();
    }
  }

  PrunedEdges Prune() const {
    const auto total = static_cast<Index>(order_.size());
    const Index steps = StepsFor(
        options_.target, total, total,
        [this](Index count) { return Folded(layers_, Removed(count), constants_); },
        [this](Index count) { return Judge(Result(count)); });
    const std::span<const EdgeRemoval> removed = Removed(steps);
    const Layers result = Result(steps);
    EdgePruningReport report{.removed = {removed.begin(), removed.end()},
                             .result = Judge(result),
                             .parameters_before = NumParameters(layers_),
                             .parameters_after = NumParameters(result),
                             .multiply_adds_before = JacobianCost(layers_),
                             .multiply_adds_after = JacobianCost(result),
                             .proven = {}};
    if (significance_) {
      const bool at_middle = options_.compensation == Compensation::kMidpoint;
      report.proven = Proven(*significance_, removed, at_middle ? 0.5 : 1);
    }
    return {.network = result.ToSurrogate(network_.scaling()), .report = std::move(report)};
  }

 private:
  bool IsProven() const {
    return options_.compensation == Compensation::kMean ||
           options_.compensation == Compensation::kMidpoint;
  }

  std::span<const EdgeRemoval> Removed(Index steps) const {
    return std::span(order_).first(static_cast<std::size_t>(steps));
  }

  Layers Result(Index steps) const {
    if (options_.compensation == Compensation::kSobolev) {
      return Refitted(layers_, Removed(steps), constants_, points_, stop_);
    }
    return Folded(layers_, Removed(steps), constants_);
  }

  Deviation Judge(const Layers& layers) const {
    return Compare(network_, layers.ToSurrogate(network_.scaling()), box_, judges_, stop_);
  }

  const nn::NetworkSurrogate& network_;
  const Box& box_;
  const EdgePruningOptions& options_;
  const std::stop_token& stop_;
  const Layers layers_;
  const FitPoints points_;
  const std::vector<EdgeRemoval> order_;
  std::vector<Vector> constants_;
  const Matrix judges_;
  std::optional<NetworkSignificance> significance_;
};

}  // namespace

PrunedEdges PruneEdges(const nn::NetworkSurrogate& network, const Box& box,
                       const EdgePruningOptions& options, const std::stop_token& stop) {
  RequireBox(box, network.n());
  CheckTarget(options.target);
  CheckNumPoints(options.num_points);
  return EdgePruner(network, box, options, stop).Prune();
}

}  // namespace sobolev::prune
