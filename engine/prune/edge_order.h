// In which order weights are removed, by the rules that are in use.

#ifndef SOBOLEV_ENGINE_PRUNE_EDGE_ORDER_H_
#define SOBOLEV_ENGINE_PRUNE_EDGE_ORDER_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"

namespace sobolev::prune {

// What a weight is worth.
enum class EdgeScore {
  // Optimal brain surgeon (Hassibi and Stork 1993), w²/H⁻¹_jj, with the Gram matrix of values and
  // tangents, weighted by what the next pre-activation does to y: over all layers at once, each row
  // updated after each removal.
  kSobolevObs,
  kWanda,      // |w|·RMS of what it multiplies, within each row (Sun et al. 2024).
  kMagnitude,  // |w|, within each layer.
  kInterval,   // σ of w·a over the box (significance.h), within each layer.
  kRandom,     // Within each layer.
};

struct EdgeRemoval {
  Index layer = 0;  // l = 1 … D
  Index row = 0;
  Index column = 0;
  double cost = 0;  // By the score: squares of standardised y for kSobolevObs, else the score.
};

// All weights, the cheapest first. Where a score ranks within rows or layers only, all of these
// shrink in proportion. kSobolevObs takes time with the fourth power of the width.
std::vector<EdgeRemoval> RemovalOrder(const nn::NetworkSurrogate& network, const Box& box,
                                      EdgeScore score, const FitPoints& points, std::uint64_t seed,
                                      const std::stop_token& stop);

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_EDGE_ORDER_H_
