#include "engine/train/trainer.h"

#include <chrono>
#include <cmath>
#include <cstddef>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

// Ends soon, with several steps an epoch.
Options Short() {
  return {.hidden = {8, 8}, .epochs = 12, .batch_size = 40, .patience = 0, .seed = 5};
}

std::string FinalState(const SampleSet& samples, const Options& options) {
  Trainer trainer(samples, options);
  EXPECT_EQ(RunToEnd(trainer), Status::kMaxEpochs);
  return trainer.SaveState();
}

TEST(TrainerTest, EveryEpochIsAnnouncedAndRecorded) {
  const OwnedSamples samples = Smooth::Sample(300, 1);
  Trainer trainer(samples.View(), Short());
  EXPECT_EQ(trainer.NumTrainingSamples(), 270);
  EXPECT_EQ(trainer.NumValidationSamples(), 30);
  EXPECT_EQ(trainer.NumTrainingJacobians(), 270);
  EXPECT_EQ(trainer.SamplesTotal(), 12 * 270);
  EXPECT_EQ(trainer.BestEpoch(), 0);
  for (Index epoch = 1; epoch <= 12; ++epoch) {
    ASSERT_EQ(trainer.Advance({}, 1000), Status::kEpochDone);
    EXPECT_EQ(trainer.SamplesSeen(), epoch * 270);
    ASSERT_EQ(trainer.History().size(), static_cast<std::size_t>(epoch));
    EXPECT_EQ(trainer.History().back().epoch, epoch);
  }
  EXPECT_EQ(trainer.Advance({}, 1000), Status::kMaxEpochs);
  EXPECT_EQ(trainer.Advance({}, 1000), Status::kMaxEpochs);
  EXPECT_EQ(trainer.History().size(), 12U);
}

TEST(TrainerTest, ASliceEndsAfterAboutAsManySamplesAsAsked) {
  const OwnedSamples samples = Smooth::Sample(300, 1);
  Trainer trainer(samples.View(), Short());  // 7 steps of 38 or 39 samples
  EXPECT_EQ(trainer.Advance({}, 50), Status::kRunning);
  EXPECT_EQ(trainer.SamplesSeen(), 77);
  EXPECT_EQ(trainer.Advance({}, 1), Status::kRunning);
  EXPECT_EQ(trainer.SamplesSeen(), 115);
}

// Slices of every size, a new trainer for each, so that states are taken in mid-epoch and between
// epochs.
TEST(TrainerTest, ResumingAnywhereEndsWithTheSameBits) {
  const OwnedSamples samples = Smooth::Sample(300, 1);
  for (const Precision precision : {Precision::kFloat32, Precision::kFloat64}) {
    Options options = Short();
    options.precision = precision;
    const std::string expected = FinalState(samples.View(), options);
    for (const Index slice : {1, 100, 270}) {
      std::string state = Trainer(samples.View(), options).SaveState();
      Status status = Status::kRunning;
      while (status == Status::kRunning || status == Status::kEpochDone) {
        Trainer resumed(samples.View(), options);
        resumed.LoadState(state);
        status = resumed.Advance({}, slice);
        state = resumed.SaveState();
      }
      EXPECT_EQ(status, Status::kMaxEpochs);
      EXPECT_TRUE(state == expected) << "slice " << slice;
    }
  }
}

TEST(TrainerTest, TheNumberOfThreadsDoesNotChangeABit) {
  const OwnedSamples samples = Smooth::Sample(3000, 1);
  const Options options = {.hidden = {8, 8}, .epochs = 3, .batch_size = 1300, .patience = 0};
  std::string one_thread;
  std::string two_threads;
  tbb::task_arena(1).execute([&] { one_thread = FinalState(samples.View(), options); });
  tbb::task_arena(2).execute([&] { two_threads = FinalState(samples.View(), options); });
  EXPECT_TRUE(one_thread == two_threads);
}

TEST(TrainerTest, BlocksAndTheirSizesDoNotMatter) {
  const OwnedSamples samples = Smooth::Sample(300, 1);
  SampleSet blocks{.n = 2, .m = 2, .blocks = {}};
  for (Index s = 0; s < 300; s += 75) {
    blocks.blocks.push_back({.rows = 75,
                             .x = samples.X.col(s).data(),
                             .y = samples.Y.col(s).data(),
                             .jacobian = samples.J.col(2 * s).data(),
                             .weight = nullptr});
  }
  EXPECT_TRUE(FinalState(blocks, Short()) == FinalState(samples.View(), Short()));
}

TEST(TrainerTest, SeedsDiffer) {
  const OwnedSamples samples = Smooth::Sample(300, 1);
  Options other = Short();
  other.seed = 6;
  EXPECT_NE(FinalState(samples.View(), other), FinalState(samples.View(), Short()));
}

TEST(TrainerTest, AStoppedTrainerKeepsItsStateAndGoesOn) {
  const OwnedSamples samples = Smooth::Sample(300, 1);
  const std::string expected = FinalState(samples.View(), Short());
  Trainer trainer(samples.View(), Short());
  trainer.Advance({}, 100);
  const std::string before = trainer.SaveState();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(trainer.Advance(stop.get_token(), 1000), Status::kCancelled);
  EXPECT_TRUE(trainer.SaveState() == before);
  EXPECT_EQ(RunToEnd(trainer), Status::kMaxEpochs);
  EXPECT_TRUE(trainer.SaveState() == expected);
}

// Wherever the stop happens to fall, even in the midst of a step or of a validation.
TEST(TrainerTest, BeingStoppedAtAnyMomentChangesNothingInTheEnd) {
  const OwnedSamples samples = Smooth::Sample(3000, 1);
  Options options = Short();
  options.batch_size = 1000;
  const std::string expected = FinalState(samples.View(), options);
  Trainer trainer(samples.View(), options);
  Status status = Status::kRunning;
  for (int delay = 0; status != Status::kMaxEpochs; ++delay) {
    std::stop_source stop;
    const std::jthread stopper([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(50 * delay));
      stop.request_stop();
    });
    status = trainer.Advance(stop.get_token(), 1'000'000);
  }
  EXPECT_TRUE(trainer.SaveState() == expected);
}

TEST(TrainerTest, ConstructionCanBeStopped) {
  const OwnedSamples samples = Smooth::Sample(300, 1);
  std::stop_source stop;
  stop.request_stop();
  try {
    const Trainer trainer(samples.View(), Short(), stop.get_token());
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

// Labels that are nothing but noise: all that can be learnt is their mean, and fitting more makes
// the validation worse.
TEST(TrainerTest, StopsEarlyWhenValidationOnlyGetsWorseAndKeepsTheBest) {
  OwnedSamples samples = Smooth::Sample(100, 1);
  Rng rng(1);
  for (double& y : samples.Y.reshaped()) y = rng.Normal();
  Trainer trainer(samples.ViewWithJacobians(0), {.hidden = {40, 40}, .patience = 30});
  EXPECT_EQ(RunToEnd(trainer), Status::kEarlyStopping);
  EXPECT_EQ(RunToEnd(trainer), Status::kEarlyStopping);
  EXPECT_EQ(static_cast<Index>(trainer.History().size()), trainer.BestEpoch() + 30);
  EXPECT_LT(static_cast<Index>(trainer.History().size()), *trainer.options().epochs);
  const auto best = static_cast<std::size_t>(trainer.BestEpoch() - 1);
  for (const EpochRecord& record : trainer.History()) {
    EXPECT_LE(trainer.History()[best].validation_loss, 1.02 * record.validation_loss);
  }
  EXPECT_EQ(trainer.ValidationErrors().value_relative,
            trainer.History()[best].validation_value_relative);
}

// Thirty layers multiply what a rate ten times too large has done to each of them, until a loss is
// not finite.
Options Diverging() {
  return {.hidden = std::vector<Index>(30, 16),
          .activation = nn::Activation::kSilu,
          .skip = true,
          .epochs = 60,
          .batch_size = 40,
          .learning_rate = 0.5};
}

TEST(TrainerTest, ATrainingThatDivergesGoesOnWithALowerRateAndLearns) {
  const OwnedSamples samples = Smooth::Sample(300, 1);
  for (const std::uint64_t seed : {1, 2}) {
    Options options = Diverging();
    options.seed = seed;
    Trainer trainer(samples.View(), options);
    EXPECT_EQ(RunToEnd(trainer), Status::kMaxEpochs);
    EXPECT_GE(trainer.NumRollbacks(), 1);
    EXPECT_DOUBLE_EQ(trainer.PeakLearningRate(),
                     0.5 * std::pow(0.1, static_cast<double>(trainer.NumRollbacks())));
    ASSERT_EQ(trainer.History().size(), 60U);
    for (const EpochRecord& record : trainer.History()) {
      EXPECT_TRUE(std::isfinite(record.value_loss));
      EXPECT_TRUE(std::isfinite(record.validation_loss));
      EXPECT_LE(record.learning_rate, 0.5);
    }
    EXPECT_LT(trainer.History()[30].learning_rate, 0.05);
    const double spread = trainer.scaling().y_scale[0];
    const OwnedSamples points = Smooth::Sample(1000, 2);
    EXPECT_LT(ErrorsOn(trainer.MakeSurrogate(), points).value, 0.03 * spread);
  }
}

TEST(TrainerTest, ATrainingThatDoesNotDivergeKeepsItsRate) {
  const OwnedSamples samples = Smooth::Sample(300, 1);
  Trainer trainer(samples.View(), Short());
  RunToEnd(trainer);
  EXPECT_EQ(trainer.NumRollbacks(), 0);
  EXPECT_EQ(trainer.PeakLearningRate(), *trainer.options().learning_rate);
}

// Saved and loaded after every few steps, and so also soon before and after going back: because of
// the loss of a step, or, with one step an epoch, because of the validation. Resident and streamed.
TEST(TrainerTest, ATrainingThatDivergesResumesToTheSameBits) {
  const OwnedSamples samples = Smooth::Sample(300, 1);
  for (const bool streamed : {false, true}) {
    for (const Index batch : {40, 270}) {
      Options options = Diverging();
      options.learning_rate = 2;
      options.epochs = batch == 40 ? 60 : 200;
      options.patience = 0;
      options.batch_size = batch;
      options.streamed = streamed;
      Trainer trainer(samples.View(), options);
      EXPECT_EQ(RunToEnd(trainer), Status::kMaxEpochs);
      EXPECT_GE(trainer.NumRollbacks(), 1);
      std::string state = Trainer(samples.View(), options).SaveState();
      Status status = Status::kRunning;
      while (status == Status::kRunning || status == Status::kEpochDone) {
        Trainer resumed(samples.View(), options);
        resumed.LoadState(state);
        status = resumed.Advance({}, 100);
        state = resumed.SaveState();
      }
      EXPECT_TRUE(state == trainer.SaveState()) << "streamed " << streamed << ", batch " << batch;
    }
  }
}

// A held-out label whose square is infinite in single precision, whatever the parameters.
TEST(TrainerTest, DivergenceThatNoRateHelpsIsAValueAndTheParametersStayFinite) {
  OwnedSamples samples = Smooth::Sample(300, 1);
  const Split split = SplitSamples(300, 0.1, 5);
  samples.Y(0, static_cast<Index>(split.validation.front())) = 1e30;
  Trainer trainer(samples.View(), Short());
  EXPECT_EQ(RunToEnd(trainer), Status::kDiverged);
  EXPECT_EQ(RunToEnd(trainer), Status::kDiverged);
  EXPECT_EQ(trainer.BestEpoch(), 0);
  EXPECT_TRUE(trainer.History().empty());
  EXPECT_TRUE(trainer.MakeSurrogate().theta().allFinite());
  Options options = Short();
  options.precision = Precision::kFloat64;
  Trainer in_double(samples.View(), options);
  EXPECT_EQ(RunToEnd(in_double), Status::kMaxEpochs);
}

TEST(TrainerTest, ValidationErrorsAreThoseOfTheSurrogateOnTheHeldOutSamples) {
  const OwnedSamples samples = Smooth::Sample(100, 1);
  Options options = Short();
  options.precision = Precision::kFloat64;
  Trainer trainer(samples.View(), options);
  RunToEnd(trainer);
  const Split split = SplitSamples(100, 0.1, options.seed);
  OwnedSamples held_out = Smooth::Sample(10, 1);
  for (Index s = 0; s < 10; ++s) {
    const auto number = static_cast<Index>(split.validation[static_cast<std::size_t>(s)]);
    held_out.X.col(s) = samples.X.col(number);
    held_out.Y.col(s) = samples.Y.col(number);
    held_out.J.middleCols(2 * s, 2) = samples.J.middleCols(2 * number, 2);
  }
  const Errors errors = trainer.ValidationErrors();
  const TrueErrors expected = ErrorsOn(trainer.MakeSurrogate(), held_out);
  EXPECT_NEAR(std::sqrt(errors.value_rmse.squaredNorm() / 2) / expected.value, 1, 1e-9);
  const Vector relative = errors.value_rmse.cwiseQuotient(trainer.scaling().y_scale);
  EXPECT_NEAR(errors.value_relative, std::sqrt(relative.squaredNorm() / 2), 1e-12);
  EXPECT_EQ(errors.jacobian_rmse.size(), 2);
  EXPECT_GT(errors.jacobian_relative, 0);
}

// Multiplying a column by a power of two changes no rounding, so even the bits must agree.
TEST(TrainerTest, UnitsOfInputsAndOutputsDoNotMatter) {
  const OwnedSamples samples = Smooth::Sample(300, 1);
  OwnedSamples scaled = samples;
  const Vector x_unit{{1024, 0.125}};
  const Vector y_unit{{0x1p-30, 4}};
  for (Index s = 0; s < 300; ++s) {
    scaled.X.col(s) = samples.X.col(s).cwiseProduct(x_unit);
    scaled.Y.col(s) = samples.Y.col(s).cwiseProduct(y_unit);
    for (Index i = 0; i < 2; ++i) {
      scaled.J.col(2 * s + i) = samples.J.col(2 * s + i).cwiseQuotient(x_unit) * y_unit[i];
    }
  }
  Trainer trainer(samples.View(), Short());
  Trainer scaled_trainer(scaled.View(), Short());
  RunToEnd(trainer);
  RunToEnd(scaled_trainer);
  EXPECT_EQ(trainer.MakeSurrogate().theta(), scaled_trainer.MakeSurrogate().theta());
}

TEST(TrainerTest, ASmoothFunctionIsLearntFarBetterWithItsGradients) {
  const OwnedSamples samples = Smooth::Sample(200, 1);
  const OwnedSamples points = Smooth::Sample(2000, 2);
  Trainer differential(samples.View(), {});
  Trainer value_only(samples.View(), {.beta = 0});
  RunToEnd(differential);
  RunToEnd(value_only);
  const TrueErrors with = ErrorsOn(differential.MakeSurrogate(), points);
  const TrueErrors without = ErrorsOn(value_only.MakeSurrogate(), points);
  const double spread = differential.scaling().y_scale[0];
  EXPECT_LT(with.value, 0.004 * spread);
  EXPECT_LT(with.value, without.value / 3);
  EXPECT_LT(with.jacobian, without.jacobian / 3);
}

TEST(TrainerTest, HalfTheJacobiansHelpAlmostAsMuchAndTheOthersAreNotTakenForZero) {
  const OwnedSamples samples = Smooth::Sample(60, 1);
  const OwnedSamples points = Smooth::Sample(2000, 2);
  Trainer trainer(samples.ViewWithJacobians(30), {});
  RunToEnd(trainer);
  EXPECT_GT(trainer.NumTrainingJacobians(), 20);
  EXPECT_LE(trainer.NumTrainingJacobians(), 30);
  EXPECT_LT(ErrorsOn(trainer.MakeSurrogate(), points).value, 0.02 * trainer.scaling().y_scale[0]);
}

// y = sin 2x₁ + ε x₂ + 0 x₃ + 1e-6 (x₄ − 10⁵), where x₄ never changes from 10⁵.
OwnedSamples WeakInputs(double epsilon, Index num_samples) {
  OwnedSamples samples{.X = Matrix(4, num_samples),
                       .Y = Matrix(1, num_samples),
                       .J = Matrix(4, num_samples),
                       .weight = {}};
  Rng rng(4);
  for (Index s = 0; s < num_samples; ++s) {
    samples.X.col(s) << 2 * rng.Uniform() - 1, 2 * rng.Uniform() - 1, 2 * rng.Uniform() - 1, 1e5;
    samples.Y(0, s) = std::sin(2 * samples.X(0, s)) + epsilon * samples.X(1, s);
    samples.J.col(s) << 2 * std::cos(2 * samples.X(0, s)), epsilon, 0, 1e-6;
  }
  return samples;
}

TEST(TrainerTest, AnInputThatBarelyMattersCollapsesThePublishedScalesOnly) {
  const OwnedSamples samples = WeakInputs(1e-6, 200);
  for (const DerivativeScale scale : {DerivativeScale::kBalanced, DerivativeScale::kPerOutput}) {
    Trainer trainer(samples.View(), {.derivative_scale = scale});
    RunToEnd(trainer);
    EXPECT_LT(ErrorsOn(trainer.MakeSurrogate(), samples).value, 0.01);
  }
  Trainer published(samples.View(), {.derivative_scale = DerivativeScale::kPerInput});
  RunToEnd(published);
  EXPECT_GT(ErrorsOn(published.MakeSurrogate(), samples).value, 0.1);
}

TEST(TrainerTest, DeadAndConstantInputsGetTheirDerivativesRight) {
  const OwnedSamples samples = WeakInputs(0.1, 200);
  Trainer trainer(samples.View(), {});
  RunToEnd(trainer);
  const nn::NetworkSurrogate surrogate = trainer.MakeSurrogate();
  Matrix J(4, 200);
  surrogate.Predict(ConstMatrixMap(samples.X.data(), 4, 200), {}, {}, {.J = J.data()});
  const auto rmse = [&](Index j) { return (J.row(j) - samples.J.row(j)).norm() / std::sqrt(200); };
  EXPECT_LT(rmse(0), 0.02);
  EXPECT_LT(rmse(1), 0.02);
  EXPECT_LT(rmse(2), 0.02);
  EXPECT_LT(rmse(3), 0.02 * 1e-6);
}

TEST(TrainerTest, AConstantOutputIsLearnt) {
  OwnedSamples samples = Smooth::Sample(100, 1);
  samples.Y.row(1).setConstant(1e6);
  for (Index s = 0; s < 100; ++s) samples.J.col(2 * s + 1).setZero();
  Trainer trainer(samples.View(), {});
  RunToEnd(trainer);
  EXPECT_LT(trainer.ValidationErrors().value_rmse[1], 0.1);
}

TEST(TrainerTest, OptionsAreCheckedAtConstruction) {
  const OwnedSamples samples = Smooth::Sample(2, 1);
  EXPECT_THROW(Trainer(samples.View(), {}), Error);
}

}  // namespace
}  // namespace sobolev::train
