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
    if (needed) evaluation += sizes_.edges(i - 1);
  }
  const std::uint64_t key = std::uint64_t{state.covered} << 32 | state.starts;
  const auto [known, is_new] = jacobian_bounds_.try_emplace(key);
  if (is_new) known->second = JacobianBound(state);
  return evaluation + known->second;
}

std::uint64_t MemorySearch::JacobianBound(const State& state) const {
  struct Item {
    int first;
    int last;
    bool made;
  };
  std::vector<Item> items;
  for (int i = 0; i < sizes_.size(); ++i) {
    const bool made = Has(state.covered, i);
    items.push_back({i, made ? LastOf(state, i) : i, made});
    i = items.back().last;
  }
  const std::size_t count = items.size();
  std::vector<std::uint64_t> costs(count * count);
  const auto cost = [&](std::size_t last, std::size_t first) -> std::uint64_t& {
    return costs[last * count + first];
  };
  for (std::size_t last = 0; last < count; ++last) {
    for (std::size_t first = last + 1; first-- > 0;) {
      const int i = items[first].first;
      const int j = items[last].last;
      if (first == last) {
        cost(last, first) =
            items[first].made ? 0 : sizes_.edges(i) * std::min(sizes_.n(i), sizes_.m(i));
        continue;
      }
      std::uint64_t best = UINT64_MAX;
      const std::uint64_t scale = sizes_.Jacobian(j, i);
      for (std::size_t k = first; k < last; ++k) {
        best = std::min(best, cost(last, k + 1) + cost(k, first) + scale * sizes_.m(items[k].last));
      }
      if (!items[last].made) {
        best = std::min(best, cost(last - 1, first) + sizes_.n(i) * sizes_.edges(j));
      }
      if (!items[first].made) {
        best = std::min(best, cost(last, first + 1) + sizes_.m(j) * sizes_.edges(i));
      }
      cost(last, first) = best;
    }
  }
  return cost(count - 1, 0);
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
    visit(PlannedMove{.kind = Kind::kEvaluate, .factor = i}, next, s.edges(i), s.Value(i + 1), 0);
  }
  for (int i = 0; i < s.size(); ++i) {
    if (!Has(state.covered, i)) {
      if (!HasValue(state, i)) continue;
      const State next = covers(i, true, -1);
      const std::uint64_t result = s.Jacobian(i, i);
      visit(step(StepKind::kAccumulateTangent, i, i), next, s.n(i) * s.edges(i), result, 0);
      if (s.m(i) < s.n(i)) {
        visit(step(StepKind::kAccumulateAdjoint, i, i), next, s.m(i) * s.edges(i), result,
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
      visit(step(StepKind::kTangent, j + 1, i), covers(j + 1, false, -1), s.n(i) * s.edges(j + 1),
            s.Jacobian(j + 1, i), 0);
    }
    if (i > 0 && !Has(state.covered, i - 1) && HasValue(state, i - 1)) {
      visit(step(StepKind::kAdjoint, j, i - 1), covers(i - 1, true, i), s.m(j) * s.edges(i - 1),
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

MemorySearch::Found MemorySearch::Trace(const std::vector<Node>& nodes, std::size_t last) const {
  Found found{.cost = nodes[last].cost, .memory = nodes[last].memory};
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
  Run(MemorySearch& search, std::uint64_t memory, std::size_t width, std::uint64_t limit,
      Order order)
      : search_(search),
        memory_(memory),
        width_(width),
        limit_(limit),
        order_(order),
        layers_(width == kAllStates ? 1 : static_cast<std::size_t>(2 * search.sizes_.size())) {
    Add({});
  }

  std::optional<Found> Go() {
    for (Layer& layer : layers_) {
      std::size_t visited = 0;
      while (!layer.open.empty() && visited < width_) {
        const std::size_t place = std::get<3>(layer.open.top());
        layer.open.pop();
        if (layer.costs.at(nodes_[place].state) < nodes_[place].cost) continue;
        if (search_.IsDone(nodes_[place].state)) return search_.Trace(nodes_, place);
        ThrowIfStopped(search_.stop_);
        Expand(place);
        ++visited;
      }
    }
    return std::nullopt;
  }

 private:
  // Bound and memory in that order or the other, cost (most first), and place of nodes: what to
  // visit first.
  using Entry = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::size_t>;
  struct Layer {
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
    std::unordered_map<State, std::uint64_t, Hash> costs;
  };

  void Expand(std::size_t place) {
    const Node node = nodes_[place];
    bool blocked = false;
    search_.ForEachMove(node.state,
                        [&](const PlannedMove& move, const State& next, std::uint64_t cost,
                            std::uint64_t result, std::uint64_t tape) {
                          const std::uint64_t memory = node.held + result + tape;
                          if (memory > memory_) {
                            blocked = true;
                            return;
                          }
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
    const auto [known, is_new] = layer.costs.try_emplace(node.state, node.cost);
    if (!is_new) {
      if (known->second <= node.cost) return;
      known->second = node.cost;
    }
    const std::uint64_t bound = node.cost + search_.Bound(node.state);
    if (bound >= limit_) return;
    node.held = search_.Held(node.state);
    const auto [first, second] =
        order_ == Order::kCost ? std::pair(bound, node.memory) : std::pair(node.memory, bound);
    layer.open.emplace(first, second, UINT64_MAX - node.cost, nodes_.size());
    nodes_.push_back(node);
  }

  // Steps of plans, of which each covers a factor, joins two Jacobians, or both.
  static std::size_t StepsTo(const State& state) {
    return static_cast<std::size_t>(2 * std::popcount(state.covered) - std::popcount(state.starts));
  }

  MemorySearch& search_;
  const std::uint64_t memory_;
  const std::size_t width_;
  const std::uint64_t limit_;
  const Order order_;
  std::vector<Layer> layers_;
  std::vector<Node> nodes_;
};

std::optional<MemorySearch::Found> MemorySearch::Exact(std::uint64_t memory) {
  return Run(*this, memory, kAllStates, UINT64_MAX, Order::kCost).Go();
}

std::optional<MemorySearch::Found> MemorySearch::Beam(std::uint64_t memory, std::size_t width,
                                                      std::uint64_t limit, Order order) {
  return Run(*this, memory, width, limit, order).Go();
}

std::uint64_t MemorySearch::LeastMemory() {
  using Entry = std::pair<std::uint64_t, std::size_t>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
  std::unordered_map<State, std::uint64_t, Hash> least;
  std::vector<State> states;
  const auto add = [&](const State& state, std::uint64_t memory) {
    const auto [known, is_new] = least.try_emplace(state, memory);
    if (!is_new && known->second <= memory) return;
    known->second = memory;
    open.emplace(memory, states.size());
    states.push_back(state);
  };
  add({}, 0);
  while (true) {
    const std::uint64_t memory = open.top().first;
    const State state = states[open.top().second];
    open.pop();
    if (IsDone(state)) return memory;
    if (least.at(state) < memory) continue;
    ThrowIfStopped(stop_);
    const std::uint64_t held = Held(state);
    ForEachMove(state, [&](const PlannedMove&, const State& next, std::uint64_t /*cost*/,
                           std::uint64_t result, std::uint64_t tape) {
      add(WithoutUseless(next), std::max(memory, held + result + tape));
    });
    for (std::uint32_t left = state.values; left != 0; left &= left - 1) {
      State next = state;
      next.values &= ~(left & -left);
      add(next, memory);
    }
  }
}

}  // namespace sobolev::chain
