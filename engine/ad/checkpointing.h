// Reversing long evolutions in little memory.
//
// The adjoint of zᵢ = Φᵢ(zᵢ₋₁), i = 1, …, l, visits the steps in reverse order and needs each state
// once more when all of them are long gone. Keeping the tapes of all steps takes memory for l
// tapes (*vanilla*); keeping the initial state only takes l (l − 1)/2 recomputed steps
// (*memory-poor*). In between, s stored states buy the minimal number of recomputed steps
//
//     t(l, s) = r l − C(s + r, r − 1),   C(s + r − 1, s) < l <= C(s + r, s),
//
// where no step is recomputed more than r times (Griewank 1992; Griewank and Walther 2000). The
// optimal plan advances k steps, stores a state there, reverses the rest with s − 1 states, and
// then the first k steps with s states: t(l, s) = min_k k + t(l − k, s − 1) + t(k, s).
//
// A schedule is a list of actions for whoever owns states and tapes. Steps are counted from 0, and
// state i is the one before step i; the initial state is state 0 and counts among the s.
// checkpoint_plans.h has schedules for steps of unequal cost, for a disk behind the memory, and for
// evolutions whose length is not known beforehand.

#ifndef SOBOLEV_ENGINE_AD_CHECKPOINTING_H_
#define SOBOLEV_ENGINE_AD_CHECKPOINTING_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

namespace sobolev::ad {

struct ReversalAction {
  enum class Kind : std::uint8_t {
    kStore,    // Copy the current state, `step`, into the slot.
    kRestore,  // Make state `step` current from the slot.
    kAdvance,  // Run `count` steps from the current state `step` without a tape.
    kTape,     // Run `count` steps from the current state `step` and add them to the tape.
    kReverse,  // Run the adjoints of steps step + count − 1, …, step and drop their tapes.
  };
  enum class Level : std::uint8_t { kMemory, kDisk };

  Kind kind = Kind::kReverse;
  std::int64_t step = 0;
  std::int64_t count = 0;  // 0 for kStore and kRestore.
  std::int64_t slot = -1;  // For kStore and kRestore only.
  Level level = Level::kMemory;

  friend bool operator==(const ReversalAction&, const ReversalAction&) = default;
};

using ReversalSchedule = std::vector<ReversalAction>;

// What a schedule takes, in steps, states and tapes.
struct ReversalCosts {
  std::int64_t advances = 0;     // Steps run without a tape. Each step runs once more with one.
  std::int64_t peak_states = 0;  // Slots in memory.
  std::int64_t peak_tapes = 0;   // Tapes of one step.
  std::int64_t disk_writes = 0;
  std::int64_t disk_reads = 0;

  friend bool operator==(const ReversalCosts&, const ReversalCosts&) = default;
};

// Plays a schedule that starts with state 0 current.
//
// Throws Error(kInvalidArgument) naming "schedule[k]" if an action does not follow from the ones
// before, and "schedule" if it does not reverse each of num_steps steps once, in reverse order. An
// initial state on the disk is known without a write.
ReversalCosts Replay(const ReversalSchedule& schedule, std::int64_t num_steps);

// The value of results that exceed 64 bits.
inline constexpr std::int64_t kSaturated = std::numeric_limits<std::int64_t>::max();

// β(s, r) = C(s + r, s): the most steps that s states can reverse with no step recomputed more than
// r times. 0 for negative r; kSaturated from 2⁶³ − 1 on.
std::int64_t MaxReversibleSteps(std::int64_t num_states, std::int64_t repetitions);

// The r of t(l, s); r <= l − 1.
//
// These three throw Error(kInvalidArgument) naming "num_steps" or "num_states" if one is below 1.
std::int64_t RepetitionNumber(std::int64_t num_steps, std::int64_t num_states);

// t(l, s), the minimal number of advances. kSaturated if it exceeds 64 bits.
std::int64_t MinimalAdvances(std::int64_t num_steps, std::int64_t num_states);

// The smallest number of states with at most that many advances; empty if even l are too few.
std::optional<std::int64_t> StatesForAdvances(std::int64_t num_steps, std::int64_t max_advances);

// Where to store next: given that steps begin, …, end − 1 are to be reversed from state `begin`
// with num_states >= 2 slots, that of `begin` included, the state in (begin, end) to advance to.
using SplitRule =
    std::function<std::int64_t(std::int64_t begin, std::int64_t end, std::int64_t num_states)>;

// The split that takes t(l, s) advances: as large as possible, so that little is stored.
std::int64_t BinomialSplit(std::int64_t begin, std::int64_t end, std::int64_t num_states);

// A nested schedule, action by action in O(s) memory: it stores where the rule says, reverses the
// later part with the slots that are left, then the earlier part with all slots.
class NestedReversal {
 public:
  NestedReversal(std::int64_t num_steps, std::int64_t num_states, SplitRule split = BinomialSplit);

  // The next action, or nothing when all steps are reversed.
  std::optional<ReversalAction> Next();

 private:
  SplitRule split_;
  std::int64_t end_;  // Steps end_ and later are reversed.
  std::int64_t num_states_;
  std::int64_t current_ = 0;          // The current state, or −1.
  bool is_taped_ = false;             // Whether step end_ − 1 is.
  std::vector<std::int64_t> stored_;  // Ascending; slot k holds state stored_[k].
};

// All actions with the binomial split: t(l, s) advances, at most s states, one tape. Throws
// Error(kInvalidArgument) as above.
ReversalSchedule BinomialSchedule(std::int64_t num_steps, std::int64_t num_states);

// All tapes at once: no advances, no states, l tapes.
ReversalSchedule VanillaSchedule(std::int64_t num_steps);

// Every step from the initial state: l (l − 1)/2 advances, one state, one tape.
ReversalSchedule MemoryPoorSchedule(std::int64_t num_steps);

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_CHECKPOINTING_H_
