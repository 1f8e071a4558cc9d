#include "engine/train/samples.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
