#include "engine/base/rng.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace sobolev {
namespace {

TEST(RngTest, SeedAndStreamDetermineTheNumbers) {
  Rng first(1, 2);
  Rng again(1, 2);
  Rng other_seed(2, 2);
  Rng other_stream(1, 3);
  int coincidences = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t word = first.Next();
    EXPECT_EQ(word, again.Next());
    coincidences += word == other_seed.Next() ? 1 : 0;
    coincidences += word == other_stream.Next() ? 1 : 0;
  }
  EXPECT_EQ(coincidences, 0);
}

// Tolerances are five standard errors of a million draws.
TEST(RngTest, UniformFillsTheUnitIntervalEvenly) {
  Rng rng(3);
  constexpr int kDraws = 1'000'000;
  std::vector<int> bins(10);
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.Uniform();
    ASSERT_TRUE(0 <= u && u < 1);
    sum += u;
    ++bins[static_cast<std::size_t>(10 * u)];
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * 0.289e-3);
  for (const int count : bins) EXPECT_NEAR(count, 0.1 * kDraws, 5 * 300);
}

TEST(RngTest, NormalHasTheMomentsOfTheNormalDistribution) {
  Rng rng(4);
  constexpr int kDraws = 1'000'000;
  double moments[5] = {};
  for (int i = 0; i < kDraws; ++i) {
    const double z = rng.Normal();
    for (int k = 1; k <= 4; ++k) moments[k] += std::pow(z, k) / kDraws;
  }
  EXPECT_NEAR(moments[1], 0, 5e-3);
  EXPECT_NEAR(moments[2], 1, 5 * 1.42e-3);
  EXPECT_NEAR(moments[3], 0, 5 * 3.9e-3);
  EXPECT_NEAR(moments[4], 3, 5 * 9.8e-3);
}

TEST(RngTest, BelowIsUniformAndStaysBelow) {
  Rng rng(5);
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts.at(static_cast<std::size_t>(rng.Below(7)));
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 5 * 93);
  EXPECT_EQ(rng.Below(1), 0U);
}

TEST(RngTest, ShuffleIsAPermutationThatPutsEveryItemEverywhere) {
  std::vector<std::vector<int>> counts(5, std::vector<int>(5));
  Rng rng(6);
  for (int repeat = 0; repeat < 50'000; ++repeat) {
    std::vector<int> items(5);
    std::iota(items.begin(), items.end(), 0);
    Shuffle<int>(items, rng);
    for (std::size_t place = 0; place < 5; ++place) {
      ++counts[place][static_cast<std::size_t>(items[place])];
    }
    ASSERT_EQ(std::accumulate(items.begin(), items.end(), 0), 10);
  }
  for (const std::vector<int>& place : counts) {
    for (const int count : place) EXPECT_NEAR(count, 10'000, 5 * 90);
  }
}

}  // namespace
}  // namespace sobolev
