// Boxes of inputs: where a network or a program is analysed, and how such a box is cut.

#ifndef SOBOLEV_ENGINE_PRUNE_BOX_H_
#define SOBOLEV_ENGINE_PRUNE_BOX_H_

#include <cstdint>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev::prune {

// All x with min <= x <= max, in the units of the user.
struct Box {
  Vector min;  // n
  Vector max;  // n
};

// Throws Error(kInvalidArgument) naming "box.min" or "box.max" unless both have n finite entries
// and min <= max.
void RequireBox(const Box& box, Index n);

// The above for both, and Error(kInvalidArgument) naming "box" unless it lies inside `domain`.
void RequireInside(const Box& box, const Box& domain);

// How often each input's range is cut. In pieces of equal length, or, for ranges that span orders
// of magnitude, of equal ratio.
struct Splitting {
  std::vector<Index> counts;    // Pieces per input, each at least 1; empty: one box.
  std::vector<bool> geometric;  // Per input; empty: none.
};

// The pieces of a box, as columns: those of input j vary faster than those of input j + 1.
struct Pieces {
  Matrix min;  // n×K
  Matrix max;  // n×K
  std::vector<Index> counts;

  // Which piece of input j the k-th box belongs to.
  Index SliceOf(Index k, Index j) const;
};

inline constexpr Index kMaxPieces = Index{1} << 20;

// Neighbours share a face, so that no point is lost to rounding. Throws Error(kInvalidArgument)
// naming "splitting.counts" or "splitting.geometric" for sizes that disagree, counts below 1, more
// than kMaxPieces pieces, or a geometric cut of a range that is not positive.
Pieces Split(const Box& box, const Splitting& splitting);

// N points of the uniform distribution on the box, n×N. The same seed gives the same bits.
Matrix UniformPoints(const Box& box, Index num_points, std::uint64_t seed);

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_BOX_H_
