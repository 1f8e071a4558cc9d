// Schedules are played action by action, counted and compared with the closed form, with the
// recursion, and with an exhaustive search over all orders of storing, restoring and advancing.

#include "engine/ad/checkpointing.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <queue>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/ad/checkpoint_plans.h"
#include "engine/base/error.h"
#include "engine/base/rng.h"

namespace sobolev::ad {
namespace {

using Kind = ReversalAction::Kind;

// t(l, s) for all l <= max_steps and s <= max_states, as [s][l], from
// t(l, s) = min_k k + t(l − k, s − 1) + t(k, s) and t(l, 1) = l (l − 1)/2.
std::vector<std::vector<std::int64_t>> Recursion(std::int64_t max_steps, std::int64_t max_states) {
  std::vector<std::vector<std::int64_t>> t(
      static_cast<std::size_t>(max_states) + 1,
      std::vector<std::int64_t>(static_cast<std::size_t>(max_steps) + 1, 0));
  for (std::int64_t l = 1; l <= max_steps; ++l) t[1][l] = l * (l - 1) / 2;
  for (std::int64_t s = 2; s <= max_states; ++s) {
    for (std::int64_t l = 2; l <= max_steps; ++l) {
      t[s][l] = kSaturated;
      for (std::int64_t k = 1; k < l; ++k) {
        t[s][l] = std::min(t[s][l], k + t[s - 1][l - k] + t[s][k]);
      }
    }
  }
  return t;
}

// The least cost of any reversal: Dijkstra's algorithm over (current state, steps left, stored
// states), with every single store, drop, restore, step and taped step as a move.
std::int64_t ExhaustiveCost(const std::vector<std::int64_t>& step_costs, int num_states) {
  using Node = std::tuple<int, int, unsigned>;
  const int num_steps = static_cast<int>(step_costs.size());
  std::map<Node, std::int64_t> least;
  using Entry = std::pair<std::int64_t, Node>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  const auto reach = [&](std::int64_t cost, const Node& node) {
    const auto [at, is_new] = least.try_emplace(node, cost);
    if (!is_new && at->second <= cost) return;
    at->second = cost;
    queue.emplace(cost, node);
  };
  reach(0, {0, num_steps, 0});
  while (true) {
    const auto [cost, node] = queue.top();
    queue.pop();
    const auto [current, end, stored] = node;
    if (end == 0) return cost;
    if (cost > least[node]) continue;
    if (current >= 0 && current + 1 < end) {
      reach(cost + step_costs[current], {current + 1, end, stored});
    }
    if (current == end - 1) reach(cost, {-1, end - 1, stored});
    if (current >= 0 && std::popcount(stored) < num_states) {
      reach(cost, {current, end, stored | 1U << current});
    }
    for (int state = 0; state < num_steps; ++state) {
      if ((stored >> state & 1U) == 0) continue;
      reach(cost, {state, end, stored});
      reach(cost, {current, end, stored & ~(1U << state)});
    }
  }
}

void ExpectError(const std::function<void()>& call, const std::string& field) {
  try {
    call();
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), field);
  }
}

TEST(CheckpointingTest, PublishedNumbersOfAdvancesAreReproduced) {
  EXPECT_EQ(MinimalAdvances(10, 3), 15);
  EXPECT_EQ(RepetitionNumber(10, 3), 2);
  EXPECT_EQ(MinimalAdvances(100, 5), 316);
  EXPECT_EQ(RepetitionNumber(100, 5), 4);
  EXPECT_EQ(MinimalAdvances(100, 10), 222);
  EXPECT_EQ(MinimalAdvances(1000, 10), 3'636);
  EXPECT_EQ(MinimalAdvances(1000, 20), 2'747);
  EXPECT_EQ(MinimalAdvances(10'000, 20), 37'976);
  EXPECT_EQ(MinimalAdvances(1000, 1), 499'500);
}

TEST(CheckpointingTest, TheClosedFormSolvesTheRecursion) {
  const auto t = Recursion(500, 50);
  for (std::int64_t s = 1; s <= 50; ++s) {
    for (std::int64_t l = 1; l <= 500; ++l) ASSERT_EQ(MinimalAdvances(l, s), t[s][l]) << l << s;
  }
}

TEST(CheckpointingTest, NoOrderOfActionsTakesFewerAdvances) {
  for (int s = 1; s <= 4; ++s) {
    for (int l = 1; l <= 8; ++l) {
      EXPECT_EQ(ExhaustiveCost(std::vector<std::int64_t>(l, 1), s), MinimalAdvances(l, s));
    }
  }
}

// Replay also checks that each step is taped and reversed once, in reverse order, from a state that
// was really there.
TEST(CheckpointingTest, BinomialSchedulesTakeTheMinimalNumberOfAdvances) {
  const auto expect_minimal = [](std::int64_t l, std::int64_t s) {
    const ReversalCosts costs = Replay(BinomialSchedule(l, s), l);
    ASSERT_EQ(costs.advances, MinimalAdvances(l, s)) << l << " steps, " << s << " states";
    ASSERT_LE(costs.peak_states, s);
    ASSERT_EQ(costs.peak_tapes, 1);
    ASSERT_EQ(costs.disk_reads + costs.disk_writes, 0);
  };
  for (std::int64_t s = 1; s <= 50; ++s) {
    for (std::int64_t l = 1; l <= 60; ++l) expect_minimal(l, s);
    for (std::int64_t l = 61; l <= 2000; l += 97) expect_minimal(l, s);
  }
  expect_minimal(2000, 50);
  expect_minimal(100'000, 12);
}

TEST(CheckpointingTest, TheSplitIsAsLargeAsTheMinimumAllows) {
  const auto t = Recursion(120, 8);
  for (std::int64_t s = 2; s <= 8; ++s) {
    for (std::int64_t l = 2; l <= 120; ++l) {
      const std::int64_t k = BinomialSplit(0, l, s);
      ASSERT_EQ(k + t[s - 1][l - k] + t[s][k], t[s][l]);
      if (k + 1 < l) {
        ASSERT_GT(k + 1 + t[s - 1][l - k - 1] + t[s][k + 1], t[s][l]);
      }
    }
  }
}

TEST(CheckpointingTest, VanillaKeepsAllTapesAndMemoryPoorOneState) {
  for (const std::int64_t l : {1, 2, 7, 100}) {
    EXPECT_EQ(Replay(VanillaSchedule(l), l), (ReversalCosts{.peak_tapes = l}));
    EXPECT_EQ(Replay(MemoryPoorSchedule(l), l),
              (ReversalCosts{
                  .advances = l * (l - 1) / 2, .peak_states = l > 1 ? 1 : 0, .peak_tapes = 1}));
  }
}

TEST(CheckpointingTest, AShortScheduleReadsAsExpected) {
  EXPECT_THAT(BinomialSchedule(3, 2),
              ::testing::ElementsAre(
                  ReversalAction{Kind::kStore, 0, 0, 0}, ReversalAction{Kind::kAdvance, 0, 1},
                  ReversalAction{Kind::kStore, 1, 0, 1}, ReversalAction{Kind::kAdvance, 1, 1},
                  ReversalAction{Kind::kTape, 2, 1}, ReversalAction{Kind::kReverse, 2, 1},
                  ReversalAction{Kind::kRestore, 1, 0, 1}, ReversalAction{Kind::kTape, 1, 1},
                  ReversalAction{Kind::kReverse, 1, 1}, ReversalAction{Kind::kRestore, 0, 0, 0},
                  ReversalAction{Kind::kTape, 0, 1}, ReversalAction{Kind::kReverse, 0, 1}));
}

TEST(CheckpointingTest, ReplayRefusesSchedulesThatCannotBePlayed) {
  const auto play = [](const ReversalSchedule& schedule) { return [=] { Replay(schedule, 2); }; };
  ExpectError(play({}), "schedule");
  ExpectError(play({{Kind::kReverse, 1, 1}}), "schedule[0]");                       // No tape.
  ExpectError(play({{Kind::kTape, 1, 1}}), "schedule[0]");                          // Not there.
  ExpectError(play({{Kind::kRestore, 0, 0, 0}}), "schedule[0]");                    // Not stored.
  ExpectError(play({{Kind::kTape, 0, 1}, {Kind::kReverse, 0, 1}}), "schedule[1]");  // Too early.
  ExpectError(play({{Kind::kAdvance, 0, 3}}), "schedule[0]");                       // Too far.
  ExpectError(play({{Kind::kStore, 0, 0, 0},
                    {Kind::kAdvance, 0, 1},
                    {Kind::kTape, 1, 1},
                    {Kind::kReverse, 1, 1},
                    {Kind::kTape, 0, 1}}),
              "schedule[4]");  // The state was used up and not restored.
}

TEST(CheckpointingTest, LargeNumbersSaturateInsteadOfWrapping) {
  EXPECT_EQ(MaxReversibleSteps(3, 2), 10);
  EXPECT_EQ(MaxReversibleSteps(3, -1), 0);
  EXPECT_EQ(MaxReversibleSteps(0, 5), 1);
  EXPECT_EQ(MaxReversibleSteps(33, 33), 7'219'428'434'016'265'740);  // C(66, 33)
  EXPECT_EQ(MaxReversibleSteps(34, 33), kSaturated);                 // C(67, 33) > 2⁶³
  EXPECT_EQ(MaxReversibleSteps(kSaturated, kSaturated), kSaturated);
  EXPECT_EQ(MaxReversibleSteps(1, kSaturated - 2), kSaturated - 1);
  EXPECT_EQ(MinimalAdvances(4'294'967'296, 1), std::int64_t{2'147'483'648} * 4'294'967'295);
  EXPECT_EQ(MinimalAdvances(kSaturated, 1), kSaturated);
  EXPECT_EQ(MinimalAdvances(kSaturated, 2), kSaturated);
  EXPECT_EQ(MinimalAdvances(kSaturated, kSaturated), kSaturated - 1);
  EXPECT_EQ(MinimalAdvances(1, kSaturated), 0);
}

TEST(CheckpointingTest, FindsTheStatesThatABudgetOfAdvancesNeeds) {
  EXPECT_EQ(StatesForAdvances(100, 316), 5);
  EXPECT_EQ(StatesForAdvances(100, 315), 6);
  EXPECT_EQ(StatesForAdvances(100, 99), 99);
  EXPECT_EQ(StatesForAdvances(100, 98), std::nullopt);
  EXPECT_EQ(StatesForAdvances(100, kSaturated), 1);
}

TEST(CheckpointingTest, BadArgumentsNameTheirField) {
  ExpectError([] { MinimalAdvances(0, 1); }, "num_steps");
  ExpectError([] { MinimalAdvances(1, 0); }, "num_states");
  ExpectError([] { BinomialSchedule(-1, 3); }, "num_steps");
  ExpectError([] { VanillaSchedule(0); }, "num_steps");
  ExpectError([] { PlanUnequalSteps({}, 1); }, "step_costs");
  ExpectError([] { PlanUnequalSteps(std::vector<std::int64_t>{1, -1}, 1); }, "step_costs[1]");
  ExpectError(
      [] {
        PlanUnequalSteps(std::vector<std::int64_t>{1, kSaturated}, 1);
      },
      "step_costs[1]");
  ExpectError([] { PlanUnequalSteps(std::vector<std::int64_t>{1, 1}, 0); }, "num_states");
  ExpectError([] { PlanUnequalSteps(std::vector<std::int64_t>(5000, 1), 1000); }, "step_costs");
  ExpectError([] { PlanTwoLevels(40'000, 1, {}); }, "num_steps");
  ExpectError([] { PlanTwoLevels(4, 1, {.write = -1}); }, "disk.write");
  ExpectError([] { OnlineCheckpointing(0); }, "num_states");
}

// The cost of all advances of a schedule.
std::int64_t AdvanceCost(const ReversalSchedule& schedule,
                         const std::vector<std::int64_t>& step_costs) {
  std::int64_t cost = 0;
  for (const ReversalAction& action : schedule) {
    if (action.kind != Kind::kAdvance) continue;
    const auto first = step_costs.begin() + action.step;
    cost += std::accumulate(first, first + action.count, std::int64_t{0});
  }
  return cost;
}

TEST(UnequalStepsTest, NoOrderOfActionsIsCheaper) {
  Rng rng(1);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::int64_t> costs(1 + rng.Below(7));
    for (std::int64_t& cost : costs) cost = static_cast<std::int64_t>(rng.Below(20));
    const int num_states = 1 + static_cast<int>(rng.Below(4));
    const ReversalPlan plan = PlanUnequalSteps(costs, num_states);
    EXPECT_EQ(plan.cost, ExhaustiveCost(costs, num_states));
    EXPECT_EQ(plan.cost, AdvanceCost(plan.schedule, costs));
    EXPECT_LE(Replay(plan.schedule, std::ssize(costs)).peak_states, num_states);
  }
}

TEST(UnequalStepsTest, EqualCostsTakeTheBinomialNumber) {
  const std::vector<std::int64_t> ones(150, 1);
  for (const std::int64_t s : {1, 2, 3, 7, 20}) {
    const ReversalPlan plan = PlanUnequalSteps(ones, s);
    EXPECT_EQ(plan.cost, MinimalAdvances(150, s));
    EXPECT_EQ(Replay(plan.schedule, 150).advances, plan.cost);
  }
}

TEST(TwoLevelTest, TheScheduleCostsWhatTheRecursionSays) {
  for (const DiskCosts disk : {DiskCosts{0, 0}, DiskCosts{1, 1}, DiskCosts{2, 3}, DiskCosts{10, 5},
                               DiskCosts{1000, 1000}}) {
    for (const std::int64_t s : {1, 2, 3, 5}) {
      const auto t = Recursion(100, s);
      std::vector<std::int64_t> least(101, 0);
      for (std::int64_t l = 1; l <= 100; ++l) {
        least[l] = t[s][l];
        for (std::int64_t k = 1; k < l; ++k) {
          least[l] = std::min(least[l], k + disk.write + least[l - k] + disk.read + t[s][k]);
        }
      }
      for (const std::int64_t l : {1, 2, 9, 30, 100}) {
        const ReversalPlan plan = PlanTwoLevels(l, s, disk);
        const ReversalCosts costs = Replay(plan.schedule, l);
        EXPECT_EQ(plan.cost, least[l]);
        EXPECT_EQ(plan.cost,
                  costs.advances + disk.write * costs.disk_writes + disk.read * costs.disk_reads);
        EXPECT_LE(costs.peak_states, s);
      }
    }
  }
}

TEST(TwoLevelTest, AFreeDiskSavesAllRecomputationAndADearOneIsLeftAlone) {
  EXPECT_EQ(PlanTwoLevels(50, 1, {0, 0}).cost, 49);
  EXPECT_EQ(PlanTwoLevels(50, 3, {1'000'000, 0}).cost, MinimalAdvances(50, 3));
  EXPECT_EQ(Replay(PlanTwoLevels(50, 3, {1'000'000, 0}).schedule, 50).disk_reads, 0);
}

// The way forward has to be run to its end before anybody knows that it is the end, so the first
// state of a schedule is the last one reached; Replay starts at state 0 and is shown the way there.
ReversalCosts RunOnline(std::int64_t num_steps, std::int64_t num_states) {
  OnlineCheckpointing online(num_states);
  ReversalSchedule played;
  for (std::int64_t state = 0; state <= num_steps; ++state) {
    if (state > 0) played.push_back({Kind::kAdvance, state - 1, 1});
    const auto slot = online.Reach();
    if (slot) played.push_back({Kind::kStore, state, 0, *slot});
  }
  const ReversalSchedule reversal = online.Finish();
  played.insert(played.end(), reversal.begin(), reversal.end());
  return Replay(played, num_steps);
}

// The bound of the header, 1.5 t(l, s) + 2.
TEST(OnlineTest, TakesAtMostHalfMoreThanIfTheEndWereKnown) {
  for (const std::int64_t s : {1, 2, 3, 4, 5, 8, 13, 20, 32}) {
    for (std::int64_t l = 1; l <= 700; l += l < 100 ? 1 : 7) {
      const ReversalCosts costs = RunOnline(l, s);
      ASSERT_LE(2 * costs.advances, 3 * MinimalAdvances(l, s) + 4) << l << " " << s;
      ASSERT_LE(costs.peak_states, s);
      ASSERT_EQ(costs.peak_tapes, 1);
    }
  }
}

TEST(OnlineTest, NothingIsReversedBeforeTheFirstStep) {
  OnlineCheckpointing online(3);
  EXPECT_TRUE(online.Finish().empty());
  EXPECT_EQ(online.Reach(), 0);
  EXPECT_TRUE(online.Finish().empty());
}

}  // namespace
}  // namespace sobolev::ad
