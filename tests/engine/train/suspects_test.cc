// Which labels a whole selection accuses, when it has seen what fits.

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/train/label_checks.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/samples.h"
#include "engine/train/selection.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

using testing::IsEmpty;
using testing::Not;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

Recipe Newton() {
  Recipe newton = NewtonRecipe();
  newton.hidden = {8, 8};
  return newton;
}

std::vector<SuspectLabel> SuspectsOf(const OwnedSamples& samples, const SelectionOptions& options) {
  const SampleSet view = samples.View();
  Selection selection(view, options);
  for (auto status = SelectionStatus::kRunning; status != SelectionStatus::kFinished;) {
    status = selection.Advance({});
    if (status == SelectionStatus::kFailed) ADD_FAILURE() << "no model";
    if (status == SelectionStatus::kFailed) return {};
  }
  return selection.Suspects();
}

// y = exp(x₁ + x₂) on [0.1, 1]².
OwnedSamples Exponential(Index num_samples) {
  Rng rng(5);
  OwnedSamples samples{
      .X = Matrix(2, num_samples), .Y = Matrix(1, num_samples), .J = {}, .weight = {}};
  for (double& x : samples.X.reshaped()) x = 0.1 + 0.9 * rng.Uniform();
  samples.Y = samples.X.colwise().sum().array().exp();
  samples.J = samples.Y.replicate(2, 1);
  return samples;
}

// √r e^a with r over five decades: neighbours say little, for curvature hides the slopes between
// them, but a polynomial in logarithms fits values and derivatives to rounding.
TEST(SuspectsTest, StronglyCurvedLabelsAreNotAccused) {
  for (const Index num_samples : {50, 200}) {
    Rng rng(1);
    OwnedSamples samples{.X = Matrix(2, num_samples),
                         .Y = Matrix(1, num_samples),
                         .J = Matrix(2, num_samples),
                         .weight = {}};
    for (Index s = 0; s < num_samples; ++s) {
      const double r = std::exp(12 * rng.Uniform() - 6);
      const double a = rng.Uniform();
      const double y = std::sqrt(r) * std::exp(a);
      samples.X.col(s) << r, a;
      samples.Y(0, s) = y;
      samples.J.col(s) << y / (2 * r), y;
    }
    SelectionOptions options{.recipes = {{.family = Family::kPolynomial}}};
    options.composition.inputs = {{.name = "r", .logarithmic = true}, {.name = "a"}};
    options.composition.outputs = {{.name = "y", .logarithmic = true}};
    const SampleSet view = samples.View();
    EXPECT_THAT(Selection(view, options).Suspects(), IsEmpty()) << num_samples;
    EXPECT_THAT(SuspectsOf(samples, options), IsEmpty()) << num_samples;
  }
}

TEST(SuspectsTest, AConstantInputAndAConstantOutputAreNotAccused) {
  OwnedSamples samples = Exponential(60);
  samples.X.conservativeResize(3, Eigen::NoChange);
  samples.J.conservativeResize(3, Eigen::NoChange);
  samples.X.row(2).setConstant(3);
  samples.J.row(2).setZero();
  EXPECT_THAT(SuspectsOf(samples, {.recipes = {Newton()}}), IsEmpty());

  OwnedSamples constant = Exponential(60);
  constant.Y.setConstant(7);
  constant.J.setZero();
  EXPECT_THAT(SuspectsOf(constant, {.recipes = {Newton()}}), IsEmpty());
}

TEST(SuspectsTest, NothingIsAccusedWithoutValuesToContradict) {
  for (const Index num_values : {0, 1}) {
    OwnedSamples samples = Exponential(60);
    samples.Y.rightCols(60 - num_values).setConstant(kMissing);
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
      EXPECT_THAT(SuspectsOf(samples, {.recipes = {Newton()}, .seed = seed}), IsEmpty())
          << num_values << " " << seed;
    }
  }
}

// A model that knows ten points judges nothing between them, however often they come.
TEST(SuspectsTest, RepeatedPointsAreNotEvidence) {
  OwnedSamples samples = Exponential(10);
  samples.X = samples.X.replicate(1, 6).eval();
  samples.Y = samples.Y.replicate(1, 6).eval();
  samples.J = samples.J.replicate(1, 6).eval();
  EXPECT_THAT(SuspectsOf(samples, {.recipes = {{.family = Family::kPolynomial}}}), IsEmpty());
  EXPECT_THAT(SuspectsOf(samples, {.recipes = {{.family = Family::kGaussianProcess}}}), IsEmpty());
}

// Weights over twelve decades leave a fit to values that is good at a few points only.
TEST(SuspectsTest, UnequalWeightsAccuseNobody) {
  OwnedSamples samples = Exponential(80);
  Rng rng(2);
  samples.weight = Vector(80);
  for (double& weight : samples.weight) weight = std::pow(10, 12 * rng.Uniform() - 6);
  Recipe lbfgs = LbfgsRecipe();
  lbfgs.hidden = {8, 8};
  lbfgs.lbfgs_steps = 300;
  lbfgs.residual = true;
  lbfgs.skip = true;
  EXPECT_THAT(SuspectsOf(samples, {.recipes = {lbfgs}}), IsEmpty());
}

// Whatever is fitted, and though it passes through all points, repeated or not.
TEST(SuspectsTest, WrongLabelsAreAccusedWhateverFits) {
  const std::vector<std::pair<std::string, std::function<void(Matrix&)>>> mistakes = {
      {"sign", [](Matrix& J) { J.row(1) *= -1; }},
      {"unit", [](Matrix& J) { J.row(1) *= 100; }},
      {"third", [](Matrix& J) { J.row(1) *= 3; }},
      {"zero", [](Matrix& J) { J.row(1).setZero(); }},
      {"swapped", [](Matrix& J) { J.row(0).swap(J.row(1)); }},
  };
  Recipe newton = NewtonRecipe();
  newton.hidden = {6};
  newton.newton_iterations = 20;
  const std::vector<Recipe> recipes = {
      {.family = Family::kPolynomial, .search = 1e7}, {.family = Family::kGaussianProcess}, newton};
  for (const auto& [name, mistake] : mistakes) {
    for (const Recipe& recipe : recipes) {
      OwnedSamples samples = Smooth::Sample(40, 3);
      mistake(samples.J);
      std::vector<SuspectLabel> suspects = SuspectsOf(samples, {.recipes = {recipe}});
      EXPECT_THAT(suspects, Not(IsEmpty())) << name << " " << static_cast<int>(recipe.family);
      for (const SuspectLabel& suspect : suspects) {
        EXPECT_TRUE(suspect.input == 1 || name == "swapped") << name;
      }

      if (name != "sign") continue;
      samples.X = samples.X.replicate(1, 2).eval();
      samples.Y = samples.Y.replicate(1, 2).eval();
      samples.J = samples.J.replicate(1, 2).eval();
      suspects = SuspectsOf(samples, {.recipes = {recipe}});
      EXPECT_THAT(suspects, Not(IsEmpty())) << name << " " << static_cast<int>(recipe.family);
    }
  }
}

// Both errors must be small against what is disputed; unknown ones refute nothing.
TEST(SuspectsTest, AFitRefutesIfValuesAndSlopesAreFarBelowTheDisputedChange) {
  const auto left = [](double value, double slope) {
    const HeldOutErrors errors{.value = Vector::Constant(1, value),
                               .slope = Matrix::Constant(1, 1, slope)};
    return WithoutRefuted({{.disputed = 1}}, errors).size();
  };
  EXPECT_EQ(left(0.09, 0.09), 0U);
  EXPECT_EQ(left(0.11, 0.01), 1U);
  EXPECT_EQ(left(0.01, 0.11), 1U);
  EXPECT_EQ(left(kMissing, 0.01), 1U);
  EXPECT_EQ(left(0.01, kMissing), 1U);
}

}  // namespace
}  // namespace sobolev::train
