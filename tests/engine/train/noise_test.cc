// Labels with noise: of known variance, and with outliers.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/selection.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

// f₁ = 100 + 50 (sin x₁ + x₁ z), f₂ = 0.01 exp(z/2) sin(x₁ + 1/2), with z = (x₂ − 1000)/10, on
// x₁ ∈ [−2, 2], x₂ ∈ [990, 1010].
OwnedSamples ExactSamples(Index count, std::uint64_t seed) {
  Rng rng(seed);
  OwnedSamples samples{
      .X = Matrix(2, count), .Y = Matrix(2, count), .J = Matrix(2, 2 * count), .weight = {}};
  for (Index s = 0; s < count; ++s) {
    const double x = -2 + 4 * rng.Uniform();
    const double z = -1 + 2 * rng.Uniform();
    const double growth = 0.01 * std::exp(z / 2);
    samples.X.col(s) << x, 1000 + 10 * z;
    samples.Y.col(s) << 100 + 50 * (std::sin(x) + x * z), growth * std::sin(x + 0.5);
    samples.J.col(2 * s) << 50 * (std::cos(x) + z), 5 * x;
    samples.J.col(2 * s + 1) << growth * std::cos(x + 0.5), growth / 20 * std::sin(x + 0.5);
  }
  return samples;
}

struct NoisySamples {
  explicit NoisySamples(OwnedSamples samples)
      : exact(std::move(samples)), Y(exact.Y), J(exact.J), Y_variance(Y), J_variance(J) {}

  SampleSet View(bool variances) const {
    SampleSet set = exact.View();
    set.blocks.front().y = Y.data();
    set.blocks.front().jacobian = J.data();
    if (variances) {
      set.blocks.front().y_variance = Y_variance.data();
      set.blocks.front().jacobian_variance = J_variance.data();
    }
    return set;
  }

  OwnedSamples exact;
  Matrix Y;
  Matrix J;
  Matrix Y_variance;
  Matrix J_variance;
};

// Standard deviations of the noise, as shares of the spread of the columns, that range over three
// decades from label to label.
NoisySamples WithNoiseOfKnownVariance(Index count) {
  NoisySamples samples(ExactSamples(count, 3));
  Rng rng(4);
  const auto add = [&](double spread, double& label, double& variance) {
    const double deviation = spread * std::pow(10, 3 * rng.Uniform() - 3);
    label += deviation * rng.Normal();
    variance = deviation * deviation;
  };
  const Vector spread =
      ((samples.Y.colwise() - samples.Y.rowwise().mean().eval()).rowwise().squaredNorm() /
       static_cast<double>(count))
          .cwiseSqrt();
  for (Index s = 0; s < count; ++s) {
    for (Index i = 0; i < 2; ++i) {
      add(spread[i], samples.Y(i, s), samples.Y_variance(i, s));
      // The inputs spread over 1.2 and 5.8.
      add(spread[i] / 1.2, samples.J(0, 2 * s + i), samples.J_variance(0, 2 * s + i));
      add(spread[i] / 5.8, samples.J(1, 2 * s + i), samples.J_variance(1, 2 * s + i));
    }
  }
  return samples;
}

std::shared_ptr<const Surrogate> Select(const SampleSet& samples, const SelectionOptions& options) {
  Selection selection(samples, options);
  for (SelectionStatus status = SelectionStatus::kRunning; status != SelectionStatus::kFinished;) {
    status = selection.Advance({});
    if (status == SelectionStatus::kFailed) return nullptr;
  }
  return selection.MakeSurrogate();
}

// Root mean square errors at new points, in parts of the spread of the truth.
struct RelativeErrors {
  Vector value;
  Vector gradient;
};

RelativeErrors ErrorsOf(const Surrogate& surrogate) {
  const OwnedSamples test = ExactSamples(500, 77);
  Matrix Y(2, 500);
  Matrix J(2, 1000);
  surrogate.Predict(ConstMatrixMap(test.X.data(), 2, 500), std::nullopt, std::nullopt,
                    {.Y = Y.data(), .J = J.data()});
  RelativeErrors errors{Vector(2), Vector(2)};
  for (Index i = 0; i < 2; ++i) {
    const Vector truth = test.Y.row(i);
    errors.value[i] =
        (Y.row(i).transpose() - truth).norm() / (truth.array() - truth.mean()).matrix().norm();
    double square = 0;
    double size = 0;
    for (Index s = 0; s < 500; ++s) {
      square +=
          (J.col(2 * s + i) - test.J.col(2 * s + i)).cwiseProduct(Vector{{1.2, 5.8}}).squaredNorm();
      size += test.J.col(2 * s + i).cwiseProduct(Vector{{1.2, 5.8}}).squaredNorm();
    }
    errors.gradient[i] = std::sqrt(square / size);
  }
  return errors;
}

// One label in twenty is off by fifty spreads, values and entries of Jacobians alike.
NoisySamples WithOutliers(Index count) {
  NoisySamples samples(ExactSamples(count, 8));
  Rng rng(9);
  const auto wreck = [&](double spread, double& label) {
    label += 0.001 * spread * rng.Normal();
    if (rng.Uniform() < 0.05) label += 50 * spread * (1 + rng.Uniform());
  };
  for (Index s = 0; s < count; ++s) {
    for (Index i = 0; i < 2; ++i) {
      const double spread = i == 0 ? 45 : 0.008;
      wreck(spread, samples.Y(i, s));
      wreck(spread / 1.2, samples.J(0, 2 * s + i));
      wreck(spread / 5.8, samples.J(1, 2 * s + i));
    }
  }
  return samples;
}

struct FamilyCase {
  const char* name;
  Recipe recipe;
  Index count;  // Samples that make good models in a short time.
};

class NoiseTest : public testing::TestWithParam<FamilyCase> {};

TEST_P(NoiseTest, KnownVariancesMakeBetterModels) {
  const NoisySamples samples = WithNoiseOfKnownVariance(GetParam().count);
  const auto errors = [&](bool variances) {
    const auto surrogate = Select(samples.View(variances), {.recipes = {GetParam().recipe}});
    return ErrorsOf(*surrogate);
  };
  const RelativeErrors known = errors(true);
  const RelativeErrors unknown = errors(false);
  for (Index i = 0; i < 2; ++i) {
    EXPECT_LT(known.value[i], 0.5 * unknown.value[i]);
    EXPECT_LT(known.gradient[i], 0.5 * unknown.gradient[i]);
    EXPECT_LT(known.value[i], 0.02);
  }
}

TEST(NoisyAdamTest, KnownVariancesMakeBetterModels) {
  const NoisySamples samples = WithNoiseOfKnownVariance(400);
  const Recipe adam{.hidden = {20, 20}, .activation = nn::Activation::kTanh, .adam_steps = 1600};
  const RelativeErrors known = ErrorsOf(*Select(samples.View(true), {.recipes = {adam}}));
  const RelativeErrors unknown = ErrorsOf(*Select(samples.View(false), {.recipes = {adam}}));
  for (Index i = 0; i < 2; ++i) {
    EXPECT_LT(known.value[i], 0.7 * unknown.value[i]);
    EXPECT_LT(known.gradient[i], 0.7 * unknown.gradient[i]);
  }
}

// Variances only say how labels compare to each other, so their unit does not matter, and labels
// of no worth do not matter at all.
TEST_P(NoiseTest, WorthlessLabelsDoNoHarm) {
  const Index count = GetParam().count;
  NoisySamples samples(ExactSamples(count, 5));
  samples.Y_variance.setConstant(1e-12);
  samples.J_variance.setConstant(1e-12);
  for (Index s = 0; s < count; s += 8) {
    samples.Y.col(s).setConstant(1e6);
    samples.Y_variance.col(s).setConstant(1e12);
    samples.J.middleCols(2 * s, 2).setConstant(1e6);
    samples.J_variance.middleCols(2 * s, 2).setConstant(1e12);
  }
  const RelativeErrors errors =
      ErrorsOf(*Select(samples.View(true), {.recipes = {GetParam().recipe}}));
  EXPECT_LT(errors.value.maxCoeff(), 0.02);
  EXPECT_LT(errors.gradient.maxCoeff(), 0.05);
}

TEST_P(NoiseTest, OutliersDoNotWreckARobustFit) {
  const NoisySamples samples = WithOutliers(GetParam().count);
  const auto errors = [&](std::optional<double> huber) {
    SelectionOptions options;
    options.recipes = {GetParam().recipe};
    options.loss.huber = huber;
    return ErrorsOf(*Select(samples.View(false), options));
  };
  const RelativeErrors robust = errors(1.345);
  const RelativeErrors squares = errors(std::nullopt);
  EXPECT_LT(robust.value.maxCoeff(), 0.02);
  EXPECT_LT(robust.gradient.maxCoeff(), 0.04);
  EXPECT_GT(squares.value.minCoeff(), 10 * robust.value.maxCoeff());
}

// A robust fit that is saved in any of its rounds continues to the same bits.
TEST(RobustNetworkTest, AnySavedStateContinuesToTheSameBits) {
  const NoisySamples samples = WithOutliers(60);
  SelectionOptions options;
  Recipe network = NewtonRecipe();
  network.hidden = {5};
  network.newton_iterations = 14;
  options.recipes = {network};
  options.loss.huber = 1.345;
  const SampleSet view = samples.View(false);
  const RelativeErrors whole = ErrorsOf(*Select(view, options));
  auto selection = std::make_unique<Selection>(view, options);
  for (SelectionStatus status = SelectionStatus::kRunning; status != SelectionStatus::kFinished;) {
    status = selection->Advance({});
    const std::string state = selection->SaveState();
    selection = std::make_unique<Selection>(view, options);
    selection->LoadState(state);
  }
  const RelativeErrors parts = ErrorsOf(*selection->MakeSurrogate());
  EXPECT_EQ(parts.value, whole.value);
  EXPECT_EQ(parts.gradient, whole.gradient);
}

std::vector<FamilyCase> FamilyCases() {
  Recipe network = NewtonRecipe();
  network.hidden = {10, 10};
  return {{.name = "Polynomial", .recipe = {.family = Family::kPolynomial}, .count = 400},
          {.name = "GaussianProcess", .recipe = {.family = Family::kGaussianProcess}, .count = 50},
          {.name = "Network", .recipe = network, .count = 201}};
}

INSTANTIATE_TEST_SUITE_P(Families, NoiseTest, testing::ValuesIn(FamilyCases()),
                         [](const auto& family) { return family.param.name; });

}  // namespace
}  // namespace sobolev::train
