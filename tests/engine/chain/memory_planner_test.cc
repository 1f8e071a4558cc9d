#include "engine/chain/memory_planner.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/chain/chain_planner.h"
#include "engine/chain/memory_plan.h"
#include "engine/chain/memory_repair.h"
#include "engine/chain/memory_sizes.h"

namespace sobolev::chain {
namespace {

constexpr std::uint64_t kUnlimited = UINT64_MAX;

// Plans everything by heuristics.
constexpr MemoryEffort kNoSearch{.max_exact_factors = 0};

std::uint64_t JacobianSize(const JacobianChain& chain, int j, int i) {
  return chain[j].m * chain[i].n;
}

// Carries out the moves on what is held, and counts.
void ExpectSound(const JacobianChain& chain, const MemoryPlan& plan, std::uint64_t limit,
                 const ChainWeights& weights = {}) {
  std::set<int> values{0};
  std::map<int, int> jacobians;  // Last factors by first ones.
  std::uint64_t cost = 0;
  std::uint64_t most = 0;
  const auto held = [&] {
    std::uint64_t sum = 0;
    for (const int v : values) sum += v == 0 ? 0 : chain[v].n;
    for (const auto& [first, last] : jacobians) sum += JacobianSize(chain, last, first);
    return sum;
  };
  std::size_t steps = 0;
  for (const MemoryMove& move : plan.moves) {
    std::uint64_t step_cost = 0;
    std::uint64_t memory = held();
    if (move.kind == MemoryMove::Kind::kEvaluate) {
      ASSERT_TRUE(values.contains(move.index));
      ASSERT_TRUE(values.insert(move.index + 1).second);
      step_cost = chain[move.index].edges * weights.tangent;
      memory = held();
    } else if (move.kind == MemoryMove::Kind::kDrop) {
      ASSERT_NE(move.index, 0);
      ASSERT_EQ(values.erase(move.index), 1U);
    } else {
      ASSERT_EQ(static_cast<std::size_t>(move.index), steps++);
      const PlanStep& step = plan.plan.steps[static_cast<std::size_t>(move.index)];
      const int i = step.first;
      const int j = step.last;
      memory += JacobianSize(chain, j, i);
      switch (step.kind) {
        case StepKind::kAccumulateTangent:
        case StepKind::kAccumulateAdjoint: {
          const bool tangent = step.kind == StepKind::kAccumulateTangent;
          ASSERT_EQ(i, j);
          ASSERT_TRUE(values.contains(i));
          step_cost = chain[i].edges * (tangent ? chain[i].n : chain[i].m);
          if (!tangent) memory += chain[i].edges;
          break;
        }
        case StepKind::kTangent:
          ASSERT_TRUE(values.contains(j));
          ASSERT_EQ(jacobians.at(i), j - 1);
          step_cost = chain[i].n * chain[j].edges;
          break;
        case StepKind::kAdjoint:
          ASSERT_TRUE(values.contains(i));
          ASSERT_EQ(jacobians.at(i + 1), j);
          jacobians.erase(i + 1);
          step_cost = chain[j].m * chain[i].edges;
          memory += chain[i].edges;
          break;
        case StepKind::kProduct: {
          const int k = jacobians.at(i);
          ASSERT_EQ(jacobians.at(k + 1), j);
          jacobians.erase(k + 1);
          step_cost = chain[j].m * chain[k].m * chain[i].n;
          break;
        }
        case StepKind::kZero:
        case StepKind::kGiven:
          FAIL() << "factors are neither without entries nor given";
      }
      jacobians[i] = j;
      step_cost *= weights.Of(step.kind);
    }
    EXPECT_EQ(move.cost, Cost(step_cost));
    EXPECT_EQ(move.memory, Cost(memory));
    cost += step_cost;
    most = std::max(most, memory);
  }
  EXPECT_EQ(steps, plan.plan.steps.size());
  EXPECT_EQ(jacobians, (std::map<int, int>{{0, chain.size() - 1}}));
  EXPECT_EQ(plan.cost, Cost(cost));
  EXPECT_EQ(plan.cost, plan.evaluation + plan.plan.cost);
  EXPECT_EQ(plan.memory, Cost(most));
  EXPECT_LE(most, limit);
}

// Dijkstra's algorithm over all that can be held, without bounds and without rules on what to drop
// when: the least cost within a memory, or the least memory.
class BruteForce {
 public:
  explicit BruteForce(const JacobianChain& chain, const ChainWeights& weights = {})
      : chain_(chain), weights_(weights) {}

  std::optional<std::uint64_t> Cost(std::uint64_t memory) {
    return Search([memory](std::uint64_t so_far, std::uint64_t cost, std::uint64_t held) {
      return held > memory ? kNever : so_far + cost;
    });
  }

  std::uint64_t Memory() {
    return *Search([](std::uint64_t so_far, std::uint64_t /*cost*/, std::uint64_t held) {
      return std::max(so_far, held);
    });
  }

 private:
  static constexpr std::uint64_t kNever = UINT64_MAX;
  using State = std::pair<std::set<int>, std::map<int, int>>;

  template <class Measure>
  std::optional<std::uint64_t> Search(const Measure& measure) {
    const State goal{{}, {{0, chain_.size() - 1}}};
    std::map<State, std::uint64_t> best{{State{}, 0}};
    std::priority_queue<std::pair<std::uint64_t, State>,
                        std::vector<std::pair<std::uint64_t, State>>, std::greater<>>
        open;
    open.emplace(0, State{});
    while (!open.empty()) {
      const std::uint64_t so_far = open.top().first;
      const State state = open.top().second;
      open.pop();
      if (best.at(state) < so_far) continue;
      if (state == goal) return so_far;
      std::uint64_t held = 0;
      for (const int v : state.first) held += chain_[v].n;
      for (const auto& [i, j] : state.second) held += JacobianSize(chain_, j, i);
      ForEach(state, [&](const State& next, std::uint64_t cost, std::uint64_t more) {
        const std::uint64_t reached = measure(so_far, cost, held + more);
        if (reached == kNever) return;
        const auto [known, is_new] = best.try_emplace(next, reached);
        if (!is_new && known->second <= reached) return;
        known->second = reached;
        open.emplace(reached, next);
      });
    }
    return std::nullopt;
  }

  template <class Visit>
  void ForEach(const State& state, const Visit& visit) const {
    const auto& [values, jacobians] = state;
    const auto has = [&values = values](int v) { return v == 0 || values.contains(v); };
    const auto jacobian = [&](int i, int j, int gone, std::uint64_t cost, std::uint64_t tape) {
      State next = state;
      next.second.erase(gone);
      next.second[i] = j;
      visit(next, cost, JacobianSize(chain_, j, i) + tape);
    };
    const auto is_free = [&jacobians = jacobians](int factor) {
      return std::ranges::none_of(jacobians, [factor](const auto& made) {
        return made.first <= factor && factor <= made.second;
      });
    };
    for (int v = 0; v < chain_.size(); ++v) {
      const ChainFactor& f = chain_[v];
      if (v > 0 && values.contains(v)) {
        State next = state;
        next.first.erase(v);
        visit(next, 0, 0);
      }
      if (!has(v)) continue;
      if (v + 1 < chain_.size() && !has(v + 1)) {
        State next = state;
        next.first.insert(v + 1);
        visit(next, weights_.tangent * f.edges, f.m);
      }
      if (!is_free(v)) continue;
      jacobian(v, v, v, weights_.tangent * f.n * f.edges, 0);
      jacobian(v, v, v, weights_.adjoint * f.m * f.edges, f.edges);
      for (const auto& [i, j] : jacobians) {
        if (j + 1 == v) jacobian(i, v, i, weights_.tangent * chain_[i].n * f.edges, 0);
        if (i == v + 1) {
          jacobian(v, j, i, weights_.adjoint * chain_[j].m * f.edges, f.edges);
        }
      }
    }
    for (const auto& [i, k] : jacobians) {
      const auto later = jacobians.find(k + 1);
      if (later == jacobians.end()) continue;
      const int j = later->second;
      jacobian(i, j, k + 1, weights_.product * chain_[j].m * chain_[k].m * chain_[i].n, 0);
    }
  }

  const JacobianChain& chain_;
  const ChainWeights weights_;
};

std::uint64_t LeastMemory(const JacobianChain& chain, const MemoryEffort& effort = {}) {
  try {
    PlanWithinMemory(chain, 0, effort);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(error.reason(), "MEMORY_TOO_SMALL");
    EXPECT_EQ(error.field(), "memory");
    const std::string text = error.what();
    return std::stoull(text.substr(text.find_first_of("0123456789")));
  }
  ADD_FAILURE() << "expected an error";
  return 0;
}

// The least memory, that of the cheapest plan, and some between.
std::vector<std::uint64_t> Memories(const JacobianChain& chain, int count) {
  const std::uint64_t least = LeastMemory(chain);
  const std::uint64_t most = PlanWithinMemory(chain, kUnlimited).memory.To64();
  std::vector<std::uint64_t> memories;
  for (int k = 0; k <= count; ++k) {
    memories.push_back(least + (most - least) * static_cast<std::uint64_t>(k) /
                                   static_cast<std::uint64_t>(count));
  }
  return memories;
}

TEST(MemoryPlannerTest, IsExactOnShortChains) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const int length = 1 + static_cast<int>(seed % 5);
    const JacobianChain chain = RandomChain(length, 6, seed);
    BruteForce truth(chain);
    const std::uint64_t least = LeastMemory(chain);
    ASSERT_EQ(least, truth.Memory()) << "seed " << seed;
    for (const std::uint64_t memory : Memories(chain, length == 5 ? 3 : 8)) {
      const MemoryPlan plan = PlanWithinMemory(chain, memory);
      ExpectSound(chain, plan, memory);
      EXPECT_TRUE(plan.optimal);
      ASSERT_EQ(plan.cost, Cost(*truth.Cost(memory))) << "seed " << seed << ", " << memory;
    }
    EXPECT_FALSE(truth.Cost(least - 1).has_value());
    EXPECT_THROW(PlanWithinMemory(chain, least - 1), Error);
  }
}

TEST(MemoryPlannerTest, WithoutALimitEveryValueIsEvaluatedOnce) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const int length = 1 + static_cast<int>(seed % 12);
    const JacobianChain chain = RandomChain(length, 20, seed);
    Cost evaluation;
    for (int i = 0; i + 1 < length; ++i) evaluation += chain[i].edges;
    const MemoryPlan plan = PlanWithinMemory(chain, kUnlimited);
    ExpectSound(chain, plan, kUnlimited);
    EXPECT_EQ(plan.evaluation, evaluation);
    EXPECT_EQ(plan.plan.cost, PlanChain(chain).cost);
  }
}

TEST(MemoryPlannerTest, IsExactWithWeights) {
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const int length = 2 + static_cast<int>(seed % 3);
    const JacobianChain chain = RandomChain(length, 6, 50 + seed);
    const ChainWeights weights{.tangent = 1 + seed % 4, .adjoint = 1 + seed % 7, .product = 2};
    BruteForce truth(chain, weights);
    for (const std::uint64_t memory : Memories(chain, 4)) {
      const MemoryPlan plan = PlanWithinMemory(chain, memory, {.weights = weights});
      ExpectSound(chain, plan, memory, weights);
      ASSERT_EQ(plan.cost, Cost(*truth.Cost(memory))) << "seed " << seed << ", " << memory;
      const MemoryPlan found =
          PlanWithinMemory(chain, memory, {.max_exact_factors = 0, .weights = weights});
      ExpectSound(chain, found, memory, weights);
      EXPECT_LE(found.cost.ToDouble(), 1.15 * plan.cost.ToDouble());
    }
  }
}

// How far above the optimum heuristics come out, for every memory with which there is a plan. Up to
// 6 factors a beam is nearly as wide as all there is; 7 and 8 have up to 2·10⁵ states.
TEST(MemoryPlannerTest, HeuristicsAreCloseToTheOptimum) {
  double sum = 0;
  double worst = 1;
  int count = 0;
  for (std::uint64_t seed = 0; seed < 90; ++seed) {
    const int length = 2 + static_cast<int>(seed % 7);
    const JacobianChain chain = RandomChain(length, 10, 1000 + seed);
    EXPECT_EQ(LeastMemory(chain, kNoSearch), LeastMemory(chain)) << "seed " << seed;
    for (const std::uint64_t memory : Memories(chain, 5)) {
      const MemoryPlan plan = PlanWithinMemory(chain, memory, kNoSearch);
      ExpectSound(chain, plan, memory);
      const double ratio = plan.cost.ToDouble() / PlanWithinMemory(chain, memory).cost.ToDouble();
      EXPECT_GE(ratio, 1);
      sum += ratio;
      worst = std::max(worst, ratio);
      ++count;
    }
  }
  EXPECT_LE(sum / count, 1.02);
  EXPECT_LE(worst, 1.15);
}

TEST(MemoryPlannerTest, MoreMemoryNeverCostsMore) {
  for (const int length : {4, 8, 9, 12, 20, 40}) {
    const JacobianChain chain = RandomChain(length, 8, static_cast<std::uint64_t>(length));
    Cost before = Cost::Saturated();
    for (const std::uint64_t memory : Memories(chain, length < 9 ? 12 : 3)) {
      const MemoryPlan plan = PlanWithinMemory(chain, memory);
      ExpectSound(chain, plan, memory);
      EXPECT_EQ(plan.optimal, length <= kMaxExactFactors);
      EXPECT_LE(plan.cost, before);
      before = plan.cost;
    }
  }
}

// Repairs alone: sound, never below the optimum, and the optimum without a limit.
TEST(MemoryRepairTest, StaysWithinTheMemory) {
  int found = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const int length = 2 + static_cast<int>(seed % 6);
    const JacobianChain chain = RandomChain(length, 10, 300 + seed);
    const MemorySizes sizes(chain);
    EXPECT_EQ(Cost(RepairPlan(sizes, kUnlimited, {})->cost),
              PlanWithinMemory(chain, kUnlimited).cost);
    for (const std::uint64_t memory : Memories(chain, 5)) {
      const std::optional<PlannedMoves> repaired = RepairPlan(sizes, memory, {});
      if (!repaired) continue;
      const MemoryPlan plan = RecordMoves(chain, repaired->moves);
      ExpectSound(chain, plan, memory);
      EXPECT_EQ(plan.cost, Cost(repaired->cost));
      EXPECT_EQ(plan.memory, Cost(repaired->memory));
      EXPECT_GE(plan.cost, PlanWithinMemory(chain, memory).cost);
      ++found;
    }
    EXPECT_FALSE(RepairPlan(sizes, LeastMemory(chain) - 1, {}).has_value());
  }
  EXPECT_GE(found, 150);
}

// Where what a long chain needs is known: n unit tangents roll through equal factors of n = m = 4
// with a value and two Jacobians held, for which no plan can do with less.
TEST(MemoryPlannerTest, KnowsTheLeastOfALongChain) {
  const JacobianChain chain(std::vector<ChainFactor>(40, {4, 4, 16}));
  EXPECT_EQ(LeastMemory(chain), 4 + 2 * 16U);
  const MemoryPlan plan = PlanWithinMemory(chain, 4 + 2 * 16);
  ExpectSound(chain, plan, 4 + 2 * 16);
}

TEST(MemoryPlanTest, WritesDownItsMoves) {
  using Kind = MemoryMove::Kind;
  const MemoryPlan plan =
      RecordMoves(JacobianChain({{1, 1, 2}, {1, 1, 3}}),
                  {{.kind = Kind::kStep, .step = StepKind::kAccumulateAdjoint},
                   {.kind = Kind::kEvaluate, .factor = 0},
                   {.kind = Kind::kStep, .step = StepKind::kTangent, .first = 0, .last = 1},
                   {.kind = Kind::kDrop, .factor = 1}});
  EXPECT_EQ(ToText(plan),
            "F'1 by adjoints  (2, holds 3)\n"
            "evaluate z1  (2, holds 2)\n"
            "F'1..2 by tangents through factor 2  (3, holds 3)\n"
            "drop z1  (0, holds 2)\n");
}

std::string MessageOf(const JacobianChain& chain, std::uint64_t memory) {
  try {
    PlanWithinMemory(chain, memory);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(MemoryPlannerTest, RefusesWhatItCannotPlan) {
  EXPECT_EQ(
      MessageOf(JacobianChain({{1, 1, 2}, {1, 1, 3}}), 2),
      "memory: expected at least 3 numbers of 8 bytes, without which there is no plan, got 2");
  EXPECT_EQ(MessageOf(RandomChain(161, 5, 1), kUnlimited),
            "factors: expected at most 160 within a memory, got 161");
  EXPECT_EQ(
      MessageOf(JacobianChain({{1 << 22, 1 << 22, 1}}), kUnlimited),
      "factors: expected sizes, edges and weights with which no step takes 2^43 multiply-adds");
  const std::string message = MessageOf(RandomChain(12, 5, 1), 1);
  EXPECT_NE(message.find("the least for which a plan was found, got 1"), std::string::npos);
}

TEST(MemoryPlannerTest, CanBeCancelled) {
  std::stop_source stop;
  stop.request_stop();
  for (const int length : {6, 20}) {
    try {
      PlanWithinMemory(RandomChain(length, 10, 1), kUnlimited, {}, stop.get_token());
      FAIL() << "expected an error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCancelled);
    }
  }
}

}  // namespace
}  // namespace sobolev::chain
