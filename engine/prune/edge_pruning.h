// Pruning of single weights: a network of the same shape with zeros in it.

#ifndef SOBOLEV_ENGINE_PRUNE_EDGE_PRUNING_H_
#define SOBOLEV_ENGINE_PRUNE_EDGE_PRUNING_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/edge_order.h"
#include "engine/prune/pruning.h"

namespace sobolev::prune {

struct EdgePruningOptions {
  EdgeScore score = EdgeScore::kSobolevObs;
  Compensation compensation = Compensation::kSobolev;  // Refits what is left of each row.
  Target target;            // fraction is of the weights, without biases.
  Index num_points = 2048;  // To rank and fit with, and as many others to judge by.
  std::uint64_t seed = 1;
};

struct EdgePruningReport {
  std::vector<EdgeRemoval> removed;  // In the order of removal.
  Deviation result;  // From the original network, at points that no weight was fitted to.
  Index parameters_before = 0;  // Weights that are not 0, and biases.
  Index parameters_after = 0;
  Index multiply_adds_before = 0;  // JacobianCost
  Index multiply_adds_after = 0;
  Vector proven;  // As in VertexPruningReport.
};

struct PrunedEdges {
  nn::NetworkSurrogate network;
  EdgePruningReport report;
};

// The same arguments give the same bits, whatever the number of threads. Throws
// Error(kInvalidArgument) naming "box", "num_points" or "target…"; Error(kFailedPrecondition)
// naming the target that is out of reach, or "network" where numbers are not finite;
// Error(kCancelled) soon after `stop` fires.
PrunedEdges PruneEdges(const nn::NetworkSurrogate& network, const Box& box,
                       const EdgePruningOptions& options, const std::stop_token& stop = {});

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_EDGE_PRUNING_H_
