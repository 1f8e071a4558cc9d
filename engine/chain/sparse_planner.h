// Plans for chains of which the sparsity patterns are known.
//
// A product of two sparse Jacobians takes Σ_k (entries of column k of the left one)·(entries of row
// k of the right one) multiply-adds, and the pattern of a subchain does not depend on how it is
// bracketed. So the dynamic programme of chain_planner.h remains exact, with the pattern of every
// subchain computed once. It does not share products between the entries of a result, of which the
// fewest are NP-hard to find (ENSEMBLE COMPUTATION; Naumann, SIAM CSC 2020).
//
// Compressed propagations go beyond that: columns of a result that share no row are carried
// together (Curtis, Powell and Reid 1974), so that it takes as many tangents as the colours of the
// result's columns, and likewise as many adjoints as the colours of its rows. The plan is then the
// cheapest of those that carry directions through one factor at a time; seeds for the colours of a
// later result, carried through several factors at once, may be cheaper.

#ifndef SOBOLEV_ENGINE_CHAIN_SPARSE_PLANNER_H_
#define SOBOLEV_ENGINE_CHAIN_SPARSE_PLANNER_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/ad/sparsity.h"
#include "engine/chain/chain_plan.h"
#include "engine/chain/chain_planner.h"
#include "engine/chain/jacobian_chain.h"

namespace sobolev::chain {

inline constexpr int kMaxSparseFactors = 256;
// Of the patterns of all subchains together, with their rows and columns.
inline constexpr std::int64_t kMaxPatternEntries = std::int64_t{1} << 27;

// The cheapest plan for factors with these m_i×n_i patterns; ties as in PlanChain. Subchains
// without entries cost nothing.
//
// Throws Error(kInvalidArgument) naming "factors" if there are more than kMaxSparseFactors,
// "factors[i].pattern" if there is not one for each or one has another shape; kResourceExhausted
// beyond kMaxPatternEntries; kCancelled once `stop` fires.
ChainPlan PlanSparseChain(const JacobianChain& chain,
                          const std::vector<ad::SparsityPattern>& patterns,
                          const ChainRules& rules = {}, bool compress = false,
                          const std::stop_token& stop = {});

// As PlanHomogeneous, with the cheapest order of sparse products.
HomogeneousCosts PlanSparseHomogeneous(const JacobianChain& chain,
                                       const std::vector<ad::SparsityPattern>& patterns);

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_SPARSE_PLANNER_H_
