// What labels along directions, and sketches of Jacobians, are worth to Adam.

#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/options.h"
#include "engine/train/recipe.h"
#include "engine/train/samples.h"
#include "engine/train/selection.h"
#include "engine/train/trainer.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

// Samples of Smooth with one derivative along a random direction each, and no Jacobian.
struct WithTangents {
  explicit WithTangents(Index num_samples)
      : samples(Smooth::Sample(num_samples, 1)),
        X_dot(Smooth::kInputs, num_samples),
        Y_dot(Smooth::kOutputs, num_samples) {
    Rng rng(2);
    for (Index s = 0; s < num_samples; ++s) {
      X_dot.col(s) << rng.Normal(), 5 * rng.Normal();
      Y_dot.col(s) = samples.J.middleCols(2 * s, 2).transpose() * X_dot.col(s);
    }
  }

  SampleSet View() const {
    SampleSet view = samples.ViewWithJacobians(0);
    view.blocks.front().num_tangents = 1;
    view.blocks.front().tangents = X_dot.data();
    view.blocks.front().jvp = Y_dot.data();
    return view;
  }

  OwnedSamples samples;
  Matrix X_dot;
  Matrix Y_dot;
};

TEST(DirectionalTrainingTest, OneTangentASampleIsWorthALot) {
  const WithTangents data(100);
  const OwnedSamples points = Smooth::Sample(2000, 2);
  Trainer trainer(data.View(), {});
  Trainer value_only(data.View(), {.beta = 0});
  EXPECT_GT(*trainer.options().beta, 0);
  RunToEnd(trainer);
  RunToEnd(value_only);
  EXPECT_GT(trainer.ValidationErrors().jacobian_rmse.size(), 0);
  const TrueErrors with = ErrorsOn(trainer.MakeSurrogate(), points);
  const TrueErrors without = ErrorsOn(value_only.MakeSurrogate(), points);
  EXPECT_LT(with.value, without.value / 1.5);
  EXPECT_LT(with.jacobian, without.jacobian / 2);
}

// The recipes of a selection hand all labels to Adam.
TEST(DirectionalTrainingTest, AdamOfASelectionFitsTangents) {
  const WithTangents data(100);
  const SampleSet view = data.View();
  const OwnedSamples points = Smooth::Sample(500, 2);
  const auto jacobian_error = [&](bool derivatives) {
    const Recipe adam{.derivatives = derivatives, .hidden = {20, 20}, .adam_steps = 1500};
    Selection selection(view, {.recipes = {adam}});
    while (selection.Advance({}) != SelectionStatus::kFinished) {
    }
    Matrix J(points.J.rows(), points.J.cols());
    selection.MakeSurrogate()->Predict(ConstMatrixMap(points.X.data(), 2, 500), std::nullopt,
                                       std::nullopt, {.J = J.data()});
    return (J - points.J).norm();
  };
  EXPECT_LT(jacobian_error(true), jacobian_error(false) / 1.5);
}

// y_i = sin(x·w_i), i < 24.
OwnedSamples Waves(Index num_samples, std::uint64_t seed) {
  constexpr Index kInputs = 3;
  constexpr Index kOutputs = 24;
  OwnedSamples samples{.X = Matrix(kInputs, num_samples),
                       .Y = Matrix(kOutputs, num_samples),
                       .J = Matrix(kInputs, kOutputs * num_samples),
                       .weight = {}};
  Rng rng(seed);
  for (double& x : samples.X.reshaped()) x = 2 * rng.Uniform() - 1;
  for (Index i = 0; i < kOutputs; ++i) {
    const auto number = static_cast<double>(i);
    const Vector w{{std::sin(number), 1.5 * std::cos(2 * number), 1}};
    for (Index s = 0; s < num_samples; ++s) {
      const double z = w.dot(samples.X.col(s));
      samples.Y(i, s) = std::sin(z);
      samples.J.col(s * kOutputs + i) = std::cos(z) * w;
    }
  }
  return samples;
}

TEST(DirectionalTrainingTest, ASketchOfTheOutputsIsWorthALot) {
  const OwnedSamples samples = Waves(100, 1);
  const OwnedSamples points = Waves(1000, 2);
  const auto errors_of = [&](const Options& options) {
    Trainer trainer(samples.View(), options);
    RunToEnd(trainer);
    return ErrorsOn(trainer.MakeSurrogate(), points);
  };
  const Options small{.hidden = {24, 24}, .epochs = 400, .batch_size = 30};
  Options values = small;
  values.beta = 0;
  const TrueErrors sketched = errors_of(small);
  const TrueErrors without = errors_of(values);
  EXPECT_LT(sketched.value, without.value / 1.5);
  EXPECT_LT(sketched.jacobian, without.jacobian / 1.5);
}

}  // namespace
}  // namespace sobolev::train
