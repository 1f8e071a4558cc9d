// Halton sequences with scrambled digits.
//
// Input j of point i is the mirror image of i behind the point, written in the j-th prime b:
// 0.d₀d₁d₂… where i = …d₂d₁d₀. Any b^k points in a row put one into each b^−k-th of the range. In
// large bases neighbouring inputs rise side by side, so every digit is permuted, by d ↦ a d + c
// mod b with random a and c for each input and place (Matoušek 1998). Point i depends on the seed,
// i and j alone: sequences are continued at any index, with any number of inputs.

#ifndef SOBOLEV_ENGINE_SAMPLING_HALTON_H_
#define SOBOLEV_ENGINE_SAMPLING_HALTON_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev::sampling {

inline constexpr Index kMaxHaltonPoints = Index{1} << 36;

// Thread-safe: never changes.
class HaltonSequence {
 public:
  // Without a seed digits stay as they are: point 0 is the origin.
  HaltonSequence(Index dimensions, std::optional<std::uint64_t> seed);

  // n×count: points first … first + count − 1, in (0, 1)ⁿ if scrambled, else in [0, 1)ⁿ. Throws
  // Error(kInvalidArgument) naming "count" unless 0 <= first, 0 <= count and
  // first + count <= kMaxHaltonPoints.
  Matrix Points(Index first, Index count) const;

 private:
  struct Digit {
    std::uint64_t factor = 1;
    std::uint64_t shift = 0;
  };
  struct Axis {
    std::uint64_t base = 2;
    std::uint64_t cells = 1;    // base to the number of digits: at most 2⁵².
    std::vector<Digit> digits;  // The lowest of an index first.
  };

  std::vector<Axis> axes_;
  bool is_scrambled_;
};

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_HALTON_H_
