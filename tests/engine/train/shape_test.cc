// Fits of networks that are monotone or convex by construction, and of other forms.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/composition.h"
#include "engine/train/options.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/samples.h"
#include "engine/train/selection.h"
#include "engine/train/surrogate_shape.h"
#include "engine/train/trainer.h"
#include "engine/train/trial.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

using nn::Convexity;
using nn::Slope;

constexpr Index kInputs = 3;

// y and its gradient at x.
using Function = double (*)(const Vector& x, Vector& gradient);

// Increasing in x₁, decreasing in x₂, neither in x₃.
double Monotone(const Vector& x, Vector& gradient) {
  const double e = std::exp(0.5 * x[0] - x[1]);
  gradient << 0.5 * e + 1, -e, 2 * std::cos(2 * x[2]);
  return e + x[0] + std::sin(2 * x[2]);
}

// log Σ exp of linear functions.
double Convex(const Vector& x, Vector& gradient) {
  const double a = std::exp(x[0] + x[1]);
  const double b = std::exp(x[2] - 2 * x[0]);
  const double c = std::exp(-x[1]);
  const double sum = a + b + c;
  gradient << (a - 2 * b) / sum, (a - c) / sum, b / sum;
  return std::log(sum);
}

// The opposite of both, nearly everywhere.
double Contradiction(const Vector& x, Vector& gradient) {
  gradient << -2 - x[0], 3 - x[1], -x[2];
  return -2 * x[0] + 3 * x[1] - 0.5 * x.squaredNorm();
}

OwnedSamples Sample(Function f, Index num_samples, std::uint64_t seed) {
  Rng rng(seed);
  OwnedSamples samples{.X = Matrix(kInputs, num_samples),
                       .Y = Matrix(1, num_samples),
                       .J = Matrix(kInputs, num_samples),
                       .weight = {}};
  for (Index s = 0; s < num_samples; ++s) {
    for (Index j = 0; j < kInputs; ++j) samples.X(j, s) = 3 * rng.Uniform() - 1.5;
    Vector gradient(kInputs);
    samples.Y(0, s) = f(samples.X.col(s), gradient);
    samples.J.col(s) = gradient;
  }
  return samples;
}

struct Predicted {
  Matrix Y;
  Matrix J;
};

Predicted Predict(const Surrogate& surrogate, const Matrix& X) {
  Predicted result{Matrix(1, X.cols()), Matrix(kInputs, X.cols())};
  surrogate.Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), std::nullopt, std::nullopt,
                    {.Y = result.Y.data(), .J = result.J.data()});
  return result;
}

double RelativeError(const Surrogate& surrogate, const OwnedSamples& fresh) {
  const Matrix Y = Predict(surrogate, fresh.X).Y;
  return (Y - fresh.Y).norm() / (fresh.Y.array() - fresh.Y.mean()).matrix().norm();
}

// Its weights say so.
void ExpectProves(const Surrogate& surrogate, const nn::ShapeConstraints& shape) {
  const nn::ShapeConstraints proven = ProvenShape(surrogate);
  for (std::size_t j = 0; j < shape.slopes.size(); ++j) {
    if (shape.slopes[j] == Slope::kFree) continue;
    ASSERT_EQ(proven.slopes.size(), shape.slopes.size());
    EXPECT_EQ(proven.slopes[j], shape.slopes[j]) << "input " << j;
  }
  if (shape.convexity != Convexity::kFree) {
    EXPECT_EQ(proven.convexity, shape.convexity);
  }
}

// At random points, also far outside of the samples.
void ExpectObeys(const Surrogate& surrogate, const nn::ShapeConstraints& shape) {
  ExpectProves(surrogate, shape);
  const Index num_points = 500;
  const Matrix X = 2 * Sample(Contradiction, 2 * num_points, 9).X;
  const Predicted all = Predict(surrogate, X);
  for (std::size_t j = 0; j < shape.slopes.size(); ++j) {
    const auto sign = static_cast<double>(shape.slopes[j]);
    EXPECT_GE((sign * all.J.row(static_cast<Index>(j))).minCoeff(), 0) << "input " << j;
  }
  const Matrix middle = 0.5 * (X.leftCols(num_points) + X.rightCols(num_points));
  const Matrix chord = 0.5 * (all.Y.leftCols(num_points) + all.Y.rightCols(num_points));
  const Matrix above = chord - Predict(surrogate, middle).Y;
  const double rounding = 1e-12 * (1 + all.Y.cwiseAbs().maxCoeff());
  EXPECT_GE((static_cast<double>(shape.convexity) * above).minCoeff(), -rounding);
}

const nn::ShapeConstraints kMonotone{
    .slopes = {Slope::kIncreasing, Slope::kDecreasing, Slope::kFree}};
const nn::ShapeConstraints kConvex{.convexity = Convexity::kConvex};
const nn::ShapeConstraints kConcaveAndMonotone{
    .slopes = {Slope::kDecreasing, Slope::kIncreasing, Slope::kFree},
    .convexity = Convexity::kConcave};

Recipe Network(const nn::ShapeConstraints& shape, Index adam_steps, Index newton_iterations) {
  const bool curved = shape.convexity != Convexity::kFree;
  return {.hidden = {10, 10},
          .activation = curved ? nn::Activation::kSoftplus : nn::Activation::kTanh,
          .skip = curved,
          .adam_steps = adam_steps,
          .newton_iterations = newton_iterations};
}

std::shared_ptr<const Surrogate> Select(const OwnedSamples& samples,
                                        const SelectionOptions& options) {
  const SampleSet view = samples.View();
  Selection selection(view, options);
  SelectionStatus status = selection.Advance({});
  while (status != SelectionStatus::kFinished && status != SelectionStatus::kFailed) {
    status = selection.Advance({});
  }
  return selection.MakeSurrogate();
}

TEST(ShapeTest, NetworksObeyLabelsNotwithstanding) {
  const OwnedSamples samples = Sample(Contradiction, 60, 1);
  for (const nn::ShapeConstraints& shape : {kMonotone, kConvex, kConcaveAndMonotone}) {
    for (const auto& [adam, newton] : {std::pair(0, 10), std::pair(100, 0), std::pair(100, 5)}) {
      const std::shared_ptr<const Surrogate> surrogate =
          Select(samples, {.recipes = {Network(shape, adam, newton)}, .shape = shape});
      ASSERT_NE(surrogate, nullptr);
      ExpectObeys(*surrogate, shape);
    }
  }
}

TEST(ShapeTest, TrainersWithAdamObeyInBothPrecisions) {
  const OwnedSamples samples = Sample(Contradiction, 300, 1);
  for (const nn::ShapeConstraints& shape : {kMonotone, kConvex, kConcaveAndMonotone}) {
    for (const Precision precision : {Precision::kFloat32, Precision::kFloat64}) {
      for (const bool streamed : {false, true}) {
        Trainer trainer(samples.View(), {.hidden = {8, 8},
                                         .skip = true,
                                         .shape = shape,
                                         .epochs = 20,
                                         .precision = precision,
                                         .streamed = streamed});
        while (trainer.Advance({}, 1 << 20) == Status::kEpochDone) {
        }
        ExpectObeys(trainer.MakeSurrogate(), shape);
      }
    }
  }
}

TEST(ShapeTest, OtherWaysToTakeAllLabelsObeyToo) {
  const OwnedSamples samples = Sample(Contradiction, 60, 1);
  for (const nn::ShapeConstraints& shape : {kMonotone, kConvex, kConcaveAndMonotone}) {
    Recipe lbfgs = Network(shape, 0, 0);
    lbfgs.lbfgs_steps = 40;
    Recipe both = Network(shape, 0, 5);
    both.lbfgs_steps = 20;
    Recipe local = Network(shape, 0, 30);
    local.local_variance = true;
    for (const Recipe& recipe : {lbfgs, both, local}) {
      const std::shared_ptr<const Surrogate> surrogate =
          Select(samples, {.recipes = {recipe}, .shape = shape});
      ASSERT_NE(surrogate, nullptr);
      ExpectObeys(*surrogate, shape);
    }
  }
}

// A function that obeys is fitted nearly as well as by a network that need not.
TEST(ShapeTest, FunctionsThatObeyAreFitted) {
  const auto error = [](Function f, const nn::ShapeConstraints& shape) {
    const Recipe recipe = Network(shape, 0, 100);
    return RelativeError(*Select(Sample(f, 100, 1), {.recipes = {recipe}, .shape = shape}),
                         Sample(f, 1000, 2));
  };
  EXPECT_LT(error(Monotone, kMonotone), 3e-4);
  EXPECT_LT(error(Convex, kConvex), 3e-4);
}

// Outliers are found by the errors of the network, not of the parameters that its weights are made
// of.
TEST(ShapeTest, FunctionsThatObeyAreFittedAmongOutliers) {
  OwnedSamples samples = Sample(Monotone, 100, 1);
  for (Index s = 0; s < 100; s += 10) samples.Y(0, s) += 30;
  const auto error = [&](std::optional<double> huber) {
    Recipe recipe = Network(kMonotone, 0, 100);
    recipe.lbfgs_steps = 200;
    return RelativeError(
        *Select(samples, {.loss = {.huber = huber}, .recipes = {recipe}, .shape = kMonotone}),
        Sample(Monotone, 1000, 2));
  };
  EXPECT_LT(error(1.345), 0.2 * error(std::nullopt));
}

TEST(ShapeTest, NothingIsProvenOfSurrogatesWithoutConstraints) {
  const OwnedSamples samples = Sample(Monotone, 40, 1);
  for (const Recipe& recipe : {Recipe{.family = Family::kPolynomial},
                               Recipe{.family = Family::kGaussianProcess}, Network({}, 0, 5)}) {
    for (const Extrapolation extrapolation : {Extrapolation::kOwn, Extrapolation::kLinear}) {
      const std::shared_ptr<const Surrogate> surrogate =
          Select(samples, {.composition = {.extrapolation = extrapolation}, .recipes = {recipe}});
      EXPECT_TRUE(ProvenShape(*surrogate).IsFree()) << Name(recipe);
    }
  }
}

// The features of a periodic input come in its place, and wings go on as the core does.
TEST(ShapeTest, CoresWithMappedInputsAndOutputsObey) {
  OwnedSamples samples = Sample(Contradiction, 60, 1);
  samples.X.row(2).array() += 4;
  const nn::ShapeConstraints shape{
      .slopes = {Slope::kFree, Slope::kIncreasing, Slope::kDecreasing}};
  const CompositionOptions composition{.inputs = {{.name = "a", .period = 6, .harmonics = 2},
                                                  {.name = "b"},
                                                  {.name = "c", .logarithmic = true}},
                                       .outputs = {{.name = "u", .lower = -20}},
                                       .extrapolation = Extrapolation::kLinear};
  const std::shared_ptr<const Surrogate> surrogate = Select(
      samples, {.composition = composition, .recipes = {Network(shape, 0, 20)}, .shape = shape});
  ASSERT_NE(surrogate, nullptr);
  EXPECT_EQ(surrogate->kind(), SurrogateKind::kComposed);
  ExpectObeys(*surrogate, shape);
}

// Logarithms of outputs may be tried of monotone surrogates, but not of convex ones.
TEST(ShapeTest, LogarithmsAreTriedWhereTheyLeaveTheShape) {
  OwnedSamples samples = Sample(Contradiction, 20, 1);
  samples.Y.array() += 30;
  for (const nn::ShapeConstraints& shape : {kMonotone, kConvex}) {
    const SampleSet view = samples.View();
    Selection selection(view, {.shape = shape});
    while (selection.Leaderboard().size() < 4) selection.Advance({});
    selection.Hurry();
    while (selection.Advance({}) != SelectionStatus::kFinished) {
    }
    ASSERT_NE(selection.MakeSurrogate(), nullptr);
    ExpectObeys(*selection.MakeSurrogate(), shape);
    bool has_logarithms = false;
    for (const Trial& trial : selection.Leaderboard()) {
      has_logarithms = has_logarithms || trial.recipe.logarithms != Logarithms::kNone;
    }
    EXPECT_EQ(has_logarithms, shape.IsMonotone());
  }
}

TEST(ShapeTest, MapsThatBreakTheShapeAreRefused) {
  const auto check = [](const nn::ShapeConstraints& shape, const CompositionOptions& composition) {
    return [=] { CheckSelection({.composition = composition, .shape = shape}, kInputs, 1, 10); };
  };
  const auto refuses = [](const char* start) {
    return testing::ThrowsMessage<Error>(testing::StartsWith(start));
  };
  const std::vector<InputMapping> period_of_a = {{.name = "a", .period = 1}, {}, {}};
  const std::vector<InputMapping> period_of_c = {{}, {}, {.name = "c", .period = 1}};
  const std::vector<InputMapping> logarithm = {{.name = "a", .logarithmic = true}, {}, {}};
  EXPECT_THAT(check(kMonotone, {.inputs = period_of_a}),
              refuses("spec.input_maps: expected no period of input 'a'"));
  EXPECT_NO_THROW(check(kMonotone, {.inputs = period_of_c})());
  EXPECT_NO_THROW(check(kMonotone, {.inputs = logarithm})());
  EXPECT_THAT(check(kMonotone, {.degree = 2}),
              refuses("spec.feature_degree: expected no products of inputs"));
  EXPECT_THAT(check(kConvex, {.inputs = period_of_c}), refuses("spec.input_maps: expected unset"));
  EXPECT_THAT(check(kConvex, {.inputs = logarithm}), refuses("spec.input_maps: expected unset"));
  EXPECT_THAT(check(kConvex, {.outputs = {{.name = "u", .lower = 0}}}),
              refuses("spec.output_maps: expected unset"));
  EXPECT_THAT(check(kConvex, {.degree = 2}), refuses("spec.feature_degree: expected unset"));
  EXPECT_THAT(check(kConvex, {.extrapolation = Extrapolation::kLinear}),
              refuses("spec.extrapolation: expected unset"));
}

TEST(ShapeTest, TheChoiceAmongRecipesObeysToo) {
  const OwnedSamples samples = Sample(Contradiction, 40, 1);
  for (const nn::ShapeConstraints& shape : {kMonotone, kConvex}) {
    const std::shared_ptr<const Surrogate> surrogate =
        Select(samples, {.budget = 1e9, .shape = shape});
    ASSERT_NE(surrogate, nullptr);
    EXPECT_EQ(surrogate->kind(), SurrogateKind::kNetwork);
    ExpectObeys(*surrogate, shape);
    const std::shared_ptr<const Surrogate> ensemble =
        Select(samples, {.budget = 1, .ensemble_size = 3, .shape = shape});
    ASSERT_NE(ensemble, nullptr);
    EXPECT_EQ(ensemble->kind(), SurrogateKind::kEnsemble);
    ExpectObeys(*ensemble, shape);
  }
}

TEST(ShapeTest, KindsThatCannotObeyAreRefused) {
  const auto check = [](const Recipe& recipe, const nn::ShapeConstraints& shape) {
    return [=] { CheckSelection({.recipes = {recipe}, .shape = shape}, kInputs, 1, 10); };
  };
  EXPECT_THAT(check({.family = Family::kPolynomial}, kConvex),
              testing::ThrowsMessage<Error>(
                  testing::StartsWith("spec.kind: expected auto or network, because only networks "
                                      "can be monotone, convex or concave by construction, got "
                                      "polynomial")));
  EXPECT_THAT(check(NewtonRecipe(), kConvex), testing::ThrowsMessage<Error>(testing::StartsWith(
                                                  "spec.network.activation: expected softplus")));
  EXPECT_THAT(check(NewtonRecipe(), {.slopes = {Slope::kFree}}),
              testing::ThrowsMessage<Error>("spec.monotone: expected 3, got 1"));
}

// Skips and residual layers go through every optimiser and, with differential principal
// components, through their fold.
TEST(ShapeTest, NetworksWithSkipsAndResidualLayersAreFitted) {
  const OwnedSamples samples = Sample(Monotone, 100, 1);
  const OwnedSamples fresh = Sample(Monotone, 1000, 2);
  for (const Index rank : {0, 3}) {
    for (const auto& [adam, newton] : {std::pair(0, 60), std::pair(800, 0), std::pair(200, 30)}) {
      Recipe recipe = Network({}, adam, newton);
      recipe.rank = rank;
      recipe.skip = true;
      recipe.residual = true;
      const double error = RelativeError(*Select(samples, {.recipes = {recipe}}), fresh);
      EXPECT_LT(error, newton > 0 ? 1e-3 : 0.1) << Name(recipe);
    }
  }
}

}  // namespace
}  // namespace sobolev::train
