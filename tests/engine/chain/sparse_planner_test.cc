#include "engine/chain/sparse_planner.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/rng.h"

namespace sobolev::chain {
namespace {

using Rows = std::vector<std::vector<bool>>;

ad::SparsityPattern ToPattern(const Rows& rows) {
  std::vector<ad::PatternEntry> entries;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < rows[i].size(); ++j) {
      if (rows[i][j]) {
        entries.push_back({static_cast<std::int32_t>(i), static_cast<std::int32_t>(j)});
      }
    }
  }
  return ad::SparsityPattern::FromEntries(static_cast<std::int32_t>(rows.size()),
                                          static_cast<std::int32_t>(rows[0].size()), entries);
}

struct Problem {
  std::vector<ChainFactor> factors;
  std::vector<Rows> rows;
  std::vector<ad::SparsityPattern> patterns;

  JacobianChain chain() const { return JacobianChain(factors); }
};

Problem RandomProblem(int length, double density, std::uint64_t seed) {
  Rng rng(seed);
  Problem problem;
  std::uint64_t n = 1 + rng.Below(6);
  for (int f = 0; f < length; ++f) {
    const std::uint64_t m = 1 + rng.Below(6);
    Rows rows(m, std::vector<bool>(n));
    for (std::vector<bool>& row : rows) {
      for (std::uint64_t j = 0; j < n; ++j) row[j] = rng.Uniform() < density;
    }
    problem.factors.push_back({n, m, 1 + rng.Below(40)});
    problem.patterns.push_back(ToPattern(rows));
    problem.rows.push_back(std::move(rows));
    n = m;
  }
  return problem;
}

// A Jacobian of a subchain and what some way to make it costs.
struct Made {
  Rows rows;
  std::uint64_t cost;
};

Made Multiply(const Made& left, const Made& right) {
  Made result{Rows(left.rows.size(), std::vector<bool>(right.rows[0].size())),
              left.cost + right.cost};
  for (std::size_t i = 0; i < left.rows.size(); ++i) {
    for (std::size_t k = 0; k < right.rows.size(); ++k) {
      if (!left.rows[i][k]) continue;
      for (std::size_t j = 0; j < right.rows[k].size(); ++j) {
        if (!right.rows[k][j]) continue;
        ++result.cost;
        result.rows[i][j] = true;
      }
    }
  }
  return result;
}

bool IsEmpty(const Rows& rows) {
  return std::all_of(rows.begin(), rows.end(), [](const std::vector<bool>& row) {
    return std::none_of(row.begin(), row.end(), [](bool entry) { return entry; });
  });
}

// Every way to make F'_{j,i}, product by product and direction by direction.
std::vector<Made> AllWays(const Problem& problem, int j, int i, const ChainRules& rules) {
  std::vector<Made> ways;
  const auto factor = [&](int f) { return problem.factors[static_cast<std::size_t>(f)]; };
  const auto rows = [&](int f) { return problem.rows[static_cast<std::size_t>(f)]; };
  if (i == j) {
    const std::uint64_t edges = rules.given_factors ? 0 : factor(i).edges;
    ways.push_back({rows(i), edges * factor(i).n});
    ways.push_back({rows(i), edges * factor(i).m});
  }
  for (int k = i; k < j; ++k) {
    for (const Made& later : AllWays(problem, j, k + 1, rules)) {
      for (const Made& earlier : AllWays(problem, k, i, rules)) {
        ways.push_back(Multiply(later, earlier));
      }
    }
  }
  if (i < j && rules.propagate) {
    for (const Made& made : AllWays(problem, j - 1, i, rules)) {
      ways.push_back(
          {Multiply({rows(j), 0}, {made.rows, 0}).rows, made.cost + factor(i).n * factor(j).edges});
    }
    for (const Made& made : AllWays(problem, j, i + 1, rules)) {
      ways.push_back(
          {Multiply({made.rows, 0}, {rows(i), 0}).rows, made.cost + factor(j).m * factor(i).edges});
    }
  }
  for (Made& way : ways) {
    if (IsEmpty(way.rows)) way.cost = 0;
  }
  // Of equal patterns (and all are equal) only the cheapest matters to what takes it up.
  const auto best = std::ranges::min_element(ways, {}, &Made::cost);
  return {*best};
}

TEST(SparsePlannerTest, AgreesWithAllBracketings) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const int length = 1 + static_cast<int>(seed % 7);
    const Problem problem = RandomProblem(length, seed % 2 == 0 ? 0.3 : 0.6, seed);
    for (const ChainRules& rules :
         {ChainRules{}, ChainRules{.given_factors = true, .propagate = false}}) {
      const ChainPlan plan = PlanSparseChain(problem.chain(), problem.patterns, rules);
      ASSERT_EQ(plan.cost, Cost(AllWays(problem, length - 1, 0, rules)[0].cost)) << seed;
    }
  }
}

TEST(SparsePlannerTest, IsTheDensePlanWithoutZeros) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Problem problem = RandomProblem(9, 1, seed);
    const JacobianChain chain = problem.chain();
    EXPECT_EQ(PlanSparseChain(chain, problem.patterns).steps, PlanChain(chain).steps);
    EXPECT_EQ(PlanSparseChain(chain, problem.patterns, {}, true).cost, PlanChain(chain).cost);
    EXPECT_EQ(PlanSparseHomogeneous(chain, problem.patterns).preaccumulation,
              PlanHomogeneous(chain).preaccumulation);
  }
}

// Diagonal factors: one tangent carries all columns of the result.
TEST(SparsePlannerTest, CompressesColumnsThatShareNoRow) {
  const std::int32_t n = 8;
  const JacobianChain chain({{8, 8, 8}, {8, 8, 8}, {8, 8, 8}});
  const std::vector<ad::SparsityPattern> patterns(3, ad::SparsityPattern::Diagonal(n));
  // 8 tangents through each factor, or one.
  EXPECT_EQ(PlanSparseChain(chain, patterns).cost, Cost(3 * 64));
  EXPECT_EQ(PlanSparseChain(chain, patterns, {}, true).cost, Cost(3 * 8));
}

TEST(SparsePlannerTest, WhatHasNoEntriesCostsNothing) {
  const JacobianChain chain({{2, 2, 5}, {2, 2, 5}});
  const ChainPlan plan = PlanSparseChain(chain, {ToPattern({{true, false}, {false, false}}),
                                                 ToPattern({{false, true}, {false, true}})});
  EXPECT_EQ(plan.cost, Cost(0));
  ASSERT_EQ(plan.steps.size(), 1U);
  EXPECT_EQ(plan.steps[0].kind, StepKind::kZero);
  EXPECT_EQ(ToText(plan), "0");
}

std::string MessageOf(const JacobianChain& chain,
                      const std::vector<ad::SparsityPattern>& patterns) {
  try {
    PlanSparseChain(chain, patterns);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "no error";
}

TEST(SparsePlannerTest, RefusesPatternsThatDoNotFit) {
  const JacobianChain chain({{2, 3, 5}, {3, 2, 5}});
  EXPECT_EQ(MessageOf(chain, {ad::SparsityPattern::Dense(3, 2)}),
            "factors[1].pattern: expected a pattern for each factor");
  EXPECT_EQ(MessageOf(chain, {ad::SparsityPattern::Dense(3, 2), ad::SparsityPattern::Dense(3, 2)}),
            "factors[1].pattern: expected 2 rows of 3, got 3 of 2");
  EXPECT_EQ(MessageOf(JacobianChain(std::vector<ChainFactor>(257, {1, 1, 1})), {}),
            "factors: expected at most 256 with patterns, got 257");
}

}  // namespace
}  // namespace sobolev::chain
