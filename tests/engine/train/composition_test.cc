#include "engine/train/composition.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <numbers>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/selection.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;

using Point = std::array<double, 2>;

// A function of two inputs, its gradient, and where it is sampled.
struct Problem {
  std::function<double(double, double)> value;
  std::function<Point(double, double)> gradient;
  Point lower;
  Point upper;

  OwnedSamples Sample(Index num_samples, std::uint64_t seed) const {
    Rng rng(seed);
    OwnedSamples samples{.X = Matrix(2, num_samples),
                         .Y = Matrix(1, num_samples),
                         .J = Matrix(2, num_samples),
                         .weight = {}};
    for (Index s = 0; s < num_samples; ++s) {
      for (Index j = 0; j < 2; ++j) {
        const auto input = static_cast<std::size_t>(j);
        samples.X(j, s) = lower[input] + (upper[input] - lower[input]) * rng.Uniform();
      }
      samples.Y(0, s) = value(samples.X(0, s), samples.X(1, s));
      const Point of_sample = gradient(samples.X(0, s), samples.X(1, s));
      samples.J.col(s) << of_sample[0], of_sample[1];
    }
    return samples;
  }
};

// Of period 3 in the first input.
Problem Periodic() {
  const double w = kTwoPi / 3;
  return {
      .value = [w](double a, double b) { return std::exp(std::sin(w * a)) + b * std::cos(w * a); },
      .gradient =
          [w](double a, double b) {
            return Point{w * (std::cos(w * a) * std::exp(std::sin(w * a)) - b * std::sin(w * a)),
                         std::cos(w * a)};
          },
      .lower = {0, -1},
      .upper = {3, 1}};
}

// Positive over five decades.
Problem Powers() {
  return {
      .value = [](double a, double b) { return std::pow(a, 2.5) / std::pow(b, 1.5) + 1e-3 * a; },
      .gradient =
          [](double a, double b) {
            return Point{2.5 * std::pow(a, 1.5) / std::pow(b, 1.5) + 1e-3,
                         -1.5 * std::pow(a, 2.5) / std::pow(b, 2.5)};
          },
      .lower = {0.1, 0.1},
      .upper = {10, 10}};
}

// A call on a against a strike of 1: wings of slope 0 and 1.
Problem Call() {
  return {.value = [](double a,
                      double b) { return 0.1 * std::log1p(std::exp((a - 1) / 0.1)) + 0.2 * b; },
          .gradient =
              [](double a, double) {
                return Point{1 / (1 + std::exp(-(a - 1) / 0.1)), 0.2};
              },
          .lower = {0, -1},
          .upper = {2, 1}};
}

Recipe SmallNetwork() {
  Recipe recipe = NewtonRecipe();
  recipe.hidden = {8};
  recipe.newton_iterations = 40;
  return recipe;
}

// Stops before it is good.
Recipe Coarse() {
  Recipe recipe = SmallNetwork();
  recipe.lbfgs_steps = 20;
  recipe.newton_iterations = 0;
  return recipe;
}

std::vector<Recipe> AllFamilies() {
  return {{.family = Family::kPolynomial, .search = 1e8},
          {.family = Family::kGaussianProcess},
          SmallNetwork()};
}

std::shared_ptr<const Surrogate> Winner(Selection& selection) {
  while (true) {
    const SelectionStatus status = selection.Advance({});
    if (status == SelectionStatus::kFinished) return selection.MakeSurrogate();
    if (status == SelectionStatus::kFailed) return nullptr;
  }
}

std::shared_ptr<const Surrogate> Fit(const OwnedSamples& samples, const SelectionOptions& options) {
  const SampleSet view = samples.View();
  Selection selection(view, options);
  return Winner(selection);
}

struct Predicted {
  Matrix Y;
  Matrix J;
};

Predicted Predict(const Surrogate& surrogate, const Matrix& X) {
  Predicted predicted{.Y = Matrix(1, X.cols()), .J = Matrix(2, X.cols())};
  surrogate.Predict(ConstMatrixMap(X.data(), 2, X.cols()), std::nullopt, std::nullopt,
                    {.Y = predicted.Y.data(), .J = predicted.J.data()});
  return predicted;
}

double RelativeError(const Matrix& predicted, const Matrix& labels) {
  return (predicted - labels).norm() / labels.norm();
}

TEST(CompositionTest, APeriodicInputRepeatsAndIsLearntFarOutside) {
  const Problem problem = Periodic();
  const OwnedSamples samples = problem.Sample(80, 1);
  OwnedSamples far = problem.Sample(200, 2);
  far.X.row(0).array() += 30;
  for (const Recipe& recipe : AllFamilies()) {
    const auto surrogate =
        Fit(samples, {.composition = {.inputs = {{.name = "a", .period = 3}, {.name = "b"}}},
                      .recipes = {recipe}});
    ASSERT_NE(surrogate, nullptr) << Name(recipe);
    ASSERT_EQ(surrogate->kind(), SurrogateKind::kComposed);
    const Predicted predicted = Predict(*surrogate, far.X);
    EXPECT_LT(RelativeError(predicted.Y, far.Y), 1e-2) << Name(recipe);
    EXPECT_LT(RelativeError(predicted.J, far.J), 3e-2) << Name(recipe);
  }
}

// Adam alone sees no derivatives of several features of an input, but it does not fail for that.
TEST(CompositionTest, AdamFindsTheBasinOfFeaturesToo) {
  const OwnedSamples samples = Periodic().Sample(80, 1);
  Recipe hybrid = SmallNetwork();
  hybrid.adam_steps = 100;
  const auto surrogate =
      Fit(samples, {.composition = {.inputs = {{.period = 3}, {}}}, .recipes = {hybrid}});
  ASSERT_NE(surrogate, nullptr);
  const OwnedSamples fresh = Periodic().Sample(200, 2);
  EXPECT_LT(RelativeError(Predict(*surrogate, fresh.X).Y, fresh.Y), 1e-2);
}

// With squares and products as features a linear core, a network without curvature to speak of,
// would do; here every family gets a quadratic right to rounding or nearly so.
TEST(CompositionTest, ProductsOfInputsAreFeatures) {
  const Problem problem{.value = [](double a, double b) { return 1 + a * a - 2 * a * b + 0.5 * b; },
                        .gradient =
                            [](double a, double b) {
                              return Point{2 * a - 2 * b, 0.5 - 2 * a};
                            },
                        .lower = {5, -1},
                        .upper = {9, 1}};
  const OwnedSamples fresh = problem.Sample(100, 2);
  const OwnedSamples samples = problem.Sample(30, 1);
  Recipe polynomial{.family = Family::kPolynomial, .search = 1e8};
  const auto surrogate = Fit(samples, {.composition = {.degree = 2}, .recipes = {polynomial}});
  ASSERT_EQ(surrogate->kind(), SurrogateKind::kComposed);
  const auto& composed = static_cast<const ComposedSurrogate&>(*surrogate);
  EXPECT_EQ(composed.composition().features.r(), 5);
  EXPECT_LT(RelativeError(Predict(*surrogate, fresh.X).Y, fresh.Y), 1e-9);
}

TEST(CompositionTest, BoundsHoldWhereTheCoreAloneBreaksThem) {
  const Problem problem = Call();
  OwnedSamples samples = problem.Sample(60, 1);
  samples.Y.array() += 0.21;  // Above 0 by little.
  OwnedSamples wide = problem.Sample(2000, 2);
  wide.X *= 3;
  for (const Recipe& recipe : AllFamilies()) {
    const auto free = Fit(samples, {.recipes = {recipe}});
    const auto bounded = Fit(
        samples, {.composition = {.outputs = {{.name = "y", .lower = 0}}}, .recipes = {recipe}});
    ASSERT_NE(bounded, nullptr) << Name(recipe);
    EXPECT_LT(Predict(*free, wide.X).Y.minCoeff(), 0) << Name(recipe);
    EXPECT_GE(Predict(*bounded, wide.X).Y.minCoeff(), 0) << Name(recipe);
    OwnedSamples fresh = problem.Sample(500, 3);
    fresh.Y.array() += 0.21;
    EXPECT_LT(RelativeError(Predict(*bounded, fresh.X).Y, fresh.Y), 0.05) << Name(recipe);
  }
}

// Held-out errors are in units of y, not of its logarithm.
TEST(CompositionTest, ErrorsAreReportedInTheUnitsOfTheOutputs) {
  const Problem problem = Powers();
  const OwnedSamples samples = problem.Sample(150, 1);
  const SampleSet view = samples.View();
  Selection selection(view,
                      {.composition = {.inputs = {{.logarithmic = true}, {.logarithmic = true}},
                                       .outputs = {{.name = "y", .logarithmic = true}}},
                       .recipes = {SmallNetwork()}});
  const auto surrogate = Winner(selection);
  const OwnedSamples fresh = problem.Sample(4000, 2);
  const double rmse = (Predict(*surrogate, fresh.X).Y - fresh.Y).norm() / std::sqrt(4000.0);
  const double reported = selection.Best()->errors.value_rmse[0];
  // Most of the error comes from few points with large values, which are not always held out.
  EXPECT_GT(reported, rmse / 20);
  EXPECT_LT(reported, rmse * 5);
}

TEST(CompositionTest, SmallValuesAreAsExactAsLargeOnesInLogarithms) {
  const Problem problem = Powers();
  const OwnedSamples samples = problem.Sample(150, 1);
  const OwnedSamples fresh = problem.Sample(500, 2);
  const auto worst = [&](const CompositionOptions& composition) {
    const auto surrogate = Fit(samples, {.composition = composition, .recipes = {SmallNetwork()}});
    const Matrix Y = Predict(*surrogate, fresh.X).Y;
    return ((Y - fresh.Y).array() / fresh.Y.array()).abs().maxCoeff();
  };
  EXPECT_LT(worst({.inputs = {{.logarithmic = true}, {.logarithmic = true}},
                   .outputs = {{.name = "y", .logarithmic = true}}}),
            0.05);
  EXPECT_GT(worst({}), 0.5);
}

TEST(CompositionTest, LinearWingsFollowTheFunctionAndChangeNothingInside) {
  const Problem problem = Call();
  const OwnedSamples samples = problem.Sample(60, 1);
  for (const Recipe& recipe : AllFamilies()) {
    const auto own = Fit(samples, {.recipes = {recipe}});
    const auto linear = Fit(
        samples, {.composition = {.extrapolation = Extrapolation::kLinear}, .recipes = {recipe}});
    const auto constant = Fit(
        samples, {.composition = {.extrapolation = Extrapolation::kConstant}, .recipes = {recipe}});
    // The box of the samples, bit for bit.
    EXPECT_EQ(Predict(*linear, samples.X).Y, Predict(*own, samples.X).Y) << Name(recipe);
    EXPECT_EQ(Predict(*linear, samples.X).J, Predict(*own, samples.X).J) << Name(recipe);
    const Matrix far{{-20, 20, 1, 40}, {0, 0.5, -30, 30}};
    const Predicted predicted = Predict(*linear, far);
    // The slopes of polynomials sway at the edges.
    const double slope = recipe.family == Family::kPolynomial ? 0.1 : 0.03;
    for (Index s = 0; s < far.cols(); ++s) {
      EXPECT_NEAR(predicted.Y(0, s), problem.value(far(0, s), far(1, s)), 40 * slope)
          << Name(recipe);
      EXPECT_NEAR(predicted.J(0, s), problem.gradient(far(0, s), 0)[0], s == 2 ? 0.3 : slope);
    }
    EXPECT_NEAR(predicted.J(1, 2), 0.2, 0.03) << Name(recipe);
    EXPECT_NEAR(predicted.J(1, 3), 0.2, 0.03) << Name(recipe);
    EXPECT_LT(Predict(*constant, far).Y.cwiseAbs().maxCoeff(), 3) << Name(recipe);
    EXPECT_LT(Predict(*constant, far).J.row(0).head(2).cwiseAbs().maxCoeff(), 1e-9);
  }
}

TEST(CompositionTest, EnsemblesComposeAndTellTheirSpread) {
  const OwnedSamples samples = Periodic().Sample(60, 1);
  const auto surrogate =
      Fit(samples, {.composition = {.inputs = {{.period = 3}, {}}, .outputs = {{.lower = -3}}},
                    .recipes = {SmallNetwork()},
                    .ensemble_size = 3});
  ASSERT_EQ(surrogate->kind(), SurrogateKind::kEnsemble);
  const auto& ensemble = static_cast<const EnsembleSurrogate&>(*surrogate);
  EXPECT_EQ(ensemble.members().front()->kind(), SurrogateKind::kComposed);
  EXPECT_TRUE(surrogate->HasSpread());
}

// An ensemble is of networks even where another recipe, in other coordinates, is better; the report
// then compares the networks.
TEST(CompositionTest, ComparisonsAreInTheCoordinatesOfTheModel) {
  OwnedSamples samples = Call().Sample(60, 1);
  samples.Y.array() += 1;  // Above 0.
  const SampleSet view = samples.View();
  const Recipe logarithmic{.family = Family::kGaussianProcess, .logarithms = Logarithms::kOutputs};
  Selection selection(view, {.recipes = {logarithmic, Coarse()}, .ensemble_size = 2});
  ASSERT_EQ(Winner(selection)->kind(), SurrogateKind::kEnsemble);
  ASSERT_EQ(selection.Leaderboard().front().recipe.logarithms, Logarithms::kOutputs);
  const double error = selection.Best()->errors.value_relative;
  ASSERT_FALSE(selection.LearningCurve().empty());
  EXPECT_LT(selection.LearningCurve().back().errors.value_relative, 3 * error);
  ASSERT_FALSE(selection.ValueOnly().empty());
  EXPECT_LT(selection.ValueOnly().front().errors.value_relative, 10 * error);
}

TEST(CompositionTest, AStateGoesOnAtTheSameBits) {
  const OwnedSamples samples = Powers().Sample(60, 1);
  const SampleSet view = samples.View();
  Recipe logarithmic = SmallNetwork();
  logarithmic.logarithms = Logarithms::kInputsAndOutputs;
  const SelectionOptions options{.composition = {.extrapolation = Extrapolation::kLinear},
                                 .recipes = {SmallNetwork(), logarithmic}};
  Selection whole(view, options);
  const auto expected = Winner(whole);
  std::string state;
  for (const int slices : {20, 100, 200}) {
    Selection first(view, options);
    for (int slice = 0; slice < slices; ++slice) first.Advance({});
    state = first.SaveState();
    Selection second(view, options);
    second.LoadState(state);
    EXPECT_EQ(Predict(*Winner(second), samples.X).J, Predict(*expected, samples.X).J) << slices;
  }
  Selection other(view, {.recipes = options.recipes});
  EXPECT_THROW(other.LoadState(state), Error);
}

// Without being told, because the samples are positive and the hold-out agrees.
TEST(CompositionTest, LogarithmsAreFoundWhereTheyHelp) {
  const OwnedSamples samples = Powers().Sample(40, 1);
  const SampleSet view = samples.View();
  Selection selection(view, {.budget = 2e10});
  const auto surrogate = Winner(selection);
  EXPECT_EQ(selection.Best()->recipe.logarithms, Logarithms::kInputsAndOutputs);
  const OwnedSamples fresh = Powers().Sample(500, 2);
  EXPECT_LT(RelativeError(Predict(*surrogate, fresh.X).Y, fresh.Y), 1e-3);
  OwnedSamples negative = samples;
  negative.Y(0, 7) = 0;
  EXPECT_EQ(PromisingLogarithms({}, negative.View()), Logarithms::kNone);
  // Relative to the smallest number that derivative is infinite; logarithms are then left alone.
  OwnedSamples tiny = Powers().Sample(8, 1);
  tiny.Y(0, 3) = std::numeric_limits<double>::denorm_min();
  const SampleSet of_tiny = tiny.View();
  Selection careful(of_tiny, {.budget = 1});
  EXPECT_NE(Winner(careful), nullptr);
  // Bounds of the user come first.
  EXPECT_EQ(PromisingLogarithms({.outputs = {{.upper = 1e9}}}, view), Logarithms::kNone);
}

// Of x in (0, 1) logarithms are known where they are constant slopes only; of (10, 11) and of
// numbers that are spread over decades, wherever such numbers lie.
TEST(CompositionTest, LogarithmsOfInputsNearZeroAreTakenOfPowersOnly) {
  constexpr Index kSamples = 64;
  const auto is_logarithmic = [&](const auto& map, const auto& function) {
    OwnedSamples samples{.X = Matrix(1, kSamples), .Y = Matrix(1, kSamples), .J = {}, .weight = {}};
    Rng rng(1);
    for (Index s = 0; s < kSamples; ++s) {
      samples.X(0, s) = map((static_cast<double>(s) + rng.Uniform()) / kSamples);
      samples.Y(0, s) = function(samples.X(0, s));
    }
    return WithLogarithms({}, Logarithms::kInputsAndOutputs, samples.View())
        .inputs.front()
        .logarithmic;
  };
  const auto exponential = [](double x) { return std::exp(x); };
  const auto power = [](double x) { return std::pow(x, 1.5); };
  EXPECT_FALSE(is_logarithmic([](double u) { return u; }, exponential));
  EXPECT_TRUE(is_logarithmic([](double u) { return u; }, power));
  EXPECT_TRUE(is_logarithmic([](double u) { return 10 + u; }, exponential));
  EXPECT_TRUE(is_logarithmic([](double u) { return std::pow(10, -8 * u); }, exponential));
}

// So few samples make any of them linear.
TEST(CompositionTest, LogarithmsOfInputsNearZeroNeedSamples) {
  OwnedSamples samples{.X = Matrix(9, 20), .Y = Matrix(1, 20), .J = {}, .weight = {}};
  for (Index s = 0; s < 20; ++s) {
    for (Index j = 0; j < 9; ++j) {
      samples.X(j, s) = (static_cast<double>(((2 * j + 1) * s + j) % 20) + 0.5) / 20;
    }
  }
  samples.Y = samples.X.array().colwise().prod().pow(1.5);
  const auto options = WithLogarithms({}, Logarithms::kInputsAndOutputs, samples.View());
  for (const InputMapping& input : options.inputs) EXPECT_FALSE(input.logarithmic);
}

// A polynomial in the logarithm of b is as exact at the samples as one in b, and off by any factor
// near zero.
TEST(CompositionTest, PredictionsBelowTheSmallestSampleAreSound) {
  const Problem problem{
      .value = [](double a, double b) { return std::sqrt(a) * std::exp(b); },
      .gradient =
          [](double a, double b) {
            return Point{std::exp(b) / (2 * std::sqrt(a)), std::sqrt(a) * std::exp(b)};
          },
      .lower = {0, 0},
      .upper = {400, 1}};
  const OwnedSamples samples = problem.Sample(40, 1);
  const SampleSet view = samples.View();
  Selection selection(view, {.budget = 1e9});
  const auto surrogate = Winner(selection);
  Problem edge = problem;
  edge.lower[0] = 1e-6;
  edge.upper[0] = samples.X.row(0).minCoeff();
  edge.upper[1] = samples.X.row(1).minCoeff();
  const OwnedSamples low = edge.Sample(200, 2);
  EXPECT_LT(RelativeError(Predict(*surrogate, low.X).Y, low.Y), 1e-6);
}

TEST(CompositionTest, BadOptionsAreRefusedByName) {
  const auto message = [](const CompositionOptions& options, Index n) -> std::string {
    try {
      CheckComposition(options, n);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return error.what();
    }
    return "";
  };
  using testing::HasSubstr;
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const auto of_input = [](const InputMapping& input) {
    return CompositionOptions{.inputs = {input}};
  };
  const auto of_output = [](const OutputMapping& output) {
    return CompositionOptions{.outputs = {output}};
  };
  EXPECT_EQ(message({}, 1), "");
  EXPECT_THAT(message(of_input({.name = "a", .period = 0}), 1),
              HasSubstr("spec.input_maps: expected a finite period > 0 of input 'a', got 0"));
  EXPECT_THAT(message(of_input({.name = "a", .period = kNan}), 1), HasSubstr("got nan"));
  EXPECT_THAT(message(of_input({.name = "a", .period = 1, .harmonics = 9}), 1),
              HasSubstr("expected 1 to 8 harmonics of input 'a', got 9"));
  EXPECT_THAT(message(of_input({.name = "a", .harmonics = 2}), 1), HasSubstr("has no period"));
  EXPECT_THAT(message(of_input({.name = "a", .period = 1, .logarithmic = true}), 1),
              HasSubstr("either a period or the logarithm"));
  EXPECT_THAT(message(of_output({.name = "y", .lower = 2, .upper = 1}), 1),
              HasSubstr("spec.output_maps: expected lower < upper of output 'y', got 2 and 1"));
  EXPECT_THAT(message(of_output({.name = "y", .lower = kNan}), 1), HasSubstr("finite bounds"));
  EXPECT_THAT(message(of_output({.name = "y", .upper = 1, .logarithmic = true}), 1),
              HasSubstr("no upper bound"));
  EXPECT_THAT(message({.degree = 5}, 1), HasSubstr("spec.feature_degree: expected 1 to 4, got 5"));
  EXPECT_THAT(message({.degree = 4}, 20), HasSubstr("at most 1024 features, got 10626"));
}

TEST(CompositionTest, SamplesThatHaveNoLogarithmAreNamed) {
  OwnedSamples samples = Powers().Sample(20, 1);
  samples.X(1, 7) = 0;
  try {
    Fit(samples, {.composition = {.inputs = {{}, {.name = "b", .logarithmic = true}}},
                  .recipes = {SmallNetwork()}});
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.field(), "spec.input_maps");
    EXPECT_THAT(error.what(), testing::HasSubstr("input 'b' > 0"));
    EXPECT_THAT(error.what(), testing::HasSubstr("got 0 in sample 7"));
  }
}

}  // namespace
}  // namespace sobolev::train
