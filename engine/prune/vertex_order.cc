#include "engine/prune/vertex_order.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/base/stop.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"
#include "engine/prune/sampled_significance.h"
#include "engine/prune/significance.h"
#include "engine/prune/sobolev_fit.h"

namespace sobolev::prune {

namespace {

std::vector<Index> UpTo(Index count) {
  std::vector<Index> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), Index{0});
  return numbers;
}

// The vertices of one layer while others are removed from it.
class ObsLayer {
 public:
  // H⁻¹ of what the next layer takes, c and [W | b] of the next layer.
  ObsLayer(Index width, Matrix inverse, Vector c, Matrix W)
      : inverse_(std::move(inverse)), c_(std::move(c)), w_(std::move(W)), alive_(UpTo(width)) {}

  // What the cheapest vertex costs, infinity if none may go.
  double LeastCost() {
    cheapest_ = -1;
    double least = std::numeric_limits<double>::infinity();
    if (static_cast<Index>(alive_.size()) <= kFewestVertices) return least;
    for (Index v = 0; v < static_cast<Index>(alive_.size()); ++v) {
      const double cost = c_.dot(w_.col(v).cwiseAbs2()) / inverse_(v, v);
      if (cost < least || cheapest_ < 0) {
        least = cost;
        cheapest_ = v;
      }
    }
    return least;
  }

  // Removes that vertex and lets the others take over. Returns its number in the whole layer.
  Index Remove() {
    const Index v = cheapest_;
    const Vector column = inverse_.col(v) / inverse_(v, v);
    w_ -= w_.col(v).eval() * column.transpose();
    inverse_ -= inverse_.col(v).eval() * column.transpose();
    std::vector<Index> others = UpTo(inverse_.rows());
    others.erase(others.begin() + v);
    w_ = Matrix(w_(Eigen::all, others));
    inverse_ = Matrix(inverse_(others, others));
    const Index number = alive_[static_cast<std::size_t>(v)];
    alive_.erase(alive_.begin() + v);
    return number;
  }

 private:
  Matrix inverse_;
  Vector c_;
  Matrix w_;
  std::vector<Index> alive_;  // By their numbers in the whole layer.
  Index cheapest_ = -1;
};

Vector Magnitudes(const Layers& layers, Index l) {
  return WithBias(layers, l).rowwise().norm().cwiseProduct(
      layers.Weights(l + 1).leftCols(layers.Width(l)).colwise().norm().transpose());
}

// Scores of the vertices of each hidden layer, at [l − 1].
std::vector<Vector> Scores(const nn::NetworkSurrogate& network, const Layers& layers,
                           const Box& box, VertexScore score, Index num_points, std::uint64_t seed,
                           const std::stop_token& stop) {
  std::vector<Vector> scores;
  const Vector y_unit = network.scaling().y_scale.cwiseInverse();
  const auto add_all = [&](const std::vector<Matrix>& of_layers) {
    for (const Matrix& of_outputs : of_layers) scores.emplace_back(of_outputs * y_unit);
  };
  if (score == VertexScore::kInterval) {
    add_all(AnalyzeSignificance(network, box, {}, stop).hidden);
  } else if (score == VertexScore::kSampled || score == VertexScore::kTaylor) {
    const SampledSignificance sampled =
        SampleSignificance(network, box, {.num_points = num_points, .seed = seed}, stop);
    add_all(score == VertexScore::kSampled ? sampled.hidden : sampled.taylor);
  } else {
    Rng rng(seed, 2);
    for (Index l = 1; l < layers.depth(); ++l) {
      Vector of_layer = Magnitudes(layers, l);
      if (score == VertexScore::kRandom) {
        for (double& number : of_layer) number = rng.Uniform();
      }
      scores.push_back(of_layer);
    }
  }
  return scores;
}

// Layers shrink in proportion: the k-th of w vertices goes when a share of k/w is to go.
std::vector<VertexRemoval> InProportion(const std::vector<Vector>& scores) {
  struct Placed {
    double share;
    VertexRemoval removal;
  };
  std::vector<Placed> placed;
  for (std::size_t l = 0; l < scores.size(); ++l) {
    const Vector& of_layer = scores[l];
    std::vector<Index> order = UpTo(of_layer.size());
    std::ranges::stable_sort(order, {}, [&](Index v) { return of_layer[v]; });
    for (Index k = 0; k + kFewestVertices < of_layer.size(); ++k) {
      const Index vertex = order[static_cast<std::size_t>(k)];
      placed.push_back(
          {.share = static_cast<double>(k + 1) / static_cast<double>(of_layer.size()),
           .removal = {
               .layer = static_cast<Index>(l) + 1, .vertex = vertex, .cost = of_layer[vertex]}});
    }
  }
  std::ranges::stable_sort(placed, {}, &Placed::share);
  std::vector<VertexRemoval> removals;
  removals.reserve(placed.size());
  for (const Placed& each : placed) removals.push_back(each.removal);
  return removals;
}

}  // namespace

std::vector<VertexRemoval> SobolevObsOrder(const Layers& layers, const FitPoints& points,
                                           const std::stop_token& stop) {
  const std::vector<Matrix> grams = SobolevGrams(layers, points, stop);
  const std::vector<Vector> weights = OutputWeights(layers, points, stop);
  std::vector<ObsLayer> states;
  for (Index l = 1; l < layers.depth(); ++l) {
    const auto next = static_cast<std::size_t>(l);
    states.emplace_back(layers.Width(l), InverseOf(grams[next], stop), weights[next],
                        WithBias(layers, l + 1));
  }
  std::vector<double> costs;
  costs.reserve(states.size());
  for (ObsLayer& state : states) costs.push_back(state.LeastCost());
  std::vector<VertexRemoval> removals;
  while (true) {
    ThrowIfStopped(stop);
    const auto cheapest = std::ranges::min_element(costs);
    if (cheapest == costs.end() || *cheapest == std::numeric_limits<double>::infinity()) break;
    const auto layer = cheapest - costs.begin();
    ObsLayer& state = states[static_cast<std::size_t>(layer)];
    const double cost = *cheapest;
    removals.push_back({.layer = layer + 1, .vertex = state.Remove(), .cost = cost});
    *cheapest = state.LeastCost();
  }
  return removals;
}

std::vector<VertexRemoval> RemovalOrder(const nn::NetworkSurrogate& network, const Box& box,
                                        VertexScore score, const FitPoints& points,
                                        std::uint64_t seed, const std::stop_token& stop) {
  const Layers layers(network);
  if (score == VertexScore::kSobolevObs) return SobolevObsOrder(layers, points, stop);
  return InProportion(Scores(network, layers, box, score, points.X.cols(), seed, stop));
}

}  // namespace sobolev::prune
