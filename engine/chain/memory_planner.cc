#include "engine/chain/memory_planner.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/chain/memory_fronts.h"
#include "engine/chain/memory_repair.h"
#include "engine/chain/memory_search.h"
#include "engine/chain/memory_sizes.h"

namespace sobolev::chain {
namespace {

// Longer chains are left to the dynamic programme and to repairs, and still longer ones, where a
// repair takes O(D⁴), to the dynamic programme alone.
constexpr int kMaxBeamFactors = 32;
constexpr int kMaxRepairFactors = 80;
static_assert(kMaxBeamFactors <= MemorySearch::kMaxFactors);
static_assert(kMaxExactFactors <= kMaxBeamFactors);
// States that exact searches may visit before they give up: for the least memory, and for the
// cheapest plan within it.
constexpr std::size_t kMaxLeanStates = 100'000;
constexpr std::size_t kMaxStates = 20'000;

void Check(const JacobianChain& chain, const ChainWeights& weights) {
  weights.Check();
  if (chain.size() > kMaxMemoryFactors) {
    throw InvalidArgument("OUT_OF_RANGE", "factors",
                          "expected at most " + std::to_string(kMaxMemoryFactors) +
                              " within a memory, got " + std::to_string(chain.size()));
  }
  if (chain.StepBound() * Cost(weights.Largest()) < Cost(std::uint64_t{1} << 43)) return;
  throw InvalidArgument("OUT_OF_RANGE", "factors",
                        "expected sizes, edges and weights with which no step takes 2^43 "
                        "multiply-adds");
}

Error Infeasible(std::uint64_t memory, std::uint64_t least, bool proven) {
  const std::string expected = "expected at least " + std::to_string(least) + " numbers of 8 bytes";
  return FailedPrecondition("MEMORY_TOO_SMALL", "memory",
                            expected +
                                (proven ? ", without which there is no plan, got "
                                        : ", the least for which a plan was found, got ") +
                                std::to_string(memory));
}

MemoryPlan PlanExactly(const JacobianChain& chain, const MemorySizes& sizes,
                       const ChainWeights& weights, std::uint64_t memory,
                       const std::stop_token& stop) {
  MemorySearch search(sizes, stop);
  const std::optional<PlannedMoves> found = search.Exact(memory).plan;
  if (!found) throw Infeasible(memory, search.Leanest().plan->memory, true);
  MemoryPlan plan = RecordMoves(chain, found->moves, weights);
  plan.optimal = true;
  return plan;
}

// No plan takes less: by the same recursion as costs, of all ways to make F'_{j,i} the one whose
// largest step or operand is smallest, each as if it were alone in memory.
std::uint64_t MemoryBound(const MemorySizes& s) {
  const auto size = static_cast<std::size_t>(s.size());
  std::vector<std::uint64_t> bounds(size * size);
  const auto bound = [&](int j, int i) -> std::uint64_t& {
    return bounds[static_cast<std::size_t>(j) * size + static_cast<std::size_t>(i)];
  };
  const auto value = [&s](int i) { return i == 0 ? 0 : s.Value(i); };
  for (int j = 0; j < s.size(); ++j) {
    for (int i = j; i >= 0; --i) {
      const std::uint64_t result = s.Jacobian(j, i);
      if (i == j) {
        bound(j, i) = result + value(i);
        continue;
      }
      std::uint64_t least = std::min(
          std::max(bound(j - 1, i), s.Jacobian(j - 1, i) + value(j) + result),
          std::max(bound(j, i + 1), s.Jacobian(j, i + 1) + value(i) + s.edges(i) + result));
      for (int k = i; k < j; ++k) {
        least = std::min(least, std::max({bound(j, k + 1), bound(k, i),
                                          s.Jacobian(j, k + 1) + s.Jacobian(k, i) + result}));
      }
      bound(j, i) = least;
    }
  }
  std::uint64_t least = bound(s.size() - 1, 0);
  for (int i = 0; i + 1 < s.size(); ++i) least = std::max(least, value(i) + s.Value(i + 1));
  return least;
}

// Plans for less and less memory, by all heuristics.
class Descent {
 public:
  Descent(const MemorySizes& sizes, const std::stop_token& stop)
      : sizes_(sizes), stop_(stop), fronts_(sizes, stop), search_(sizes, stop) {
    std::uint64_t memory = UINT64_MAX;
    while (std::optional<PlannedMoves> plan = Best(memory)) {
      memory = NextBelow(plan->memory);
      found_.push_back(std::move(*plan));
    }
    least_proven_ = LeastMemory() == MemoryBound(sizes);
    if (!least_proven_ && searches()) AddLeanest();
  }

  std::uint64_t LeastMemory() const {
    return std::ranges::min(found_, {}, &PlannedMoves::memory).memory;
  }
  bool least_proven() const { return least_proven_; }

  // The cheapest that fits.
  std::optional<PlannedMoves> Within(std::uint64_t memory) const {
    std::optional<PlannedMoves> best = Front(memory);
    for (const PlannedMoves& found : found_) {
      if (found.memory <= memory && (!best || found.cost < best->cost)) best = found;
    }
    return best;
  }

 private:
  bool searches() const { return sizes_.size() <= kMaxBeamFactors; }

  std::optional<PlannedMoves> Front(std::uint64_t memory) const {
    const MemoryFronts::Front& root = fronts_.Root();
    const auto above = std::ranges::upper_bound(root, memory, {}, &MemoryFronts::Point::memory);
    if (above == root.begin()) return std::nullopt;
    const auto place = static_cast<std::size_t>(above - root.begin()) - 1;
    return PlannedMoves{fronts_.Moves(place), root[place].cost, root[place].memory};
  }

  std::optional<PlannedMoves> Best(std::uint64_t memory) {
    std::optional<PlannedMoves> best = Front(memory);
    const auto consider = [&best](std::optional<PlannedMoves> plan) {
      if (plan && (!best || plan->cost < best->cost)) best = std::move(plan);
    };
    if (sizes_.size() <= kMaxRepairFactors) consider(RepairPlan(sizes_, memory, stop_));
    if (searches()) consider(search_.Beam(memory, Width(), best ? best->cost : UINT64_MAX));
    return best;
  }

  // A plan within less than all before take, if there is one.
  void AddLeanest() {
    const std::uint64_t less = LeastMemory() - 1;
    const MemorySearch::Answer leanest = search_.Leanest(less, kMaxLeanStates);
    least_proven_ = leanest.proven;
    std::optional<PlannedMoves> plan = leanest.plan;
    if (!plan) {
      plan = search_.Beam(less, Width(), UINT64_MAX, MemorySearch::Order::kMemory);
      if (!plan) return;
    }
    // Within that, it may be possible for less.
    std::optional<PlannedMoves> cheaper = search_.Exact(plan->memory, plan->cost, kMaxStates).plan;
    if (!cheaper) cheaper = search_.Beam(plan->memory, Width(), plan->cost);
    found_.push_back(std::move(cheaper ? *cheaper : *plan));
  }

  // Long chains have slower searches and repairs, of which there are fewer.
  std::size_t Width() const {
    constexpr std::size_t kWidth = 60'000;
    return kWidth / static_cast<std::size_t>(sizes_.size() * sizes_.size());
  }
  std::uint64_t NextBelow(std::uint64_t memory) const {
    if (sizes_.size() <= 10) return memory - 1;
    return memory - 1 - memory / (searches() ? 32 : 8);
  }

  const MemorySizes& sizes_;
  const std::stop_token& stop_;
  MemoryFronts fronts_;
  MemorySearch search_;
  std::vector<PlannedMoves> found_;
  bool least_proven_ = false;
};

}  // namespace

MemoryPlan PlanWithinMemory(const JacobianChain& chain, std::uint64_t memory,
                            const MemoryEffort& effort, const std::stop_token& stop) {
  Check(chain, effort.weights);
  const MemorySizes sizes(chain, effort.weights);
  if (chain.size() <= std::min(effort.max_exact_factors, kMaxExactFactors)) {
    return PlanExactly(chain, sizes, effort.weights, memory, stop);
  }
  const Descent descent(sizes, stop);
  const std::optional<PlannedMoves> plan = descent.Within(memory);
  if (!plan) throw Infeasible(memory, descent.LeastMemory(), descent.least_proven());
  return RecordMoves(chain, plan->moves, effort.weights);
}

}  // namespace sobolev::chain
