// The graph of all that can be held in memory while the Jacobian of a chain is made, and ways
// through it.
//
// A state is which z_i and which F'_{j,i} are held; moves are those of memory_plan.h. What is left
// to do from a state costs at least what its Jacobians and the other factors cost without a limit
// of memory, by the recursion of chain_planner.h, and what it takes to evaluate those of the z_i
// that these factors need and that cannot be there yet. This bound is consistent, so that A* finds
// the optimum, and exact where memory does not matter.
//
// Nothing is dropped before it is in the way of some move: to drop it later costs the same.

#ifndef SOBOLEV_ENGINE_CHAIN_MEMORY_SEARCH_H_
#define SOBOLEV_ENGINE_CHAIN_MEMORY_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <unordered_map>
#include <vector>

#include "engine/chain/memory_plan.h"
#include "engine/chain/memory_remainder.h"
#include "engine/chain/memory_sizes.h"

namespace sobolev::chain {

class MemorySearch {
 public:
  // Bits of a state.
  static constexpr int kMaxFactors = 32;

  struct Answer {
    std::optional<PlannedMoves> plan;
    // Whether the search ended by itself: the plan is the best, or there is none.
    bool proven = false;
  };

  // Which states a search visits first: those that promise the least cost, or the least memory.
  enum class Order { kCost, kMemory };

  MemorySearch(const MemorySizes& sizes, const std::stop_token& stop);

  // The cheapest plan within the memory, of those that cost less than `limit`, by visiting at most
  // so many states. All count in the worst case, which are 2·10⁵ for 8 factors.
  Answer Exact(std::uint64_t memory, std::uint64_t limit = UINT64_MAX,
               std::size_t max_states = SIZE_MAX);

  // A plan within the memory, if one is found by visiting at most `width` states after each number
  // of steps. Only in the order of cost `limit` counts.
  std::optional<PlannedMoves> Beam(std::uint64_t memory, std::size_t width, std::uint64_t limit,
                                   Order order = Order::kCost);

  // The plan with the least memory, of those within `memory`, by visiting at most so many states.
  Answer Leanest(std::uint64_t memory = UINT64_MAX, std::size_t max_states = SIZE_MAX);

 private:
  // Bit i of `values` is z_i, 0 < i < D; bit i of `covered` says that factor i is in a Jacobian
  // that is held, and bit i of `starts` that it is the first factor of one.
  struct State {
    std::uint32_t values = 0;
    std::uint32_t covered = 0;
    std::uint32_t starts = 0;

    friend bool operator==(const State&, const State&) = default;
  };
  struct Hash {
    std::size_t operator()(const State& state) const;
  };
  struct Node {
    State state;
    std::uint64_t held = 0;  // After all moves.
    std::uint64_t cost = 0;
    std::uint64_t memory = 0;  // The most of all moves.
    std::int64_t parent = -1;
    PlannedMove move;  // From the parent; what is of no use any more is dropped after it.
  };
  class Run;

  bool HasValue(const State& state, int i) const { return i == 0 || (state.values >> i & 1) != 0; }
  // The last factor of the Jacobian that starts there.
  static int LastOf(const State& state, int first);
  // The bound of what is left.
  std::uint64_t Bound(const State& state);
  std::vector<MemoryRemainder::Block> BlocksOf(const State& state) const;
  // Calls visit(move, next state, its cost, what is newly held, what is held only meanwhile) for
  // all moves but drops.
  template <class Visit>
  void ForEachMove(const State& state, const Visit& visit) const;
  // What the state holds.
  std::uint64_t Held(const State& state) const;
  // The last factor that is in no Jacobian yet, or −1.
  int LastOpen(const State& state) const;
  // Values that no factor needs any more are dropped.
  State WithoutUseless(State state) const;
  bool IsDone(const State& state) const { return LastOpen(state) < 0 && state.starts == 1; }
  PlannedMoves Trace(const std::vector<Node>& nodes, std::size_t last) const;

  const MemorySizes& sizes_;
  const std::stop_token stop_;
  std::unordered_map<std::uint64_t, std::uint64_t> jacobian_bounds_;
};

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_MEMORY_SEARCH_H_
