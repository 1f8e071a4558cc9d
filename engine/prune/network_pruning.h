// Pruning of a network from end to end: inputs that do not matter first, then vertices or weights.

#ifndef SOBOLEV_ENGINE_PRUNE_NETWORK_PRUNING_H_
#define SOBOLEV_ENGINE_PRUNE_NETWORK_PRUNING_H_

#include <cstdint>
#include <optional>
#include <stop_token>
#include <variant>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/edge_order.h"
#include "engine/prune/pruning.h"
#include "engine/prune/vertex_order.h"

namespace sobolev::prune {

struct NetworkPruningOptions {
  // Inputs whose bounds on total Sobol indices are all below it are fixed at the middle of the box.
  std::optional<double> input_threshold;
  std::variant<VertexScore, EdgeScore> score = VertexScore::kSobolevObs;
  Compensation compensation = Compensation::kSobolev;
  std::optional<Target> target;  // Of vertices or weights; unset: nothing but inputs is removed.
  Index num_points = 2048;       // As in VertexPruningOptions.
  std::uint64_t seed = 1;
  // Whether a copy of the network will do, to be retrained, where nothing needs to go.
  bool may_remove_nothing = false;
};

struct PrunedNetwork {
  nn::NetworkSurrogate network;  // Of the inputs that are left.
  std::vector<Index> inputs;     // Those, ascending.
  Vector fixed;                  // n: where the others are fixed.
  Vector sobol_bounds;           // n, of the output that matters most; empty without a threshold.
  std::vector<Index> removed_vertices;  // [l − 1] of hidden layer l
  std::vector<Index> removed_weights;  // [l − 1] of layer l = 1 … D; empty if vertices were pruned.
  Deviation deviation;  // Of all together from the original, at points that nothing was fitted to.
};

// The checks that need no work. Throws Error(kInvalidArgument) naming "target…", also for targets
// that the network meets as it is, unless it may or inputs may go, "num_points",
// "input_threshold", or "network.residual" where vertices are to go, and Error(kFailedPrecondition)
// naming "network.hidden" if no layer has more than kFewestVertices of them.
void CheckPruning(const nn::NetworkSurrogate& network, const NetworkPruningOptions& options);

// About what PruneNetwork holds.
double MemoryBytes(const nn::Architecture& architecture, const NetworkPruningOptions& options);

// The same arguments give the same bits, whatever the number of threads. Errors of the target are
// kept by all together. Throws as CheckPruning, PruneVertices and PruneEdges, and
// Error(kFailedPrecondition) naming "target.value_error", "target.jacobian_error" or
// "input_threshold", with what could be had, if nothing can be removed or needs to be.
PrunedNetwork PruneNetwork(const nn::NetworkSurrogate& network, const Box& box,
                           const NetworkPruningOptions& options, const std::stop_token& stop = {});

// The network, which has the inputs `kept` (ascending) of an original with `scaling`, as a function
// of all inputs of that: the others have no effect.
nn::NetworkSurrogate WithAllInputs(const nn::NetworkSurrogate& network,
                                   const std::vector<Index>& kept, const nn::Scaling& scaling);

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_NETWORK_PRUNING_H_
