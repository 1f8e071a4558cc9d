// Whole sparse matrices of derivatives from a few directions.
//
// A compression turns colours into seeds and the compressed results back into the entries of the
// pattern. The tangent seed S (n×p) sums the columns of each colour, the adjoint seed W (m×q) the
// rows of each colour, so that p tangents give J S and q adjoints give JᵀW. Recovery is *direct*:
// each entry is read at one place of either result, with no arithmetic and hence no rounding.
//
// Using both at once pays where some rows and some columns are dense. An arrow matrix (first row,
// first column and diagonal) has n colours by columns alone or by rows alone, and 3 by both: an
// adjoint for the dense row, and two tangents for the dense column and the diagonal.

#ifndef SOBOLEV_ENGINE_AD_COMPRESSION_H_
#define SOBOLEV_ENGINE_AD_COMPRESSION_H_

#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include "engine/ad/coloring.h"
#include "engine/ad/sparsity.h"
#include "engine/base/matrix.h"

namespace sobolev::ad {

// Immutable; safe to share between threads.
class Compression {
 public:
  // Tangents only.
  static Compression ByColumns(const SparsityPattern& pattern);

  // Adjoints only.
  static Compression ByRows(const SparsityPattern& pattern);

  // Tangents and adjoints: the partition of the entries into those read from J S and those read
  // from JᵀW with the fewest colours in all among a portfolio, never more than ByColumns or ByRows.
  static Compression Bidirectional(const SparsityPattern& pattern);

  // A Hessian from products H S, by a star colouring. Throws Error(kInvalidArgument) naming
  // "pattern" if it is not symmetric.
  static Compression Symmetric(const SparsityPattern& pattern);

  // One per column and per row; Coloring::kNone for those with no seed.
  const std::vector<std::int32_t>& column_colors() const { return columns_.colors; }
  const std::vector<std::int32_t>& row_colors() const { return rows_.colors; }
  std::int32_t num_tangents() const { return columns_.num_colors; }  // p
  std::int32_t num_adjoints() const { return rows_.num_colors; }     // q
  // No compression of this kind has fewer than this many directions.
  std::int64_t lower_bound() const { return lower_bound_; }

  Matrix TangentSeed() const;  // S: n×p.
  Matrix AdjointSeed() const;  // W: m×q.

  // The values of the pattern's entries, from J_columns = J S (m×p) and J_rows = JᵀW (n×q).
  //
  // Throws Error(kInvalidArgument) if a shape disagrees.
  std::vector<double> Recover(const Eigen::Ref<const Matrix>& J_columns,
                              const Eigen::Ref<const Matrix>& J_rows) const;

 private:
  // Where an entry is read: at (line, color) of J S, or of JᵀW.
  struct Source {
    std::int32_t line;
    std::int32_t color;
    bool is_adjoint;
  };

  // Entries are read from JᵀW where `from_row` is set, from J S elsewhere.
  static Compression Make(const SparsityPattern& pattern, const std::vector<std::uint8_t>& from_row,
                          Coloring columns, Coloring rows, std::int64_t lower_bound);

  Coloring columns_;
  Coloring rows_;
  std::vector<Source> sources_;  // One per entry of the pattern.
  std::int64_t lower_bound_ = 0;
};

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_COMPRESSION_H_
