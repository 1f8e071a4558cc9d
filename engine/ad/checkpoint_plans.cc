#include "engine/ad/checkpoint_plans.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/ad/checkpointing.h"
#include "engine/base/error.h"

namespace sobolev::ad {

namespace {

using Kind = ReversalAction::Kind;
using Level = ReversalAction::Level;

constexpr std::int64_t kMaxPlanCells = std::int64_t{1} << 25;
constexpr std::int64_t kMaxTwoLevelSteps = std::int64_t{1} << 15;
constexpr std::int64_t kMaxDiskCost = std::int64_t{1} << 40;

void RequireRange(const char* field, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected " + std::to_string(least) + " to " + std::to_string(most) +
                            ", got " + std::to_string(value));
}

void RequireStepCosts(std::span<const std::int64_t> step_costs) {
  RequireRange("step_costs", std::ssize(step_costs), 1, kMaxPlanCells);
  // No step runs more often than there are steps.
  const std::int64_t most = kSaturated / std::ssize(step_costs) / std::ssize(step_costs);
  for (std::size_t i = 0; i < step_costs.size(); ++i) {
    RequireRange(("step_costs[" + std::to_string(i) + "]").c_str(), step_costs[i], 0, most);
  }
}

// Appends the binomial schedule of steps begin, …, end − 1 in the given slots. If the first state
// is stored already, its slot comes first.
void AppendBinomial(std::int64_t begin, std::int64_t end, std::span<const std::int64_t> slots,
                    bool is_stored, ReversalSchedule& schedule) {
  NestedReversal reversal(end - begin, std::ssize(slots));
  while (std::optional<ReversalAction> action = reversal.Next()) {
    if (is_stored && action->kind == Kind::kStore && action->step == 0) continue;
    action->step += begin;
    if (action->slot >= 0) action->slot = slots[static_cast<std::size_t>(action->slot)];
    schedule.push_back(*action);
  }
}

// The table of PlanUnequalSteps: the best split of each interval for each number of states.
class SplitTable {
 public:
  SplitTable(std::span<const std::int64_t> step_costs, std::int64_t num_states)
      : size_(std::ssize(step_costs) + 1), before_(1, 0) {
    for (const std::int64_t cost : step_costs) before_.push_back(before_.back() + cost);
    least_.assign(static_cast<std::size_t>(size_ * size_), 0);
    FillOneState();
    for (std::int64_t states = 2; states <= num_states; ++states) {
      splits_.emplace_back(static_cast<std::size_t>(size_ * size_), 0);
      Fill();
    }
  }

  std::int64_t least() const { return least_[At(0, size_ - 1)]; }

  std::int64_t Split(std::int64_t begin, std::int64_t end, std::int64_t num_states) const {
    return splits_[static_cast<std::size_t>(num_states - 2)][At(begin, end)];
  }

 private:
  std::size_t At(std::int64_t begin, std::int64_t end) const {
    return static_cast<std::size_t>(begin * size_ + end);
  }

  // From one state alone, all steps before each step run again.
  void FillOneState() {
    for (std::int64_t begin = 0; begin < size_; ++begin) {
      for (std::int64_t end = begin + 2; end < size_; ++end) {
        least_[At(begin, end)] = least_[At(begin, end - 1)] + before_[end - 1] - before_[begin];
      }
    }
  }

  // Adds a state. Intervals with an earlier begin come first and read those of a later begin, which
  // still hold the optimum with one state less.
  void Fill() {
    std::vector<std::int32_t>& split = splits_.back();
    for (std::int64_t begin = 0; begin < size_; ++begin) {
      for (std::int64_t end = begin + 2; end < size_; ++end) {
        std::int64_t best = std::numeric_limits<std::int64_t>::max();
        for (std::int64_t k = begin + 1; k < end; ++k) {
          const std::int64_t cost =
              before_[k] - before_[begin] + least_[At(k, end)] + least_[At(begin, k)];
          if (cost >= best) continue;
          best = cost;
          split[At(begin, end)] = static_cast<std::int32_t>(k);
        }
        least_[At(begin, end)] = best;
      }
    }
  }

  std::int64_t size_;
  std::vector<std::int64_t> before_;  // Sums of the costs of all steps before one.
  std::vector<std::int64_t> least_;
  std::vector<std::vector<std::int32_t>> splits_;
};

}  // namespace

ReversalPlan PlanUnequalSteps(std::span<const std::int64_t> step_costs, std::int64_t num_states) {
  RequireStepCosts(step_costs);
  RequireRange("num_states", num_states, 1, kSaturated);
  const std::int64_t num_steps = std::ssize(step_costs);
  const std::int64_t useful = std::min(num_states, num_steps);
  if (num_steps > kMaxPlanCells / num_steps / useful) {
    throw InvalidArgument("TOO_LARGE", "step_costs",
                          "expected at most 2^25 steps^2 num_states, got " +
                              std::to_string(num_steps) + " steps and " + std::to_string(useful) +
                              " states");
  }
  const SplitTable table(step_costs, useful);
  NestedReversal reversal(num_steps, useful,
                          [&](std::int64_t begin, std::int64_t end, std::int64_t states) {
                            return table.Split(begin, end, states);
                          });
  ReversalPlan plan{{}, table.least()};
  while (const auto action = reversal.Next()) plan.schedule.push_back(*action);
  return plan;
}

ReversalPlan PlanTwoLevels(std::int64_t num_steps, std::int64_t num_states, DiskCosts disk) {
  RequireRange("num_steps", num_steps, 1, kMaxTwoLevelSteps);
  RequireRange("num_states", num_states, 1, kSaturated);
  RequireRange("disk.write", disk.write, 0, kMaxDiskCost);
  RequireRange("disk.read", disk.read, 0, kMaxDiskCost);
  const std::int64_t useful = std::min(num_states, num_steps);

  const auto size = static_cast<std::size_t>(num_steps) + 1;
  std::vector<std::int64_t> in_memory(size, 0);  // t(l, s)
  std::vector<std::int64_t> least(size, 0);      // D(l)
  std::vector<std::int64_t> split(size, 0);      // The k of D(l), or 0.
  for (std::int64_t l = 1; l <= num_steps; ++l) {
    in_memory[l] = MinimalAdvances(l, useful);
    least[l] = in_memory[l];
    for (std::int64_t k = 1; k < l; ++k) {
      const std::int64_t cost = k + disk.write + least[l - k] + disk.read + in_memory[k];
      if (cost >= least[l]) continue;
      least[l] = cost;
      split[l] = k;
    }
  }

  ReversalPlan plan{{}, least[num_steps]};
  std::vector<std::int64_t> slots(static_cast<std::size_t>(useful));
  for (std::size_t k = 0; k < slots.size(); ++k) slots[k] = static_cast<std::int64_t>(k);
  std::vector<std::int64_t> on_disk = {0};
  for (std::int64_t l = num_steps; split[l] > 0; l -= split[l]) {
    const std::int64_t from = on_disk.back();
    on_disk.push_back(from + split[l]);
    plan.schedule.push_back({Kind::kAdvance, from, split[l]});
    plan.schedule.push_back(
        {Kind::kStore, on_disk.back(), 0, std::ssize(on_disk) - 1, Level::kDisk});
  }
  AppendBinomial(on_disk.back(), num_steps, slots, false, plan.schedule);
  for (std::size_t k = on_disk.size() - 1; k > 0; --k) {
    plan.schedule.push_back(
        {Kind::kRestore, on_disk[k - 1], 0, static_cast<std::int64_t>(k) - 1, Level::kDisk});
    AppendBinomial(on_disk[k - 1], on_disk[k], slots, false, plan.schedule);
  }
  return plan;
}

OnlineCheckpointing::OnlineCheckpointing(std::int64_t num_states) : num_states_(num_states) {
  RequireRange("num_states", num_states, 1, kSaturated);
}

std::optional<std::int64_t> OnlineCheckpointing::Reach() {
  const std::int64_t state = num_reached_++;
  if (std::ssize(stored_) < num_states_) {
    stored_.push_back({state, std::ssize(stored_), 0});
    return stored_.back().slot;
  }
  // The newest state that has one of a higher level after it; never state 0.
  std::int64_t highest = stored_.back().level;
  for (std::size_t k = stored_.size() - 1; k > 0; --k) {
    if (stored_[k].level < highest) {
      const std::int64_t slot = stored_[k].slot;
      stored_.erase(stored_.begin() + static_cast<std::ptrdiff_t>(k));
      stored_.push_back({state, slot, 0});
      return slot;
    }
    highest = std::max(highest, stored_[k].level);
  }
  if (num_states_ == 1) return std::nullopt;
  stored_.back().state = state;
  ++stored_.back().level;
  return stored_.back().slot;
}

ReversalSchedule OnlineCheckpointing::Finish() const {
  ReversalSchedule schedule;
  std::int64_t end = num_reached_ - 1;
  std::vector<std::int64_t> free;  // Slots whose states are no longer needed.
  for (std::size_t k = stored_.size(); k > 0; --k) {
    const Stored& stored = stored_[k - 1];
    if (stored.state < end) {
      std::vector<std::int64_t> slots = {stored.slot};
      slots.insert(slots.end(), free.begin(), free.end());
      schedule.push_back({Kind::kRestore, stored.state, 0, stored.slot});
      AppendBinomial(stored.state, end, slots, true, schedule);
      end = stored.state;
    }
    free.push_back(stored.slot);
  }
  return schedule;
}

}  // namespace sobolev::ad
