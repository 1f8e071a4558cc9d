#include "engine/train/portfolio.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/train/recipe.h"

namespace sobolev::train {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Not;

// All recipes take the same work.
double Work(const Recipe& /*recipe*/) { return 1; }

constexpr double kInfinite = std::numeric_limits<double>::infinity();

TEST(PortfolioTest, TheFirstRoundHasOneOfEachKind) {
  const std::vector<Recipe> recipes = NextRecipes({}, {}, Work);
  for (const Family family : {Family::kPolynomial, Family::kGaussianProcess, Family::kNetwork}) {
    EXPECT_THAT(recipes, Contains(Field(&Recipe::family, family)));
  }
  EXPECT_THAT(recipes, Contains(Field(&Recipe::adam_steps, testing::Gt(0))));
  EXPECT_THAT(recipes, Contains(Field(&Recipe::newton_iterations, testing::Gt(0))));
}

// Whatever the scores, it ends, and no recipe comes twice.
TEST(PortfolioTest, ItEndsWithoutRepetition) {
  for (int order = 0; order < 3; ++order) {
    const PortfolioFacts facts{.ranks = {1, 4}};
    std::vector<TriedRecipe> tried;
    std::set<std::string> names;
    for (std::vector<Recipe> next = NextRecipes(facts, tried, Work); !next.empty();
         next = NextRecipes(facts, tried, Work)) {
      const Recipe recipe = next.front();
      ASSERT_EQ(std::ranges::count(tried, recipe, &TriedRecipe::recipe), 0) << Name(recipe);
      const auto count = static_cast<double>(tried.size());
      const double score = order == 0 ? 1 : order == 1 ? 1 / (1 + count) : kInfinite;
      tried.push_back({recipe, score, recipe.newton_iterations});
      ASSERT_LT(tried.size(), 500U);
    }
    EXPECT_GT(tried.size(), 5U);
  }
}

// Where longer runs are ever better, use all their iterations, and everything else is hopeless.
Index LongestRun(Index Recipe::*length) {
  std::vector<TriedRecipe> tried;
  double score = 1;
  Index most = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const std::vector<Recipe> next = NextRecipes(PortfolioFacts{}, tried, Work);
    const auto longer =
        std::ranges::find_if(next, [&](const Recipe& recipe) { return recipe.*length > most; });
    if (longer == next.end()) break;
    most = (*longer).*length;
    tried.push_back({*longer, score /= 2, longer->newton_iterations});
  }
  return most;
}

TEST(PortfolioTest, AdamDoesNotRunLongerAndLonger) {
  const Index most = LongestRun(&Recipe::adam_steps);
  EXPECT_GT(most, 5000);
  EXPECT_LE(most, 30000);
}

TEST(PortfolioTest, IterationsDoNotGrowForEver) {
  const Index most = LongestRun(&Recipe::newton_iterations);
  EXPECT_GT(most, 5000);
  EXPECT_LE(most, 100000);
}

// However they fare, and each one only once.
TEST(PortfolioTest, WithConstraintsOnlyNetworksThatObeyAreTried) {
  const nn::ShapeConstraints monotone{.slopes = {nn::Slope::kIncreasing, nn::Slope::kFree}};
  const nn::ShapeConstraints concave{.convexity = nn::Convexity::kConcave};
  for (const nn::ShapeConstraints& shape : {monotone, concave}) {
    const PortfolioFacts facts{.ranks = {1}, .shape = shape};
    std::vector<TriedRecipe> tried;
    for (std::vector<Recipe> next = NextRecipes(facts, tried, Work); !next.empty();
         next = NextRecipes(facts, tried, Work)) {
      const Recipe& recipe = next.front();
      ASSERT_EQ(std::ranges::count(tried, recipe, &TriedRecipe::recipe), 0) << Name(recipe);
      EXPECT_EQ(recipe.family, Family::kNetwork);
      EXPECT_TRUE(recipe.rank == 0 || !shape.IsMonotone()) << Name(recipe);
      EXPECT_NO_THROW(nn::CheckConstraints(ArchitectureOf(recipe, 2, 1), shape)) << Name(recipe);
      tried.push_back({recipe, 1 / (1 + static_cast<double>(tried.size())), 1});
      ASSERT_LT(tried.size(), 500U);
    }
    EXPECT_GT(tried.size(), 5U);
  }
}

TEST(PortfolioTest, DirectionsAreFollowedUpWhereTheScoutDidWell) {
  const PortfolioFacts facts{.ranks = {1, 4}};
  std::vector<TriedRecipe> tried;
  std::vector<Recipe> next = NextRecipes(facts, tried, Work);
  while (!next.empty() && tried.size() < 6) {
    tried.push_back({next.front(), next.front().rank == 4 ? 0.01 : 0.5, 10});
    next = NextRecipes(facts, tried, Work);
  }
  EXPECT_THAT(next, Contains(Recipe{.family = Family::kPolynomial, .rank = 4}));
  EXPECT_THAT(next, Not(Contains(Recipe{.family = Family::kPolynomial, .rank = 1})));
}

TEST(PortfolioTest, LogarithmsAreFollowedUpWhereTheyDidWell) {
  const auto is_logarithmic = Field(&Recipe::logarithms, Logarithms::kOutputs);
  const Recipe process{.family = Family::kGaussianProcess, .logarithms = Logarithms::kOutputs};
  for (const double score : {0.01, 0.9}) {
    const PortfolioFacts facts{.logarithms = Logarithms::kOutputs};
    std::vector<TriedRecipe> tried;
    std::vector<Recipe> next = NextRecipes(facts, tried, Work);
    EXPECT_THAT(next, Contains(is_logarithmic));
    while (!next.empty() && tried.size() < 6) {
      const bool logarithmic = next.front().logarithms == Logarithms::kOutputs;
      tried.push_back({next.front(), logarithmic ? score : 0.1, 10});
      next = NextRecipes(facts, tried, Work);
    }
    EXPECT_EQ(std::ranges::count(next, process) +
                  std::ranges::count(tried, process, &TriedRecipe::recipe),
              score < 0.1 ? 1 : 0);
  }
  EXPECT_THAT(NextRecipes({}, {}, Work), Not(Contains(is_logarithmic)));
}

// Step by step while each is better than the one before, and not of what is far behind.
TEST(PortfolioTest, DerivativesCountLessWhereThatHelps) {
  const PortfolioFacts facts{.balance = true};
  const Recipe polynomial{.family = Family::kPolynomial, .search = facts.search};
  const auto with_less = [&](const std::vector<TriedRecipe>& tried) {
    std::vector<double> balances;
    for (const Recipe& recipe : NextRecipes(facts, tried, Work)) {
      if (recipe.balance < 1 && recipe.search < facts.search) balances.push_back(recipe.balance);
    }
    return balances;
  };
  Recipe less = polynomial;
  less.balance = 1e-2;
  less.search /= 4;
  EXPECT_THAT(with_less({{polynomial, 0.1, 0}}), ElementsAre(1e-2));
  EXPECT_THAT(with_less({{polynomial, 0.1, 0}, {less, 0.05, 0}}), ElementsAre(1e-4));
  EXPECT_THAT(with_less({{polynomial, 0.1, 0}, {less, 0.1, 0}}), IsEmpty());
  less.balance = 1e-12;
  EXPECT_THAT(with_less({{less, 0.1, 0}}), IsEmpty());
  EXPECT_THAT(with_less({{polynomial, 0.1, 0}, {NewtonRecipe(), 1e-4, 0}}), IsEmpty());
  EXPECT_THAT(NextRecipes({}, {{polynomial, 0.1, 0}}, Work),
              Not(Contains(Field(&Recipe::balance, 1e-2))));
}

TEST(PortfolioTest, AnExactModelEndsTheSearch) {
  const PortfolioFacts facts{};
  EXPECT_THAT(NextRecipes(facts, {{{.family = Family::kPolynomial}, 1e-15, 0}}, Work), IsEmpty());
}

TEST(PortfolioTest, GivenRecipesAreTheOnlyOnes) {
  const Recipe process{.family = Family::kGaussianProcess};
  const PortfolioFacts facts{.recipes = {process}};
  EXPECT_THAT(NextRecipes(facts, {}, Work), ElementsAre(process));
  EXPECT_THAT(NextRecipes(facts, {{process, 0.1, 0}}, Work), IsEmpty());
}

TEST(RecipeTest, NamesTellRecipesApart) {
  Recipe newton = NewtonRecipe();
  EXPECT_EQ(Name(newton), "network 16-16 tanh, lbfgs 200 + lm 100");
  newton.restart = 1;
  newton.rank = 3;
  EXPECT_EQ(Name(newton), "network 16-16 tanh, lbfgs 200 + lm 100, start 2, 3 directions");
  EXPECT_EQ(Name(HybridRecipe()), "network 20-20 tanh, adam 800 + lm 40");
  Recipe lbfgs = LbfgsRecipe();
  lbfgs.local_variance = true;
  lbfgs.balance = 0.1;
  EXPECT_EQ(Name(lbfgs), "network 16-16 tanh, lbfgs 2000, local variances, derivatives x0.1");
  EXPECT_EQ(Name({.family = Family::kPolynomial, .rank = 1, .derivatives = false}),
            "polynomial, 1 direction, values only");
}

}  // namespace
}  // namespace sobolev::train
