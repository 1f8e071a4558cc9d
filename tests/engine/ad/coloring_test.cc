// Colourings are checked against their definition, by exhaustive search on tiny patterns, and on
// structures whose minimal numbers of colours are known; recovery must return every entry exactly.

#include "engine/ad/coloring.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/ad/compression.h"
#include "engine/ad/sparsity.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "tests/engine/ad/random_pattern.h"

namespace sobolev::ad {
namespace {

using Colors = std::vector<std::int32_t>;

// |i − j| <= width.
SparsityPattern Band(std::int32_t n, std::int32_t width) {
  std::vector<PatternEntry> entries;
  for (std::int32_t i = 0; i < n; ++i) {
    for (std::int32_t j = std::max(0, i - width); j <= std::min(n - 1, i + width); ++j) {
      entries.push_back({i, j});
    }
  }
  return SparsityPattern::FromEntries(n, n, std::move(entries));
}

// First row, first column and diagonal.
SparsityPattern Arrow(std::int32_t n) {
  std::vector<PatternEntry> entries;
  for (std::int32_t i = 0; i < n; ++i) {
    entries.push_back({0, i});
    entries.push_back({i, 0});
    entries.push_back({i, i});
  }
  return SparsityPattern::FromEntries(n, n, std::move(entries));
}

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

// No row has a colour twice.
bool IsColumnColoring(const SparsityPattern& pattern, const Colors& colors) {
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    std::set<std::int32_t> seen;
    for (const std::int32_t j : pattern.Row(i)) {
      if (colors[j] < 0 || !seen.insert(colors[j]).second) return false;
    }
  }
  return true;
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

// Calls visit(colors) for all vectors of that size over lowest, …, highest; ends when it is true.
template <class Visit>
bool AnyColors(std::size_t size, std::int32_t lowest, std::int32_t highest, const Visit& visit) {
  Colors colors(size, lowest);
  while (!visit(colors)) {
    std::size_t k = 0;
    while (k < size && colors[k] == highest) colors[k++] = lowest;
    if (k == size) return false;
    ++colors[k];
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

// Whether each entry stands alone in its row among the columns of its colour, or in its column
// among the rows of its colour.
bool IsDirect(const SparsityPattern& pattern, const Colors& columns, const Colors& rows) {
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    for (const std::int32_t j : pattern.Row(i)) {
      std::int32_t in_row = 0;
      std::int32_t in_column = 0;
      for (const std::int32_t k : pattern.Row(i)) in_row += columns[k] == columns[j] ? 1 : 0;
      for (std::int32_t k = 0; k < pattern.rows(); ++k) {
        in_column += pattern.Contains(k, j) && rows[k] == rows[i] ? 1 : 0;
      }
      const bool by_column = columns[j] >= 0 && in_row == 1;
      const bool by_row = rows[i] >= 0 && in_column == 1;
      if (!by_column && !by_row) return false;
    }
  }
  return true;
}

// The least number of directions of any direct compression by columns and rows.
std::int32_t MinimalBidirectional(const SparsityPattern& pattern) {
  for (std::int32_t total = 0;; ++total) {
    for (std::int32_t p = 0; p <= total; ++p) {
      const auto m = static_cast<std::size_t>(pattern.rows());
      const auto n = static_cast<std::size_t>(pattern.columns());
      if (AnyColors(n, -1, p - 1, [&](const Colors& columns) {
            return AnyColors(m, -1, total - p - 1, [&](const Colors& rows) {
              return IsDirect(pattern, columns, rows);
            });
          })) {
        return total;
      }
    }
  }
}

// Values that are all different, so that no wrong place passes for the right one.
std::vector<double> Numbered(const SparsityPattern& pattern) {
  std::vector<double> values;
  for (std::int64_t k = 0; k < pattern.num_entries(); ++k) {
    values.push_back(static_cast<double>(k + 1));
  }
  return values;
}

void ExpectRecovery(const SparsityPattern& pattern, const Compression& compression) {
  const std::vector<double> values = Numbered(pattern);
  const Matrix J = ToDense(pattern, values);
  EXPECT_EQ(compression.Recover(J * compression.TangentSeed(),
                                J.transpose() * compression.AdjointSeed()),
            values);
}

// The same for H symmetric: entries (i, j) and (j, i) have the number of the first of them.
void ExpectHessianRecovery(const SparsityPattern& pattern, const Compression& compression) {
  std::vector<double> values;
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    for (const std::int32_t j : pattern.Row(i)) {
      values.push_back(static_cast<double>(pattern.Find(std::min(i, j), std::max(i, j)) + 1));
    }
  }
  const Matrix H = ToDense(pattern, values);
  EXPECT_EQ(compression.Recover(H * compression.TangentSeed(), Matrix::Zero(H.rows(), 0)), values);
}

std::int32_t NumDirections(const Compression& compression) {
  return compression.num_tangents() + compression.num_adjoints();
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

// Four is the length of a row. It is reached by u at i mod 4 and v at (i + 2) mod 4, which greedy
// colouring is not bound to find; tools are known to take 4 or 5.
TEST(ColoringTest, TheBrusselatorTakesAtMostFiveColors) {
  const SparsityPattern pattern = Brusselator(200);
  ASSERT_EQ(pattern.num_entries(), 1596);
  EXPECT_EQ(pattern.MaxRowSize(), 4);
  const Coloring coloring = ColorColumns(pattern);
  EXPECT_TRUE(IsColumnColoring(pattern, coloring.colors));
  EXPECT_LE(coloring.num_colors, 5);printf("BRUSS %d order %d\n",coloring.num_colors,(int)coloring.order);
}

TEST(ColoringTest, TinyPatternsAreMostlyColoredMinimally) {
  Rng rng(4);
  int missed = 0;
  for (int round = 0; round < 200; ++round) {
    SparsityPattern pattern = RandomPattern(5, 6, 0.35, rng);
    const std::int32_t colors = ColorColumns(pattern).num_colors;
    const std::int32_t minimal = MinimalColors(6, [&](const Colors& candidate) {
      return IsColumnColoring(pattern, candidate);
    });
    EXPECT_LE(pattern.MaxRowSize(), minimal);
    if (pattern.num_entries() == 0) continue;
    EXPECT_GE(colors, minimal);
    missed += colors > minimal ? 1 : 0;
  }
  EXPECT_EQ(missed, 0);  // On these 200.
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

TEST(ColoringTest, StarColoringsOfTinyGraphsAreMostlyMinimal) {
  Rng rng(6);
  int missed = 0;
  for (int round = 0; round < 100; ++round) {
    const SparsityPattern pattern = RandomSymmetricPattern(6, 0.4, rng);
    const std::int32_t colors = ColorStar(pattern).num_colors;
    const std::int32_t minimal = MinimalColors(
        6, [&](const Colors& candidate) { return IsStarColoring(pattern, candidate); });
    EXPECT_LE(StarLowerBound(pattern), minimal);
    EXPECT_GE(colors, minimal);
    EXPECT_LE(colors, minimal + 1);
    missed += colors > minimal ? 1 : 0;
  }
  EXPECT_LE(missed, 5);printf("STAR %d\n",missed);
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

TEST(CompressionTest, RecoversEveryEntryOfRandomMatrices) {
  Rng rng(7);
  for (int round = 0; round < 60; ++round) {
    const std::int32_t m = 1 + static_cast<std::int32_t>(rng.Below(40));
    const std::int32_t n = 1 + static_cast<std::int32_t>(rng.Below(40));
    const SparsityPattern pattern = RandomPattern(m, n, 0.4 * rng.Uniform(), rng);
    const Compression by_columns = Compression::ByColumns(pattern);
    const Compression by_rows = Compression::ByRows(pattern);
    const Compression both = Compression::Bidirectional(pattern);
    ExpectRecovery(pattern, by_columns);
    ExpectRecovery(pattern, by_rows);
    ExpectRecovery(pattern, both);
    EXPECT_EQ(by_columns.num_adjoints(), 0);
    EXPECT_EQ(by_rows.num_tangents(), 0);
    EXPECT_LE(NumDirections(both), std::min(NumDirections(by_columns), NumDirections(by_rows)));
    EXPECT_GE(NumDirections(by_columns), by_columns.lower_bound());
    EXPECT_GE(NumDirections(both), both.lower_bound());
    const SparsityPattern symmetric = RandomSymmetricPattern(m, 0.4 * rng.Uniform(), rng);
    ExpectHessianRecovery(symmetric, Compression::Symmetric(symmetric));
  }
}

TEST(CompressionTest, AnArrowTakesThreeDirectionsBothWays) {
  const SparsityPattern arrow = Arrow(40);
  EXPECT_EQ(NumDirections(Compression::ByColumns(arrow)), 40);
  EXPECT_EQ(NumDirections(Compression::ByRows(arrow)), 40);
  const Compression both = Compression::Bidirectional(arrow);
  EXPECT_EQ(NumDirections(both), 3);
  EXPECT_EQ(MinimalBidirectional(Arrow(4)), 3);
  ExpectRecovery(arrow, both);
  const Compression hessian = Compression::Symmetric(arrow);
  EXPECT_EQ(NumDirections(hessian), 2);
  ExpectHessianRecovery(arrow, hessian);
}

// A block with a dense row beside one with a dense column: an adjoint reads the dense row of the one
// and the diagonal of the other, a tangent the rest.
TEST(CompressionTest, TwoDirectionsServeADenseRowAndADenseColumn) {
  constexpr std::int32_t kSize = 20;
  std::vector<PatternEntry> entries;
  for (std::int32_t k = 0; k < kSize; ++k) {
    entries.push_back({0, k});
    entries.push_back({k, k});
    entries.push_back({kSize + k, kSize});
    entries.push_back({kSize + k, kSize + k});
  }
  const SparsityPattern pattern =
      SparsityPattern::FromEntries(2 * kSize, 2 * kSize, std::move(entries));
  const Compression both = Compression::Bidirectional(pattern);
  EXPECT_EQ(both.num_tangents(), 1);
  EXPECT_EQ(both.num_adjoints(), 1);
  ExpectRecovery(pattern, both);
}

TEST(CompressionTest, BidirectionalIsMostlyMinimalOnTinyPatterns) {
  Rng rng(8);
  int missed = 0;
  for (int round = 0; round < 100; ++round) {
    const SparsityPattern pattern = RandomPattern(4, 4, 0.4, rng);
    const std::int32_t minimal = MinimalBidirectional(pattern);
    const Compression both = Compression::Bidirectional(pattern);
    EXPECT_GE(NumDirections(both), minimal);
    EXPECT_LE(both.lower_bound(), minimal);
    EXPECT_LE(NumDirections(both), minimal + 1);
    missed += NumDirections(both) > minimal ? 1 : 0;
  }
  EXPECT_LE(missed, 10);printf("BI %d\n",missed);
}

TEST(CompressionTest, RefusesResultsOfTheWrongShape) {
  const Compression compression = Compression::ByColumns(Band(5, 1));
  EXPECT_THROW(compression.Recover(Matrix::Zero(5, 2), Matrix::Zero(5, 0)), Error);
  EXPECT_THROW(compression.Recover(Matrix::Zero(4, 3), Matrix::Zero(5, 0)), Error);
  EXPECT_THROW(compression.Recover(Matrix::Zero(5, 3), Matrix::Zero(5, 1)), Error);
}

// About a million entries each: a band in scattered order, and an arrow whose dense row and column
// would take 10¹⁰ steps if all pairs of its entries were visited.
TEST(CompressionTest, MillionsOfEntriesAreColoredWhateverTheirShape) {
  constexpr std::int32_t kSize = 200'000;
  const Compression arrow = Compression::Bidirectional(Arrow(kSize));
  EXPECT_EQ(NumDirections(arrow), 3);
  EXPECT_EQ(Compression::Symmetric(Arrow(kSize)).num_tangents(), 2);

  std::vector<std::int32_t> places(kSize);
  for (std::int32_t i = 0; i < kSize; ++i) places[i] = i;
  Rng rng(9);
  Shuffle(std::span(places), rng);
  std::vector<PatternEntry> entries;
  for (std::int32_t i = 0; i < kSize; ++i) {
    for (std::int32_t j = std::max(0, i - 2); j <= std::min(kSize - 1, i + 2); ++j) {
      entries.push_back({places[i], places[j]});
    }
  }
  const SparsityPattern band = SparsityPattern::FromEntries(kSize, kSize, std::move(entries));
  const Coloring columns = ColorColumns(band);
  EXPECT_TRUE(IsColumnColoring(band, columns.colors));
  EXPECT_LE(columns.num_colors, 9);  // At most 8 neighbours at two steps.
  EXPECT_LE(ColorStar(band).num_colors, 9);
}

}  // namespace
}  // namespace sobolev::ad
