#include "engine/train/local_variance.h"

#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/fit.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/robust_errors.h"

namespace sobolev::train {
namespace {

// y = sin 2x with derivative, standardised about, whose noise is 1/2 where x > 0 and 1/100
// elsewhere.
struct Noisy {
  explicit Noisy(Index count) {
    Rng rng(6);
    points.X = Matrix(1, count);
    points.Y = Matrix(1, count);
    points.J = Matrix(1, count);
    points.weight = Vector::Ones(count);
    errors = {Matrix(1, count), Matrix(1, count)};
    for (Index s = 0; s < count; ++s) {
      const double x = -0.7 + 1.4 * rng.Uniform();
      const double noise = x > 0 ? 0.5 : 0.01;
      points.X(0, s) = x;
      errors.Y(0, s) = noise * rng.Normal();
      errors.J(0, s) = noise * rng.Normal();
      points.Y(0, s) = std::sin(2 * x) - errors.Y(0, s);
      points.J(0, s) = 2 * std::cos(2 * x) - errors.J(0, s);
    }
  }

  LabelledPoints points;
  LabelErrors errors;  // Of the truth.
};

TEST(LocalVarianceTest, WeightsAreInverseVariancesOfNearbyErrors) {
  Noisy noisy(4000);
  noisy.points.Y(0, 7) = std::numeric_limits<double>::quiet_NaN();
  noisy.errors.Y(0, 7) = noisy.points.Y(0, 7);
  const LabelledPoints weighted = WeighByLocalVariance(noisy.points, noisy.errors);
  double sum = 0;
  double low = 0;
  double high = 0;
  Index num_low = 0;
  Index num_high = 0;
  for (Index s = 0; s < 4000; ++s) {
    if (s == 7) continue;
    sum += weighted.Y_weight(0, s);
    // Away from where the noise jumps.
    const double x = noisy.points.X(0, s);
    if (x > 0.2) {
      high += 1 / weighted.Y_weight(0, s);
      ++num_high;
    } else if (x < -0.2) {
      low += 1 / weighted.Y_weight(0, s);
      ++num_low;
    }
  }
  EXPECT_NEAR(sum, 3999, 1e-8);
  // The floor adds a thousandth of the mean square, 0.125, to both.
  const double expected = (0.25 + 1.25e-4) / (1e-4 + 1.25e-4);
  EXPECT_NEAR(high / static_cast<double>(num_high) / (low / static_cast<double>(num_low)), expected,
              0.15 * expected);
}

// What is known exactly in one half of the inputs helps to know it there, and little is lost.
TEST(LocalVarianceTest, ANetworkWithLocalVariancesIsBetterWhereNoiseVaries) {
  const Noisy noisy(3000);
  FitData data{.scaling = {Vector::Zero(1), Vector::Ones(1), Vector::Zero(1), Vector::Ones(1)}};
  data.training = noisy.points;
  const auto error = [&](bool local) {
    Recipe recipe = NewtonRecipe();
    recipe.hidden = {8};
    recipe.newton_iterations = 60;
    recipe.local_variance = local;
    const std::unique_ptr<Fit> fit = MakeFit(recipe, data);
    while (fit->Advance({})) {
    }
    constexpr Index kTests = 200;
    const Matrix X = Vector::LinSpaced(kTests, -0.7, 0).transpose();
    Matrix Y(1, kTests);
    fit->MakeSurrogate()->Predict(ConstMatrixMap(X.data(), 1, kTests), std::nullopt, std::nullopt,
                                  {.Y = Y.data()});
    return std::sqrt((Y.array() - (2 * X.array()).sin()).square().mean());
  };
  EXPECT_LT(error(true), 0.3 * error(false));
}

TEST(LocalVarianceTest, IsTriedWhereManyRecipesAreAlikeAndPointsAreMany) {
  std::vector<TriedRecipe> tried;
  Recipe network = NewtonRecipe();
  for (Index width = 4; width < 14; ++width) {
    network.hidden = {width};
    tried.push_back({network, 0.3, 10});
  }
  const auto offered = [&](Index num_points) {
    const auto work = [](const Recipe&) { return 1.0; };
    return NextRecipes({.num_points = num_points}, tried, work);
  };
  const auto local = testing::Field(&Recipe::local_variance, true);
  EXPECT_THAT(offered(10'000), testing::Contains(local));
  EXPECT_THAT(offered(500), testing::Not(testing::Contains(local)));
  for (TriedRecipe& trial : tried) trial.score *= trial.recipe.hidden.front() > 4 ? 2 : 1;
  EXPECT_THAT(offered(10'000), testing::Not(testing::Contains(local)));
}

}  // namespace
}  // namespace sobolev::train
