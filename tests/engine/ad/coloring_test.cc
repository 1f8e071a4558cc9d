// Colourings are checked against their definition, by exhaustive search on tiny patterns, and on
// structures whose minimal numbers of colours are known.

#include "engine/ad/coloring.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/ad/sparsity.h"
#include "engine/base/error.h"
#include "engine/base/rng.h"
#include "tests/engine/ad/patterns.h"

namespace sobolev::ad {
namespace {

// The right-hand side of the 1-D Brusselator on that many points, u and v of a point side by side:
// each depends on its own neighbours and on the other at the same point.
SparsityPattern Brusselator(std::int32_t points) {
  std::vector<PatternEntry> entries;
  for (std::int32_t i = 0; i < points; ++i) {
    for (std::int32_t species = 0; species < 2; ++species) {
      const std::int32_t row = 2 * i + species;
      entries.push_back({row, 2 * i});
      entries.push_back({row, 2 * i + 1});
      if (i > 0) entries.push_back({row, row - 2});
      if (i + 1 < points) entries.push_back({row, row + 2});
    }
  }
  return SparsityPattern::FromEntries(2 * points, 2 * points, std::move(entries));
}

// By definition, over all paths of two and of four vertices.
bool IsStarColoring(const SparsityPattern& pattern, const Colors& colors) {
  for (std::int32_t a = 0; a < pattern.rows(); ++a) {
    for (const std::int32_t b : pattern.Row(a)) {
      if (b == a) continue;
      if (colors[a] == colors[b]) return false;
      for (const std::int32_t c : pattern.Row(b)) {
        if (c == b || c == a || colors[c] != colors[a]) continue;
        for (const std::int32_t d : pattern.Row(c)) {
          if (d != c && d != b && d != a && colors[d] == colors[b]) return false;
        }
      }
    }
  }
  return true;
}

// The least k for which some colours in 0, …, k − 1 pass.
template <class IsValid>
std::int32_t MinimalColors(std::int32_t n, const IsValid& is_valid) {
  for (std::int32_t k = 1;; ++k) {
    if (AnyColors(static_cast<std::size_t>(n), 0, k - 1, is_valid)) return k;
  }
}

TEST(ColoringTest, EveryOrderVisitsEachColumnOnce) {
  Rng rng(1);
  const SparsityPattern pattern = RandomPattern(30, 40, 0.1, rng);
  for (const ColoringOrder order : kColoringOrders) {
    const std::vector<std::int32_t> columns = OrderColumns(pattern, order);
    EXPECT_EQ(std::set<std::int32_t>(columns.begin(), columns.end()).size(), 40);
    EXPECT_EQ(columns.size(), 40);
  }
}

// A star of five columns: column 0 shares a row with each other one.
TEST(ColoringTest, OrdersFollowTheDegrees) {
  const SparsityPattern pattern = SparsityPattern::FromEntries(
      4, 5, {{0, 3}, {0, 0}, {1, 3}, {1, 1}, {2, 3}, {2, 2}, {3, 3}, {3, 4}});
  EXPECT_EQ(OrderColumns(pattern, ColoringOrder::kLargestFirst).front(), 3);
  EXPECT_NE(OrderColumns(pattern, ColoringOrder::kSmallestLast).back(), 3);
  // After any first column its neighbours come before the rest.
  const std::vector<std::int32_t> incidence =
      OrderColumns(pattern, ColoringOrder::kIncidenceDegree);
  EXPECT_TRUE(incidence[0] == 3 || incidence[1] == 3);
}

TEST(ColoringTest, ColumnsOfOneColorShareNoRowInAnyOrder) {
  Rng rng(2);
  for (const double density : {0.02, 0.1, 0.4}) {
    const SparsityPattern pattern = RandomPattern(60, 90, density, rng);
    for (const ColoringOrder order : kColoringOrders) {
      const Coloring coloring = ColorColumns(pattern, order);
      Colors colors = coloring.colors;
      EXPECT_EQ(*std::ranges::max_element(colors) + 1, coloring.num_colors);
      EXPECT_GE(coloring.num_colors, pattern.MaxRowSize());
      EXPECT_TRUE(IsColumnColoring(pattern, colors));
    }
  }
}

// More than 64 colours, so that sets of colours have several blocks.
TEST(ColoringTest, DensePatternsNeedAColorPerColumn) {
  const SparsityPattern dense = SparsityPattern::Dense(3, 200);
  EXPECT_EQ(ColorColumns(dense).num_colors, 200);
  EXPECT_TRUE(IsColumnColoring(dense, ColorColumns(dense).colors));
  Rng rng(3);
  const SparsityPattern nearly = RandomPattern(150, 150, 0.8, rng);
  EXPECT_TRUE(IsColumnColoring(nearly, ColorColumns(nearly).colors));
  const Coloring star = ColorStar(SparsityPattern::Dense(130, 130));
  EXPECT_EQ(star.num_colors, 130);
}

TEST(ColoringTest, KnownStructuresGetTheirMinimalNumberOfColors) {
  EXPECT_EQ(ColorColumns(SparsityPattern::Diagonal(50)).num_colors, 1);
  EXPECT_EQ(ColorColumns(Band(50, 1)).num_colors, 3);
  EXPECT_EQ(ColorColumns(Band(50, 4)).num_colors, 9);
  EXPECT_EQ(ColorColumns(Arrow(50)).num_colors, 50);
  EXPECT_EQ(ColorColumns(SparsityPattern::FromEntries(3, 3, {})).num_colors, 0);
  EXPECT_EQ(ColorColumns(SparsityPattern()).num_colors, 0);
}

// Four is the length of a row, so no colouring does better; u at i mod 4 and v at (i + 2) mod 4 is
// one such. Directions seeded by hand take five.
TEST(ColoringTest, TheBrusselatorTakesFourColors) {
  const SparsityPattern pattern = Brusselator(200);
  ASSERT_EQ(pattern.num_entries(), 1596);
  EXPECT_EQ(pattern.MaxRowSize(), 4);
  const Coloring coloring = ColorColumns(pattern);
  EXPECT_TRUE(IsColumnColoring(pattern, coloring.colors));
  EXPECT_EQ(coloring.num_colors, 4);
}

TEST(ColoringTest, TinyPatternsAreColoredMinimally) {
  Rng rng(4);
  for (int round = 0; round < 200; ++round) {
    SparsityPattern pattern = RandomPattern(5, 6, 0.35, rng);
    const std::int32_t colors = ColorColumns(pattern).num_colors;
    const std::int32_t minimal = MinimalColors(
        6, [&](const Colors& candidate) { return IsColumnColoring(pattern, candidate); });
    EXPECT_LE(pattern.MaxRowSize(), minimal);
    EXPECT_EQ(colors, minimal);  // Not so in general, but on all of these.
  }
}

TEST(ColoringTest, StarColoringsHaveNoPathOfFourInTwoColors) {
  Rng rng(5);
  for (const double density : {0.03, 0.1, 0.3, 0.7}) {
    const SparsityPattern pattern = RandomSymmetricPattern(60, density, rng);
    for (const ColoringOrder order : kColoringOrders) {
      const Coloring coloring = ColorStar(pattern, order);
      EXPECT_TRUE(IsStarColoring(pattern, coloring.colors));
      EXPECT_GE(coloring.num_colors, StarLowerBound(pattern));
    }
  }
}

TEST(ColoringTest, StarColoringsOfTinyGraphsAreMinimal) {
  Rng rng(6);
  for (int round = 0; round < 100; ++round) {
    const SparsityPattern pattern = RandomSymmetricPattern(6, 0.4, rng);
    const std::int32_t colors = ColorStar(pattern).num_colors;
    const std::int32_t minimal = MinimalColors(
        6, [&](const Colors& candidate) { return IsStarColoring(pattern, candidate); });
    EXPECT_LE(StarLowerBound(pattern), minimal);
    EXPECT_EQ(colors, minimal);  // Not so in general, but on all of these.
  }
}

TEST(ColoringTest, HessiansNeedFewerColorsThanJacobiansOfTheSamePattern) {
  EXPECT_EQ(ColorStar(SparsityPattern::Diagonal(20)).num_colors, 1);
  EXPECT_EQ(ColorStar(Band(20, 1)).num_colors, 3);
  EXPECT_EQ(ColorStar(Arrow(20)).num_colors, 2);  // Against 20 by columns.
}

TEST(ColoringTest, StarColoringRefusesPatternsThatAreNotSymmetric) {
  try {
    ColorStar(SparsityPattern::FromEntries(2, 2, {{0, 1}}));
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "pattern");
  }
  EXPECT_THROW(ColorStar(SparsityPattern::Dense(2, 3)), Error);
}

}  // namespace
}  // namespace sobolev::ad
