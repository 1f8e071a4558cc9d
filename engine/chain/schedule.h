// When the steps of a plan run on several workers.
//
// The steps form an in-tree: each is taken up by one other. Which of them to start first on m equal
// workers, without interruption, so that the last one ends earliest is NP-hard.

#ifndef SOBOLEV_ENGINE_CHAIN_SCHEDULE_H_
#define SOBOLEV_ENGINE_CHAIN_SCHEDULE_H_

#include <cstdint>
#include <vector>

#include "engine/chain/chain_plan.h"

namespace sobolev::chain {

// In units of a multiply-add.
struct Schedule {
  struct Slot {
    int worker = 0;  // From 0.
    std::uint64_t start = 0;
  };

  std::vector<Slot> slots;  // One per step.
  std::uint64_t makespan = 0;
  // No schedule of this plan ends earlier: the larger of the work per worker and the longest way
  // to the root.
  std::uint64_t lower_bound = 0;
};

// Whenever a worker is free, it takes the step from which the way to the root is longest of those
// whose operands are there (Hu 1961, who proves it best for steps of equal length).
//
// The sum of all costs is below 2⁶³ and `workers` at least 1.
Schedule ScheduleByLevel(const ChainPlan& plan, int workers);

// The best schedule that ends before `limit`, by branch and bound over the orders in which steps
// start; ScheduleByLevel's if there is none. Each node counts against `nodes`, and the search ends
// when none are left, with what it has. Returns whether the result is proven to be optimal, or the
// optimum to be at least `limit`.
bool ImproveSchedule(const ChainPlan& plan, int workers, std::uint64_t limit, std::int64_t& nodes,
                     Schedule& schedule);

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_SCHEDULE_H_
