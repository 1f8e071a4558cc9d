// Optimal elimination orders by search, exact for small graphs and within windows of large ones.
//
// After a *set* of vertices is eliminated, the graph does not depend on the order: i and j are
// adjacent if and only if a path through the set joins them. So the optimal order of p vertices is
// a shortest path through 2ᵖ sets instead of p! orders; and re-ordering neighbouring vertices of a
// long order leaves the cost of all others as it was, so that windows may be optimised one by one.

#ifndef SOBOLEV_ENGINE_AD_ELIMINATION_SEARCH_H_
#define SOBOLEV_ENGINE_AD_ELIMINATION_SEARCH_H_

#include <cstdint>

#include "engine/ad/computational_graph.h"
#include "engine/ad/elimination.h"

namespace sobolev::ad {

// At this number of vertices the tables of the exact search take 21 MB.
inline constexpr std::int32_t kMaxSearchedVertices = 20;

// An order with the fewest multiplications of all. Ties go to the smaller number first.
//
// Throws Error(kInvalidArgument) naming "graph" if it has more than kMaxSearchedVertices
// intermediates.
EliminationPlan OptimalElimination(const ComputationalGraph& graph);

// Improves a plan by exact search in windows that overlap by half, until no window improves or
// `max_passes` passes over the order are done. Never worse than the plan.
//
// Throws Error(kInvalidArgument) naming "window" unless it is in [2, kMaxSearchedVertices], or
// "order" as Accumulate does.
EliminationPlan ImproveByWindows(const ComputationalGraph& graph, const EliminationPlan& plan,
                                 std::int32_t window = 12, int max_passes = 20);

// The plan to use: windows on the order of each rule, and the best of them, the first of equals.
// Exact if there are no more intermediates than the window holds. Work: 2^window for each half
// window and pass; a window of 12 takes about a millisecond.
EliminationPlan SearchElimination(const ComputationalGraph& graph, std::int32_t window = 12);

// No order of vertices has fewer multiplications. At any moment the predecessors of v cut it off
// from the inputs, so by Menger's theorem they are at least as many as the vertex-disjoint paths
// from inputs to v; likewise the successors. The bound is the sum of the products of both numbers.
// Its work is O(p k E) for p intermediates, E edges and k paths.
std::int64_t EliminationLowerBound(const ComputationalGraph& graph);

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_ELIMINATION_SEARCH_H_
