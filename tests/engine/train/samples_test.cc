#include "engine/train/samples.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <stop_token>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

using ::testing::ElementsAre;

TEST(SamplesTest, CountsSamplesAndJacobiansOverAllBlocks) {
  const OwnedSamples samples = Smooth::Sample(7, 1);
  EXPECT_EQ(samples.ViewWithJacobians(3).NumSamples(), 7);
  EXPECT_EQ(samples.ViewWithJacobians(3).NumJacobians(), 3);
  EXPECT_EQ(SampleSet{}.NumSamples(), 0);
}

TEST(SamplesTest, VisitsEverySampleInOrderWithItsOwnNumbers) {
  OwnedSamples samples = Smooth::Sample(3, 1);
  samples.weight = Vector{{5, 6, 7}};
  std::vector<double> weights;
  ForEachSample(samples.ViewWithJacobians(2), {}, [&](Index number, const Sample& sample) {
    EXPECT_EQ(sample.x[1], samples.X(1, number));
    EXPECT_EQ(sample.y[1], samples.Y(1, number));
    ASSERT_EQ(sample.jacobian == nullptr, number == 2);
    if (number < 2) {
      EXPECT_EQ(sample.jacobian[2], samples.J(0, 2 * number + 1));
    }
    weights.push_back(sample.weight);
  });
  EXPECT_THAT(weights, ElementsAre(5, 6, 7));
}

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Three samples with two inputs and one output, and labels of every kind; all numbers differ.
struct LabelledSamples {
  std::vector<double> x = {1, 2, 3, 4, 5, 6};
  std::vector<double> y = {11, 12, 13};
  std::vector<double> jacobian = {21, 22, 23, 24, 25, 26};
  std::vector<double> tangents = {31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42};
  std::vector<double> jvp = {51, 52, 53, 54, 55, 56};
  std::vector<double> adjoints = {61, 62, 63};
  std::vector<double> vjp = {71, 72, 73, 74, 75, 76};
  std::vector<double> hvp_tangents = {81, 82, 83, 84, 85, 86};
  std::vector<double> hvp = {91, 92, 93, 94, 95, 96};
  std::vector<double> y_variance = {101, 102, 103};

  SampleSet View() const {
    return {.n = 2,
            .m = 1,
            .blocks = {{.rows = 3,
                        .num_tangents = 2,
                        .num_adjoints = 1,
                        .num_hvps = 1,
                        .x = x.data(),
                        .y = y.data(),
                        .jacobian = jacobian.data(),
                        .tangents = tangents.data(),
                        .jvp = jvp.data(),
                        .adjoints = adjoints.data(),
                        .vjp = vjp.data(),
                        .hvp_tangents = hvp_tangents.data(),
                        .hvp = hvp.data(),
                        .y_variance = y_variance.data()}}};
  }
};

TEST(SamplesTest, ASampleHasTheLabelsOfItsRow) {
  const LabelledSamples samples;
  const SampleSet set = samples.View();
  const Sample sample = SampleAt(set.blocks[0], 1, set.n, set.m);
  EXPECT_EQ(sample.x[0], 3);
  EXPECT_EQ(sample.y[0], 12);
  EXPECT_EQ(sample.jacobian[1], 24);
  EXPECT_EQ(sample.weight, 1);
  EXPECT_EQ(sample.num_tangents, 2);
  EXPECT_EQ(sample.tangents[0], 35);
  EXPECT_EQ(sample.tangents[3], 38);
  EXPECT_EQ(sample.jvp[1], 54);
  EXPECT_EQ(sample.adjoints[0], 62);
  EXPECT_EQ(sample.vjp[1], 74);
  EXPECT_EQ(sample.hvp_adjoints, nullptr);
  EXPECT_EQ(sample.hvp_tangents[0], 83);
  EXPECT_EQ(sample.hvp[1], 94);
  EXPECT_EQ(sample.y_variance[0], 102);
  EXPECT_EQ(sample.jacobian_variance, nullptr);
}

TEST(SamplesTest, ALabelCountsIfAnyOfItsNumbersIsKnown) {
  LabelledSamples samples;
  samples.jacobian[0] = kMissing;  // Of the first sample, in part.
  samples.jacobian[2] = samples.jacobian[3] = kMissing;
  samples.jvp[1] = kMissing;
  samples.vjp[0] = samples.vjp[1] = samples.vjp[4] = kMissing;
  samples.hvp[5] = kMissing;
  const SampleSet set = samples.View();
  EXPECT_EQ(set.NumSamples(), 3);
  EXPECT_EQ(set.NumJacobians(), 2);
  EXPECT_EQ(set.NumTangents(), 5);
  EXPECT_EQ(set.NumAdjoints(), 2);
  EXPECT_EQ(set.NumHvps(), 3);
}

TEST(SamplesTest, VisitingEndsWhenStopped) {
  std::stop_source stop;
  stop.request_stop();
  const OwnedSamples samples = Smooth::Sample(3, 1);
  try {
    ForEachSample(samples.View(), stop.get_token(), [](Index, const Sample&) { FAIL(); });
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST(SplitTest, HoldsOutTheNearestNumberButAtLeastOne) {
  EXPECT_EQ(NumHeldOut(100, 0.1), 10);
  EXPECT_EQ(NumHeldOut(104, 0.1), 10);
  EXPECT_EQ(NumHeldOut(106, 0.1), 11);
  EXPECT_EQ(NumHeldOut(3, 0.01), 1);
}

TEST(SplitTest, EverySampleIsOnExactlyOneSide) {
  const Split split = SplitSamples(101, 0.2, 3);
  EXPECT_EQ(split.validation.size(), 20U);
  EXPECT_EQ(split.training.size(), 81U);
  std::set<std::uint32_t> all(split.training.begin(), split.training.end());
  for (const std::uint32_t number : split.validation) {
    EXPECT_TRUE(all.insert(number).second);
    EXPECT_TRUE(split.held_out[number]);
  }
  EXPECT_EQ(all.size(), 101U);
  EXPECT_EQ(std::ranges::count(split.held_out, true), 20);
}

TEST(SplitTest, TheSeedDecides) {
  EXPECT_EQ(SplitSamples(1000, 0.1, 1).validation, SplitSamples(1000, 0.1, 1).validation);
  EXPECT_NE(SplitSamples(1000, 0.1, 1).validation, SplitSamples(1000, 0.1, 2).validation);
}

// Of 400 seeds, each of 10 samples is held out in about half: 200 ± 10 (one standard deviation).
TEST(SplitTest, EverySampleIsHeldOutEquallyOften) {
  std::vector<int> count(10);
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    for (const std::uint32_t number : SplitSamples(10, 0.5, seed).validation) ++count[number];
  }
  EXPECT_GT(*std::ranges::min_element(count), 150);
  EXPECT_LT(*std::ranges::max_element(count), 250);
}

}  // namespace
}  // namespace sobolev::train
