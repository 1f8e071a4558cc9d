#include "engine/ad/elimination.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/ad/computational_graph.h"
#include "engine/base/error.h"

namespace sobolev::ad {

namespace {

void RequireOrder(const ComputationalGraph& graph, std::span<const std::int32_t> order) {
  std::vector<std::int32_t> sorted(order.begin(), order.end());
  std::ranges::sort(sorted);
  if (sorted == graph.intermediates()) return;
  throw InvalidArgument("INVALID_ORDER", "order",
                        "expected each of the " + std::to_string(graph.intermediates().size()) +
                            " intermediate vertices once");
}

// For each vertex, how many of `ends` a path joins it with: successors lead there if `forward`,
// else predecessors. The ends are taken 64 at a time, one bit each.
std::vector<std::int64_t> NumReachable(const ComputationalGraph& graph,
                                       std::span<const std::int32_t> ends, bool forward) {
  const auto num_vertices = static_cast<std::size_t>(graph.num_vertices());
  std::vector<std::int64_t> count(num_vertices, 0);
  std::vector<std::uint64_t> reached(num_vertices);
  for (std::size_t first = 0; first < ends.size(); first += 64) {
    std::ranges::fill(reached, 0);
    const std::size_t last = std::min(ends.size(), first + 64);
    for (std::size_t k = first; k < last; ++k) reached[ends[k]] |= std::uint64_t{1} << (k - first);
    if (forward) {
      // Edges are sorted by their first vertex, so those beyond it are complete when it is asked.
      for (std::size_t k = graph.edges().size(); k > 0; --k) {
        const GraphEdge& edge = graph.edges()[k - 1];
        reached[edge.from] |= reached[edge.to];
      }
    } else {
      for (const GraphEdge& edge : graph.edges()) reached[edge.to] |= reached[edge.from];
    }
    for (std::size_t v = 0; v < num_vertices; ++v) count[v] += std::popcount(reached[v]);
  }
  return count;
}

// What a greedy rule makes least; compared in this order.
using Score = std::tuple<std::int64_t, std::int64_t, std::int64_t>;

// Always eliminates the vertex with the least score, which may depend on the neighbours of a vertex
// and on the edges among them.
template <class GetScore>
EliminationPlan PlanGreedily(const ComputationalGraph& graph, const GetScore& get_score,
                             bool depends_on_edges_between) {
  EliminationGraph state(graph);
  std::vector<Score> score(static_cast<std::size_t>(graph.num_vertices()));
  std::set<std::pair<Score, std::int32_t>> queue;
  for (const std::int32_t v : graph.intermediates()) {
    score[v] = get_score(state, v);
    queue.emplace(score[v], v);
  }

  EliminationPlan plan;
  while (!queue.empty()) {
    const std::int32_t v = queue.begin()->second;
    queue.erase(queue.begin());
    plan.order.push_back(v);

    // Elimination of v changes the neighbours of its neighbours. New edges lead from predecessors
    // to successors of v, so they lie between the neighbours of a further vertex only if that is a
    // successor of one of the former.
    std::vector<std::int32_t> changed(state.Predecessors(v).begin(), state.Predecessors(v).end());
    for (const EliminationGraph::Arc& arc : state.Successors(v)) changed.push_back(arc.to);
    if (depends_on_edges_between) {
      for (const std::int32_t i : state.Predecessors(v)) {
        for (const EliminationGraph::Arc& arc : state.Successors(i)) changed.push_back(arc.to);
      }
    }
    plan.multiplications += state.EliminateVertex(v);

    std::ranges::sort(changed);
    changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
    for (const std::int32_t w : changed) {
      if (w == v || graph.kind(w) != VertexKind::kIntermediate) continue;
      const Score now = get_score(state, w);
      if (now == score[w]) continue;
      queue.erase({score[w], w});
      queue.emplace(now, w);
      score[w] = now;
    }
  }
  return plan;
}

EliminationPlan PlanRelatively(const ComputationalGraph& graph) {
  const std::vector<std::int64_t> inputs = NumReachable(graph, graph.inputs(), false);
  const std::vector<std::int64_t> outputs = NumReachable(graph, graph.outputs(), true);
  return PlanGreedily(
      graph,
      [&](const EliminationGraph& state, std::int32_t v) {
        const std::int64_t degree = state.MarkowitzDegree(v);
        return Score(degree - inputs[v] * outputs[v], degree, v);
      },
      false);
}

}  // namespace

EliminationPlan PlanElimination(const ComputationalGraph& graph, EliminationRule rule) {
  EliminationPlan plan{.order = graph.intermediates()};
  switch (rule) {
    case EliminationRule::kReverse:
      std::ranges::reverse(plan.order);
      [[fallthrough]];
    case EliminationRule::kForward:
      plan.multiplications = CountMultiplications(graph, plan.order);
      return plan;
    case EliminationRule::kMarkowitzLow:
      return PlanGreedily(
          graph,
          [](const EliminationGraph& state, std::int32_t v) {
            return Score(state.MarkowitzDegree(v), v, 0);
          },
          false);
    case EliminationRule::kMarkowitzHigh:
      return PlanGreedily(
          graph,
          [](const EliminationGraph& state, std::int32_t v) {
            return Score(state.MarkowitzDegree(v), -v, 0);
          },
          false);
    case EliminationRule::kRelativeMarkowitz:
      return PlanRelatively(graph);
    case EliminationRule::kFewestNewEdges:
      break;
  }
  return PlanGreedily(
      graph,
      [](const EliminationGraph& state, std::int32_t v) {
        return Score(state.NumNewEdges(v), state.MarkowitzDegree(v), -v);
      },
      true);
}

EliminationPlan PlanElimination(const ComputationalGraph& graph) {
  EliminationPlan best = PlanElimination(graph, kEliminationRules.front());
  for (const EliminationRule rule : std::span(kEliminationRules).subspan(1)) {
    EliminationPlan other = PlanElimination(graph, rule);
    if (other.multiplications < best.multiplications) best = std::move(other);
  }
  return best;
}

Accumulation Accumulate(const ComputationalGraph& graph, std::span<const std::int32_t> order) {
  RequireOrder(graph, order);
  EliminationGraph state(graph);
  std::int64_t multiplications = 0;
  for (const std::int32_t v : order) multiplications += state.EliminateVertex(v);
  return state.TakeJacobian(graph, multiplications);
}

std::int64_t CountMultiplications(const ComputationalGraph& graph,
                                  std::span<const std::int32_t> order) {
  RequireOrder(graph, order);
  EliminationGraph state(graph);
  std::int64_t multiplications = 0;
  for (const std::int32_t v : order) {
    multiplications += state.MarkowitzDegree(v);
    state.EliminateVertex(v);
  }
  return multiplications;
}

}  // namespace sobolev::ad
