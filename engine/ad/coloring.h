// Colours for the columns of a sparsity pattern, such that one direction per colour suffices.
//
// If two columns of a Jacobian have no row in common, their sum keeps both: one tangent with two
// ones yields two columns. So columns are coloured, columns of one colour are summed, and the
// number of colours is the number of tangents. The fewest colours are NP-hard to find (Coleman and
// Moré 1983); greedy colouring in a good order is mostly at or next to the lower bound, the longest
// row.
//
// A Hessian needs fewer colours because entry (i, j) may be read at (j, i) too. It suffices that
// neighbours differ and that no path of four vertices has two colours only, a *star colouring*
// (Coleman and Moré 1984; Gebremedhin, Manne and Pothen 2005): each pair of colours then induces
// stars, and every entry stands alone at the leaf of its star.
//
// The textbook loop walks all pairs of columns in a row, which is quadratic for a dense row. Here
// each row keeps the set of colours in use as bits, so a column asks for the first colour missing
// from a union of sets, and the work is near linear in the number of entries whatever their shape.
// compression.h makes seeds of the colours and reads the entries back.

#ifndef SOBOLEV_ENGINE_AD_COLORING_H_
#define SOBOLEV_ENGINE_AD_COLORING_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/ad/sparsity.h"

namespace sobolev::ad {

// The order in which greedy colouring visits the columns. Degrees count columns that share a row,
// once for each shared row.
enum class ColoringOrder {
  kNatural,       // As numbered. Optimal for bands.
  kLargestFirst,  // Descending degree.
  kSmallestLast,  // The last one has the smallest degree, the one before the smallest without it …
  kIncidenceDegree,  // Always the one with the highest degree among those visited already.
};

inline constexpr std::array kColoringOrders = {
    ColoringOrder::kNatural, ColoringOrder::kLargestFirst, ColoringOrder::kSmallestLast,
    ColoringOrder::kIncidenceDegree};

struct Coloring {
  static constexpr std::int32_t kNone = -1;

  std::vector<std::int32_t> colors;  // One per column: 0, …, num_colors − 1, or kNone.
  std::int32_t num_colors = 0;
  ColoringOrder order = ColoringOrder::kNatural;
};

// The columns of the pattern in that order. Ties are decided by the numbers of the columns. The two
// dynamic orders overlook rows of more than 128 entries: such a row makes neighbours of nearly all
// columns alike, and walking it once per column would be quadratic.
std::vector<std::int32_t> OrderColumns(const SparsityPattern& pattern, ColoringOrder order);

// Columns of one colour have no row in common; empty columns remain uncoloured. No colouring has
// fewer than MaxRowSize() colours.
Coloring ColorColumns(const SparsityPattern& pattern, ColoringOrder order);

// The best over all orders; the first of equals. Stops early at the lower bound.
Coloring ColorColumns(const SparsityPattern& pattern);

// A colouring of the columns for reading some entries only. `designated` has one flag per entry of
// the pattern. Columns without designated entries remain uncoloured. If (i, j) is designated, no
// other coloured column with an entry in row i has the colour of column j.
Coloring ColorColumnsFor(const SparsityPattern& pattern, std::span<const std::uint8_t> designated,
                         ColoringOrder order);

// A star colouring of the graph of a symmetric pattern; diagonal entries make no difference.
//
// Throws Error(kInvalidArgument) naming "pattern" if it is not symmetric.
Coloring ColorStar(const SparsityPattern& pattern, ColoringOrder order);
Coloring ColorStar(const SparsityPattern& pattern);

// No star colouring has fewer colours. Two colours induce a forest, so that k colours on n vertices
// leave room for (k − 1) n − k (k − 1)/2 edges at most.
std::int32_t StarLowerBound(const SparsityPattern& pattern);

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_COLORING_H_
