// Pruning of hidden vertices: a smaller network that keeps values and derivatives.

#ifndef SOBOLEV_ENGINE_PRUNE_VERTEX_PRUNING_H_
#define SOBOLEV_ENGINE_PRUNE_VERTEX_PRUNING_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/pruning.h"
#include "engine/prune/vertex_order.h"

namespace sobolev::prune {

struct VertexPruningOptions {
  VertexScore score = VertexScore::kSobolevObs;
  Compensation compensation = Compensation::kSobolev;
  Target target;
  Index num_points = 2048;  // To rank and fit with, and as many others to judge by.
  std::uint64_t seed = 1;
};

struct VertexPruningReport {
  std::vector<VertexRemoval> removed;    // In the order of removal.
  std::vector<std::vector<Index>> kept;  // [l − 1]: vertices of the original layer, ascending.
  Deviation folded;  // From the original network, with means for what was removed and no refit.
  Deviation result;  // Of the network that is returned, at points that no weight was fitted to.
  Index parameters_before = 0;
  Index parameters_after = 0;
  Index multiply_adds_before = 0;  // JacobianCost
  Index multiply_adds_after = 0;
  // m, in the units of y: |y − y_pruned| is at most that everywhere in the box, up to the rounding
  // of the folded biases. Only by constants that lie in the range of their vertex: kMidpoint and
  // kMean; else empty.
  Vector proven;
};

struct PrunedVertices {
  nn::NetworkSurrogate network;
  VertexPruningReport report;
};

// The same arguments give the same bits, whatever the number of threads. Throws
// Error(kInvalidArgument) naming "box", "num_points", "target…", "network.residual" for residual
// networks, whose layers share their vertices, or "network.hidden" when there is none;
// Error(kFailedPrecondition) naming the target that is out of reach, or "network" where numbers are
// not finite; Error(kCancelled) soon after `stop` fires.
PrunedVertices PruneVertices(const nn::NetworkSurrogate& network, const Box& box,
                             const VertexPruningOptions& options, const std::stop_token& stop = {});

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_VERTEX_PRUNING_H_
