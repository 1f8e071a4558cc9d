#include "engine/ad/elimination_search.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/ad/computational_graph.h"
#include "engine/ad/elimination.h"
#include "engine/base/error.h"

namespace sobolev::ad {

namespace {

using Set = std::uint32_t;  // Bit a is vertex a of a window.

// hits[A] = the number of the given sets that have a member in A. Counts those without one by the
// sum over all subsets of the complement (Yates 1937).
std::vector<std::int32_t> CountHits(std::span<const Set> sets, std::size_t size) {
  const std::size_t num_sets = std::size_t{1} << size;
  std::vector<std::int32_t> within(num_sets, 0);
  for (const Set set : sets) ++within[set];
  for (std::size_t a = 0; a < size; ++a) {
    for (std::size_t A = 0; A < num_sets; ++A) {
      if ((A >> a & 1) != 0) within[A] += within[A ^ (std::size_t{1} << a)];
    }
  }
  std::vector<std::int32_t> hits(num_sets);
  for (std::size_t A = 0; A < num_sets; ++A) {
    hits[A] = static_cast<std::int32_t>(sets.size()) - within[num_sets - 1 - A];
  }
  return hits;
}

// What surrounds the vertices of a window, on one side of each.
struct Side {
  std::array<Set, kMaxSearchedVertices> inside = {};  // Neighbours in the window.
  std::vector<std::int32_t> outside_hits;  // [A]: vertices outside that neighbour a member of A.

  // What joins vertex a once a set is eliminated.
  struct Reach {
    Set through = 0;    // The eliminated vertices from which a path leads here, and a.
    Set neighbors = 0;  // Their neighbours in the window.
  };
  std::array<Reach, kMaxSearchedVertices> reach = {};

  // Sets reach[a]; that of its eliminated neighbours must be set already.
  void Update(std::size_t a, Set eliminated) {
    Reach joined{Set{1} << a, inside[a]};
    for (Set rest = inside[a] & eliminated; rest != 0; rest &= rest - 1) {
      const Reach& via = reach[static_cast<std::size_t>(std::countr_zero(rest))];
      joined.through |= via.through;
      joined.neighbors |= via.neighbors;
    }
    reach[a] = joined;
  }

  std::int64_t NumNeighbors(std::size_t a, Set eliminated) const {
    return outside_hits[reach[a].through] + std::popcount(reach[a].neighbors & ~eliminated);
  }
};

// Some vertices of a graph, the others standing still around them.
class Window {
 public:
  Window(const EliminationGraph& state, std::vector<std::int32_t> vertices)
      : vertices_(std::move(vertices)) {
    std::ranges::sort(vertices_);
    std::vector<std::pair<std::int32_t, Set>> before;
    std::vector<std::pair<std::int32_t, Set>> after;
    for (std::size_t a = 0; a < vertices_.size(); ++a) {
      for (const std::int32_t i : state.Predecessors(vertices_[a])) Attach(i, a, before_, before);
      for (const EliminationGraph::Arc& arc : state.Successors(vertices_[a])) {
        Attach(arc.to, a, after_, after);
      }
    }
    before_.outside_hits = CountHits(Merged(std::move(before)), vertices_.size());
    after_.outside_hits = CountHits(Merged(std::move(after)), vertices_.size());
  }

  // The cheapest order of the window's vertices.
  EliminationPlan Solve() {
    const std::size_t size = vertices_.size();
    const Set all = static_cast<Set>((std::uint64_t{1} << size) - 1);
    std::vector<std::int64_t> least(std::size_t{all} + 1, std::numeric_limits<std::int64_t>::max());
    std::vector<std::uint8_t> last(std::size_t{all} + 1, 0);
    least[0] = 0;
    for (Set eliminated = 0; eliminated < all; ++eliminated) {
      for (std::size_t a = 0; a < size; ++a) before_.Update(a, eliminated);
      for (std::size_t a = size; a > 0; --a) after_.Update(a - 1, eliminated);
      for (std::size_t a = 0; a < size; ++a) {
        if ((eliminated >> a & 1) != 0) continue;
        const Set next = eliminated | Set{1} << a;
        const std::int64_t cost = least[eliminated] + before_.NumNeighbors(a, eliminated) *
                                                          after_.NumNeighbors(a, eliminated);
        if (cost >= least[next]) continue;
        least[next] = cost;
        last[next] = static_cast<std::uint8_t>(a);
      }
    }
    EliminationPlan plan{.multiplications = least[all]};
    for (Set eliminated = all; eliminated != 0; eliminated ^= Set{1} << last[eliminated]) {
      plan.order.push_back(vertices_[last[eliminated]]);
    }
    std::ranges::reverse(plan.order);
    return plan;
  }

 private:
  // Notes that `neighbor` is adjacent to vertex a of the window.
  void Attach(std::int32_t neighbor, std::size_t a, Side& side,
              std::vector<std::pair<std::int32_t, Set>>& outside) const {
    const auto found = std::ranges::lower_bound(vertices_, neighbor);
    if (found != vertices_.end() && *found == neighbor) {
      side.inside[a] |= Set{1} << (found - vertices_.begin());
    } else {
      outside.emplace_back(neighbor, Set{1} << a);
    }
  }

  // One set per outside vertex.
  static std::vector<Set> Merged(std::vector<std::pair<std::int32_t, Set>> outside) {
    std::ranges::sort(outside);
    std::vector<Set> sets;
    for (std::size_t k = 0; k < outside.size(); ++k) {
      if (k > 0 && outside[k].first == outside[k - 1].first) {
        sets.back() |= outside[k].second;
      } else {
        sets.push_back(outside[k].second);
      }
    }
    return sets;
  }

  std::vector<std::int32_t> vertices_;
  Side before_;
  Side after_;
};

// Vertex-disjoint paths by maximal flow of unit capacities: each vertex is split into an entry and
// an exit that are joined by one arc.
class DisjointPaths {
 public:
  explicit DisjointPaths(const ComputationalGraph& graph)
      : arcs_of_(2 * static_cast<std::size_t>(graph.num_vertices()) + 2) {
    for (std::int32_t v = 0; v < graph.num_vertices(); ++v) AddArc(Entry(v), Exit(v));
    for (const GraphEdge& edge : graph.edges()) AddArc(Exit(edge.from), Entry(edge.to));
    for (const std::int32_t v : graph.inputs()) AddArc(Source(), Entry(v));
    for (const std::int32_t v : graph.outputs()) AddArc(Exit(v), Sink());
  }

  std::int64_t FromInputs(std::int32_t v) { return MaxFlow(Source(), Entry(v)); }
  std::int64_t ToOutputs(std::int32_t v) { return MaxFlow(Exit(v), Sink()); }

 private:
  static std::int32_t Entry(std::int32_t v) { return 2 * v; }
  static std::int32_t Exit(std::int32_t v) { return 2 * v + 1; }
  std::int32_t Source() const { return static_cast<std::int32_t>(arcs_of_.size()) - 2; }
  std::int32_t Sink() const { return static_cast<std::int32_t>(arcs_of_.size()) - 1; }

  // Arc 2 k and its opposite 2 k + 1.
  void AddArc(std::int32_t from, std::int32_t to) {
    arcs_of_[from].push_back(static_cast<std::int32_t>(heads_.size()));
    heads_.push_back(to);
    arcs_of_[to].push_back(static_cast<std::int32_t>(heads_.size()));
    heads_.push_back(from);
  }

  std::int64_t MaxFlow(std::int32_t from, std::int32_t to) {
    is_open_.resize(heads_.size());
    for (std::size_t arc = 0; arc < is_open_.size(); ++arc) is_open_[arc] = arc % 2 == 0 ? 1 : 0;
    std::int64_t flow = 0;
    while (Augment(from, to)) ++flow;
    return flow;
  }

  // Breadth first; turns the arcs of the path found.
  bool Augment(std::int32_t from, std::int32_t to) {
    constexpr std::int32_t kUnseen = -1;
    arrived_by_.assign(arcs_of_.size(), kUnseen);
    queue_.assign(1, from);
    for (std::size_t k = 0; k < queue_.size() && arrived_by_[to] == kUnseen; ++k) {
      for (const std::int32_t arc : arcs_of_[queue_[k]]) {
        if (is_open_[arc] == 0 || heads_[arc] == from || arrived_by_[heads_[arc]] != kUnseen) {
          continue;
        }
        arrived_by_[heads_[arc]] = arc;
        queue_.push_back(heads_[arc]);
      }
    }
    if (arrived_by_[to] == kUnseen) return false;
    for (std::int32_t at = to; at != from; at = heads_[arrived_by_[at] ^ 1]) {
      is_open_[arrived_by_[at]] = 0;
      is_open_[arrived_by_[at] ^ 1] = 1;
    }
    return true;
  }

  std::vector<std::vector<std::int32_t>> arcs_of_;
  std::vector<std::int32_t> heads_;
  std::vector<std::uint8_t> is_open_;
  std::vector<std::int32_t> arrived_by_, queue_;
};

}  // namespace

EliminationPlan OptimalElimination(const ComputationalGraph& graph) {
  if (std::ssize(graph.intermediates()) > kMaxSearchedVertices) {
    throw InvalidArgument("TOO_LARGE", "graph",
                          "expected at most " + std::to_string(kMaxSearchedVertices) +
                              " intermediate vertices for the exact search, got " +
                              std::to_string(graph.intermediates().size()) +
                              "; use ImproveByWindows");
  }
  return Window(EliminationGraph(graph), graph.intermediates()).Solve();
}

EliminationPlan ImproveByWindows(const ComputationalGraph& graph, const EliminationPlan& plan,
                                 std::int32_t window, int max_passes) {
  if (window < 2 || window > kMaxSearchedVertices) {
    throw InvalidArgument("OUT_OF_RANGE", "window",
                          "expected 2 to " + std::to_string(kMaxSearchedVertices) + ", got " +
                              std::to_string(window));
  }
  EliminationPlan best{plan.order, CountMultiplications(graph, plan.order)};
  const std::ptrdiff_t size = std::ssize(best.order);
  for (int pass = 0; pass < max_passes; ++pass) {
    const std::int64_t before = best.multiplications;
    EliminationGraph state(graph);
    std::int64_t multiplications = 0;
    for (std::ptrdiff_t first = 0; first < size; first += window / 2) {
      const auto begin = best.order.begin() + first;
      const auto end = begin + std::min<std::ptrdiff_t>(window, size - first);
      const EliminationPlan solved = Window(state, {begin, end}).Solve();
      std::ranges::copy(solved.order, begin);
      for (auto v = begin; v != begin + std::min<std::ptrdiff_t>(window / 2, end - begin); ++v) {
        multiplications += state.EliminateVertex(*v);
      }
    }
    best.multiplications = multiplications;
    if (multiplications == before) break;
  }
  return best;
}

EliminationPlan SearchElimination(const ComputationalGraph& graph, std::int32_t window) {
  EliminationPlan best;
  for (const EliminationRule rule : kEliminationRules) {
    EliminationPlan plan = ImproveByWindows(graph, PlanElimination(graph, rule), window);
    const bool is_exact = std::ssize(plan.order) <= window;
    if (rule == kEliminationRules.front() || plan.multiplications < best.multiplications) {
      best = std::move(plan);
    }
    if (is_exact) break;
  }
  return best;
}

std::int64_t EliminationLowerBound(const ComputationalGraph& graph) {
  DisjointPaths paths(graph);
  std::int64_t bound = 0;
  for (const std::int32_t v : graph.intermediates()) {
    bound += paths.FromInputs(v) * paths.ToOutputs(v);
  }
  return bound;
}

}  // namespace sobolev::ad
