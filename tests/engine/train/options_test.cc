#include "engine/train/options.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/train/samples.h"

namespace sobolev::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// Of samples with Jacobians.
SampleShape Shape(Index num_samples, Index num_jacobians, Index n = 3, Index m = 2) {
  return {.layout = {.n = n, .m = m}, .num_samples = num_samples, .num_derivatives = num_jacobians};
}

Options Resolve(const Options& options, Index num_samples = 1000, Index num_jacobians = 1000) {
  return ResolveOptions(options, Shape(num_samples, num_jacobians), kNoLimit);
}

// The error that resolving throws for 1000 samples with Jacobians, 3 inputs and 2 outputs.
Error ErrorOf(const Options& options, Index num_samples = 1000, Index num_jacobians = 1000,
              std::size_t memory_limit = kNoLimit) {
  try {
    ResolveOptions(options, Shape(num_samples, num_jacobians), memory_limit);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "expected an Error";
  return InvalidArgument("NONE", "", "none");
}

TEST(OptionsTest, LossWeightsFollowTheNumberOfInputs) {
  const Options resolved = Resolve({});
  EXPECT_DOUBLE_EQ(*resolved.alpha, 1.0 / 4);
  EXPECT_DOUBLE_EQ(*resolved.beta, 3.0 / 4);
}

TEST(OptionsTest, WithoutJacobiansOrGradientLossOnlyValuesCount) {
  const Options without = Resolve({}, 1000, 0);
  EXPECT_EQ(*without.alpha, 1);
  EXPECT_EQ(*without.beta, 0);
  EXPECT_EQ(*Resolve({.beta = 0}).alpha, 1);
}

TEST(OptionsTest, ResidualLayersNeedNeighboursOfTheSameWidth) {
  EXPECT_NO_THROW(Resolve({.hidden = {8, 8}, .residual = true}));
  EXPECT_NO_THROW(Resolve({.hidden = {4, 8, 8}, .residual = true}));
  for (const Options& options :
       {Options{.hidden = {8}, .residual = true}, Options{.hidden = {8, 4, 8}, .residual = true}}) {
    const Error error = ErrorOf(options);
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "spec.network.residual");
    EXPECT_THAT(error.what(), HasSubstr("two neighbouring hidden layers of the same width"));
  }
}

TEST(OptionsTest, SmallDatasetsGetSixteenHundredSteps) {
  const Options resolved = Resolve({}, 400);
  EXPECT_EQ(*resolved.batch_size, 256);
  EXPECT_EQ(StepsPerEpoch(resolved, 360), 2);
  EXPECT_EQ(*resolved.epochs, 800);
  EXPECT_EQ(*resolved.patience, 266);
}

TEST(OptionsTest, LargeDatasetsGetAHundredEpochsOfBatchesThatGrow) {
  const Options resolved = Resolve({}, 160'000);
  EXPECT_EQ(*resolved.batch_size, 10'000);
  EXPECT_EQ(*resolved.epochs, 107);  // of 15 steps
  EXPECT_EQ(*Resolve({.batch_size = 256}, 160'000).epochs, 100);
  EXPECT_EQ(*Resolve({}, 100'000'000).batch_size, 1'000'000);
}

TEST(OptionsTest, ABatchIsAtMostTheTrainingSamples) {
  EXPECT_EQ(*Resolve({}, 100).batch_size, 90);
  EXPECT_EQ(*Resolve({.batch_size = 1000}, 100).batch_size, 90);
  EXPECT_EQ(*Resolve({.batch_size = 7}, 100).batch_size, 7);
}

TEST(OptionsTest, WideNetworksGetALowerRate) {
  EXPECT_DOUBLE_EQ(*Resolve({}).learning_rate, 0.05);
  EXPECT_DOUBLE_EQ(*Resolve({.hidden = {20, 128, 20}}).learning_rate, 0.0125);
}

TEST(OptionsTest, PatienceIsAThirdOfTheEpochsButAtLeastTen) {
  EXPECT_EQ(*Resolve({.epochs = 300}).patience, 100);
  EXPECT_EQ(*Resolve({.epochs = 12}).patience, 10);
  EXPECT_EQ(*Resolve({.epochs = 12, .patience = 0}).patience, 0);
}

TEST(OptionsTest, ResolvedOptionsResolveToThemselves) {
  const Options once = Resolve({}, 400);
  const Options twice = Resolve(once, 400);
  EXPECT_EQ(once.alpha, twice.alpha);
  EXPECT_EQ(once.beta, twice.beta);
  EXPECT_EQ(once.epochs, twice.epochs);
  EXPECT_EQ(once.batch_size, twice.batch_size);
  EXPECT_EQ(once.learning_rate, twice.learning_rate);
  EXPECT_EQ(once.patience, twice.patience);
}

struct BadOption {
  const char* field;
  Options options;
  const char* got;
};

class BadOptionTest : public ::testing::TestWithParam<BadOption> {};

TEST_P(BadOptionTest, IsAnInvalidArgumentThatNamesFieldAndValue) {
  const Error error = ErrorOf(GetParam().options);
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.reason(), "OUT_OF_RANGE");
  EXPECT_EQ(error.field(), GetParam().field);
  EXPECT_THAT(std::string(error.what()),
              AllOf(StartsWith(std::string(GetParam().field) + ": expected "),
                    HasSubstr(std::string("got ") + GetParam().got), HasSubstr("; ")));
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

INSTANTIATE_TEST_SUITE_P(
    OptionsTest, BadOptionTest,
    ::testing::Values(BadOption{"spec.alpha", {.alpha = -1}, "-1"},
                      BadOption{"spec.alpha", {.alpha = kNan}, "nan"},
                      BadOption{"spec.alpha", {.alpha = 1e7}, "1e+07"},
                      BadOption{"spec.beta", {.beta = -0.5}, "-0.5"},
                      BadOption{"spec.beta", {.beta = kInfinity}, "inf"},
                      BadOption{"spec.alpha", {.alpha = 0, .beta = 0}, "0"},
                      BadOption{"spec.epochs", {.epochs = 0}, "0"},
                      BadOption{"spec.epochs", {.epochs = 1'000'001}, "1000001"},
                      BadOption{"spec.batch_size", {.batch_size = 0}, "0"},
                      BadOption{"spec.batch_size", {.batch_size = -3}, "-3"},
                      BadOption{"spec.batch_size", {.batch_size = 1'000'001}, "1000001"},
                      BadOption{"spec.learning_rate", {.learning_rate = 0}, "0"},
                      BadOption{"spec.learning_rate", {.learning_rate = kNan}, "nan"},
                      BadOption{"spec.learning_rate", {.learning_rate = 10.5}, "10.5"},
                      BadOption{"spec.validation_fraction", {.validation_fraction = 0}, "0"},
                      BadOption{"spec.validation_fraction", {.validation_fraction = 0.95}, "0.95"},
                      BadOption{"spec.validation_fraction", {.validation_fraction = kNan}, "nan"},
                      BadOption{"spec.patience", {.patience = -1}, "-1"},
                      BadOption{"spec.network.hidden[1]", {.hidden = {20, 0}}, "0"},
                      BadOption{"spec.network.hidden[0]", {.hidden = {1'000'000}}, "1000000"}));

TEST(OptionsTest, TooFewSamplesForTheSplitIsAFailedPrecondition) {
  for (const Index num_samples : {0, 1, 2}) {
    const Error error = ErrorOf({}, num_samples, num_samples);
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(error.reason(), "TOO_FEW_SAMPLES");
    EXPECT_EQ(error.field(), "dataset");
    EXPECT_THAT(std::string(error.what()),
                HasSubstr("got " + std::to_string(num_samples) + " samples"));
  }
  EXPECT_EQ(*Resolve({}, 3).batch_size, 2);
  EXPECT_EQ(ErrorOf({.validation_fraction = 0.9}, 10).reason(), "TOO_FEW_SAMPLES");
}

TEST(OptionsTest, AGradientLossWithoutJacobiansIsAFailedPrecondition) {
  const Error error = ErrorOf({.beta = 0.5}, 1000, 0);
  EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(error.reason(), "NO_JACOBIANS");
  EXPECT_EQ(error.field(), "spec.beta");
}

TEST(OptionsTest, ATrainingWithoutMemoryForAllRowsIsStreamed) {
  const SampleShape shape = Shape(1'000'000, 1'000'000, 20, 1);
  const Options batch{.batch_size = 1000};
  const Options resident = ResolveOptions(batch, shape, kNoLimit);
  EXPECT_FALSE(resident.streamed);
  EXPECT_FALSE(ResolveOptions(batch, shape, MemoryBytes(resident, shape)).streamed);
  const Options streamed = ResolveOptions(batch, shape, MemoryBytes(resident, shape) - 1);
  EXPECT_TRUE(streamed.streamed);
  EXPECT_LT(MemoryBytes(streamed, shape), MemoryBytes(resident, shape) / 4);
  EXPECT_TRUE(ResolveOptions(streamed, shape, kNoLimit).streamed);
}

TEST(OptionsTest, ATrainingThatNeedsTooMuchMemoryIsRefused) {
  const std::size_t needed = MemoryBytes(Resolve({}), Shape(1000, 1000));
  EXPECT_NO_THROW(ResolveOptions({}, Shape(1000, 1000), needed));
  const Error error = ErrorOf({}, 1000, 1000, needed - 1);
  EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(error.reason(), "JOB_MEMORY");
  EXPECT_THAT(std::string(error.what()), HasSubstr("needs about " + std::to_string(needed)));
}

TEST(OptionsTest, SketchesAreForManyOutputsWithJacobians) {
  EXPECT_EQ(*ResolveOptions({}, Shape(1000, 1000, 3, kManyOutputs), kNoLimit).derivative_sketch, 0);
  const SampleShape many = Shape(1000, 1000, 3, kManyOutputs + 1);
  const Options resolved = ResolveOptions({}, many, kNoLimit);
  EXPECT_EQ(*resolved.derivative_sketch, kSketchedOutputs);
  EXPECT_TRUE(resolved.streamed);
  EXPECT_EQ(*ResolveOptions(resolved, many, kNoLimit).derivative_sketch, kSketchedOutputs);
  EXPECT_EQ(*ResolveOptions({.derivative_sketch = 0}, many, kNoLimit).derivative_sketch, 0);
  EXPECT_EQ(*ResolveOptions({.derivative_sketch = 1000}, many, kNoLimit).derivative_sketch, 0);
  EXPECT_EQ(*ResolveOptions({.beta = 0}, many, kNoLimit).derivative_sketch, 0);
  EXPECT_EQ(*Resolve({.derivative_sketch = 1}).derivative_sketch, 1);
  EXPECT_THAT(ErrorOf({.derivative_sketch = -1}).what(), HasSubstr("expected 0 to"));
}

TEST(OptionsTest, MoreSamplesThanCanBeNumberedAreRefused) {
  const Index too_many = Index{1} << 33;
  EXPECT_EQ(ErrorOf({}, too_many, too_many).code(), ErrorCode::kResourceExhausted);
}

// The rows alone are 2000 bytes each in float32: n + m + m·n + 2 numbers with n = 98 and m = 4.
TEST(OptionsTest, TheMemoryEstimateCoversTheSamplesAndGrowsWithPrecisionAndNetwork) {
  const SampleShape shape = Shape(100'000, 100'000, 98, 4);
  Options options = ResolveOptions({}, shape, kNoLimit);
  const std::size_t bytes = MemoryBytes(options, shape);
  EXPECT_GT(bytes, 100'000U * 496U * 4U);
  EXPECT_LT(bytes, 2U * 100'000U * 496U * 4U);
  options.precision = Precision::kFloat64;
  EXPECT_GT(MemoryBytes(options, shape), bytes * 19 / 10);
  options.hidden = {4096, 4096};
  EXPECT_GT(MemoryBytes(options, shape), 4 * bytes);
}

TEST(OptionsTest, NothingToFitIsRefused) {
  SampleShape shape{.layout = {.n = 2, .m = 1, .jacobian = true}, .num_samples = 80};
  const auto require = [&] {
    RequireLabels(ResolveOptions({}, shape, std::numeric_limits<std::size_t>::max()), shape);
  };
  EXPECT_NO_THROW(require());
  shape.has_values = false;
  try {
    require();
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(error.field(), "dataset");
  }
  shape.num_derivatives = 1;
  EXPECT_NO_THROW(require());
}

}  // namespace
}  // namespace sobolev::train
