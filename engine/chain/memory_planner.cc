#include "engine/chain/memory_planner.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/chain/memory_fronts.h"
#include "engine/chain/memory_search.h"
#include "engine/chain/memory_sizes.h"

namespace sobolev::chain {
namespace {

// Longer chains are left to the dynamic programme.
constexpr int kMaxBeamFactors = 32;
static_assert(kMaxBeamFactors <= MemorySearch::kMaxFactors);
static_assert(kMaxExactFactors <= kMaxBeamFactors);

void Check(const JacobianChain& chain) {
  if (chain.size() > kMaxMemoryFactors) {
    throw InvalidArgument("OUT_OF_RANGE", "factors",
                          "expected at most " + std::to_string(kMaxMemoryFactors) +
                              " within a memory, got " + std::to_string(chain.size()));
  }
  if (chain.StepBound() < Cost(std::uint64_t{1} << 43)) return;
  throw InvalidArgument("OUT_OF_RANGE", "factors",
                        "expected sizes and edges with which no step takes 2^43 multiply-adds");
}

Error Infeasible(std::uint64_t memory, std::uint64_t least, bool proven) {
  const std::string expected = "expected at least " + std::to_string(least);
  return FailedPrecondition("MEMORY_TOO_SMALL", "memory",
                            expected +
                                (proven ? ", without which there is no plan, got "
                                        : ", the least for which a plan was found, got ") +
                                std::to_string(memory));
}

MemoryPlan PlanExactly(const JacobianChain& chain, const MemorySizes& sizes, std::uint64_t memory,
                       const std::stop_token& stop) {
  MemorySearch search(sizes, stop);
  const std::optional<MemorySearch::Found> found = search.Exact(memory);
  if (!found) throw Infeasible(memory, search.LeastMemory(), true);
  MemoryPlan plan = RecordMoves(chain, found->moves);
  plan.optimal = true;
  return plan;
}

// Plans for less and less memory; those of beam searches and those of the fronts.
class Descent {
 public:
  Descent(const MemorySizes& sizes, const std::stop_token& stop)
      : fronts_(sizes, stop), size_(sizes.size()) {
    if (size_ > kMaxBeamFactors) return;
    MemorySearch search(sizes, stop);
    std::uint64_t memory = UINT64_MAX;
    while (true) {
      const std::optional<std::size_t> front = InFront(memory);
      const std::uint64_t limit = front ? fronts_.Root()[*front].cost : UINT64_MAX;
      std::optional<MemorySearch::Found> found = search.Beam(memory, Width(), limit);
      if (!found && !front) {
        found = search.Beam(memory, Width(), limit, MemorySearch::Order::kMemory);
      }
      if (!found && !front) return;
      const std::uint64_t taken = found ? found->memory : fronts_.Root()[*front].memory;
      if (found) searched_.push_back(std::move(*found));
      memory = NextBelow(taken);
    }
  }

  std::uint64_t LeastMemory() const {
    std::uint64_t least = fronts_.Root().front().memory;
    for (const MemorySearch::Found& found : searched_) least = std::min(least, found.memory);
    return least;
  }

  // The cheapest that fits.
  std::optional<std::vector<PlannedMove>> Within(std::uint64_t memory) const {
    const std::optional<std::size_t> front = InFront(memory);
    const MemorySearch::Found* best = nullptr;
    for (const MemorySearch::Found& found : searched_) {
      if (found.memory <= memory && (best == nullptr || found.cost < best->cost)) best = &found;
    }
    if (best == nullptr && !front) return std::nullopt;
    if (best == nullptr || (front && fronts_.Root()[*front].cost <= best->cost)) {
      return fronts_.Moves(*front);
    }
    return best->moves;
  }

 private:
  std::optional<std::size_t> InFront(std::uint64_t memory) const {
    const MemoryFronts::Front& root = fronts_.Root();
    const auto above = std::ranges::upper_bound(root, memory, {}, &MemoryFronts::Point::memory);
    if (above == root.begin()) return std::nullopt;
    return static_cast<std::size_t>(above - root.begin()) - 1;
  }

  // Long chains have slower searches, of which there are fewer.
  std::size_t Width() const {
    constexpr std::size_t kWidth = 60'000;
    return kWidth / static_cast<std::size_t>(size_ * size_);
  }
  std::uint64_t NextBelow(std::uint64_t memory) const {
    constexpr std::uint64_t kParts = 32;
    return memory - (size_ <= 10 ? 1 : 1 + memory / kParts);
  }

  MemoryFronts fronts_;
  int size_;
  std::vector<MemorySearch::Found> searched_;
};

}  // namespace

MemoryPlan PlanWithinMemory(const JacobianChain& chain, std::uint64_t memory,
                            const MemoryEffort& effort, const std::stop_token& stop) {
  Check(chain);
  const MemorySizes sizes(chain);
  if (chain.size() <= std::min(effort.max_exact_factors, kMaxExactFactors)) {
    return PlanExactly(chain, sizes, memory, stop);
  }
  const Descent descent(sizes, stop);
  const std::optional<std::vector<PlannedMove>> moves = descent.Within(memory);
  if (!moves) throw Infeasible(memory, descent.LeastMemory(), false);
  return RecordMoves(chain, *moves);
}

}  // namespace sobolev::chain
