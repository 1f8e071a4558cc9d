#include "engine/train/taylor_fit.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/local_taylor.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/selection.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

using testing::Contains;
using testing::Each;
using testing::Field;
using testing::Gt;

// A bump on a plane, and a second output that is a polynomial of degree 2, over [0, 1] × [10, 14].
OwnedSamples Bump(Index num_samples, std::uint64_t seed) {
  OwnedSamples samples{.X = Matrix(2, num_samples),
                       .Y = Matrix(2, num_samples),
                       .J = Matrix(2, 2 * num_samples),
                       .weight = {}};
  Rng rng(seed);
  for (Index s = 0; s < num_samples; ++s) {
    const double u = rng.Uniform();
    const double v = rng.Uniform();
    const double a = (u - 0.35) / 0.08;
    const double b = (v - 0.65) / 0.08;
    const double bump = std::exp(-(a * a + b * b) / 2);
    samples.X.col(s) << u, 10 + 4 * v;
    samples.Y.col(s) << bump + 0.2 * (u + v), 3 + u * v - v * v;
    samples.J.col(2 * s) << 0.2 - bump * a / 0.08, (0.2 - bump * b / 0.08) / 4;
    samples.J.col(2 * s + 1) << v, (u - 2 * v) / 4;
  }
  return samples;
}

struct Prediction {
  Matrix Y;
  Matrix J;
};

Prediction Predict(const Surrogate& surrogate, const Matrix& X) {
  Prediction prediction{.Y = Matrix(surrogate.m(), X.cols()),
                        .J = Matrix(surrogate.n(), surrogate.m() * X.cols())};
  surrogate.Predict({X.data(), X.rows(), X.cols()}, std::nullopt, std::nullopt,
                    {.Y = prediction.Y.data(), .J = prediction.J.data()});
  return prediction;
}

void RunToEnd(Selection& selection) {
  while (selection.Advance({}) != SelectionStatus::kFinished) {
  }
}

Recipe SmallNetwork(Index taylor_order) {
  Recipe recipe = NewtonRecipe();
  recipe.hidden = {6};
  recipe.lbfgs_steps = 40;
  recipe.newton_iterations = 10;
  recipe.taylor_order = taylor_order;
  return recipe;
}

Recipe Alone(Index taylor_order) {
  return {.family = Family::kConstant, .taylor_order = taylor_order};
}

const Trial& TrialOf(const std::vector<Trial>& board, const Recipe& recipe) {
  for (const Trial& trial : board) {
    if (trial.recipe == recipe) return trial;
  }
  throw InvalidArgument("TEST", "recipe", "no trial of " + Name(recipe));
}

double RelativeError(const Surrogate& surrogate, const OwnedSamples& points) {
  const Matrix centred = points.Y.colwise() - points.Y.rowwise().mean();
  const Matrix missed = Predict(surrogate, points.X).Y - points.Y;
  return (missed.rowwise().norm().array() / centred.rowwise().norm().array()).maxCoeff();
}

TEST(TaylorFitTest, WhereLocalModelsHelpTheyAreChosen) {
  const OwnedSamples samples = Bump(400, 1);
  const SampleSet view = samples.View();
  Selection selection(view, {.budget = 1e9});
  RunToEnd(selection);
  EXPECT_THAT(selection.Best()->recipe, Field(&Recipe::taylor_order, Gt(0)));
  Selection without(view, {.recipes = {SmallNetwork(0)}});
  RunToEnd(without);
  const OwnedSamples fresh = Bump(500, 2);
  EXPECT_LT(RelativeError(*selection.MakeSurrogate(), fresh),
            0.5 * RelativeError(*without.MakeSurrogate(), fresh));
}

// What a network misses is local where it has too few units.
TEST(TaylorFitTest, ANetworkWithLocalModelsIsBetterThanEither) {
  const OwnedSamples samples = Bump(400, 1);
  const SampleSet view = samples.View();
  const auto error_of = [&](const Recipe& recipe) {
    Selection selection(view, {.recipes = {recipe}});
    RunToEnd(selection);
    return RelativeError(*selection.MakeSurrogate(), Bump(500, 2));
  };
  Recipe network = SmallNetwork(2);
  network.hidden = {12, 12};
  network.newton_iterations = 25;
  const double both = error_of(network);
  EXPECT_LT(both, error_of(WithoutTaylor(network)));
  EXPECT_LT(both, error_of(Alone(2)));
}

TEST(TaylorFitTest, OrdersShareTheFitsOfTheirNetwork) {
  const OwnedSamples samples = Bump(60, 1);
  const SampleSet view = samples.View();
  Selection all(view, {.recipes = {SmallNetwork(0), SmallNetwork(1), SmallNetwork(2)}});
  RunToEnd(all);
  for (const Index order : {1, 2}) {
    Selection alone(view, {.recipes = {SmallNetwork(order)}});
    RunToEnd(alone);
    const Trial& shared = TrialOf(all.Leaderboard(), SmallNetwork(order));
    const Trial& own = TrialOf(alone.Leaderboard(), SmallNetwork(order));
    EXPECT_EQ(shared.score, own.score) << order;
    EXPECT_EQ(shared.iterations, own.iterations) << order;
    EXPECT_NEAR(shared.work + TrialOf(all.Leaderboard(), SmallNetwork(0)).work, own.work,
                1e-9 * own.work);
  }
}

TEST(TaylorFitTest, AnySavedStateContinuesToTheSameBits) {
  const OwnedSamples samples = Bump(60, 1);
  const SampleSet view = samples.View();
  const SelectionOptions options{
      .recipes = {Alone(3), SmallNetwork(1), SmallNetwork(2), SmallNetwork(3), Alone(1)}};
  Selection whole(view, options);
  std::vector<std::string> states;
  while (whole.Advance({}) != SelectionStatus::kFinished) states.push_back(whole.SaveState());
  const Matrix X = Bump(50, 9).X;
  const Prediction expected = Predict(*whole.MakeSurrogate(), X);
  for (std::size_t i = 0; i < states.size(); i += 3) {
    SCOPED_TRACE(i);
    Selection resumed(view, options);
    resumed.LoadState(states[i]);
    RunToEnd(resumed);
    const Prediction prediction = Predict(*resumed.MakeSurrogate(), X);
    EXPECT_EQ(prediction.Y, expected.Y);
    EXPECT_EQ(prediction.J, expected.J);
    ASSERT_EQ(resumed.Leaderboard().size(), whole.Leaderboard().size());
    EXPECT_EQ(resumed.Leaderboard().back().work, whole.Leaderboard().back().work);
  }
}

// Order 2 reproduces polynomials of degree 2 wherever there are samples around.
TEST(TaylorFitTest, AQuadraticFunctionIsExactInLocalModelsOfOrderTwo) {
  OwnedSamples samples = Bump(80, 1);
  samples.Y.row(0) = samples.Y.row(1);
  for (Index s = 0; s < 80; ++s) samples.J.col(2 * s) = samples.J.col(2 * s + 1);
  const SampleSet view = samples.View();
  Selection selection(view, {.recipes = {Alone(2)}});
  RunToEnd(selection);
  const auto surrogate = selection.MakeSurrogate();
  ASSERT_EQ(surrogate->kind(), SurrogateKind::kLocalTaylor);
  Matrix X(2, 3);
  X << 0.5, 0.4, 0.6, 12, 12.5, 11.4;
  const Prediction prediction = Predict(*surrogate, X);
  for (Index s = 0; s < X.cols(); ++s) {
    const double u = X(0, s);
    const double v = (X(1, s) - 10) / 4;
    for (Index i = 0; i < 2; ++i) {
      EXPECT_NEAR(prediction.Y(i, s), 3 + u * v - v * v, 1e-8);
      EXPECT_NEAR(prediction.J(0, 2 * s + i), v, 1e-7);
      EXPECT_NEAR(prediction.J(1, 2 * s + i), (u - 2 * v) / 4, 1e-7);
    }
  }
}

// A label of weight 0 does not count, whatever it says.
TEST(TaylorFitTest, DerivativesThatAreLeftOutHaveNoInfluence) {
  OwnedSamples samples = Bump(60, 1);
  const auto predicted = [&](const std::vector<double>& derivative_weights) {
    const SampleSet view = samples.View();
    Selection selection(
        view, {.loss = {.derivative_weights = derivative_weights}, .recipes = {Alone(2)}});
    RunToEnd(selection);
    return Predict(*selection.MakeSurrogate(), Bump(20, 3).X).Y;
  };
  samples.J.row(1).setConstant(std::numeric_limits<double>::quiet_NaN());
  const Matrix missing = predicted({});
  samples.J.row(1).setConstant(77);
  EXPECT_EQ(predicted({1, 0, 1, 0}), missing);
  EXPECT_NE(predicted({1, 1, 1, 1}), missing);
}

TEST(TaylorFitTest, WithoutDerivativesOrWithoutPointsThereIsNothingPromising) {
  const auto promising = [](Index n, Index num_points) {
    return PromisingTaylorOrder({.X = Matrix::Zero(n, num_points),
                                 .Y = Matrix::Zero(1, num_points),
                                 .J = Matrix::Zero(n, num_points)});
  };
  EXPECT_EQ(promising(2, 100), 3);
  EXPECT_EQ(promising(10, 100), 2);
  EXPECT_EQ(promising(40, 100), 1);
  EXPECT_EQ(promising(400, 100), 0);
  EXPECT_EQ(promising(2, 4), 0);
  EXPECT_EQ(promising(2, 10000), 0);
  EXPECT_EQ(PromisingTaylorOrder({.X = Matrix::Zero(2, 99), .Y = Matrix::Zero(1, 99)}), 0);
}

TEST(TaylorFitTest, AloneOneOrderIsTriedFirstAndTheBestBaseGetsAllOrders) {
  const PortfolioFacts facts{.taylor_order = 2};
  const auto work = [](const Recipe&) { return 1.0; };
  const auto has_taylor = Field(&Recipe::taylor_order, Gt(0));
  std::vector<TriedRecipe> tried;
  EXPECT_THAT(NextRecipes(facts, tried, work), Contains(Alone(2)));
  EXPECT_THAT(NextRecipes({}, tried, work), Each(testing::Not(has_taylor)));
  Recipe network = NewtonRecipe();
  tried = {{network, 0.1, 50}, {{.family = Family::kGaussianProcess}, 0.09, 0}, {Alone(2), 1, 0}};
  for (const Index order : {1, 2}) {
    network.taylor_order = order;
    EXPECT_THAT(NextRecipes(facts, tried, work), Contains(network));
  }
  EXPECT_THAT(NextRecipes(facts, tried, work), testing::Not(Contains(Alone(1))));
  tried.back().score = 0.1;
  EXPECT_THAT(NextRecipes(facts, tried, work), Contains(Alone(1)));
}

TEST(TaylorFitTest, NamesTellOrdersApart) {
  EXPECT_EQ(Name(Alone(2)), "local taylor 2");
  EXPECT_EQ(Name(SmallNetwork(3)), "network 6 tanh, lbfgs 40 + lm 10, local taylor 3");
}

TEST(TaylorFitTest, LocalModelsAreNotMonotone) {
  const OwnedSamples samples = Bump(20, 1);
  const SampleSet view = samples.View();
  const nn::ShapeConstraints shape{.slopes = {nn::Slope::kIncreasing, nn::Slope::kFree}};
  try {
    const Selection selection(view, {.recipes = {SmallNetwork(1)}, .shape = shape});
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.field(), "spec.kind");
  }
}

}  // namespace
}  // namespace sobolev::train
