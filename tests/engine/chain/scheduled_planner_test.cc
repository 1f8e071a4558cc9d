#include "engine/chain/scheduled_planner.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/chain/jacobian_chain.h"

namespace sobolev::chain {
namespace {

// Each step after its operands, and no worker at two of them.
void ExpectSound(const ChainPlan& plan, const Schedule& schedule, int workers) {
  ASSERT_EQ(schedule.slots.size(), plan.steps.size());
  const auto end = [&](std::size_t s) {
    return schedule.slots[s].start + plan.steps[s].cost.To64();
  };
  std::uint64_t last = 0;
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    EXPECT_GE(schedule.slots[s].worker, 0);
    EXPECT_LT(schedule.slots[s].worker, workers);
    last = std::max(last, end(s));
    for (const int operand : {plan.steps[s].later, plan.steps[s].earlier}) {
      if (operand >= 0) {
        EXPECT_GE(schedule.slots[s].start, end(static_cast<std::size_t>(operand)));
      }
    }
    for (std::size_t other = 0; other < s; ++other) {
      if (schedule.slots[other].worker != schedule.slots[s].worker) continue;
      EXPECT_TRUE(end(other) <= schedule.slots[s].start || end(s) <= schedule.slots[other].start);
    }
  }
  EXPECT_EQ(schedule.makespan, last);
}

// All plans for F'_{j,i}, spelled out.
std::vector<std::vector<PlanStep>> AllPlans(const JacobianChain& chain, int j, int i,
                                            const ChainWeights& weights = {}) {
  const Cost m = chain[j].m;
  const Cost n = chain[i].n;
  std::vector<std::vector<PlanStep>> plans;
  if (i == j) {
    const Cost of_direction = std::min(m * Cost(weights.adjoint), n * Cost(weights.tangent));
    plans.push_back({{.first = i, .last = i, .cost = of_direction * chain[i].edges}});
    return plans;
  }
  const auto root = [&](StepKind kind, Cost cost, std::vector<PlanStep> steps, int later,
                        int earlier) {
    steps.push_back({.kind = kind,
                     .first = i,
                     .last = j,
                     .later = later,
                     .earlier = earlier,
                     .cost = cost * Cost(weights.Of(kind))});
    plans.push_back(std::move(steps));
  };
  for (int k = i; k < j; ++k) {
    for (const auto& later : AllPlans(chain, j, k + 1, weights)) {
      for (const auto& earlier : AllPlans(chain, k, i, weights)) {
        std::vector<PlanStep> steps = later;
        const int shift = static_cast<int>(later.size());
        for (PlanStep step : earlier) {
          if (step.later >= 0) step.later += shift;
          if (step.earlier >= 0) step.earlier += shift;
          steps.push_back(step);
        }
        const int last = static_cast<int>(steps.size()) - 1;
        root(StepKind::kProduct, m * chain[k].m * n, std::move(steps), shift - 1, last);
      }
    }
  }
  for (const auto& earlier : AllPlans(chain, j - 1, i, weights)) {
    root(StepKind::kTangent, n * Cost(chain[j].edges), earlier, -1,
         static_cast<int>(earlier.size()) - 1);
  }
  for (const auto& later : AllPlans(chain, j, i + 1, weights)) {
    root(StepKind::kAdjoint, m * Cost(chain[i].edges), later, static_cast<int>(later.size()) - 1,
         -1);
  }
  return plans;
}

// The earliest end over all orders of the steps and all workers for each, by trying them.
std::uint64_t BruteForce(const std::vector<PlanStep>& steps, std::vector<std::uint64_t>& free,
                         std::vector<std::uint64_t>& ends, std::vector<bool>& done,
                         std::size_t left) {
  if (left == 0) return *std::max_element(free.begin(), free.end());
  std::uint64_t best = UINT64_MAX;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    std::uint64_t ready = 0;
    bool possible = !done[s];
    for (const int operand : {steps[s].later, steps[s].earlier}) {
      if (operand < 0) continue;
      possible = possible && done[static_cast<std::size_t>(operand)];
      ready = std::max(ready, ends[static_cast<std::size_t>(operand)]);
    }
    if (!possible) continue;
    for (std::uint64_t& worker : free) {
      const std::uint64_t before = worker;
      worker = ends[s] = std::max(worker, ready) + steps[s].cost.To64();
      done[s] = true;
      best = std::min(best, BruteForce(steps, free, ends, done, left - 1));
      done[s] = false;
      worker = before;
    }
  }
  return best;
}

std::uint64_t BruteForce(const std::vector<PlanStep>& steps, int workers) {
  std::vector<std::uint64_t> free(static_cast<std::size_t>(workers));
  std::vector<std::uint64_t> ends(steps.size());
  std::vector<bool> done(steps.size());
  return BruteForce(steps, free, ends, done, steps.size());
}

TEST(ScheduledPlannerTest, FindsTheEarliestEndOfAll) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const int length = 1 + static_cast<int>(seed % 4);
    const JacobianChain chain = RandomChain(length, 8, seed);
    const ChainWeights weights =
        seed % 2 == 0 ? ChainWeights{} : ChainWeights{.tangent = 4, .adjoint = 7, .product = 1};
    for (int workers = 1; workers <= 3; ++workers) {
      std::uint64_t best = UINT64_MAX;
      for (const auto& steps : AllPlans(chain, length - 1, 0, weights)) {
        if (steps.size() > 6 && workers == 3) continue;  // Too many orders to try.
        best = std::min(best, BruteForce(steps, workers));
      }
      const ScheduledPlan plan = PlanScheduled(chain, workers, {.weights = weights});
      EXPECT_TRUE(plan.optimal);
      EXPECT_EQ(plan.lower_bound, plan.schedule.makespan);
      if (length < 4 || workers < 3) {
        ASSERT_EQ(plan.schedule.makespan, best) << "seed " << seed;
      }
      ExpectSound(plan.plan, plan.schedule, workers);
    }
  }
}

TEST(ScheduledPlannerTest, OneWorkerNeedsTheLeastWork) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const JacobianChain chain = RandomChain(10, 20, seed);
    const ScheduledPlan plan = PlanScheduled(chain, 1);
    EXPECT_EQ(Cost(plan.schedule.makespan), PlanChain(chain).cost);
    EXPECT_TRUE(plan.optimal);
  }
}

TEST(ScheduledPlannerTest, EndsBetweenItsBoundAndTheWorkOfOne) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const JacobianChain chain = RandomChain(40, 30, seed);
    std::uint64_t before = UINT64_MAX;
    for (const int workers : {1, 2, 5, 200}) {
      const ScheduledPlan plan = PlanScheduled(chain, workers);
      ExpectSound(plan.plan, plan.schedule, std::min(workers, 40));
      EXPECT_GE(plan.schedule.makespan, plan.lower_bound);
      EXPECT_LE(plan.schedule.makespan, before);
      if (workers == 1) before = plan.schedule.makespan;
    }
  }
}

TEST(ScheduledPlannerTest, IsDeterministic) {
  const JacobianChain chain = RandomChain(12, 30, 1);
  const ScheduledPlan first = PlanScheduled(chain, 3);
  const ScheduledPlan second = PlanScheduled(chain, 3);
  EXPECT_EQ(first.plan.steps, second.plan.steps);
  EXPECT_EQ(first.schedule.makespan, second.schedule.makespan);
}

std::string MessageOf(const JacobianChain& chain, int workers) {
  try {
    PlanScheduled(chain, workers);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "no error";
}

TEST(ScheduledPlannerTest, RefusesWhatItCannotPlan) {
  EXPECT_EQ(MessageOf(RandomChain(3, 5, 1), 0), "workers: expected 1 to 1024, got 0");
  EXPECT_EQ(MessageOf(RandomChain(161, 5, 1), 2),
            "factors: expected at most 160 on several workers, got 161");
  EXPECT_EQ(MessageOf(JacobianChain({{1 << 22, 1 << 22, 1}}), 2),
            "factors: expected sizes and edges with which no plan takes 2^63 multiply-adds");
}

}  // namespace
}  // namespace sobolev::chain
