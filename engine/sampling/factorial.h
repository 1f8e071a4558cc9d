// Factorial designs: all combinations of the levels of each factor, or a regular fraction of those
// of two levels.

#ifndef SOBOLEV_ENGINE_SAMPLING_FACTORIAL_H_
#define SOBOLEV_ENGINE_SAMPLING_FACTORIAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev::sampling {

// The number of combinations, at most 2⁶².
Index NumCombinations(const std::vector<Index>& levels);

// d×count: combinations first … first + count − 1, each as level numbers 0, 1, …, the last factor
// varying fastest.
Matrix Combinations(const std::vector<Index>& levels, Index first, Index count);

// 2^k runs of d two-level factors. In run r, factor j is at its upper level where the bits of
// columns[j] & r have an odd number of ones, or an even number if is_reversed[j]. Single bits are
// base factors: their 2^k combinations are the runs.
struct TwoLevelFraction {
  Index k = 0;
  std::vector<std::uint64_t> columns;
  std::vector<bool> is_reversed;

  Index num_runs() const { return Index{1} << k; }
  // d×count of 0 and 1, from run `first` on.
  Matrix Runs(Index first, Index count) const;
};

// The d factors are A, B, …, Z; each generator such as "D=ABC" or "E=-AC" says that a factor is
// ± the product of others, which are base factors. Throws Error(kInvalidArgument) naming
// "generators[i]", or "generators" if more than 26 factors are to be named.
TwoLevelFraction FractionOf(Index d, const std::vector<std::string>& generators);

// A fraction in as few runs as are found for d factors so that no effect of up to
// (resolution − 1)/2 factors is mixed up with another such (resolution III: main effects are clear
// of each other; IV: also of pairs; V: pairs are clear of each other too). Throws
// Error(kInvalidArgument) naming "resolution" unless it is 3, 4 or 5, or if that takes more than
// 2¹⁶ runs.
TwoLevelFraction FractionOfResolution(Index d, int resolution);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_FACTORIAL_H_
