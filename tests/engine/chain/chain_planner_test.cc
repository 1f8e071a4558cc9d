#include "engine/chain/chain_planner.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/chain/chain_text.h"
#include "engine/chain/jacobian_chain.h"

namespace sobolev::chain {
namespace {

JacobianChain Published(int length) {
  std::ifstream file(std::string(SOBOLEV_SOURCE_DIR) + "/tests/engine/chain/instances/published_" +
                     std::to_string(length) + ".txt");
  return ParseChain(std::string(std::istreambuf_iterator<char>(file), {}));
}

// The theorem as its authors state it: propagations through any number of factors at once.
class Theorem {
 public:
  Theorem(const JacobianChain& chain, const ChainRules& rules) : chain_(chain), rules_(rules) {}

  Cost Of(int j, int i) {
    const auto known = costs_.find({j, i});
    if (known != costs_.end()) return known->second;
    return costs_[{j, i}] = Compute(j, i);
  }

 private:
  bool AdjointAllowed(int first, int last) const {
    return std::all_of(chain_.factors().begin() + first, chain_.factors().begin() + last + 1,
                       [this](const ChainFactor& f) { return f.edges <= rules_.tape_memory; });
  }

  Cost Edges(int first, int last) const {
    Cost sum;
    for (int i = first; i <= last; ++i) sum += chain_[i].edges;
    return sum;
  }

  Cost Compute(int j, int i) {
    const Cost m = chain_[j].m;
    const Cost n = chain_[i].n;
    const Cost of_tangent = n * rules_.weights.tangent;
    const Cost of_adjoint = m * rules_.weights.adjoint;
    if (i == j) {
      if (rules_.given_factors) return 0;
      const Cost tangent = of_tangent * chain_[i].edges;
      return AdjointAllowed(i, i) ? std::min(tangent, of_adjoint * chain_[i].edges) : tangent;
    }
    Cost best = Cost::Saturated();
    for (int k = i; k < j; ++k) {
      best = std::min(best,
                      Of(j, k + 1) + Of(k, i) + m * chain_[k].m * n * Cost(rules_.weights.product));
      if (!rules_.propagate) continue;
      best = std::min(best, Of(k, i) + of_tangent * Edges(k + 1, j));
      if (AdjointAllowed(i, k)) best = std::min(best, Of(j, k + 1) + of_adjoint * Edges(i, k));
    }
    return best;
  }

  const JacobianChain& chain_;
  const ChainRules& rules_;
  std::map<std::pair<int, int>, Cost> costs_;
};

// Checks that every step makes what it says of what earlier steps made, and at that cost.
void ExpectSound(const JacobianChain& chain, const ChainPlan& plan,
                 const ChainWeights& weights = {}) {
  ASSERT_FALSE(plan.steps.empty());
  EXPECT_EQ(plan.steps.back().first, 0);
  EXPECT_EQ(plan.steps.back().last, chain.size() - 1);
  Cost sum;
  std::vector<int> uses(plan.steps.size());
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    const PlanStep& step = plan.steps[s];
    const Cost m = chain[step.last].m;
    const Cost n = chain[step.first].n;
    const Cost weight = weights.Of(step.kind);
    const auto operand = [&](int place, int first, int last) {
      ASSERT_GE(place, 0);
      ASSERT_LT(place, static_cast<int>(s));
      const PlanStep& made = plan.steps[static_cast<std::size_t>(place)];
      EXPECT_EQ(made.first, first);
      EXPECT_EQ(made.last, last);
      ++uses[static_cast<std::size_t>(place)];
    };
    sum += step.cost;
    switch (step.kind) {
      case StepKind::kZero:
        FAIL() << "dense Jacobians have entries";
      case StepKind::kGiven:
        EXPECT_EQ(step.cost, Cost(0));
        break;
      case StepKind::kAccumulateTangent:
        EXPECT_EQ(step.cost, weight * n * chain[step.first].edges);
        break;
      case StepKind::kAccumulateAdjoint:
        EXPECT_EQ(step.cost, weight * m * chain[step.first].edges);
        break;
      case StepKind::kTangent:
        operand(step.earlier, step.first, step.last - 1);
        EXPECT_EQ(step.cost, weight * n * chain[step.last].edges);
        break;
      case StepKind::kAdjoint:
        operand(step.later, step.first + 1, step.last);
        EXPECT_EQ(step.cost, weight * m * chain[step.first].edges);
        break;
      case StepKind::kProduct: {
        const int k = plan.steps[static_cast<std::size_t>(step.earlier)].last;
        operand(step.earlier, step.first, k);
        operand(step.later, k + 1, step.last);
        EXPECT_EQ(step.cost, weight * m * chain[k].m * n);
        break;
      }
    }
  }
  EXPECT_EQ(sum, plan.cost);
  EXPECT_EQ(std::count(uses.begin(), uses.end(), 1), std::ssize(uses) - 1);
}

struct PublishedCosts {
  int length;
  std::uint64_t tangent;
  std::uint64_t adjoint;
  std::uint64_t preaccumulation;
  std::uint64_t optimum;
};

// Naumann, arXiv:2003.05755, section 4. Printed there for length 500 is a preaccumulation of
// 1,027,696,225, which is the sum below modulo 2³².
TEST(ChainPlannerTest, ReproducesPublishedCosts) {
  const PublishedCosts table[] = {
      {10, 3'708, 5'562, 2'618, 1'344},
      {50, 1'283'868, 1'355'194, 1'687'575, 71'668},
      {100, 3'677'565, 44'866'293, 40'880'996, 1'471'636},
      {250, 585'023'794, 1'496'126'424, 1'196'618'622, 9'600'070},
      {500, 21'306'718'862, 19'518'742'454, 18'207'565'409, 149'147'898},
  };
  for (const PublishedCosts& row : table) {
    const JacobianChain chain = Published(row.length);
    ASSERT_EQ(chain.size(), row.length);
    const HomogeneousCosts costs = PlanHomogeneous(chain);
    EXPECT_EQ(costs.tangent, Cost(row.tangent));
    EXPECT_EQ(costs.adjoint, Cost(row.adjoint));
    EXPECT_EQ(costs.preaccumulation, Cost(row.preaccumulation));
    const ChainPlan plan = PlanChain(chain);
    EXPECT_EQ(plan.cost, Cost(row.optimum));
    ExpectSound(chain, plan);
  }
}

// The example of the reference's description.
TEST(ChainPlannerTest, ReproducesPublishedExample) {
  const JacobianChain chain({{3, 3, 29}, {3, 1, 14}, {1, 2, 7}});
  const HomogeneousCosts costs = PlanHomogeneous(chain);
  EXPECT_EQ(costs.tangent, Cost(150));
  EXPECT_EQ(costs.adjoint, Cost(100));
  EXPECT_EQ(costs.accumulation, Cost(108));
  EXPECT_EQ(costs.preaccumulation, Cost(123));
  const ChainPlan plan = PlanChain(chain);
  EXPECT_EQ(plan.cost, Cost(56));
  EXPECT_EQ(ToText(plan), "(J3t * A1(J2a))");
  EXPECT_EQ(ToTree(plan),
            "F'1..3: product of  (6)\n"
            "  F'3: tangents of factor 3  (7)\n"
            "  F'1..2: adjoints through factor 1 of  (29)\n"
            "    F'2: adjoints of factor 2  (14)\n");
}

TEST(ChainPlannerTest, AgreesWithTheTheoremOnRandomChains) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    // From 1 up to several tiles; sizes that fit the fast way and such that do not.
    const int length = 1 + static_cast<int>(seed % 19);
    const std::uint64_t max_size = seed % 3 == 0 ? 5 : seed % 3 == 1 ? 60'000 : 1'000'000'000;
    const JacobianChain chain = RandomChain(length, max_size, seed);
    std::vector<ChainRules> all{{}, {.given_factors = true, .propagate = false}};
    all.push_back({.weights = {.tangent = 3, .adjoint = 5, .product = 1}});
    all.push_back({.weights = {.tangent = 1, .adjoint = 1, .product = 200'000}});
    all.push_back({.tape_memory = 9, .weights = {.tangent = 1, .adjoint = 2, .product = 30}});
    for (const ChainFactor& factor : chain.factors()) {
      all.push_back({.tape_memory = factor.edges});
      all.push_back({.tape_memory = factor.edges - 1});
    }
    for (const ChainRules& rules : all) {
      const ChainPlan plan = PlanChain(chain, rules);
      ASSERT_EQ(plan.cost, Theorem(chain, rules).Of(length - 1, 0)) << "seed " << seed;
      ExpectSound(chain, plan, rules.weights);
    }
  }
}

// arXiv:2406.11862: without room for any tape there are no adjoints.
TEST(ChainPlannerTest, ReproducesPublishedCostsUnderMemoryLimits) {
  EXPECT_EQ(PlanChain(Published(50), {.tape_memory = 0}).cost, Cost(108'086));
  EXPECT_EQ(PlanChain(Published(100), {.tape_memory = 0}).cost, Cost(2'681'483));
  for (const PlanStep& step : PlanChain(Published(50), {.tape_memory = 0}).steps) {
    EXPECT_NE(step.kind, StepKind::kAdjoint);
    EXPECT_NE(step.kind, StepKind::kAccumulateAdjoint);
  }
}

// The plan that is best with some weights is no better than another's best with that one's.
TEST(ChainPlannerTest, WeightsChangeWhatIsBest) {
  const ChainWeights weights{.tangent = 7, .adjoint = 9, .product = 1};
  int changed = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const JacobianChain chain = RandomChain(8, 20, seed);
    const ChainPlan plain = PlanChain(chain);
    const ChainPlan weighted = PlanChain(chain, {.weights = weights});
    EXPECT_EQ(CostWith(weighted, weights, weights), weighted.cost);
    EXPECT_GE(CostWith(plain, {}, weights), weighted.cost);
    EXPECT_GE(CostWith(weighted, weights, {}), plain.cost);
    changed += CostWith(plain, {}, weights) > weighted.cost ? 1 : 0;
  }
  EXPECT_GT(changed, 0);
}

TEST(ChainPlannerTest, RefusesWeightsOutOfRange) {
  const auto message = [](const ChainWeights& weights) -> std::string {
    try {
      PlanChain(RandomChain(3, 5, 1), {.weights = weights});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message({.tangent = 0}), "weights.tangent: expected 1 to 1048576, got 0");
  EXPECT_EQ(message({.adjoint = 1'048'577}), "weights.adjoint: expected 1 to 1048576, got 1048577");
  EXPECT_EQ(message({.product = 0}), "weights.product: expected 1 to 1048576, got 0");
  EXPECT_EQ(message({.product = 1'048'576}), "no error");
}

// Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms, section 15.2.
TEST(ChainPlannerTest, SolvesTheTextbookMatrixChain) {
  const JacobianChain chain(
      {{25, 20, 0}, {20, 10, 0}, {10, 5, 0}, {5, 15, 0}, {15, 35, 0}, {35, 30, 0}});
  const ChainPlan plan = PlanChain(chain, {.given_factors = true, .propagate = false});
  EXPECT_EQ(plan.cost, Cost(15'125));
}

// A product of sizes that is a multiple of 2⁶⁴, and so nothing to arithmetic that wraps.
TEST(ChainPlannerTest, DoesNotWrapAround) {
  const std::uint64_t wide = std::uint64_t{1} << 22;
  const JacobianChain chain({{wide, wide, 1}, {wide, wide, wide}});
  EXPECT_EQ(Cost(wide) * wide * wide, Cost(std::uint64_t{1} << 33) * (std::uint64_t{1} << 33));
  // Tangents, of all columns, through both factors: 2²² (1 + 2²²).
  EXPECT_EQ(PlanChain(chain).cost, Cost(wide) * (wide + 1));
}

TEST(ChainPlannerTest, SaturatesBeyond128Bits) {
  const std::uint64_t most = JacobianChain::kMaxSize;
  const JacobianChain chain({{most, most, most}, {most, most, most}});
  EXPECT_FALSE(PlanChain(chain).cost.saturated());
  EXPECT_TRUE(PlanChain(chain, {.given_factors = true, .propagate = false}).cost.saturated());
  EXPECT_TRUE(PlanHomogeneous(chain).preaccumulation.saturated());
  EXPECT_EQ(PlanHomogeneous(chain).tangent.ToString(), "42535295865117307932921825928971026432");
}

TEST(ChainPlannerTest, PlansLongChains) {
  std::vector<ChainFactor> factors(2'000, ChainFactor{3, 3, 1});
  // Adjoints and tangents cost 3 a factor, products 27.
  EXPECT_EQ(PlanChain(JacobianChain(factors)).cost, Cost(6'000));
}

TEST(ChainPlannerTest, CanBeCancelled) {
  std::stop_source stop;
  stop.request_stop();
  try {
    PlanChain(RandomChain(100, 10, 1), {}, stop.get_token());
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

std::string MessageOf(const std::vector<ChainFactor>& factors) {
  try {
    const JacobianChain chain(factors);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "no error";
}

TEST(JacobianChainTest, RefusesWhatDoesNotFit) {
  EXPECT_EQ(MessageOf({}), "factors: expected 1 to 10000, got 0");
  EXPECT_EQ(MessageOf(std::vector<ChainFactor>(10'001, {1, 1, 1})),
            "factors: expected 1 to 10000, got 10001");
  EXPECT_EQ(MessageOf({{0, 1, 1}}), "factors[0].n: expected 1 to 2^62, got 0");
  EXPECT_EQ(MessageOf({{1, 1, 1}, {1, 0, 1}}), "factors[1].m: expected 1 to 2^62, got 0");
  EXPECT_EQ(MessageOf({{1, 1, UINT64_MAX}}),
            "factors[0].edges: expected 0 to 2^62, got 18446744073709551615");
  EXPECT_EQ(MessageOf({{1, 2, 1}, {3, 1, 1}}),
            "factors[1].n: expected 2, the outputs of the factor before, got 3; factors start at "
            "the input side");
}

TEST(RandomChainTest, DrawsWithinItsLimits) {
  const JacobianChain chain = RandomChain(1'000, 7, 5);
  for (const ChainFactor& factor : chain.factors()) {
    EXPECT_GE(std::min(factor.n, factor.m), 1U);
    EXPECT_LE(std::max(factor.n, factor.m), 7U);
    EXPECT_GE(factor.edges, factor.n + factor.m);
    EXPECT_LE(factor.edges, (factor.n + factor.m) * (factor.n + factor.m));
  }
  EXPECT_EQ(RandomChain(1'000, 7, 5).factors(), chain.factors());
  EXPECT_NE(RandomChain(1'000, 7, 6).factors(), chain.factors());
  EXPECT_THROW(RandomChain(0, 7, 1), Error);
  EXPECT_THROW(RandomChain(1, 0, 1), Error);
}

std::string ParseMessage(const std::string& text) {
  try {
    ParseChain(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ChainTextTest, ReadsWhatItWrites) {
  const JacobianChain chain = RandomChain(20, 100, 3);
  EXPECT_EQ(ParseChain(ToText(chain)).factors(), chain.factors());
  EXPECT_EQ(ParseChain("2\r\n3 2 6\r\n2 3 7").factors(),
            (std::vector<ChainFactor>{{2, 3, 6}, {3, 2, 7}}));
}

TEST(ChainTextTest, NamesWhatIsWrong) {
  EXPECT_EQ(ParseMessage(""),
            "text: expected the number of factors as number 1 of the text, got its end");
  EXPECT_EQ(ParseMessage("1\n2 -3 4"),
            "text: expected the inputs of factor 1 as number 3 of the text, got \"-3\"");
  EXPECT_EQ(ParseMessage("1\n2 3 99999999999999999999"),
            "text: expected the edges of factor 1 as number 4 of the text, got "
            "\"99999999999999999999\"");
  EXPECT_EQ(ParseMessage("1\n2 3 4 5"), "text: expected nothing after 1 factors");
  EXPECT_EQ(ParseMessage("0"), "factors: expected 1 to 10000, got 0");
}

}  // namespace
}  // namespace sobolev::chain
