// A plan within a memory, by repairing the cheapest one without a limit.
//
// That plan is walked, and values are evaluated as its steps need them. Where the next move does
// not fit, the cheapest of these makes room for it, by what all that is left costs then:
//   - a value is forgotten, to be evaluated again,
//   - tangents take the place of adjoints, which need no tape,
//   - a step is made earlier whose result is smaller than its operands, mostly a product.
// After each, the walk goes on with the cheapest plan for what is left.

#ifndef SOBOLEV_ENGINE_CHAIN_MEMORY_REPAIR_H_
#define SOBOLEV_ENGINE_CHAIN_MEMORY_REPAIR_H_

#include <cstdint>
#include <optional>
#include <stop_token>

#include "engine/chain/memory_plan.h"
#include "engine/chain/memory_sizes.h"

namespace sobolev::chain {

// The cheaper of two walks, in which operands made later or earlier in the chain go first, if one
// gets to its end. Throws Error(kCancelled) once `stop` fires.
std::optional<PlannedMoves> RepairPlan(const MemorySizes& sizes, std::uint64_t memory,
                                       const std::stop_token& stop);

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_MEMORY_REPAIR_H_
