// Plans for Jacobian chains on several workers: the earliest end instead of the least work.
//
// SCHEDULED JACOBIAN CHAINING (arXiv:2505.06056): a plan with more work may end
// earlier if more of it runs side by side. Upper bounds come from the dynamic programme of that
// paper, g_{j,i,t} = the end on t workers if the operands of a product run one after the other on
// all t, or side by side on t_1 + t_2 = t; lower bounds from the least work per worker and the
// shortest critical path. Between them, plans are enumerated from the root on by branch and bound,
// and the steps of each plan that may win are scheduled exactly.

#ifndef SOBOLEV_ENGINE_CHAIN_SCHEDULED_PLANNER_H_
#define SOBOLEV_ENGINE_CHAIN_SCHEDULED_PLANNER_H_

#include <cstdint>
#include <stop_token>

#include "engine/chain/chain_plan.h"
#include "engine/chain/chain_planner.h"
#include "engine/chain/jacobian_chain.h"
#include "engine/chain/schedule.h"

namespace sobolev::chain {

inline constexpr int kMaxWorkers = 1024;
inline constexpr int kMaxScheduledFactors = 160;

// Nodes of the searches; chains of up to 8 factors take about 10 ms at most.
inline constexpr std::int64_t kDefaultEffort = 200'000;

struct ScheduledPlan {
  ChainPlan plan;
  Schedule schedule;
  std::uint64_t lower_bound = 0;  // No plan ends earlier.
  bool optimal = false;           // Proven: no plan ends earlier than this one.
};

// The best plan found with `effort` nodes. Deterministic.
//
// Throws Error(kInvalidArgument) naming "workers" unless it is in [1, kMaxWorkers], or "factors" if
// there are more than kMaxScheduledFactors or the work could reach 2⁶³; kCancelled once `stop`
// fires.
ScheduledPlan PlanScheduled(const JacobianChain& chain, int workers, const ChainRules& rules = {},
                            std::int64_t effort = kDefaultEffort, const std::stop_token& stop = {});

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_SCHEDULED_PLANNER_H_
