// Checkpointing beyond equal steps, one kind of memory and a known end.
//
// Steps of unequal cost move the states to store; the optimum among nested schedules is a dynamic
// programme over intervals of steps. A disk behind the memory holds any number of states at a
// price; within a segment between two of them, the memory is used as in checkpointing.h. And when
// nobody knows how long the evolution will be, states are stored on the way and thinned out such
// that whatever the end, what remains is close to the best.

#ifndef SOBOLEV_ENGINE_AD_CHECKPOINT_PLANS_H_
#define SOBOLEV_ENGINE_AD_CHECKPOINT_PLANS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/ad/checkpointing.h"

namespace sobolev::ad {

struct ReversalPlan {
  ReversalSchedule schedule;
  std::int64_t cost = 0;
};

// The cheapest nested schedule if running step i without a tape costs step_costs[i]; O(l³ s) work
// and 4 l² s bytes. The cost is that of all advances. With equal costs of 1 it is t(l, s).
//
// Throws Error(kInvalidArgument) naming "step_costs" if there are none, if one is negative, if a
// sum could exceed 64 bits or if l² s exceeds 2²⁵; naming "num_states" if it is below 1.
ReversalPlan PlanUnequalSteps(std::span<const std::int64_t> step_costs, std::int64_t num_states);

// What a state on the disk costs, in units of a step.
struct DiskCosts {
  std::int64_t write = 0;
  std::int64_t read = 0;
};

// The cheapest schedule with num_states slots in memory and a disk without limit. The initial state
// is on the disk from the beginning, as slot 0. The cost is that of all advances, writes and reads,
//
//     D(l) = min { t(l, s),  min_k  k + write + D(l − k) + read + t(k, s) },
//
// in O(l²) work. Throws Error(kInvalidArgument) naming "num_steps" unless it is in [1, 2¹⁵],
// "num_states" if it is below 1, or "disk" unless its costs are in [0, 2⁴⁰].
ReversalPlan PlanTwoLevels(std::int64_t num_steps, std::int64_t num_states, DiskCosts disk);

// States to store while the number of steps is unknown (after Wang, Moin and Iaccarino 2009).
//
// Each state is stored when it is reached, and takes the place of one that later states make
// dispensable: one of a lower *level* than some state after it. If there is none, the newest state
// is replaced by one of the next level. So states thin out towards the beginning as in the binomial
// schedule. Together with the reversal it takes at most 1.5 t(l, s) + 1 advances, all l steps of
// the way forward included. Not thread-safe.
class OnlineCheckpointing {
 public:
  // Throws Error(kInvalidArgument) naming "num_states" if it is below 1.
  explicit OnlineCheckpointing(std::int64_t num_states);

  // The slot in which to store the state just reached: state 0 at the first call, state 1 at the
  // second … Empty if this state is not to be stored. O(s).
  std::optional<std::int64_t> Reach();

  // The schedule that reverses the steps between the states reached so far, beginning at the last
  // of them. Its slots hold the states that were stored. Empty if at most state 0 was reached.
  ReversalSchedule Finish() const;

 private:
  struct Stored {
    std::int64_t state;
    std::int64_t slot;
    std::int64_t level;
  };

  std::int64_t num_states_;
  std::int64_t num_reached_ = 0;
  std::vector<Stored> stored_;  // Ascending by state.
};

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_CHECKPOINT_PLANS_H_
