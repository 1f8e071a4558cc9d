// Latin hypercubes: N points, one in each of the N slices of every side of the unit cube.

#ifndef SOBOLEV_ENGINE_SAMPLING_LATIN_HYPERCUBE_H_
#define SOBOLEV_ENGINE_SAMPLING_LATIN_HYPERCUBE_H_

#include <cstdint>
#include <stop_token>

#include "engine/base/matrix.h"

namespace sobolev::sampling {

enum class Spread {
  kNone,     // Slices combine at random; points lie anywhere within them.
  kPhi,      // Spread over the cube, in the middle of their slices, by the φ₁₆ criterion.
  kMaximin,  // As kPhi with φ₆₄, which hardly sees more than the smallest distance.
};

// Spread compares this many pairs at most.
inline constexpr Index kMaxSpreadPairs = 10'000'000;

// d×count points in (0, 1)ᵈ that together with `existing` (d×E, in [0, 1]) fill the E + count
// slices of every side: each new point has slices where no other lies. So a Latin hypercube of E
// points grows into one of any multiple of E, and into the nearest thing to one of other numbers.
//
// Spread points have a small φ_p = (Σ d(i, j)^−p)^(1/p), the sum over all pairs but those of
// existing points, found by the enhanced stochastic evolutionary algorithm (Jin, Chen and
// Sudjianto 2005): exchanges of slices between two points, with a threshold that lets worse ones
// pass and warms up or cools down by their number.
//
// The same arguments give the same bits on every machine. Throws Error(kInvalidArgument) naming
// "count" if points to be spread have more than kMaxSpreadPairs pairs, and Error(kCancelled).
Matrix LatinHypercube(const Matrix& existing, Index count, Spread spread, std::uint64_t seed,
                      const std::stop_token& stop);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_LATIN_HYPERCUBE_H_
