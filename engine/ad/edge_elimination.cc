#include "engine/ad/edge_elimination.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/ad/computational_graph.h"
#include "engine/base/error.h"

namespace sobolev::ad {

namespace {

std::int64_t Eliminate(EliminationGraph& state, const EdgeElimination& step) {
  return step.is_front ? state.EliminateFront(step.from, step.to)
                       : state.EliminateBack(step.from, step.to);
}

std::int64_t Cost(const EliminationGraph& state, const EdgeElimination& step) {
  return step.is_front ? std::ssize(state.Successors(step.to))
                       : std::ssize(state.Predecessors(step.from));
}

bool HasIntermediateEnd(const ComputationalGraph& graph, const EdgeElimination& step) {
  return graph.kind(step.is_front ? step.to : step.from) == VertexKind::kIntermediate;
}

// The cheapest elimination; empty when the Jacobian is complete. Looks at edges that lead nowhere
// too, which cost nothing.
std::optional<EdgeElimination> Cheapest(const ComputationalGraph& graph,
                                        const EliminationGraph& state) {
  std::optional<EdgeElimination> best;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (std::int32_t from = 0; from < graph.num_vertices(); ++from) {
    for (const EliminationGraph::Arc& arc : state.Successors(from)) {
      for (const bool is_front : {false, true}) {
        const EdgeElimination step{from, arc.to, is_front};
        if (!HasIntermediateEnd(graph, step) || Cost(state, step) >= least) continue;
        least = Cost(state, step);
        best = step;
      }
    }
  }
  return best;
}

// All edges that a graph can have at any time, and sets of them as bits.
class EdgeSets {
 public:
  using Set = std::uint64_t;

  // False if there are more than 64 of them.
  bool Fits() const { return edges_.size() <= 64; }

  explicit EdgeSets(const ComputationalGraph& graph)
      : graph_(graph),
        size_(static_cast<std::size_t>(graph.num_vertices())),
        into_(size_, 0),
        out_of_(size_, 0),
        bit_(size_ * size_, 0) {
    for (std::int32_t from = 0; from < graph.num_vertices(); ++from) {
      if (graph.kind(from) == VertexKind::kOutput) continue;
      for (std::int32_t to = from + 1; to < graph.num_vertices(); ++to) {
        if (graph.kind(to) != VertexKind::kInput) edges_.emplace_back(from, to);
      }
      if (!Fits()) return;
    }
    for (std::size_t k = 0; k < edges_.size(); ++k) {
      const auto [from, to] = edges_[k];
      Bit(from, to) = Set{1} << k;
      out_of_[from] |= Bit(from, to);
      into_[to] |= Bit(from, to);
    }
    for (const GraphEdge& edge : graph.edges()) initial_ |= Bit(edge.from, edge.to);
    for (const std::int32_t v : graph.intermediates()) at_intermediates_ |= into_[v] | out_of_[v];
  }

  Set initial() const { return initial_; }
  bool IsComplete(Set edges) const { return (edges & at_intermediates_) == 0; }

  // Calls visit(step, edges afterwards, multiplications) for each elimination.
  template <class Visit>
  void ForEachElimination(Set edges, const Visit& visit) const {
    for (Set rest = edges & at_intermediates_; rest != 0; rest &= rest - 1) {
      const auto [from, to] = edges_[static_cast<std::size_t>(std::countr_zero(rest))];
      for (const bool is_front : {false, true}) {
        const EdgeElimination step{from, to, is_front};
        if (!HasIntermediateEnd(graph_, step)) continue;
        const std::int32_t joint = is_front ? to : from;
        const Set joined = edges & (is_front ? out_of_[joint] : into_[joint]);
        Set after = edges & ~Bit(from, to);
        for (Set others = joined; others != 0; others &= others - 1) {
          const auto& other = edges_[static_cast<std::size_t>(std::countr_zero(others))];
          after |= is_front ? Bit(from, other.second) : Bit(other.first, to);
        }
        // Without an edge on this side, those on the other lead nowhere.
        if ((after & (is_front ? into_[joint] : out_of_[joint])) == 0) after &= ~joined;
        visit(step, after, static_cast<std::int64_t>(std::popcount(joined)));
      }
    }
  }

 private:
  Set& Bit(std::int32_t from, std::int32_t to) {
    return bit_[static_cast<std::size_t>(from) * size_ + static_cast<std::size_t>(to)];
  }
  Set Bit(std::int32_t from, std::int32_t to) const {
    return bit_[static_cast<std::size_t>(from) * size_ + static_cast<std::size_t>(to)];
  }

  const ComputationalGraph& graph_;
  std::size_t size_;
  std::vector<std::pair<std::int32_t, std::int32_t>> edges_;
  std::vector<Set> into_, out_of_;  // Of each vertex.
  std::vector<Set> bit_;            // [from · size + to]
  Set initial_ = 0;
  Set at_intermediates_ = 0;
};

}  // namespace

EdgePlan PlanEdgeElimination(const ComputationalGraph& graph, EdgeRule rule) {
  EliminationGraph state(graph);
  EdgePlan plan;
  const auto eliminate = [&](const EdgeElimination& step) {
    plan.steps.push_back(step);
    plan.multiplications += Eliminate(state, step);
  };
  if (rule == EdgeRule::kForward) {
    for (const std::int32_t v : graph.intermediates()) {
      while (!state.Predecessors(v).empty()) eliminate({state.Predecessors(v).front(), v, true});
      // Left over if v depends on no input.
      while (!state.Successors(v).empty()) eliminate({v, state.Successors(v).front().to, false});
    }
  } else if (rule == EdgeRule::kReverse) {
    for (std::size_t k = graph.intermediates().size(); k > 0; --k) {
      const std::int32_t v = graph.intermediates()[k - 1];
      while (!state.Successors(v).empty()) eliminate({v, state.Successors(v).back().to, false});
      // Left over if no output depends on v.
      while (!state.Predecessors(v).empty()) eliminate({state.Predecessors(v).back(), v, true});
    }
  } else {
    while (const auto step = Cheapest(graph, state)) eliminate(*step);
  }
  return plan;
}

std::optional<EdgePlan> OptimalEdgeElimination(const ComputationalGraph& graph,
                                               std::size_t max_states) {
  using Set = EdgeSets::Set;
  struct Arrival {
    std::int64_t multiplications = std::numeric_limits<std::int64_t>::max();
    Set from = 0;
    EdgeElimination step;
  };
  const EdgeSets sets(graph);
  if (!sets.Fits()) return std::nullopt;
  std::unordered_map<Set, Arrival> arrivals;
  using Entry = std::pair<std::int64_t, Set>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  arrivals[sets.initial()].multiplications = 0;
  queue.emplace(0, sets.initial());
  while (arrivals.size() <= max_states) {
    const auto [multiplications, edges] = queue.top();
    queue.pop();
    if (multiplications > arrivals[edges].multiplications) continue;
    if (sets.IsComplete(edges)) {
      EdgePlan plan{{}, multiplications};
      for (Set at = edges; at != sets.initial(); at = arrivals[at].from) {
        plan.steps.push_back(arrivals[at].step);
      }
      std::ranges::reverse(plan.steps);
      return plan;
    }
    // Structured bindings cannot be captured portably.
    const Set from = edges;
    const std::int64_t so_far = multiplications;
    sets.ForEachElimination(from, [&](const EdgeElimination& step, Set after, std::int64_t more) {
      Arrival& arrival = arrivals[after];
      if (so_far + more >= arrival.multiplications) return;
      arrival = {so_far + more, from, step};
      queue.emplace(so_far + more, after);
    });
  }
  return std::nullopt;
}

Accumulation AccumulateByEdges(const ComputationalGraph& graph,
                               std::span<const EdgeElimination> steps) {
  EliminationGraph state(graph);
  std::int64_t multiplications = 0;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const EdgeElimination& step = steps[k];
    const bool in_graph = step.from >= 0 && step.from < step.to && step.to < graph.num_vertices();
    if (!in_graph || !HasIntermediateEnd(graph, step) ||
        !std::ranges::binary_search(state.Predecessors(step.to), step.from)) {
      throw InvalidArgument("INVALID_ORDER", "steps[" + std::to_string(k) + "]",
                            "expected an edge of the graph at that time with an intermediate " +
                                std::string(step.is_front ? "second" : "first") + " end, got (" +
                                std::to_string(step.from) + ", " + std::to_string(step.to) + ")");
    }
    multiplications += Eliminate(state, step);
  }
  if (Cheapest(graph, state).has_value()) {
    throw InvalidArgument("INVALID_ORDER", "steps",
                          "expected to eliminate all intermediate vertices, but edges are left");
  }
  return state.TakeJacobian(graph, multiplications);
}

}  // namespace sobolev::ad
