// Optimal plans for Jacobian chain products, by dynamic programming over subchains.
//
// GENERALIZED DENSE JACOBIAN CHAIN PRODUCT (Naumann, arXiv:2003.05755). With f_{j,i} the fewest
// multiply-adds for F'_{j,i},
//
//     f_{i,i} = E_i min(n_i, m_i)
//     f_{j,i} = min { min_k f_{j,k+1} + f_{k,i} + m_j m_k n_i,  f_{j,i+1} + m_j E_i,
//                     f_{j−1,i} + n_i E_j }.
//
// The theorem carries directions through any number of factors at once; one is enough, since
// carrying F'_{k,i} through k+1 … j costs n_i (E_{k+1} + … + E_j), and so by induction no less than
// carrying the best F'_{j−1,i} through factor j. So propagations are O(1) per subchain, and the
// products O(D): O(D³) in all, on all threads of the current oneTBB arena.

#ifndef SOBOLEV_ENGINE_CHAIN_CHAIN_PLANNER_H_
#define SOBOLEV_ENGINE_CHAIN_CHAIN_PLANNER_H_

#include <cstdint>
#include <stop_token>

#include "engine/chain/chain_plan.h"
#include "engine/chain/jacobian_chain.h"

namespace sobolev::chain {

// What a plan may do.
struct ChainRules {
  // Whether the Jacobians of the factors are given, at no cost. The DENSE MATRIX CHAIN PRODUCT has
  // these and no propagations.
  bool given_factors = false;
  // Whether directions may be carried through factors without making their Jacobians.
  bool propagate = true;
  // Adjoints, accumulating ones too, only through factors with E_i at most this: the tape that they
  // need is that long (arXiv:2406.11862).
  std::uint64_t tape_memory = UINT64_MAX;
  // What is least: the sum of multiply-adds, each times its weight.
  ChainWeights weights = {};
};

// The cheapest plan; of equal ones products before adjoints before tangents, and earlier splits
// first. Throws Error(kInvalidArgument) as ChainWeights::Check does, kCancelled once `stop` fires.
ChainPlan PlanChain(const JacobianChain& chain, const ChainRules& rules = {},
                    const std::stop_token& stop = {});

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_CHAIN_PLANNER_H_
