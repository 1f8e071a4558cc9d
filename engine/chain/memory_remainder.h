// The cheapest way to go on without a limit of memory, where some Jacobians of a chain are made.

#ifndef SOBOLEV_ENGINE_CHAIN_MEMORY_REMAINDER_H_
#define SOBOLEV_ENGINE_CHAIN_MEMORY_REMAINDER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/chain/memory_plan.h"
#include "engine/chain/memory_sizes.h"

namespace sobolev::chain {

// By the recursion of chain_planner.h, with subchains that are made in the place of factors. What
// it takes to evaluate values does not count.
class MemoryRemainder {
 public:
  // A subchain whose Jacobian is made, or a factor that is in none.
  struct Block {
    int first = 0;
    int last = 0;
    bool made = false;
  };

  // The blocks are all of the chain, in order.
  MemoryRemainder(const MemorySizes& sizes, std::vector<Block> blocks);

  std::uint64_t cost() const { return At(blocks_.size() - 1, 0); }
  // The first step, where operands made later or those made earlier in the chain go first. Not if
  // all is made.
  PlannedMove NextStep(bool later_first) const;

 private:
  std::uint64_t& At(std::size_t last, std::size_t first) {
    return costs_[last * blocks_.size() + first];
  }
  std::uint64_t At(std::size_t last, std::size_t first) const {
    return costs_[last * blocks_.size() + first];
  }
  std::uint64_t Best(std::size_t last, std::size_t first) const;

  const MemorySizes* sizes_;
  std::vector<Block> blocks_;
  std::vector<std::uint64_t> costs_;
};

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_MEMORY_REMAINDER_H_
