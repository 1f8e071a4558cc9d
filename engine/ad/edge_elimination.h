// Jacobians by edge elimination, a finer choice than vertex elimination.
//
// Eliminating a vertex eliminates all of its incoming edges (to the front) or all of its outgoing
// edges (to the back) in one go. Taken one by one, between eliminations elsewhere, they may cost
// less in all: the *Lion* graph of Naumann (2004) needs 12 multiplications by vertices and 11 by
// edges.

#ifndef SOBOLEV_ENGINE_AD_EDGE_ELIMINATION_H_
#define SOBOLEV_ENGINE_AD_EDGE_ELIMINATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/ad/computational_graph.h"

namespace sobolev::ad {

// The elimination of edge (from, to): to the front it joins `from` with the successors of the
// intermediate `to`, to the back the predecessors of the intermediate `from` with `to`.
struct EdgeElimination {
  std::int32_t from = 0;
  std::int32_t to = 0;
  bool is_front = true;
};

enum class EdgeRule {
  kForward,  // To the front, by ascending `to`: as many multiplications as forward mode.
  kReverse,  // To the back, by descending `from`: as many multiplications as reverse mode.
  kGreedy,   // The one with the fewest multiplications next; ties to the first in (from, to, back).
};

inline constexpr std::array kEdgeRules = {EdgeRule::kForward, EdgeRule::kReverse,
                                          EdgeRule::kGreedy};

struct EdgePlan {
  std::vector<EdgeElimination> steps;
  std::int64_t multiplications = 0;
};

// Each greedy step looks at every edge, so that kGreedy takes quadratic time.
EdgePlan PlanEdgeElimination(const ComputationalGraph& graph, EdgeRule rule);

// A plan with the fewest multiplications of all, by Dijkstra's algorithm over sets of edges. For
// tiny graphs: empty if more than 64 edges are possible in the graph, or once the search holds
// `max_states` sets of edges.
std::optional<EdgePlan> OptimalEdgeElimination(const ComputationalGraph& graph,
                                               std::size_t max_states = 1 << 20);

// Eliminates in that order, on the partials of the graph.
//
// Throws Error(kInvalidArgument) naming "steps[k]" if an edge is not there or its intermediate end
// is none, and "steps" if edges between inputs, intermediates and outputs are left over.
Accumulation AccumulateByEdges(const ComputationalGraph& graph,
                               std::span<const EdgeElimination> steps);

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_EDGE_ELIMINATION_H_
