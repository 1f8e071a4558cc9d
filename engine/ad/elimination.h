// Jacobians by vertex elimination, and orders in which to eliminate.
//
// Eliminating in the order of computation is forward mode, in the opposite order reverse mode, both
// exploiting sparsity to the full. Other orders may need far fewer multiplications; the best one is
// NP-hard to find (Naumann 2008), and no simple rule is safe: on the tape of a function with one
// output, Markowitz' rule can be worse than reverse mode. So a plan takes the best of a portfolio
// and improves it by exact search within windows of the order (elimination_search.h).

#ifndef SOBOLEV_ENGINE_AD_ELIMINATION_H_
#define SOBOLEV_ENGINE_AD_ELIMINATION_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/ad/computational_graph.h"

namespace sobolev::ad {

enum class EliminationRule {
  kForward,            // Ascending.
  kReverse,            // Descending.
  kMarkowitzLow,       // The smallest Markowitz degree next; ties to the smaller number.
  kMarkowitzHigh,      // The same; ties to the larger number.
  kRelativeMarkowitz,  // The smallest excess of the degree over what it is if eliminated last.
  kFewestNewEdges,     // The fewest new edges, then the smallest degree, then the larger number.
};

inline constexpr std::array kEliminationRules = {
    EliminationRule::kForward,           EliminationRule::kReverse,
    EliminationRule::kMarkowitzLow,      EliminationRule::kMarkowitzHigh,
    EliminationRule::kRelativeMarkowitz, EliminationRule::kFewestNewEdges};

// An order of all intermediates, and what it costs.
struct EliminationPlan {
  std::vector<std::int32_t> order;
  std::int64_t multiplications = 0;
};

// The order by that rule. Deterministic.
//
// Relative Markowitz (Albrecht, Gottschling and Naumann 2003): a vertex eliminated last is joined
// with all inputs it depends on and all outputs that depend on it, so the product of their numbers
// is due anyway, and only the excess over it tells against eliminating the vertex now.
EliminationPlan PlanElimination(const ComputationalGraph& graph, EliminationRule rule);

// The best of all rules, the first of equals.
EliminationPlan PlanElimination(const ComputationalGraph& graph);

// Eliminates in that order, on the partials of the graph.
//
// Throws Error(kInvalidArgument) naming "order" unless it holds each intermediate once.
Accumulation Accumulate(const ComputationalGraph& graph, std::span<const std::int32_t> order);

// The multiplications that Accumulate would execute.
std::int64_t CountMultiplications(const ComputationalGraph& graph,
                                  std::span<const std::int32_t> order);

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_ELIMINATION_H_
