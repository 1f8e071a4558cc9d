// The cheapest plan within a memory (memory_plan.h).
//
// Where values cannot all be kept they are evaluated again, so that DAG reversal on chains, which
// is NP-hard (Naumann 2008), is a part of it. Short chains are planned exactly (memory_search.h).
// For longer ones the dynamic programme of memory_fronts.h finds a plan for each memory; repairs of
// the plan without a limit (memory_repair.h) and, for chains that are not too long, beam searches
// find others: first without a limit, and then each time within less than what the best before
// took, down to the memory where none is found. There a search for the least memory goes on, which
// gives up on long chains. The plan for a memory is the cheapest of all these that fit into it, so
// that more memory never makes a plan dearer.

#ifndef SOBOLEV_ENGINE_CHAIN_MEMORY_PLANNER_H_
#define SOBOLEV_ENGINE_CHAIN_MEMORY_PLANNER_H_

#include <cstdint>
#include <stop_token>

#include "engine/chain/chain_plan.h"
#include "engine/chain/jacobian_chain.h"
#include "engine/chain/memory_plan.h"

namespace sobolev::chain {

inline constexpr int kMaxMemoryFactors = 160;

// Up to so many factors plans are optimal.
inline constexpr int kMaxExactFactors = 8;

// How to plan.
struct MemoryEffort {
  // Longer chains are planned by heuristics.
  int max_exact_factors = kMaxExactFactors;
  // What is least: the sum of multiply-adds, each times its weight. Evaluations have that of
  // tangents.
  ChainWeights weights = {};
};

// A plan that never holds more than `memory` numbers. Deterministic.
//
// Throws Error(kInvalidArgument) as ChainWeights::Check does, and naming "factors" if there are
// more than kMaxMemoryFactors or a step could take 2⁴³ multiply-adds, times weights;
// kFailedPrecondition naming "memory" if there is no plan, or, of chains that are not planned
// exactly, none is found, with the least memory for which there is one; kCancelled once `stop`
// fires.
MemoryPlan PlanWithinMemory(const JacobianChain& chain, std::uint64_t memory,
                            const MemoryEffort& effort = {}, const std::stop_token& stop = {});

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_MEMORY_PLANNER_H_
