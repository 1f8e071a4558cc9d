#include "engine/prune/edge_order.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <stop_token>
#include <tuple>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/base/stop.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"
#include "engine/prune/significance.h"
#include "engine/prune/sobolev_fit.h"

namespace sobolev::prune {

namespace {

// The weights of one row, the cheapest first, with the costs that they have at their turn. w ends
// with the bias, which stays.
std::vector<EdgeRemoval> ObsRow(Index layer, Index row, Matrix inverse, Vector w, double c) {
  const Index count = w.size() - 1;
  std::vector<bool> alive(static_cast<std::size_t>(count), true);
  std::vector<EdgeRemoval> removals;
  removals.reserve(static_cast<std::size_t>(count));
  for (Index step = 0; step < count; ++step) {
    EdgeRemoval best{.layer = layer, .row = row, .column = -1, .cost = 0};
    for (Index j = 0; j < count; ++j) {
      if (!alive[static_cast<std::size_t>(j)]) continue;
      const double cost = c * w[j] * w[j] / inverse(j, j);
      if (best.column < 0 || cost < best.cost) {
        best.column = j;
        best.cost = cost;
      }
    }
    const Index j = best.column;
    removals.push_back(best);
    alive[static_cast<std::size_t>(j)] = false;
    const Vector column = inverse.col(j) / inverse(j, j);
    w -= w[j] * column;
    inverse -= inverse.col(j).eval() * column.transpose();
  }
  return removals;
}

// Merges sequences that keep their order each, always taking the cheapest front.
std::vector<EdgeRemoval> Merged(const std::vector<std::vector<EdgeRemoval>>& sequences) {
  using Front = std::tuple<double, std::size_t, std::size_t>;  // Cost, sequence, place.
  std::priority_queue<Front, std::vector<Front>, std::greater<>> fronts;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    if (!sequences[s].empty()) fronts.emplace(sequences[s][0].cost, s, 0);
  }
  std::vector<EdgeRemoval> merged;
  while (!fronts.empty()) {
    const auto [cost, s, place] = fronts.top();
    fronts.pop();
    merged.push_back(sequences[s][place]);
    if (place + 1 < sequences[s].size()) {
      fronts.emplace(sequences[s][place + 1].cost, s, place + 1);
    }
  }
  return merged;
}

std::vector<EdgeRemoval> SobolevObs(const Layers& layers, const FitPoints& points,
                                    const std::stop_token& stop) {
  const std::vector<Matrix> grams = SobolevGrams(layers, points, stop);
  const std::vector<Vector> weights = OutputWeights(layers, points, stop);
  std::vector<std::vector<EdgeRemoval>> rows;
  for (Index l = 1; l <= layers.depth(); ++l) {
    const auto at = static_cast<std::size_t>(l - 1);
    const Matrix inverse = InverseOf(grams[at], stop);
    const Matrix W = WithBias(layers, l);
    for (Index i = 0; i < W.rows(); ++i) {
      ThrowIfStopped(stop);
      rows.push_back(ObsRow(l, i, inverse, W.row(i), weights[at][i]));
    }
  }
  return Merged(rows);
}

// RMS of what layer l takes, at [l − 1].
std::vector<Vector> InputSizes(const Layers& layers, const FitPoints& points,
                               const std::stop_token& stop) {
  std::vector<Vector> squares;
  for (Index l = 1; l <= layers.depth(); ++l) {
    squares.emplace_back(Vector::Zero(layers.Weights(l).cols()));
  }
  ForEachChunk(points, stop, [&](const Matrix& X, const Matrix& X_dot) {
    LayerSweep sweep(layers, X, X_dot);
    for (Vector& of_layer : squares) {
      of_layer += sweep.Features().topLeftCorner(of_layer.size(), X.cols()).rowwise().squaredNorm();
      if (&of_layer == &squares.back()) break;
      sweep.Affine();
      sweep.Bend();
    }
  });
  const auto num_samples = static_cast<double>(points.X.cols());
  for (Vector& of_layer : squares) of_layer = (of_layer / num_samples).cwiseSqrt();
  return squares;
}

// The scores of all weights, at [l − 1].
std::vector<Matrix> Scores(const nn::NetworkSurrogate& network, const Layers& layers,
                           const Box& box, EdgeScore score, const FitPoints& points,
                           std::uint64_t seed, const std::stop_token& stop) {
  std::vector<Matrix> scores;
  for (Index l = 1; l <= layers.depth(); ++l) scores.emplace_back(layers.Weights(l).cwiseAbs());
  if (score == EdgeScore::kWanda) {
    const std::vector<Vector> sizes = InputSizes(layers, points, stop);
    for (std::size_t l = 0; l < scores.size(); ++l) scores[l] *= sizes[l].asDiagonal();
  } else if (score == EdgeScore::kRandom) {
    Rng rng(seed, 3);
    for (Matrix& of_layer : scores) {
      for (double& number : of_layer.reshaped()) number = rng.Uniform();
    }
  } else if (score == EdgeScore::kInterval) {
    const NetworkSignificance significance =
        AnalyzeSignificance(network, box, {.edges = true}, stop);
    for (std::size_t l = 0; l < scores.size(); ++l) {
      scores[l].setZero();
      for (Index o = 0; o < network.m(); ++o) {
        scores[l] +=
            significance.edges[l][static_cast<std::size_t>(o)] / network.scaling().y_scale[o];
      }
    }
  }
  return scores;
}

struct Placed {
  double share;
  EdgeRemoval removal;
};

// Appends the weights of rows [first, first + count) of a layer, which shrink together.
void Place(const Matrix& scores, Index layer, Index first, Index count,
           std::vector<Placed>& placed) {
  std::vector<EdgeRemoval> removals;
  for (Index i = first; i < first + count; ++i) {
    for (Index j = 0; j < scores.cols(); ++j) {
      removals.push_back({.layer = layer, .row = i, .column = j, .cost = scores(i, j)});
    }
  }
  std::ranges::stable_sort(removals, {}, &EdgeRemoval::cost);
  for (std::size_t k = 0; k < removals.size(); ++k) {
    placed.push_back({.share = static_cast<double>(k + 1) / static_cast<double>(removals.size()),
                      .removal = removals[k]});
  }
}

}  // namespace

std::vector<EdgeRemoval> RemovalOrder(const nn::NetworkSurrogate& network, const Box& box,
                                      EdgeScore score, const FitPoints& points, std::uint64_t seed,
                                      const std::stop_token& stop) {
  const Layers layers(network);
  if (score == EdgeScore::kSobolevObs) return SobolevObs(layers, points, stop);
  const std::vector<Matrix> scores = Scores(network, layers, box, score, points, seed, stop);
  std::vector<Placed> placed;
  for (Index l = 1; l <= layers.depth(); ++l) {
    const Matrix& of_layer = scores[static_cast<std::size_t>(l - 1)];
    const Index together = score == EdgeScore::kWanda ? 1 : of_layer.rows();
    for (Index row = 0; row < of_layer.rows(); row += together) {
      Place(of_layer, l, row, together, placed);
    }
  }
  std::ranges::stable_sort(placed, {}, &Placed::share);
  std::vector<EdgeRemoval> removals;
  removals.reserve(placed.size());
  for (const Placed& each : placed) removals.push_back(each.removal);
  return removals;
}

}  // namespace sobolev::prune
