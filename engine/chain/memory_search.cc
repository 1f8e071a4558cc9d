#include "engine/chain/memory_search.h"

#include <algorithm>
#include <array>
#include <bit>
#include <queue>
#include <tuple>
#include <utility>

#include "engine/base/stop.h"

namespace sobolev::chain {
namespace {

std::uint32_t Bit(int i) { return std::uint32_t{1} << i; }

bool Has(std::uint32_t bits, int i) { return (bits >> i & 1) != 0; }

}  // namespace

std::size_t MemorySearch::Hash::operator()(const State& state) const {
  std::uint64_t hash = state.values;
  for (const std::uint32_t bits : {state.covered, state.starts}) {
    hash = (hash ^ hash >> 29) * 0x9e3779b97f4a7c15 + bits;
  }
  hash *= 0xbf58476d1ce4e5b9;
  return static_cast<std::size_t>(hash ^ hash >> 32);
}

MemorySearch::MemorySearch(const MemorySizes& sizes, const std::stop_token& stop)
    : sizes_(sizes), stop_(stop) {}

int MemorySearch::LastOf(const State& state, int first) {
  const std::uint32_t goes_on = (state.covered & ~state.starts) >> 1;
  const std::uint32_t lasts = state.covered & ~goes_on;
  return first + std::countr_zero(lasts >> first);
}

std::uint64_t MemorySearch::Bound(const State& state) {
  std::uint64_t evaluation = 0;
  bool needed = false;
  for (int i = sizes_.size() - 1; i > 0; --i) {
    needed = (needed || !Has(state.covered, i)) && !HasValue(state, i);
    if (needed) evaluation += sizes_.Evaluation(i - 1, i - 1);
  }
  const std::uint64_t key = std::uint64_t{state.covered} << 32 | state.starts;
  const auto [known, is_new] = jacobian_bounds_.try_emplace(key);
  if (is_new) known->second = MemoryRemainder(sizes_, BlocksOf(state)).cost();
  return evaluation + known->second;
}

std::vector<MemoryRemainder::Block> MemorySearch::BlocksOf(const State& state) const {
  std::vector<MemoryRemainder::Block> blocks;
  for (int i = 0; i < sizes_.size(); ++i) {
    const bool made = Has(state.covered, i);
    blocks.push_back({i, made ? LastOf(state, i) : i, made});
    i = blocks.back().last;
  }
  return blocks;
}

template <class Visit>
void MemorySearch::ForEachMove(const State& state, const Visit& visit) const {
  using Kind = MemoryMove::Kind;
  const MemorySizes& s = sizes_;
  const auto step = [](StepKind kind, int last, int first, int split = 0) {
    return PlannedMove{
        .kind = Kind::kStep, .step = kind, .first = first, .last = last, .split = split};
  };
  const auto covers = [&state](int i, bool starts, int no_start) {
    State next = state;
    next.covered |= Bit(i);
    if (starts) next.starts |= Bit(i);
    if (no_start >= 0) next.starts &= ~Bit(no_start);
    return next;
  };
  const int last_open = LastOpen(state);
  for (int i = 0; i < last_open; ++i) {
    if (!HasValue(state, i) || HasValue(state, i + 1)) continue;
    State next = state;
    next.values |= Bit(i + 1);
    visit(PlannedMove{.kind = Kind::kEvaluate, .factor = i}, next, s.Evaluation(i, i),
          s.Value(i + 1), 0);
  }
  for (int i = 0; i < s.size(); ++i) {
    if (!Has(state.covered, i)) {
      if (!HasValue(state, i)) continue;
      const State next = covers(i, true, -1);
      const std::uint64_t result = s.Jacobian(i, i);
      visit(step(StepKind::kAccumulateTangent, i, i), next, s.AccumulateByTangents(i), result, 0);
      if (s.AccumulateByAdjoints(i) < s.AccumulateByTangents(i)) {
        visit(step(StepKind::kAccumulateAdjoint, i, i), next, s.AccumulateByAdjoints(i), result,
              s.edges(i));
      }
      continue;
    }
    const int j = LastOf(state, i);
    if (j + 1 < s.size() && Has(state.covered, j + 1)) {
      const int last = LastOf(state, j + 1);
      State next = state;
      next.starts &= ~Bit(j + 1);
      visit(step(StepKind::kProduct, last, i, j), next, s.Product(last, j, i), s.Jacobian(last, i),
            0);
    } else if (j + 1 < s.size() && HasValue(state, j + 1)) {
      visit(step(StepKind::kTangent, j + 1, i), covers(j + 1, false, -1), s.n(i) * s.Tangent(j + 1),
            s.Jacobian(j + 1, i), 0);
    }
    if (i > 0 && !Has(state.covered, i - 1) && HasValue(state, i - 1)) {
      visit(step(StepKind::kAdjoint, j, i - 1), covers(i - 1, true, i), s.m(j) * s.Adjoint(i - 1),
            s.Jacobian(j, i - 1), s.edges(i - 1));
    }
    i = j;
  }
}

std::uint64_t MemorySearch::Held(const State& state) const {
  std::uint64_t held = 0;
  for (int i = 0; i < sizes_.size(); ++i) {
    if (Has(state.values, i)) held += sizes_.Value(i);
    if (Has(state.starts, i)) held += sizes_.Jacobian(LastOf(state, i), i);
  }
  return held;
}

MemorySearch::State MemorySearch::WithoutUseless(State state) const {
  const int last_open = LastOpen(state);
  state.values &= last_open < 0 ? 0 : Bit(last_open) * 2 - 1;
  return state;
}

int MemorySearch::LastOpen(const State& state) const {
  return 31 - std::countl_zero(~state.covered & (Bit(sizes_.size() - 1) * 2 - 1));
}

PlannedMoves MemorySearch::Trace(const std::vector<Node>& nodes, std::size_t last) const {
  PlannedMoves found{.cost = nodes[last].cost, .memory = nodes[last].memory};
  const auto drop = [&found](std::uint32_t values) {
    for (; values != 0; values &= values - 1) {
      found.moves.push_back({.kind = MemoryMove::Kind::kDrop, .factor = std::countr_zero(values)});
    }
  };
  // From the end on, and turned round.
  for (auto place = static_cast<std::int64_t>(last);
       nodes[static_cast<std::size_t>(place)].parent >= 0;) {
    const Node& node = nodes[static_cast<std::size_t>(place)];
    const Node& parent = nodes[static_cast<std::size_t>(node.parent)];
    drop(parent.state.values & ~node.state.values);
    if (node.move.kind != MemoryMove::Kind::kDrop) found.moves.push_back(node.move);
    place = node.parent;
  }
  std::ranges::reverse(found.moves);
  return found;
}

// One search: states by the number of steps to them, or all together.
class MemorySearch::Run {
 public:
  struct Limits {
    std::uint64_t memory = UINT64_MAX;
    std::uint64_t cost = UINT64_MAX;    // Of the plan, not reached.
    std::size_t max_states = SIZE_MAX;  // Of all that are visited.
  };

  // All states together.
  Run(MemorySearch& search, const Limits& limits, Order order)
      : Run(search, limits, order, 1, SIZE_MAX) {}
  // At most `width` after each number of steps.
  Run(MemorySearch& search, const Limits& limits, Order order, std::size_t width)
      : Run(search, limits, order, static_cast<std::size_t>(2 * search.sizes_.size()), width) {}

  Answer Go() {
    std::size_t visited = 0;
    for (Layer& layer : layers_) {
      std::size_t of_layer = 0;
      while (!layer.open.empty() && of_layer < width_) {
        const std::size_t place = std::get<3>(layer.open.top());
        layer.open.pop();
        if (layer.least.at(nodes_[place].state) < Measure(nodes_[place])) continue;
        if (search_.IsDone(nodes_[place].state)) {
          return {.plan = search_.Trace(nodes_, place), .proven = true};
        }
        if (visited++ == limits_.max_states) return {};
        ThrowIfStopped(search_.stop_);
        Expand(place);
        ++of_layer;
      }
    }
    return {.plan = std::nullopt, .proven = true};
  }

 private:
  // What to visit first: by bound, memory and cost (most first), or by memory, number of steps
  // (most first) and cost. The last is the place of the node.
  using Entry = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::size_t>;
  struct Layer {
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
    std::unordered_map<State, std::uint64_t, Hash> least;  // Of what is measured.
  };

  Run(MemorySearch& search, const Limits& limits, Order order, std::size_t num_layers,
      std::size_t width)
      : search_(search), limits_(limits), order_(order), width_(width), layers_(num_layers) {
    Add({});
  }

  std::uint64_t Measure(const Node& node) const {
    return order_ == Order::kCost ? node.cost : node.memory;
  }

  void Expand(std::size_t place) {
    const Node node = nodes_[place];
    bool blocked = false;
    search_.ForEachMove(node.state,
                        [&](const PlannedMove& move, const State& next, std::uint64_t cost,
                            std::uint64_t result, std::uint64_t tape) {
                          const std::uint64_t memory = node.held + result + tape;
                          if (memory > limits_.memory) {
                            blocked = true;
                            return;
                          }
                          // For the least memory, room is made wherever more would be held.
                          blocked |= order_ == Order::kMemory && memory > node.memory;
                          Add({.state = search_.WithoutUseless(next),
                               .cost = node.cost + cost,
                               .memory = std::max(node.memory, memory),
                               .parent = static_cast<std::int64_t>(place),
                               .move = move});
                        });
    if (!blocked) return;
    for (std::uint32_t left = node.state.values; left != 0; left &= left - 1) {
      Node next = node;
      next.state.values &= ~(left & -left);
      next.parent = static_cast<std::int64_t>(place);
      next.move = {.kind = MemoryMove::Kind::kDrop, .factor = std::countr_zero(left)};
      Add(next);
    }
  }

  void Add(Node node) {
    Layer& layer = layers_[layers_.size() == 1 ? 0 : StepsTo(node.state)];
    const auto [known, is_new] = layer.least.try_emplace(node.state, Measure(node));
    if (!is_new) {
      if (known->second <= Measure(node)) return;
      known->second = Measure(node);
    }
    node.held = search_.Held(node.state);
    if (order_ == Order::kCost) {
      const std::uint64_t bound = node.cost + search_.Bound(node.state);
      if (bound >= limits_.cost) return;
      layer.open.emplace(bound, node.memory, UINT64_MAX - node.cost, nodes_.size());
    } else {
      layer.open.emplace(node.memory, UINT64_MAX - StepsTo(node.state), node.cost, nodes_.size());
    }
    nodes_.push_back(node);
  }

  // Steps of plans, of which each covers a factor, joins two Jacobians, or both.
  static std::size_t StepsTo(const State& state) {
    return static_cast<std::size_t>(2 * std::popcount(state.covered) - std::popcount(state.starts));
  }

  MemorySearch& search_;
  const Limits limits_;
  const Order order_;
  const std::size_t width_;
  std::vector<Layer> layers_;
  std::vector<Node> nodes_;
};

MemorySearch::Answer MemorySearch::Exact(std::uint64_t memory, std::uint64_t limit,
                                         std::size_t max_states) {
  return Run(*this, {.memory = memory, .cost = limit, .max_states = max_states}, Order::kCost).Go();
}

std::optional<PlannedMoves> MemorySearch::Beam(std::uint64_t memory, std::size_t width,
                                               std::uint64_t limit, Order order) {
  return Run(*this, {.memory = memory, .cost = limit}, order, width).Go().plan;
}

MemorySearch::Answer MemorySearch::Leanest(std::uint64_t memory, std::size_t max_states) {
  return Run(*this, {.memory = memory, .max_states = max_states}, Order::kMemory).Go();
}

}  // namespace sobolev::chain
