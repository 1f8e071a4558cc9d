#include "engine/prune/vertex_pruning.h"

#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/ad/interval_rounding.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"
#include "engine/prune/significance.h"
#include "engine/prune/sobolev_fit.h"
#include "engine/prune/vertex_order.h"

namespace sobolev::prune {

namespace {

// Vertices of each hidden layer, at [l − 1].
using Kept = std::vector<std::vector<Index>>;

void CheckOptions(const nn::NetworkSurrogate& network, const VertexPruningOptions& options) {
  CheckTarget(options.target);
  CheckNumPoints(options.num_points);
  if (network.architecture().hidden.empty()) {
    throw InvalidArgument("NO_HIDDEN_LAYERS", "network.hidden",
                          "expected a network with hidden vertices; there is nothing to prune");
  }
  if (network.architecture().residual) {
    throw InvalidArgument("RESIDUAL_NETWORK", "network.residual",
                          "expected a network without residual layers, which share their "
                          "vertices; prune its edges or train one without them");
  }
}

Kept KeptAfter(const Layers& layers, std::span<const VertexRemoval> removed) {
  std::vector<std::vector<bool>> gone;
  for (Index l = 1; l < layers.depth(); ++l) {
    gone.emplace_back(static_cast<std::size_t>(layers.Width(l)), false);
  }
  for (const VertexRemoval& removal : removed) {
    gone[static_cast<std::size_t>(removal.layer - 1)][static_cast<std::size_t>(removal.vertex)] =
        true;
  }
  Kept kept;
  for (const std::vector<bool>& of_layer : gone) {
    std::vector<Index>& vertices = kept.emplace_back();
    for (std::size_t v = 0; v < of_layer.size(); ++v) {
      if (!of_layer[v]) vertices.push_back(static_cast<Index>(v));
    }
  }
  return kept;
}

// Removes vertices of layer l; `constants` are those of what layer l + 1 takes. Layer l + 1 may be
// whole or cut already in its rows.
void CutLayer(Index l, const std::vector<Index>& kept, const Vector& constants, Layers& layers) {
  const Index width = layers.Width(l);
  const Index skip = layers.Weights(l + 1).cols() - width;
  std::vector<bool> stays(static_cast<std::size_t>(width), false);
  for (const Index v : kept) stays[static_cast<std::size_t>(v)] = true;
  std::vector<Index> columns = kept;
  for (Index j = 0; j < skip; ++j) columns.push_back(width + j);
  for (Index v = 0; v < width; ++v) {
    if (stays[static_cast<std::size_t>(v)]) continue;
    layers.Bias(l + 1) += constants[v] * layers.Weights(l + 1).col(v);
  }
  layers.Weights(l + 1) = Matrix(layers.Weights(l + 1)(Eigen::all, columns));
  layers.Weights(l) = Matrix(layers.Weights(l)(kept, Eigen::all));
  layers.Bias(l) = Vector(layers.Bias(l)(kept));
  layers.architecture.hidden[static_cast<std::size_t>(l - 1)] = static_cast<Index>(kept.size());
}

Layers Folded(const Layers& layers, const Kept& kept, const std::vector<Vector>& constants) {
  Layers folded = layers;
  for (Index l = 1; l < layers.depth(); ++l) {
    const auto at = static_cast<std::size_t>(l - 1);
    CutLayer(l, kept[at], constants[at + 1], folded);
  }
  return folded;
}

// Refits what lies behind a removal, layer by layer on the refitted layers before.
Layers Refitted(const Layers& layers, const Kept& kept, const std::vector<Vector>& means,
                const FitPoints& points, const std::stop_token& stop) {
  Layers fitted = Folded(layers, kept, means);
  bool changed = false;
  for (Index l = 1; l < layers.depth(); ++l) {
    const auto at = static_cast<std::size_t>(l - 1);
    changed = changed || static_cast<Index>(kept[at].size()) < layers.Width(l);
    if (!changed) continue;
    std::vector<Index> rows;
    for (Index i = 0; i < fitted.Weights(l + 1).rows(); ++i) {
      rows.push_back(l + 1 < layers.depth() ? kept[at + 1][static_cast<std::size_t>(i)] : i);
    }
    const Allowed all =
        Allowed::Constant(fitted.Weights(l + 1).rows(), fitted.Weights(l + 1).cols() + 1, true);
    RefitLayer(layers, l + 1, rows, all, points, fitted, stop);
  }
  return fitted;
}

// By the sum of significances (significance.h); a midpoint is at most half the width away.
Vector Proven(const NetworkSignificance& significance, std::span<const VertexRemoval> removed,
              double share) {
  Vector sum = Vector::Zero(significance.y.rows());
  for (const VertexRemoval& removal : removed) {
    const Matrix& of_layer = significance.hidden[static_cast<std::size_t>(removal.layer - 1)];
    for (Index o = 0; o < sum.size(); ++o) {
      sum[o] = ad::directed::AddUp(sum[o], share * of_layer(removal.vertex, o));
    }
  }
  return sum;
}

// Everything that results for different numbers of removals share.
class VertexPruner {
 public:
  VertexPruner(const nn::NetworkSurrogate& network, const Box& box,
               const VertexPruningOptions& options, const std::stop_token& stop)
      : network_(network),
        box_(box),
        options_(options),
        stop_(stop),
        layers_(network),
        points_(DrawFitPoints(network, box, options.num_points, options.seed)),
        order_(RemovalOrder(network, box, options.score, points_, options.seed, stop)),
        means_(Means(layers_, points_.X)) {
    if (options.compensation != Compensation::kSobolev) {
      significance_ = AnalyzeSignificance(network, box, {}, stop);
    }
    // Neighbouring seeds are other points (base/rng.h).
    judges_ = UniformPoints(box, options.num_points, options.seed + 1);
  }

  PrunedVertices Prune() const {
    Index total = 0;
    for (Index l = 1; l < layers_.depth(); ++l) total += layers_.Width(l);
    const Index steps = StepsFor(
        options_.target, total, static_cast<Index>(order_.size()),
        [this](Index count) { return Folded(layers_, KeptAfter(layers_, Removed(count)), means_); },
        [this](Index count) { return Judge(Result(count)); });
    const std::span<const VertexRemoval> removed = Removed(steps);
    const Layers result = Result(steps);
    VertexPruningReport report{
        .removed = {removed.begin(), removed.end()},
        .kept = KeptAfter(layers_, removed),
        .folded = Judge(Folded(layers_, KeptAfter(layers_, removed), means_)),
        .result = Judge(result),
        .parameters_before = NumParameters(layers_),
        .parameters_after = NumParameters(result),
        .multiply_adds_before = JacobianCost(layers_),
        .multiply_adds_after = JacobianCost(result),
        .proven = {}};
    if (options_.compensation == Compensation::kMidpoint) {
      report.proven = Proven(*significance_, removed, 0.5);
    } else if (options_.compensation == Compensation::kMean) {
      report.proven = Proven(*significance_, removed, 1);
    }
    return {.network = result.ToSurrogate(network_.scaling()), .report = std::move(report)};
  }

 private:
  std::span<const VertexRemoval> Removed(Index steps) const {
    return std::span(order_).first(static_cast<std::size_t>(steps));
  }

  Layers Result(Index steps) const {
    const Kept kept = KeptAfter(layers_, Removed(steps));
    switch (options_.compensation) {
      case Compensation::kSobolev:
        return Refitted(layers_, kept, means_, points_, stop_);
      case Compensation::kMean:
        return Folded(layers_, kept, means_);
      case Compensation::kMidpoint:
        return Folded(layers_, kept, Midpoints(layers_, network_.scaling(), box_, *significance_));
      case Compensation::kZero:
        break;
    }
    std::vector<Vector> zeros = means_;
    for (Vector& of_layer : zeros) of_layer.setZero();
    return Folded(layers_, kept, zeros);
  }

  Deviation Judge(const Layers& layers) const {
    return Compare(network_, layers.ToSurrogate(network_.scaling()), box_, judges_, stop_);
  }

  const nn::NetworkSurrogate& network_;
  const Box& box_;
  const VertexPruningOptions& options_;
  const std::stop_token& stop_;
  const Layers layers_;
  const FitPoints points_;
  const std::vector<VertexRemoval> order_;
  const std::vector<Vector> means_;
  std::optional<NetworkSignificance> significance_;
  Matrix judges_;
};

}  // namespace

PrunedVertices PruneVertices(const nn::NetworkSurrogate& network, const Box& box,
                             const VertexPruningOptions& options, const std::stop_token& stop) {
  RequireBox(box, network.n());
  CheckOptions(network, options);
  return VertexPruner(network, box, options, stop).Prune();
}

}  // namespace sobolev::prune
