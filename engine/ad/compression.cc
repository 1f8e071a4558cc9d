#include "engine/ad/compression.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include "engine/ad/coloring.h"
#include "engine/ad/sparsity.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"

namespace sobolev::ad {

namespace {

using Flags = std::vector<std::uint8_t>;  // One per entry of a pattern.

std::size_t NumEntries(const SparsityPattern& pattern) {
  return static_cast<std::size_t>(pattern.num_entries());
}

Coloring Uncolored(std::int32_t size) {
  return {.colors = std::vector<std::int32_t>(static_cast<std::size_t>(size), Coloring::kNone)};
}

// The flags in the order of the transposed pattern.
Flags Transposed(const SparsityPattern& pattern, const SparsityPattern& transposed,
                 const Flags& flags) {
  std::vector<std::int64_t> next(static_cast<std::size_t>(pattern.columns()));
  for (std::int32_t j = 0; j < pattern.columns(); ++j) next[j] = transposed.RowStart(j);
  Flags result(flags.size());
  std::size_t entry = 0;
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    for (const std::int32_t j : pattern.Row(i)) result[next[j]++] = flags[entry++];
  }
  return result;
}

// The longest rows of the pattern, as many as make the estimate of colours least: the longest of
// the rows that remain for the tangents, and the most entries of a column in those taken by
// adjoints. Empty if no choice is expected to beat the longest row alone.
std::vector<std::int32_t> DenseRows(const SparsityPattern& pattern) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(pattern.rows()));
  std::iota(rows.begin(), rows.end(), 0);
  std::ranges::stable_sort(rows, std::ranges::greater(),
                           [&](std::int32_t i) { return pattern.RowSize(i); });
  std::vector<std::int64_t> taken(static_cast<std::size_t>(pattern.columns()), 0);
  std::int64_t adjoints = 0;
  std::int64_t best = pattern.MaxRowSize();
  std::size_t num_taken = 0;
  for (std::size_t k = 0; k < rows.size() && adjoints < best; ++k) {
    for (const std::int32_t j : pattern.Row(rows[k])) adjoints = std::max(adjoints, ++taken[j]);
    const std::int64_t tangents = k + 1 < rows.size() ? pattern.RowSize(rows[k + 1]) : 0;
    if (tangents + adjoints >= best) continue;
    best = tangents + adjoints;
    num_taken = k + 1;
  }
  rows.resize(num_taken);
  return rows;
}

// Sets the flags of all entries in the given rows.
Flags FlagsOfRows(const SparsityPattern& pattern, const std::vector<std::int32_t>& rows) {
  Flags flags(NumEntries(pattern), 0);
  for (const std::int32_t i : rows) {
    std::fill_n(flags.begin() + pattern.RowStart(i), pattern.RowSize(i), std::uint8_t{1});
  }
  return flags;
}

Flags Inverted(Flags flags) {
  for (std::uint8_t& flag : flags) flag ^= 1;
  return flags;
}

// Reads each entry across the shorter of its two lines: an entry of J S must be told apart from the
// others of its row, one of JᵀW from the others of its column.
Flags ByShorterLine(const SparsityPattern& pattern, const SparsityPattern& transposed,
                    bool ties_from_row) {
  Flags from_row;
  from_row.reserve(NumEntries(pattern));
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    for (const std::int32_t j : pattern.Row(i)) {
      const std::int64_t row = pattern.RowSize(i);
      const std::int64_t column = transposed.RowSize(j);
      from_row.push_back(row > column || (ties_from_row && row == column) ? 1 : 0);
    }
  }
  return from_row;
}

Matrix Seed(const Coloring& coloring) {
  Matrix S = Matrix::Zero(std::ssize(coloring.colors), coloring.num_colors);
  for (std::size_t j = 0; j < coloring.colors.size(); ++j) {
    if (coloring.colors[j] != Coloring::kNone) {
      S(static_cast<Index>(j), coloring.colors[j]) = 1;
    }
  }
  return S;
}

}  // namespace

Compression Compression::Make(const SparsityPattern& pattern, const Flags& from_row,
                              Coloring columns, Coloring rows, std::int64_t lower_bound) {
  Compression result;
  result.columns_ = std::move(columns);
  result.rows_ = std::move(rows);
  result.lower_bound_ = lower_bound;
  result.sources_.reserve(NumEntries(pattern));
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    for (const std::int32_t j : pattern.Row(i)) {
      const bool is_adjoint = from_row[result.sources_.size()] != 0;
      result.sources_.push_back(is_adjoint ? Source{j, result.rows_.colors[i], true}
                                           : Source{i, result.columns_.colors[j], false});
    }
  }
  return result;
}

Compression Compression::ByColumns(const SparsityPattern& pattern) {
  return Make(pattern, Flags(NumEntries(pattern), 0), ColorColumns(pattern),
              Uncolored(pattern.rows()), pattern.MaxRowSize());
}

Compression Compression::ByRows(const SparsityPattern& pattern) {
  const SparsityPattern transposed = pattern.Transposed();
  return Make(pattern, Flags(NumEntries(pattern), 1), Uncolored(pattern.columns()),
              ColorColumns(transposed), transposed.MaxRowSize());
}

Compression Compression::Bidirectional(const SparsityPattern& pattern) {
  const SparsityPattern transposed = pattern.Transposed();
  // A direction yields at most max(m, n) numbers, and each entry needs one of its own.
  const std::int64_t longer = std::max({pattern.rows(), pattern.columns(), 1});
  const std::int64_t lower_bound = (pattern.num_entries() + longer - 1) / longer;

  Compression best = ByColumns(pattern);
  const auto size = [](const Compression& c) { return c.num_tangents() + c.num_adjoints(); };
  if (Compression other = ByRows(pattern); size(other) < size(best)) best = std::move(other);
  best.lower_bound_ = lower_bound;

  const std::vector<Flags> partitions = {
      FlagsOfRows(pattern, DenseRows(pattern)),
      Inverted(Transposed(transposed, pattern, FlagsOfRows(transposed, DenseRows(transposed)))),
      ByShorterLine(pattern, transposed, false), ByShorterLine(pattern, transposed, true)};
  for (const Flags& from_row : partitions) {
    for (const ColoringOrder order : {ColoringOrder::kNatural, ColoringOrder::kLargestFirst}) {
      if (size(best) <= lower_bound) return best;
      Coloring columns = ColorColumnsFor(pattern, Inverted(from_row), order);
      Coloring rows = ColorColumnsFor(transposed, Transposed(pattern, transposed, from_row), order);
      if (columns.num_colors + rows.num_colors >= size(best)) continue;
      best = Make(pattern, from_row, std::move(columns), std::move(rows), lower_bound);
    }
  }
  return best;
}

Compression Compression::Symmetric(const SparsityPattern& pattern) {
  Compression result = Make(pattern, Flags(NumEntries(pattern), 0), ColorStar(pattern),
                            Uncolored(pattern.rows()), StarLowerBound(pattern));
  // Entry (i, j) stands alone at (i, colour of j), unless i is the hub of a star of that colour;
  // then j is a leaf, and the entry stands alone at (j, colour of i).
  std::vector<std::int64_t> count(static_cast<std::size_t>(result.num_tangents()), 0);
  const std::vector<std::int32_t>& colors = result.column_colors();
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    for (const std::int32_t j : pattern.Row(i)) ++count[colors[j]];
    std::int64_t entry = pattern.RowStart(i);
    for (const std::int32_t j : pattern.Row(i)) {
      if (count[colors[j]] > 1) result.sources_[entry] = {j, colors[i], false};
      ++entry;
    }
    for (const std::int32_t j : pattern.Row(i)) count[colors[j]] = 0;
  }
  return result;
}

Matrix Compression::TangentSeed() const { return Seed(columns_); }

Matrix Compression::AdjointSeed() const { return Seed(rows_); }

std::vector<double> Compression::Recover(const Eigen::Ref<const Matrix>& J_columns,
                                         const Eigen::Ref<const Matrix>& J_rows) const {
  RequireSize("J_columns columns", J_columns.cols(), num_tangents());
  RequireSize("J_rows columns", J_rows.cols(), num_adjoints());
  if (num_tangents() > 0) {
    RequireSize("J_columns rows", J_columns.rows(), std::ssize(rows_.colors));
  }
  if (num_adjoints() > 0) RequireSize("J_rows rows", J_rows.rows(), std::ssize(columns_.colors));
  std::vector<double> values;
  values.reserve(sources_.size());
  for (const Source& source : sources_) {
    values.push_back(source.is_adjoint ? J_rows(source.line, source.color)
                                       : J_columns(source.line, source.color));
  }
  return values;
}

}  // namespace sobolev::ad
