// Recovery must return every entry exactly, and the numbers of directions are compared with known
// structures and with exhaustive search.

#include "engine/ad/compression.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/ad/coloring.h"
#include "engine/ad/sparsity.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "tests/engine/ad/patterns.h"

namespace sobolev::ad {
namespace {

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
            return AnyColors(m, -1, total - p - 1,
                             [&](const Colors& rows) { return IsDirect(pattern, columns, rows); });
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
  EXPECT_EQ(
      compression.Recover(J * compression.TangentSeed(), J.transpose() * compression.AdjointSeed()),
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

// A block with a dense row beside one with a dense column: an adjoint reads the dense row of the
// one and the diagonal of the other, a tangent the rest.
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

TEST(CompressionTest, BidirectionalIsMinimalOnTinyPatterns) {
  Rng rng(8);
  for (int round = 0; round < 100; ++round) {
    const SparsityPattern pattern = RandomPattern(4, 4, 0.4, rng);
    const std::int32_t minimal = MinimalBidirectional(pattern);
    const Compression both = Compression::Bidirectional(pattern);
    EXPECT_LE(both.lower_bound(), minimal);
    EXPECT_EQ(NumDirections(both), minimal);  // Not so in general, but on all of these.
  }
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
