// Sobol sequences, scrambled by Owen's nested uniform scrambling.
//
// Any 2^k points that begin at a multiple of 2^k are a (t, k, n)-net: boxes with sides that are
// powers of ½ hold as many points as their volume says, but for the very small ones. Scrambling
// keeps that, moves each point by itself uniformly over the cube, and makes means over the points
// unbiased, with errors O(N^−3/2) up to logarithms for smooth functions. It flips each binary digit
// of a coordinate by a random bit that depends on the digits before it, so that point i depends on
// the seed, i and the dimension alone: sequences are continued at any index.

#ifndef SOBOLEV_ENGINE_SAMPLING_SOBOL_H_
#define SOBOLEV_ENGINE_SAMPLING_SOBOL_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev::sampling {

inline constexpr Index kMaxSobolDimensions = 1111;
inline constexpr Index kMaxSobolPoints = Index{1} << 36;

// Thread-safe: never changes.
class SobolSequence {
 public:
  // Without a seed the sequence is not scrambled: point 0 is the origin. Throws
  // Error(kInvalidArgument) naming "inputs" unless 1 <= dimensions <= kMaxSobolDimensions.
  SobolSequence(Index dimensions, std::optional<std::uint64_t> seed);

  Index dimensions() const { return dimensions_; }

  // n×count: points first … first + count − 1, in (0, 1)ⁿ if scrambled, else in [0, 1)ⁿ. They come
  // in the order of Gray codes (Antonov and Saleev 1979). Throws Error(kInvalidArgument) naming
  // "count" unless 0 <= first, 0 <= count and first + count <= kMaxSobolPoints.
  Matrix Points(Index first, Index count) const;

 private:
  Index dimensions_;
  std::vector<std::uint64_t> directions_;  // n for each binary digit of an index, the lowest first.
  std::vector<std::uint64_t> keys_;        // n, or none without scrambling.
};

// Points of the scrambled sequence. Throws as SobolSequence does.
Matrix SobolPoints(Index dimensions, Index first, Index count, std::uint64_t seed);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_SOBOL_H_
