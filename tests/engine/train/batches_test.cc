// Rows that are made while they are needed: the same rows as those in memory, each sample once an
// epoch, in an order that follows from seed and epoch.

#include "engine/train/batches.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"
#include "engine/train/stream_order.h"
#include "engine/train/trainer.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

using ::testing::HasSubstr;

// ---- The order ----------------------------------------------------------------------------------

// Samples, steps, steps in a window, samples in a block.
using OrderCase = std::tuple<Index, Index, Index, Index>;
class StreamOrderTest : public testing::TestWithParam<OrderCase> {
 protected:
  StreamOrder Order(std::uint64_t seed = 1) const {
    const auto [num_samples, num_steps, steps_per_window, block] = GetParam();
    return {num_samples, num_steps, steps_per_window, block, seed};
  }

  // What the steps of an epoch take, one after the other.
  std::vector<std::uint32_t> Epoch(const StreamOrder& order, Index epoch) const {
    std::vector<std::uint32_t> visited;
    std::vector<std::uint32_t> positions;
    std::vector<std::uint32_t> of_window;
    const std::vector<std::uint32_t> blocks = order.BlocksOf(epoch);
    for (Index step = 0; step < std::get<1>(GetParam()); ++step) {
      order.Window(epoch, order.WindowOfStep(step), blocks, positions, of_window);
      EXPECT_TRUE(std::ranges::is_sorted(positions));
      EXPECT_LE(static_cast<Index>(positions.size()), order.MostPositions());
      for (Index k = 0; k < order.SizeOfStep(step); ++k) {
        const auto slot = static_cast<std::size_t>(order.FirstInWindow(step) + k);
        visited.push_back(positions.at(of_window.at(slot)));
      }
    }
    return visited;
  }
};

TEST_P(StreamOrderTest, EveryEpochTakesEverySampleOnceInAnotherOrder) {
  const StreamOrder order = Order();
  std::set<std::vector<std::uint32_t>> epochs;
  for (Index epoch = 0; epoch < 3; ++epoch) {
    std::vector<std::uint32_t> visited = Epoch(order, epoch);
    EXPECT_EQ(visited, Epoch(Order(), epoch));
    EXPECT_NE(visited, Epoch(Order(2), epoch));
    epochs.insert(visited);
    std::ranges::sort(visited);
    for (std::size_t i = 0; i < visited.size(); ++i) EXPECT_EQ(visited[i], i);
    EXPECT_EQ(static_cast<Index>(visited.size()), std::get<0>(GetParam()));
  }
  EXPECT_EQ(epochs.size(), 3U);
}

INSTANTIATE_TEST_SUITE_P(Sizes, StreamOrderTest,
                         testing::Values(OrderCase{100, 10, 3, 7}, OrderCase{101, 7, 2, 100},
                                         OrderCase{1000, 1, 1, 1}, OrderCase{977, 31, 31, 13},
                                         OrderCase{50, 50, 4, 200}));

TEST(StreamOrderBlocksTest, AWindowIsMadeOfWholeBlocksButForItsEnds) {
  const StreamOrder order(10'000, 20, 1, 50, 3);
  std::vector<std::uint32_t> positions;
  std::vector<std::uint32_t> of_window;
  order.Window(0, 4, order.BlocksOf(0), positions, of_window);
  int runs = 1;
  for (std::size_t i = 1; i < positions.size(); ++i) {
    runs += positions[i] == positions[i - 1] + 1 ? 0 : 1;
  }
  EXPECT_EQ(positions.size(), 500U);
  EXPECT_LE(runs, 11);
  EXPECT_GE(runs, 5);
}

// ---- Rows ---------------------------------------------------------------------------------------

Options Resolved(const SampleSet& samples, const Options& options) {
  return ResolveOptions(options, ShapeOf(samples), std::numeric_limits<std::size_t>::max());
}

template <class T>
std::vector<std::vector<T>> RowsOf(const RowBatch<T>& batch) {
  std::vector<std::vector<T>> rows;
  for (const std::uint32_t index : batch.indices) {
    const T* const row = batch.rows.data + static_cast<Index>(index) * batch.rows.stride;
    rows.emplace_back(row, row + batch.rows.stride);
  }
  return rows;
}

TEST(BatchesTest, StreamedRowsAreTheResidentOnes) {
  OwnedSamples samples = Smooth::Sample(700, 1);
  samples.weight = Vector::LinSpaced(700, 1, 2);
  const SampleSet view = samples.ViewWithJacobians(700);
  Options options = Resolved(view, {.batch_size = 64});
  const Split split = SplitSamples(700, options.validation_fraction, options.seed);
  const Standardisation standardisation = Standardise(view, split, options.derivative_scale);
  const auto resident = MakeBatches<double>(view, split, standardisation, options, {});
  options.streamed = true;
  const auto streamed = MakeBatches<double>(view, split, standardisation, options, {});
  const auto again = MakeBatches<double>(view, split, standardisation, options, {});
  EXPECT_EQ(again->Fingerprint(), streamed->Fingerprint());
  for (Index epoch = 0; epoch < 2; ++epoch) {
    std::vector<std::vector<double>> expected;
    std::vector<std::vector<double>> actual;
    for (Index step = 0; step < StepsPerEpoch(options, 630); ++step) {
      for (auto& row : RowsOf(resident->OfStep(epoch, step, {}))) expected.push_back(row);
      for (auto& row : RowsOf(streamed->OfStep(epoch, step, {}))) actual.push_back(row);
    }
    EXPECT_NE(actual, expected);
    std::ranges::sort(expected);
    std::ranges::sort(actual);
    EXPECT_EQ(actual, expected);
    EXPECT_EQ(RowsOf(streamed->OfValidation(0, {})), RowsOf(resident->OfValidation(0, {})));
  }
}

TEST(BatchesTest, TheFingerprintOfAStreamTellsSamplesApart) {
  OwnedSamples samples = Smooth::Sample(100, 1);
  const SampleSet view = samples.View();
  Options options = Resolved(view, {});
  options.streamed = true;
  const Split split = SplitSamples(100, options.validation_fraction, options.seed);
  const Standardisation standardisation = Standardise(view, split, options.derivative_scale);
  const auto fingerprint = [&] {
    return MakeBatches<double>(view, split, standardisation, options, {})->Fingerprint();
  };
  const std::uint64_t before = fingerprint();
  samples.J(1, 5) *= 1 + 1e-15;
  EXPECT_NE(fingerprint(), before);
}

// Rows of 16 kB: the training samples fill three windows, the held-out ones more than one part.
TEST(BatchesTest, WindowsFollowEachOther) {
  constexpr Index kSamples = 1800;
  OwnedSamples samples{.X = Matrix(50, kSamples),
                       .Y = Matrix(40, kSamples),
                       .J = Matrix(50, 40 * kSamples),
                       .weight = {}};
  Rng rng(1);
  for (double& x : samples.X.reshaped()) x = rng.Normal();
  for (double& y : samples.Y.reshaped()) y = rng.Normal();
  for (double& entry : samples.J.reshaped()) entry = rng.Uniform();
  const SampleSet view = samples.View();
  Options options =
      Resolved(view, {.batch_size = 100, .validation_fraction = 0.4, .derivative_sketch = 0});
  options.precision = Precision::kFloat64;
  const Split split = SplitSamples(kSamples, options.validation_fraction, options.seed);
  const Standardisation standardisation = Standardise(view, split, options.derivative_scale);
  const auto resident = MakeBatches<double>(view, split, standardisation, options, {});
  options.streamed = true;
  const auto streamed = MakeBatches<double>(view, split, standardisation, options, {});
  EXPECT_GT(streamed->NumValidationParts(), 1);
  for (Index epoch = 0; epoch < 2; ++epoch) {
    std::vector<std::vector<double>> expected;
    std::vector<std::vector<double>> actual;
    for (Index step = 0; step < StepsPerEpoch(options, 1080); ++step) {
      for (auto& row : RowsOf(resident->OfStep(epoch, step, {}))) expected.push_back(row);
      for (auto& row : RowsOf(streamed->OfStep(epoch, step, {}))) actual.push_back(row);
    }
    std::ranges::sort(expected);
    std::ranges::sort(actual);
    EXPECT_TRUE(actual == expected);
    std::vector<std::vector<double>> held_out;
    for (Index part = 0; part < streamed->NumValidationParts(); ++part) {
      for (auto& row : RowsOf(streamed->OfValidation(part, {}))) held_out.push_back(row);
    }
    EXPECT_TRUE(held_out == RowsOf(resident->OfValidation(0, {})));
  }
}

// Steps in any order, as after resuming, give the rows that they give in turn.
TEST(BatchesTest, StreamedStepsCanBeAskedForInAnyOrder) {
  const OwnedSamples samples = Smooth::Sample(500, 1);
  const SampleSet view = samples.View();
  Options options = Resolved(view, {.batch_size = 32});
  options.streamed = true;
  const Split split = SplitSamples(500, options.validation_fraction, options.seed);
  const Standardisation standardisation = Standardise(view, split, options.derivative_scale);
  const auto make = [&] { return MakeBatches<float>(view, split, standardisation, options, {}); };
  const auto in_turn = make();
  std::vector<std::vector<std::vector<float>>> expected;
  for (Index step = 0; step < 15; ++step) expected.push_back(RowsOf(in_turn->OfStep(1, step, {})));
  const auto any = make();
  for (const Index step : {7, 3, 14, 0, 7}) {
    EXPECT_EQ(RowsOf(any->OfStep(1, step, {})), expected[static_cast<std::size_t>(step)]);
    any->OfValidation(0, {});
  }
}

TEST(BatchesTest, AStreamedSampleThatFloatCannotHoldIsNamedAtOnce) {
  OwnedSamples samples = Smooth::Sample(100, 1);
  samples.J(0, 6) = 1e100;
  const SampleSet view = samples.View();
  Options options = Resolved(view, {});
  options.streamed = true;
  const Split split = SplitSamples(100, options.validation_fraction, options.seed);
  const Standardisation standardisation = Standardise(view, split, options.derivative_scale);
  EXPECT_THAT(([&] { MakeBatches<float>(view, split, standardisation, options, {}); }),
              testing::ThrowsMessage<Error>(HasSubstr("sample 3 ")));
}

TEST(BatchesTest, AStopTokenEndsTheFirstPass) {
  const OwnedSamples samples = Smooth::Sample(100, 1);
  const SampleSet view = samples.View();
  Options options = Resolved(view, {});
  options.streamed = true;
  const Split split = SplitSamples(100, options.validation_fraction, options.seed);
  const Standardisation standardisation = Standardise(view, split, options.derivative_scale);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(MakeBatches<float>(view, split, standardisation, options, stop.get_token()), Error);
}

// ---- Training -----------------------------------------------------------------------------------

TEST(StreamedTrainingTest, ReachesTheErrorsOfAResidentOne) {
  const OwnedSamples samples = Smooth::Sample(2000, 1);
  const OwnedSamples points = Smooth::Sample(2000, 2);
  Options options{.hidden = {16, 16}, .epochs = 40, .batch_size = 50};
  Trainer resident(samples.View(), options);
  options.streamed = true;
  Trainer streamed(samples.View(), options);
  RunToEnd(resident);
  RunToEnd(streamed);
  const TrueErrors expected = ErrorsOn(resident.MakeSurrogate(), points);
  const TrueErrors actual = ErrorsOn(streamed.MakeSurrogate(), points);
  EXPECT_LT(actual.value, 2 * expected.value);
  EXPECT_LT(actual.jacobian, 2 * expected.jacobian);
  const double loss = resident.History().back().validation_loss;
  EXPECT_LT(streamed.History().back().validation_loss, 3 * loss);
}

// Slices of every size, a new trainer for each, so that states are taken within windows, between
// them and between epochs.
TEST(StreamedTrainingTest, ResumingAnywhereEndsWithTheSameBits) {
  const OwnedSamples samples = Smooth::Sample(600, 1);
  Options options{.hidden = {8}, .epochs = 3, .batch_size = 30, .patience = 0};
  options.streamed = true;
  Trainer whole(samples.View(), options);
  EXPECT_EQ(RunToEnd(whole), Status::kMaxEpochs);
  for (const Index slice : {1, 100, 540}) {
    std::string state = Trainer(samples.View(), options).SaveState();
    Status status = Status::kRunning;
    while (status == Status::kRunning || status == Status::kEpochDone) {
      Trainer resumed(samples.View(), options);
      resumed.LoadState(state);
      status = resumed.Advance({}, slice);
      state = resumed.SaveState();
    }
    EXPECT_TRUE(state == whole.SaveState()) << "slice " << slice;
  }
}

TEST(StreamedTrainingTest, AStateOfResidentTrainingIsRefused) {
  const OwnedSamples samples = Smooth::Sample(600, 1);
  Options options{.hidden = {8}, .epochs = 3};
  const std::string state = Trainer(samples.View(), options).SaveState();
  options.streamed = true;
  Trainer streamed(samples.View(), options);
  EXPECT_THROW(streamed.LoadState(state), Error);
}

}  // namespace
}  // namespace sobolev::train
