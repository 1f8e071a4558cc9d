#include "engine/ad/checkpointing.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"

namespace sobolev::ad {

namespace {

using Kind = ReversalAction::Kind;
using Level = ReversalAction::Level;
__extension__ using Wide = __int128;

void RequirePositive(const char* field, std::int64_t value) {
  if (value >= 1) return;
  throw InvalidArgument("OUT_OF_RANGE", field, "expected at least 1, got " + std::to_string(value));
}

// The state of a replay.
class Player {
 public:
  explicit Player(std::int64_t num_steps) : end_(num_steps) { slots_[{Level::kDisk, 0}] = 0; }

  // Whether the action is possible; then it is done.
  bool Play(const ReversalAction& action) {
    switch (action.kind) {
      case Kind::kStore:
        return Store(action);
      case Kind::kRestore:
        return Restore(action);
      case Kind::kAdvance:
        if (!Run(action) || tape_ends_ != tape_begins_) return false;
        costs_.advances += action.count;
        return true;
      case Kind::kTape:
        return Tape(action);
      case Kind::kReverse:
        return Reverse(action);
    }
    return false;
  }

  bool IsDone() const { return end_ == 0; }
  const ReversalCosts& costs() const { return costs_; }

 private:
  bool Store(const ReversalAction& action) {
    if (action.step != current_ || action.slot < 0) return false;
    slots_[{action.level, action.slot}] = current_;
    if (action.level == Level::kDisk) {
      ++costs_.disk_writes;
    } else {
      costs_.peak_states = std::max(costs_.peak_states, action.slot + 1);
    }
    return true;
  }

  bool Restore(const ReversalAction& action) {
    const auto slot = slots_.find({action.level, action.slot});
    if (slot == slots_.end() || slot->second != action.step) return false;
    current_ = action.step;
    costs_.disk_reads += action.level == Level::kDisk ? 1 : 0;
    return true;
  }

  // Moves the current state if all steps of the action are still to be reversed.
  bool Run(const ReversalAction& action) {
    if (action.step != current_ || action.count < 1 || action.count > end_ - current_) return false;
    current_ += action.count;
    return true;
  }

  bool Tape(const ReversalAction& action) {
    const bool extends = tape_ends_ == action.step && tape_ends_ != tape_begins_;
    if (!Run(action) || (tape_ends_ != tape_begins_ && !extends)) return false;
    if (!extends) tape_begins_ = action.step;
    tape_ends_ = current_;
    costs_.peak_tapes = std::max(costs_.peak_tapes, tape_ends_ - tape_begins_);
    return true;
  }

  bool Reverse(const ReversalAction& action) {
    if (action.count < 1 || action.step < tape_begins_ || tape_ends_ != end_ ||
        action.step + action.count != end_) {
      return false;
    }
    tape_ends_ = action.step;
    end_ = action.step;
    current_ = -1;
    return true;
  }

  std::int64_t end_;
  std::int64_t current_ = 0;  // −1 when the state was used up.
  std::int64_t tape_begins_ = 0;
  std::int64_t tape_ends_ = 0;
  std::map<std::pair<Level, std::int64_t>, std::int64_t> slots_;
  ReversalCosts costs_;
};

}  // namespace

ReversalCosts Replay(const ReversalSchedule& schedule, std::int64_t num_steps) {
  RequirePositive("num_steps", num_steps);
  Player player(num_steps);
  for (std::size_t k = 0; k < schedule.size(); ++k) {
    if (player.Play(schedule[k])) continue;
    throw InvalidArgument(
        "INVALID_SCHEDULE", "schedule[" + std::to_string(k) + "]",
        "expected an action that is possible at step " + std::to_string(schedule[k].step));
  }
  if (!player.IsDone()) {
    throw InvalidArgument("INVALID_SCHEDULE", "schedule", "expected all steps to be reversed");
  }
  return player.costs();
}

std::int64_t MaxReversibleSteps(std::int64_t num_states, std::int64_t repetitions) {
  if (repetitions < 0 || num_states < 0) return 0;
  const std::int64_t k = std::min(num_states, repetitions);
  const std::int64_t other = std::max(num_states, repetitions);
  // C(other + i, i) grows at least twofold for i <= other, so that the loop ends early.
  std::int64_t value = 1;
  for (std::int64_t i = 1; i <= k; ++i) {
    const Wide next = static_cast<Wide>(value) * (static_cast<Wide>(other) + i) / i;
    if (next >= kSaturated) return kSaturated;
    value = static_cast<std::int64_t>(next);
  }
  return value;
}

std::int64_t RepetitionNumber(std::int64_t num_steps, std::int64_t num_states) {
  RequirePositive("num_steps", num_steps);
  RequirePositive("num_states", num_states);
  std::int64_t low = 0;
  std::int64_t high = num_steps - 1;  // β(s, r) >= r + 1
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (MaxReversibleSteps(num_states, middle) >= num_steps) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

std::int64_t MinimalAdvances(std::int64_t num_steps, std::int64_t num_states) {
  const std::int64_t r = RepetitionNumber(num_steps, num_states);
  if (r == 0) return 0;
  if (r == 1) return num_steps - 1;
  // C(s + r, r − 1) = β(s + 1, r − 1) is below r l; both may exceed 64 bits though their difference
  // does not.
  Wide saved = 1;
  const std::int64_t k = std::min(num_states + 1, r - 1);
  const std::int64_t other = std::max(num_states + 1, r - 1);
  for (std::int64_t i = 1; i <= k; ++i) saved = saved * (static_cast<Wide>(other) + i) / i;
  const Wide advances = static_cast<Wide>(r) * num_steps - saved;
  return advances >= kSaturated ? kSaturated : static_cast<std::int64_t>(advances);
}

std::optional<std::int64_t> StatesForAdvances(std::int64_t num_steps, std::int64_t max_advances) {
  RequirePositive("num_steps", num_steps);
  std::int64_t low = 1;
  std::int64_t high = num_steps;
  if (MinimalAdvances(num_steps, high) > max_advances) return std::nullopt;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (MinimalAdvances(num_steps, middle) <= max_advances) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

std::int64_t BinomialSplit(std::int64_t begin, std::int64_t end, std::int64_t num_states) {
  const std::int64_t num_steps = end - begin;
  const std::int64_t r = RepetitionNumber(num_steps, num_states);
  // The largest k such that the first k steps need at most r − 1 repetitions of their own, and the
  // others, with one state less, not fewer than the rest of the optimal cost allows.
  const std::int64_t k = std::min(MaxReversibleSteps(num_states, r - 1),
                                  num_steps - MaxReversibleSteps(num_states - 1, r - 1));
  return begin + k;
}

NestedReversal::NestedReversal(std::int64_t num_steps, std::int64_t num_states, SplitRule split)
    : split_(std::move(split)), end_(num_steps), num_states_(num_states) {
  RequirePositive("num_steps", num_steps);
  RequirePositive("num_states", num_states);
}

std::optional<ReversalAction> NestedReversal::Next() {
  if (is_taped_) {
    is_taped_ = false;
    current_ = -1;
    return ReversalAction{Kind::kReverse, --end_, 1};
  }
  if (end_ == 0) return std::nullopt;
  while (!stored_.empty() && stored_.back() >= end_) stored_.pop_back();
  const std::int64_t slot = std::ssize(stored_);
  if (current_ < 0) {
    current_ = stored_.back();
    return ReversalAction{Kind::kRestore, current_, 0, slot - 1};
  }
  if (current_ == end_ - 1) {
    is_taped_ = true;
    return ReversalAction{Kind::kTape, current_, 1};
  }
  // A state is stored where it was advanced to, unless it is from a slot or no slot is left.
  if ((stored_.empty() || stored_.back() < current_) && slot < num_states_) {
    stored_.push_back(current_);
    return ReversalAction{Kind::kStore, current_, 0, slot};
  }
  const std::int64_t from = current_;
  const std::int64_t states = num_states_ - slot + 1;  // That of `from` included.
  current_ = states == 1 ? end_ - 1 : split_(from, end_, states);
  return ReversalAction{Kind::kAdvance, from, current_ - from};
}

ReversalSchedule BinomialSchedule(std::int64_t num_steps, std::int64_t num_states) {
  NestedReversal reversal(num_steps, num_states);
  ReversalSchedule schedule;
  while (const auto action = reversal.Next()) schedule.push_back(*action);
  return schedule;
}

ReversalSchedule VanillaSchedule(std::int64_t num_steps) {
  RequirePositive("num_steps", num_steps);
  return {{Kind::kTape, 0, num_steps}, {Kind::kReverse, 0, num_steps}};
}

ReversalSchedule MemoryPoorSchedule(std::int64_t num_steps) {
  return BinomialSchedule(num_steps, 1);
}

}  // namespace sobolev::ad
