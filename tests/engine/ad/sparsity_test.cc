// Patterns are compared with dense matrices of zeros and ones.

#include "engine/ad/sparsity.h"

#include <cstdint>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "tests/engine/ad/patterns.h"

namespace sobolev::ad {
namespace {

using ::testing::ElementsAre;

// 1 in the pattern, 0 elsewhere.
Matrix Indicator(const SparsityPattern& pattern) {
  return ToDense(pattern, std::vector<double>(pattern.num_entries(), 1.0));
}

Matrix IndicatorOfNonzeros(const Matrix& A) { return (A.array() != 0).cast<double>(); }

TEST(SparsityTest, SortsEntriesAndCountsEqualOnesOnce) {
  const SparsityPattern pattern =
      SparsityPattern::FromEntries(3, 4, {{2, 3}, {0, 1}, {2, 0}, {0, 1}});
  EXPECT_EQ(pattern.rows(), 3);
  EXPECT_EQ(pattern.columns(), 4);
  EXPECT_EQ(pattern.num_entries(), 3);
  EXPECT_THAT(pattern.Row(0), ElementsAre(1));
  EXPECT_THAT(pattern.Row(1), ElementsAre());
  EXPECT_THAT(pattern.Row(2), ElementsAre(0, 3));
  EXPECT_EQ(pattern.MaxRowSize(), 2);
}

TEST(SparsityTest, FindsTheNumbersOfEntriesInRowOrder) {
  const SparsityPattern pattern = SparsityPattern::FromEntries(2, 3, {{0, 2}, {1, 0}, {1, 2}});
  EXPECT_EQ(pattern.Find(0, 2), 0);
  EXPECT_EQ(pattern.Find(1, 0), 1);
  EXPECT_EQ(pattern.Find(1, 2), 2);
  EXPECT_EQ(pattern.Find(1, 1), -1);
  EXPECT_FALSE(pattern.Contains(0, 0));
  EXPECT_EQ(ToDense(pattern, std::vector<double>{7, 8, 9}), (Matrix{{0, 0, 7}, {8, 0, 9}}));
}

TEST(SparsityTest, EmptyPatternsHaveNoEntries) {
  EXPECT_EQ(SparsityPattern().rows(), 0);
  EXPECT_EQ(SparsityPattern().num_entries(), 0);
  EXPECT_EQ(SparsityPattern::FromEntries(3, 0, {}).Transposed().columns(), 3);
  EXPECT_EQ(SparsityPattern::Diagonal(0), SparsityPattern());
}

TEST(SparsityTest, NamesTheEntryThatLiesOutside) {
  try {
    SparsityPattern::FromEntries(2, 2, {{0, 0}, {1, 2}});
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "entries[1]");
    EXPECT_STREQ(error.what(), "entries[1]: expected an entry of a 2 by 2 matrix, got (1, 2)");
  }
  EXPECT_THROW(SparsityPattern::FromEntries(-1, 2, {}), Error);
  EXPECT_THROW(SparsityPattern::FromEntries(1, 2, {{-1, 0}}), Error);
}

TEST(SparsityTest, ProductAndTransposeAreThoseOfTheIndicators) {
  Rng rng(1);
  for (int round = 0; round < 50; ++round) {
    const SparsityPattern A = RandomPattern(7, 5, 0.3, rng);
    const SparsityPattern B = RandomPattern(5, 6, 0.3, rng);
    const Matrix product = Indicator(A) * Indicator(B);  // Counts, so nothing cancels.
    EXPECT_EQ(Indicator(Product(A, B)), IndicatorOfNonzeros(product));
    EXPECT_EQ(ProductMultiplications(A, B), product.sum());
    EXPECT_EQ(Indicator(A.Transposed()), Indicator(A).transpose());
    EXPECT_EQ(A.Transposed().Transposed(), A);
    const SparsityPattern C = RandomPattern(7, 5, 0.3, rng);
    EXPECT_EQ(Indicator(Union(A, C)), IndicatorOfNonzeros(Indicator(A) + Indicator(C)));
  }
  EXPECT_THROW(Product(SparsityPattern::Diagonal(2), SparsityPattern::Diagonal(3)), Error);
}

TEST(SparsityTest, ColumnsAreAdjacentIfARowHoldsBoth) {
  Rng rng(2);
  const SparsityPattern A = RandomPattern(6, 8, 0.3, rng);
  Matrix adjacency = IndicatorOfNonzeros(Indicator(A).transpose() * Indicator(A));
  adjacency.diagonal().setZero();
  EXPECT_EQ(Indicator(ColumnIntersectionGraph(A)), adjacency);
}

TEST(SparsityTest, DenseAndDiagonalHoldWhatTheyName) {
  EXPECT_EQ(Indicator(SparsityPattern::Dense(2, 3)), Matrix::Ones(2, 3));
  EXPECT_EQ(Indicator(SparsityPattern::Diagonal(3)), Matrix::Identity(3, 3));
}

}  // namespace
}  // namespace sobolev::ad
