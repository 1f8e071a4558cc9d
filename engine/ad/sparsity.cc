#include "engine/ad/sparsity.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"

namespace sobolev::ad {

namespace {

void RequireNonNegative(const char* field, std::int32_t size) {
  if (size >= 0) return;
  throw InvalidArgument("INVALID_SIZE", field, "expected at least 0, got " + std::to_string(size));
}

std::string Name(PatternEntry entry) {
  return "(" + std::to_string(entry.row) + ", " + std::to_string(entry.column) + ")";
}

}  // namespace

SparsityPattern SparsityPattern::FromEntries(std::int32_t rows, std::int32_t columns,
                                             std::vector<PatternEntry> entries) {
  RequireNonNegative("rows", rows);
  RequireNonNegative("columns", columns);
  for (std::size_t k = 0; k < entries.size(); ++k) {
    const auto [i, j] = entries[k];
    if (i >= 0 && i < rows && j >= 0 && j < columns) continue;
    throw InvalidArgument("OUT_OF_RANGE", "entries[" + std::to_string(k) + "]",
                          "expected an entry of a " + std::to_string(rows) + " by " +
                              std::to_string(columns) + " matrix, got " + Name(entries[k]));
  }
  if (!std::ranges::is_sorted(entries)) std::ranges::sort(entries);
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());

  SparsityPattern pattern;
  pattern.columns_ = columns;
  pattern.row_starts_.assign(static_cast<std::size_t>(rows) + 1, 0);
  pattern.entries_.reserve(entries.size());
  for (const auto [i, j] : entries) {
    ++pattern.row_starts_[i + 1];
    pattern.entries_.push_back(j);
  }
  for (std::int32_t i = 0; i < rows; ++i) pattern.row_starts_[i + 1] += pattern.row_starts_[i];
  return pattern;
}

SparsityPattern SparsityPattern::Dense(std::int32_t rows, std::int32_t columns) {
  std::vector<PatternEntry> entries;
  for (std::int32_t i = 0; i < rows; ++i) {
    for (std::int32_t j = 0; j < columns; ++j) entries.push_back({i, j});
  }
  return FromEntries(rows, columns, std::move(entries));
}

SparsityPattern SparsityPattern::Diagonal(std::int32_t n) {
  RequireNonNegative("n", n);
  std::vector<PatternEntry> entries;
  entries.reserve(static_cast<std::size_t>(n));
  for (std::int32_t i = 0; i < n; ++i) entries.push_back({i, i});
  return FromEntries(n, n, std::move(entries));
}

std::int64_t SparsityPattern::MaxRowSize() const {
  std::int64_t size = 0;
  for (std::int32_t i = 0; i < rows(); ++i) size = std::max(size, RowSize(i));
  return size;
}

std::int64_t SparsityPattern::Find(std::int32_t i, std::int32_t j) const {
  const std::span<const std::int32_t> row = Row(i);
  const auto found = std::ranges::lower_bound(row, j);
  if (found == row.end() || *found != j) return -1;
  return RowStart(i) + (found - row.begin());
}

SparsityPattern SparsityPattern::Transposed() const {
  SparsityPattern transposed;
  transposed.columns_ = rows();
  transposed.row_starts_.assign(static_cast<std::size_t>(columns_) + 1, 0);
  transposed.entries_.resize(entries_.size());
  for (const std::int32_t j : entries_) ++transposed.row_starts_[j + 1];
  for (std::int32_t j = 0; j < columns_; ++j) {
    transposed.row_starts_[j + 1] += transposed.row_starts_[j];
  }
  std::vector<std::int64_t> next = transposed.row_starts_;
  for (std::int32_t i = 0; i < rows(); ++i) {
    for (const std::int32_t j : Row(i)) transposed.entries_[next[j]++] = i;
  }
  return transposed;
}

SparsityPattern Product(const SparsityPattern& A, const SparsityPattern& B) {
  RequireSize("B rows", B.rows(), A.columns());
  SparsityPattern product;
  product.columns_ = B.columns();
  std::vector<std::int32_t> seen_in_row(static_cast<std::size_t>(B.columns()), -1);
  for (std::int32_t i = 0; i < A.rows(); ++i) {
    const std::ptrdiff_t start = std::ssize(product.entries_);
    for (const std::int32_t k : A.Row(i)) {
      for (const std::int32_t j : B.Row(k)) {
        if (seen_in_row[j] == i) continue;
        seen_in_row[j] = i;
        product.entries_.push_back(j);
      }
    }
    std::sort(product.entries_.begin() + start, product.entries_.end());
    product.row_starts_.push_back(std::ssize(product.entries_));
  }
  return product;
}

std::int64_t ProductMultiplications(const SparsityPattern& A, const SparsityPattern& B) {
  RequireSize("B rows", B.rows(), A.columns());
  std::int64_t multiplications = 0;
  for (std::int32_t i = 0; i < A.rows(); ++i) {
    for (const std::int32_t k : A.Row(i)) multiplications += B.RowSize(k);
  }
  return multiplications;
}

SparsityPattern Union(const SparsityPattern& A, const SparsityPattern& B) {
  RequireSize("B rows", B.rows(), A.rows());
  RequireSize("B columns", B.columns(), A.columns());
  std::vector<PatternEntry> entries;
  for (std::int32_t i = 0; i < A.rows(); ++i) {
    for (const std::int32_t j : A.Row(i)) entries.push_back({i, j});
    for (const std::int32_t j : B.Row(i)) entries.push_back({i, j});
  }
  return SparsityPattern::FromEntries(A.rows(), A.columns(), std::move(entries));
}

SparsityPattern ColumnIntersectionGraph(const SparsityPattern& A) {
  const SparsityPattern squared = Product(A.Transposed(), A);
  std::vector<PatternEntry> edges;
  for (std::int32_t j = 0; j < squared.rows(); ++j) {
    for (const std::int32_t k : squared.Row(j)) {
      if (j != k) edges.push_back({j, k});
    }
  }
  return SparsityPattern::FromEntries(A.columns(), A.columns(), std::move(edges));
}

Matrix ToDense(const SparsityPattern& pattern, std::span<const double> values) {
  RequireSize("values", std::ssize(values), pattern.num_entries());
  Matrix A = Matrix::Zero(pattern.rows(), pattern.columns());
  std::size_t entry = 0;
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    for (const std::int32_t j : pattern.Row(i)) A(i, j) = values[entry++];
  }
  return A;
}

}  // namespace sobolev::ad
