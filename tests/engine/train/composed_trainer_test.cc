#include "engine/train/composed_trainer.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <numbers>
#include <optional>
#include <stop_token>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/constraints.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/composition.h"
#include "engine/train/errors.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/surrogate_codec.h"
#include "engine/train/trainer.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
// Of the first input.
constexpr double kPeriod = 3;

// y_i = exp(sin(wa) + i/10) + b² cos(wa)/2 + 2, always positive, on a in [0, 3], b in [0.5, 2].
OwnedSamples Waves(Index num_samples, std::uint64_t seed, Index m = 1) {
  const double w = 2 * std::numbers::pi / kPeriod;
  Rng rng(seed);
  OwnedSamples samples{.X = Matrix(2, num_samples),
                       .Y = Matrix(m, num_samples),
                       .J = Matrix(2, m * num_samples),
                       .weight = {}};
  for (Index s = 0; s < num_samples; ++s) {
    const double a = kPeriod * rng.Uniform();
    const double b = 0.5 + 1.5 * rng.Uniform();
    samples.X.col(s) << a, b;
    for (Index i = 0; i < m; ++i) {
      const double wave = std::exp(std::sin(w * a) + 0.1 * static_cast<double>(i));
      samples.Y(i, s) = wave + b * b * std::cos(w * a) / 2 + 2;
      samples.J.col(s * m + i) << w * (std::cos(w * a) * wave - b * b * std::sin(w * a) / 2),
          b * std::cos(w * a);
    }
  }
  return samples;
}

CompositionOptions PeriodAndLogarithm() {
  return {.inputs = {{.name = "a", .period = kPeriod}, {.name = "b", .logarithmic = true}},
          .outputs = {{.name = "y", .logarithmic = true}},
          .extrapolation = Extrapolation::kLinear};
}

Options SmallOptions() {
  Options options{.hidden = {16, 16}};
  options.epochs = 400;
  options.batch_size = 64;
  options.precision = Precision::kFloat64;
  return options;
}

void Finish(ComposedTrainer& trainer) { RunToEnd(trainer.trainer()); }

std::string Bytes(const ComposedTrainer& trainer) {
  return EncodeSurrogate(*trainer.MakeSurrogate());
}

struct Predicted {
  Matrix Y;
  Matrix J;
};

Predicted Predict(const Surrogate& surrogate, const Matrix& X) {
  const Index m = surrogate.m();
  Predicted predicted{.Y = Matrix(m, X.cols()), .J = Matrix(X.rows(), m * X.cols())};
  surrogate.Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), std::nullopt, std::nullopt,
                    {.Y = predicted.Y.data(), .J = predicted.J.data()});
  return predicted;
}

double RelativeError(const Matrix& predicted, const Matrix& labels) {
  return (predicted - labels).norm() / labels.norm();
}

TEST(ComposedTrainerTest, AdamLearnsAPeriodFarOutside) {
  const OwnedSamples samples = Waves(300, 1);
  const SampleSet view = samples.View();
  ComposedTrainer trainer(view, SmallOptions(), PeriodAndLogarithm(), kNoLimit);
  Finish(trainer);
  OwnedSamples far = Waves(200, 2);
  far.X.row(0).array() += 10 * kPeriod;
  const Predicted predicted = Predict(*trainer.MakeSurrogate(), far.X);
  EXPECT_LT(RelativeError(predicted.Y, far.Y), 5e-3);
  EXPECT_LT(RelativeError(predicted.J, far.J), 3e-2);
  EXPECT_EQ(trainer.NumTrainingJacobians(), 270);
}

TEST(ComposedTrainerTest, DerivativesOfFeaturesAreFitted) {
  const OwnedSamples samples = Waves(60, 1);
  const SampleSet view = samples.View();
  Options values = SmallOptions();
  values.beta = 0;
  const OwnedSamples fresh = Waves(200, 2);
  const auto error = [&](const Options& options) {
    ComposedTrainer trainer(view, options, {.degree = 2}, kNoLimit);
    Finish(trainer);
    return RelativeError(Predict(*trainer.MakeSurrogate(), fresh.X).J, fresh.J);
  };
  EXPECT_LT(error(SmallOptions()), 0.5 * error(values));
}

TEST(ComposedTrainerTest, BoundsHoldEverywhere) {
  const OwnedSamples samples = Waves(100, 1);
  const SampleSet view = samples.View();
  ComposedTrainer trainer(view, SmallOptions(), {.outputs = {{.name = "y", .lower = 0.5}}},
                          kNoLimit);
  Finish(trainer);
  const OwnedSamples fresh = Waves(200, 2);
  EXPECT_LT(RelativeError(Predict(*trainer.MakeSurrogate(), fresh.X).Y, fresh.Y), 0.05);
  const Matrix far = 20 * Waves(1000, 3).X;
  EXPECT_GE(Predict(*trainer.MakeSurrogate(), far).Y.minCoeff(), 0.5);
}

// The errors are those of the surrogate on the samples that were held out, in units of y.
TEST(ComposedTrainerTest, ErrorsAreInTheUnitsOfTheOutputs) {
  const OwnedSamples samples = Waves(200, 1);
  const SampleSet view = samples.View();
  const Options options = SmallOptions();
  ComposedTrainer trainer(view, options, PeriodAndLogarithm(), kNoLimit);
  Finish(trainer);
  const Split split = SplitSamples(200, options.validation_fraction, options.seed);
  const Matrix Y = Predict(*trainer.MakeSurrogate(), samples.X).Y;
  double square = 0;
  for (const std::uint32_t s : split.validation) {
    square += std::pow(Y(0, s) - samples.Y(0, s), 2);
  }
  const double rmse = std::sqrt(square / static_cast<double>(split.validation.size()));
  EXPECT_NEAR(trainer.ValidationErrors().value_rmse[0], rmse, 1e-12 * rmse);
}

// What the samples do not see changes no bit of the training, nor of predictions in their box.
TEST(ComposedTrainerTest, WingsAloneLeaveTheNetworkAsItIs) {
  const OwnedSamples samples = Waves(100, 1);
  const SampleSet view = samples.View();
  Options options = SmallOptions();
  options.epochs = 20;
  Trainer plain(view, options);
  RunToEnd(plain);
  ComposedTrainer same(view, options, {}, kNoLimit);
  ComposedTrainer winged(view, options, {.extrapolation = Extrapolation::kLinear}, kNoLimit);
  Finish(same);
  Finish(winged);
  EXPECT_EQ(Bytes(same), EncodeSurrogate(plain.MakeSurrogate()));
  const Matrix inside = samples.X;
  EXPECT_EQ(Predict(*winged.MakeSurrogate(), inside).Y, Predict(plain.MakeSurrogate(), inside).Y);
  EXPECT_EQ(winged.ValidationErrors().value_rmse, plain.ValidationErrors().value_rmse);
  // Linear outside: no curvature left.
  const Matrix far{{10, 20, 30}, {1, 1, 1}};
  const Matrix Y = Predict(*winged.MakeSurrogate(), far).Y;
  EXPECT_NEAR(Y(0, 2) - 2 * Y(0, 1) + Y(0, 0), 0, 1e-9 * Y.cwiseAbs().maxCoeff());
}

TEST(ComposedTrainerTest, AStoppedTrainingGoesOnAtTheSameBits) {
  const OwnedSamples samples = Waves(150, 1, 20);
  const SampleSet view = samples.View();
  for (const bool periodic : {false, true}) {
    CompositionOptions composition{.extrapolation = Extrapolation::kLinear};
    composition.inputs = {{.name = "a"}, {.name = "b", .logarithmic = true}};
    if (periodic) composition.inputs[0].period = kPeriod;
    composition.outputs.assign(20, {.logarithmic = true});
    Options options = SmallOptions();
    options.epochs = 12;
    options.derivative_sketch = 3;  // Of Jacobians; read from the mapped samples in every step.
    ComposedTrainer whole(view, options, composition, kNoLimit);
    Finish(whole);
    EXPECT_EQ(whole.trainer().options().streamed, !periodic);
    ComposedTrainer first(view, options, composition, kNoLimit);
    for (int slice = 0; slice < 7; ++slice) first.trainer().Advance({}, 64);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(first.trainer().Advance(stop.get_token(), 64), Status::kCancelled);
    const std::string state = first.trainer().SaveState();
    ComposedTrainer second(view, options, composition, kNoLimit);
    second.trainer().LoadState(state);
    Finish(second);
    EXPECT_EQ(Bytes(second), Bytes(whole));
    Finish(first);
    EXPECT_EQ(Bytes(first), Bytes(whole));
    composition.outputs[0].logarithmic = false;
    ComposedTrainer other(view, options, composition, kNoLimit);
    EXPECT_THROW(other.trainer().LoadState(state), Error);
  }
}

TEST(ComposedTrainerTest, MonotoneInTheLogarithmIsMonotone) {
  const OwnedSamples samples = Waves(60, 1);
  const SampleSet view = samples.View();
  Options options = SmallOptions();
  options.epochs = 30;
  options.activation = nn::Activation::kTanh;
  options.shape.slopes = {nn::Slope::kFree, nn::Slope::kIncreasing};
  ComposedTrainer trainer(view, options, PeriodAndLogarithm(), kNoLimit);
  Finish(trainer);
  EXPECT_GE(Predict(*trainer.MakeSurrogate(), Waves(300, 2).X).J.row(1).minCoeff(), 0);
}

TEST(ComposedTrainerTest, WhatCannotBeIsRefusedByName) {
  const OwnedSamples samples = Waves(100, 1);
  const SampleSet view = samples.View();
  const auto error_of = [&](const Options& options, const CompositionOptions& composition,
                            std::size_t memory_limit) -> Error {
    try {
      ComposedTrainer(view, options, composition, memory_limit);
    } catch (const Error& error) {
      return error;
    }
    return {ErrorCode::kInternal, "NONE", "", "no error"};
  };
  const Error huge = error_of(SmallOptions(), PeriodAndLogarithm(), 1000);
  EXPECT_EQ(huge.code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(huge.what(), testing::HasSubstr("mapped copy takes less than 1000 bytes, got 100"));
  EXPECT_EQ(error_of(SmallOptions(), {.degree = 9}, kNoLimit).field(), "spec.feature_degree");
  EXPECT_EQ(error_of(SmallOptions(), {.outputs = {{.upper = 0}}}, kNoLimit).field(),
            "spec.output_maps");
  Options options = SmallOptions();
  options.validation_fraction = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(error_of(options, PeriodAndLogarithm(), kNoLimit).field(), "spec.validation_fraction");
  options = SmallOptions();
  options.shape.slopes = {nn::Slope::kIncreasing, nn::Slope::kFree};
  EXPECT_EQ(error_of(options, PeriodAndLogarithm(), kNoLimit).field(), "spec.input_maps");
}

}  // namespace
}  // namespace sobolev::train
