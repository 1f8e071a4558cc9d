// In which order hidden vertices are removed, by the rules that are in use.

#ifndef SOBOLEV_ENGINE_PRUNE_VERTEX_ORDER_H_
#define SOBOLEV_ENGINE_PRUNE_VERTEX_ORDER_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"
#include "engine/prune/significance.h"

namespace sobolev::prune {

// What a vertex is worth.
enum class VertexScore {
  // Optimal brain surgeon (Hassibi and Stork 1993) for whole vertices with the Gram matrix of
  // values and tangents: the square of y that is lost when the others take over as well as they
  // can, in all layers at once and updated after each removal.
  kSobolevObs,
  kInterval,   // σ over the box (significance.h).
  kSampled,    // RMS of (a − mean) ∂y/∂a (sampled_significance.h).
  kTaylor,     // Mean |a ∂y/∂a|.
  kMagnitude,  // The length of the weights and bias in front times that of the weights behind.
  kRandom,
};

// Every layer keeps at least so many.
inline constexpr Index kFewestVertices = 3;

struct VertexRemoval {
  Index layer = 0;   // l = 1 … D − 1
  Index vertex = 0;  // Of the original layer.
  double cost = 0;   // By the score: squares of standardised y for kSobolevObs, else the score; of
                     // kInterval, kSampled and kTaylor summed over standardised outputs.
};

// All removals down to kFewestVertices, the cheapest first. Scores other than kSobolevObs rank
// within a layer only (layers overestimate differently); layers then shrink in proportion.
std::vector<VertexRemoval> RemovalOrder(const nn::NetworkSurrogate& network, const Box& box,
                                        VertexScore score, const FitPoints& points,
                                        std::uint64_t seed, const std::stop_token& stop);

// The part of it that is Sobolev optimal brain surgeon.
std::vector<VertexRemoval> SobolevObsOrder(const Layers& layers, const FitPoints& points,
                                           const std::stop_token& stop);

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_VERTEX_ORDER_H_
