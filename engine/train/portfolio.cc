#include "engine/train/portfolio.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/activation.h"
#include "engine/train/recipe.h"

namespace sobolev::train {

namespace {

using nn::Activation;

constexpr Index kNewtonIterations = 100;
constexpr Index kMostNewtonIterations = 243 * kNewtonIterations;
constexpr Index kAdamSteps = 1600;
// More bring little, and on a few points they take longer than their multiply-adds say.
constexpr Index kMostAdamSteps = 16 * kAdamSteps;
constexpr Index kLbfgsSteps = 2000;
// Cheap ones that save Levenberg-Marquardt its first ten or twenty.
constexpr Index kLbfgsStart = 200;
// After Adam found the basin.
constexpr Index kPolishIterations = 40;

// Scores within this factor of the best are worth a second look.
constexpr double kClose = 2;
// Fits within this factor of the best may overtake it when varied.
constexpr double kReachable = 100;
// Nothing can be better than that.
constexpr double kExact = 1e-12;
// Once so many trials are within this share of the best, the labels are noisy and the rest of the
// error is not the recipe's.
constexpr std::ptrdiff_t kAlike = 8;
constexpr double kNoise = 0.02;
// From how many on errors tell the noise nearby.
constexpr Index kManyPoints = 2000;

// So many times a small rank is at most the number of inputs.
constexpr Index kFewOf = 4;

// Weights of derivatives, in parts of the usual one, that now and then are better.
constexpr double kBalances[] = {10, 0.1};
// Of fits in closed form, step by step.
constexpr double kBalanceStep = 1e-2;
constexpr double kLeastBalance = 0.5e-12;
// Of the usual search for terms, so that the steps of all take little of the budget.
constexpr double kBalanceSearch = 0.25;

Recipe Polynomial(const PortfolioFacts& facts, Index rank = 0) {
  return {.family = Family::kPolynomial, .rank = rank, .search = facts.search};
}

Recipe GaussianProcess(Index rank = 0) {
  return {.family = Family::kGaussianProcess, .rank = rank};
}

Recipe Newton(std::vector<Index> hidden, Activation activation = Activation::kTanh,
              Index rank = 0) {
  return {.rank = rank,
          .hidden = std::move(hidden),
          .activation = activation,
          .lbfgs_steps = kLbfgsStart,
          .newton_iterations = kNewtonIterations};
}

// A small network, to see how many directions it takes.
Recipe Scout(Index rank) { return Newton({8}, Activation::kTanh, rank); }

Recipe Adam(Index rank = 0) {
  return {.rank = rank,
          .hidden = {20, 20, 20, 20},
          .activation = Activation::kSoftplus,
          .adam_steps = kAdamSteps};
}

Recipe Hybrid(Index rank = 0) {
  return {.rank = rank,
          .hidden = {20, 20},
          .activation = Activation::kTanh,
          .adam_steps = kAdamSteps / 2,
          .newton_iterations = kPolishIterations};
}

Recipe LocalTaylor(Index order) { return {.family = Family::kConstant, .taylor_order = order}; }

bool IsNewton(const Recipe& recipe) { return recipe.newton_iterations > 0; }

Recipe InLogarithms(Recipe recipe, Logarithms logarithms) {
  recipe.logarithms = logarithms;
  return recipe;
}

// One of each kind. Where few of the directions matter, scouts on them are cheaper than
// polynomials.
std::vector<Recipe> FirstRound(const PortfolioFacts& facts) {
  const auto few = [&](Index rank) { return kFewOf * rank <= facts.n; };
  std::vector<Recipe> recipes;
  for (const Index rank : facts.ranks) {
    if (few(rank)) recipes.push_back(Scout(rank));
  }
  recipes.push_back(Polynomial(facts));
  if (facts.logarithms != Logarithms::kNone) {
    recipes.push_back(InLogarithms(Polynomial(facts), facts.logarithms));
  }
  for (const Index rank : facts.ranks) {
    if (!few(rank)) recipes.push_back(Scout(rank));
  }
  recipes.push_back(NewtonRecipe());
  recipes.push_back(GaussianProcess());
  recipes.push_back(Adam());
  if (facts.taylor_order > 0) recipes.push_back(LocalTaylor(facts.taylor_order));
  return recipes;
}

// All kinds on the directions of a scout that did well.
std::vector<Recipe> OnDirections(const PortfolioFacts& facts, Index rank) {
  return {Polynomial(facts, rank), Newton({20, 20}, Activation::kTanh, rank), GaussianProcess(rank),
          Adam(rank)};
}

std::vector<Index> Scaled(std::vector<Index> hidden, double factor) {
  for (Index& width : hidden) {
    width = std::max<Index>(4, std::lround(static_cast<double>(width) * factor));
  }
  return hidden;
}

// Neighbours of a network that may be better.
std::vector<Recipe> Variations(const TriedRecipe& tried, bool balance) {
  const Recipe& network = tried.recipe;
  std::vector<Recipe> recipes;
  const auto vary = [&](const auto& change) {
    Recipe recipe = network;
    change(recipe);
    recipes.push_back(std::move(recipe));
  };
  // More iterations if they ended too soon.
  if (IsNewton(network) && network.newton_iterations < kMostNewtonIterations &&
      tried.iterations >= network.newton_iterations * 9 / 10) {
    vary([](Recipe& recipe) { recipe.newton_iterations *= 3; });
  }
  vary([](Recipe& recipe) { recipe.hidden = Scaled(recipe.hidden, 1.5); });
  vary([](Recipe& recipe) { recipe.hidden = Scaled(recipe.hidden, 1 / 1.5); });
  for (const Activation activation :
       {Activation::kTanh, Activation::kSilu, Activation::kSin, Activation::kSoftplus}) {
    vary([&](Recipe& recipe) { recipe.activation = activation; });
  }
  vary([](Recipe& recipe) { recipe.hidden.push_back(recipe.hidden.back()); });
  if (network.TakesAllLabels()) {
    vary([](Recipe& recipe) { recipe.restart = 1; });
    vary([](Recipe& recipe) { recipe.restart = 2; });
  }
  if (balance && network.balance == 1) {
    for (const double factor : kBalances) {
      vary([&](Recipe& recipe) { recipe.balance = factor; });
    }
  }
  if (!network.TakesAllLabels() && network.adam_steps < kMostAdamSteps) {
    vary([](Recipe& recipe) { recipe.adam_steps *= 4; });
  }
  return recipes;
}

// Of noisy labels, networks that are as good as any, with weights from the noise nearby.
std::vector<Recipe> WithLocalVariances(const std::vector<TriedRecipe>& tried, double best) {
  std::vector<Recipe> recipes;
  for (const TriedRecipe& trial : tried) {
    if (!IsNewton(trial.recipe) || trial.recipe.local_variance) continue;
    if (trial.recipe.taylor_order > 0) continue;
    if (trial.score > (1 + kNoise) * best) continue;
    recipes.push_back(trial.recipe);
    recipes.back().local_variance = true;
  }
  return recipes;
}

// Local models of what the best without them misses, and alone of all orders if that is no better.
std::vector<Recipe> WithLocalTaylor(const PortfolioFacts& facts,
                                    const std::vector<TriedRecipe>& tried, double best) {
  const TriedRecipe* base = nullptr;
  bool alone = false;
  for (const TriedRecipe& trial : tried) {
    const Family family = trial.recipe.family;
    if (family == Family::kConstant) alone = alone || trial.score <= kClose * best;
    if (trial.recipe.taylor_order > 0 || family == Family::kGaussianProcess) continue;
    if (!(trial.score <= kClose * best)) continue;
    if (base == nullptr || trial.score < base->score) base = &trial;
  }
  std::vector<Recipe> recipes;
  for (Index order = facts.taylor_order; order > 0; --order) {
    if (alone) recipes.push_back(LocalTaylor(order));
    if (base == nullptr) continue;
    recipes.push_back(base->recipe);
    recipes.back().taylor_order = order;
  }
  return recipes;
}

// The best of each kind in closed form with derivatives that count less: where these are noisy and
// values are not, each step leaves less of the noise.
std::vector<Recipe> WithLessGradient(const PortfolioFacts& facts,
                                     const std::vector<TriedRecipe>& tried, double best) {
  std::vector<Recipe> recipes;
  for (const Family family : {Family::kPolynomial, Family::kGaussianProcess}) {
    const TriedRecipe* closest = nullptr;
    for (const TriedRecipe& trial : tried) {
      if (trial.recipe.family != family || trial.recipe.taylor_order > 0) continue;
      if (closest == nullptr || trial.score < closest->score) closest = &trial;
    }
    if (closest == nullptr || closest->score > kReachable * best) continue;
    if (closest->recipe.balance * kBalanceStep < kLeastBalance) continue;
    recipes.push_back(closest->recipe);
    recipes.back().balance *= kBalanceStep;
    recipes.back().search = std::min(recipes.back().search, kBalanceSearch * facts.search);
  }
  return recipes;
}

// Makes a network of the recipe that can obey. Returns false if there is none. For slopes alone
// tanh is right: softplus units with weights that are not negative make convex functions.
bool Adapt(const nn::ShapeConstraints& shape, Recipe& recipe) {
  if (shape.IsFree()) return true;
  if (recipe.family != Family::kNetwork || (recipe.rank > 0 && shape.IsMonotone())) return false;
  const bool curved = shape.convexity != nn::Convexity::kFree;
  recipe.activation = curved ? Activation::kSoftplus : Activation::kTanh;
  recipe.skip = recipe.skip || curved;
  return true;
}

}  // namespace

Recipe NewtonRecipe() { return Newton({16, 16}); }

Recipe HybridRecipe() { return Hybrid(); }

Recipe LbfgsRecipe() {
  return {.hidden = {16, 16}, .activation = Activation::kTanh, .lbfgs_steps = kLbfgsSteps};
}

std::vector<Recipe> NextRecipes(const PortfolioFacts& facts, const std::vector<TriedRecipe>& tried,
                                const std::function<double(const Recipe&)>& work) {
  const auto without_tried = [&](const std::vector<Recipe>& recipes) {
    std::vector<Recipe> result;
    for (const Recipe& recipe : recipes) {
      if (std::ranges::count(tried, recipe, &TriedRecipe::recipe) > 0) continue;
      if (std::ranges::count(result, recipe) == 0) result.push_back(recipe);
    }
    return result;
  };
  if (!facts.recipes.empty()) return without_tried(facts.recipes);
  const auto untried = [&](const std::vector<Recipe>& recipes) {
    std::vector<Recipe> obeying;
    for (Recipe recipe : recipes) {
      if (Adapt(facts.shape, recipe)) obeying.push_back(recipe);
    }
    return without_tried(obeying);
  };
  double best = std::numeric_limits<double>::infinity();
  for (const TriedRecipe& trial : tried) best = std::min(best, trial.score);
  if (best < kExact) return {};
  const auto within = [&](Recipe recipe, double factor) {
    Adapt(facts.shape, recipe);
    return std::ranges::any_of(tried, [&](const TriedRecipe& trial) {
      return trial.recipe == recipe && trial.score <= factor * best;
    });
  };
  std::vector<Recipe> recipes = FirstRound(facts);
  if (facts.balance) {
    for (Recipe& recipe : WithLessGradient(facts, tried, best)) {
      recipes.push_back(std::move(recipe));
    }
  }
  for (const Index rank : facts.ranks) {
    if (!within(Scout(rank), kClose)) continue;
    for (Recipe& recipe : OnDirections(facts, rank)) recipes.push_back(std::move(recipe));
  }
  if (facts.logarithms != Logarithms::kNone) {
    // Networks and processes may like logarithms where the polynomial does not.
    const Recipe newton = InLogarithms(Newton({20, 20}), facts.logarithms);
    recipes.push_back(newton);
    if (within(newton, kClose) ||
        within(InLogarithms(Polynomial(facts), facts.logarithms), kClose)) {
      recipes.push_back(InLogarithms(GaussianProcess(), facts.logarithms));
    }
  }
  recipes.push_back(Hybrid());
  // Fits in closed form that differ in the weight of derivatives are one.
  const bool is_noise = std::ranges::count_if(tried, [&](const TriedRecipe& trial) {
                          const Recipe& recipe = trial.recipe;
                          const bool again =
                              recipe.family != Family::kNetwork && recipe.balance < 1;
                          return !again && trial.score <= (1 + kNoise) * best;
                        }) >= kAlike;
  if (is_noise) {
    if (facts.num_points >= kManyPoints) {
      for (Recipe& recipe : WithLocalVariances(tried, best)) recipes.push_back(std::move(recipe));
    }
    return untried(recipes);
  }
  for (const TriedRecipe& trial : tried) {
    if (trial.recipe.family != Family::kPolynomial || trial.score > kClose * best) continue;
    if (trial.recipe.taylor_order > 0) continue;
    recipes.push_back(trial.recipe);
    recipes.back().search = kLongSearch;
  }
  std::vector<TriedRecipe> networks;
  for (const TriedRecipe& trial : tried) {
    if (trial.recipe.family == Family::kNetwork && trial.recipe.taylor_order == 0 &&
        trial.score <= kReachable * best) {
      networks.push_back(trial);
    }
  }
  std::ranges::stable_sort(networks, {}, &TriedRecipe::score);
  // The best ones, and the best that Adam made alone: it is cheap, and kinks want many units.
  constexpr std::size_t kVaried = 2;
  std::vector<Recipe> variations;
  bool varied_adam = false;
  for (std::size_t i = 0; i < networks.size(); ++i) {
    const bool adam = !networks[i].recipe.TakesAllLabels();
    if (i >= kVaried && (!adam || varied_adam)) continue;
    varied_adam = varied_adam || adam;
    for (Recipe& recipe : Variations(networks[i], facts.balance))
      variations.push_back(std::move(recipe));
  }
  std::ranges::stable_sort(variations, {}, work);
  recipes.insert(recipes.end(), variations.begin(), variations.end());
  for (Recipe& recipe : WithLocalTaylor(facts, tried, best)) recipes.push_back(std::move(recipe));
  return untried(recipes);
}

}  // namespace sobolev::train
