// Which entries of a matrix may be nonzero.
//
// Derivatives of large systems are mostly zeros whose places are known beforehand: output i cannot
// depend on input j if no path of the computation leads from one to the other. A pattern names the
// places that remain. It is structural: an entry of the pattern may still happen to be 0.0, an
// entry outside of it never differs from zero.

#ifndef SOBOLEV_ENGINE_AD_SPARSITY_H_
#define SOBOLEV_ENGINE_AD_SPARSITY_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev::ad {

struct PatternEntry {
  std::int32_t row = 0;
  std::int32_t column = 0;

  // NOLINTNEXTLINE(modernize-use-nullptr): the check mistakes the 0 of a defaulted <=>.
  friend auto operator<=>(const PatternEntry&, const PatternEntry&) = default;
};

// An m×n pattern in compressed rows. A value type; immutable, so it is safe to share.
//
// The entries are numbered 0, …, num_entries() − 1 row by row and by ascending column within a row.
// The *values* of a matrix with this pattern are its entries in that order.
class SparsityPattern {
 public:
  // 0×0.
  SparsityPattern() = default;

  // The pattern of the given entries, in any order; equal ones count once.
  //
  // Throws Error(kInvalidArgument) naming "rows", "columns" or "entries[k]" if a size is negative
  // or an entry lies outside.
  static SparsityPattern FromEntries(std::int32_t rows, std::int32_t columns,
                                     std::vector<PatternEntry> entries);

  // All entries.
  static SparsityPattern Dense(std::int32_t rows, std::int32_t columns);

  // n×n with the diagonal only.
  static SparsityPattern Diagonal(std::int32_t n);

  std::int32_t rows() const { return static_cast<std::int32_t>(row_starts_.size()) - 1; }
  std::int32_t columns() const { return columns_; }
  std::int64_t num_entries() const { return row_starts_.back(); }

  // The columns of row i, ascending. Valid as long as the pattern.
  std::span<const std::int32_t> Row(std::int32_t i) const {
    return std::span(entries_).subspan(static_cast<std::size_t>(row_starts_[i]),
                                       static_cast<std::size_t>(RowSize(i)));
  }
  std::int64_t RowSize(std::int32_t i) const { return row_starts_[i + 1] - row_starts_[i]; }
  // The number of the first entry of row i.
  std::int64_t RowStart(std::int32_t i) const { return row_starts_[i]; }
  // The largest number of entries in a row.
  std::int64_t MaxRowSize() const;

  // The number of entry (i, j), or −1 if it is not in the pattern. Logarithmic in the row's size.
  std::int64_t Find(std::int32_t i, std::int32_t j) const;
  bool Contains(std::int32_t i, std::int32_t j) const { return Find(i, j) >= 0; }

  // Linear in the number of entries.
  SparsityPattern Transposed() const;

  friend bool operator==(const SparsityPattern&, const SparsityPattern&) = default;

 private:
  friend SparsityPattern Product(const SparsityPattern& A, const SparsityPattern& B);

  std::int32_t columns_ = 0;
  std::vector<std::int64_t> row_starts_ = {0};
  std::vector<std::int32_t> entries_;
};

// The pattern of A B, supposing that no sums cancel. Its work is the number of multiplications of
// the sparse product, ProductMultiplications(A, B).
//
// Throws Error(kInvalidArgument) if the inner sizes disagree, as do the two functions below.
SparsityPattern Product(const SparsityPattern& A, const SparsityPattern& B);

// The multiplications of the sparse product A B: the pairs (i, k) ∈ A, (k, j) ∈ B.
std::int64_t ProductMultiplications(const SparsityPattern& A, const SparsityPattern& B);

// The entries of either.
SparsityPattern Union(const SparsityPattern& A, const SparsityPattern& B);

// The graph on the columns in which two are adjacent if some row holds both; the pattern of AᵀA
// without its diagonal. Columns may share a colour in a direct compression if and only if they are
// not adjacent here. A row of k entries makes k² edges, so this is for small patterns and tests;
// the colouring works on the pattern itself.
SparsityPattern ColumnIntersectionGraph(const SparsityPattern& A);

// The matrix with the given values, one per entry of the pattern.
Matrix ToDense(const SparsityPattern& pattern, std::span<const double> values);

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_SPARSITY_H_
