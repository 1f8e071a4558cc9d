#include "engine/sampling/halton.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "tests/engine/sampling/errors.h"

namespace sobolev::sampling {
namespace {

// Radical inverses in the first primes, and in 19, the eighth.
TEST(HaltonTest, HasThePublishedPoints) {
  const Matrix U = HaltonSequence(8, std::nullopt).Points(0, 28);
  EXPECT_EQ(U.col(0).maxCoeff(), 0);
  const std::vector<double> by_two = {1 / 2.0, 1 / 4.0, 3 / 4.0, 1 / 8.0, 5 / 8.0, 3 / 8.0};
  const std::vector<double> by_three = {1 / 3.0, 2 / 3.0, 1 / 9.0, 4 / 9.0, 7 / 9.0, 2 / 9.0};
  const std::vector<double> by_five = {1 / 5.0, 2 / 5.0, 3 / 5.0, 4 / 5.0, 1 / 25.0, 6 / 25.0};
  for (Index s = 1; s <= 6; ++s) {
    EXPECT_EQ(U(0, s), by_two[static_cast<std::size_t>(s - 1)]);
    EXPECT_EQ(U(1, s), by_three[static_cast<std::size_t>(s - 1)]);
    EXPECT_EQ(U(2, s), by_five[static_cast<std::size_t>(s - 1)]);
  }
  EXPECT_EQ(U(7, 20), 1 / 19.0 + 1 / 361.0);
  EXPECT_EQ(U(1, 27), 1 / 81.0);
}

// Any b^k points in a row have one in each b^−k-th.
TEST(HaltonTest, ScrambledInputsAreStratified) {
  const std::vector<Index> primes = {2, 3, 5, 7, 11};
  const Matrix U = HaltonSequence(5, 42).Points(1007, 1024);
  for (std::size_t j = 0; j < primes.size(); ++j) {
    for (Index cells = primes[j]; cells <= 1024; cells *= primes[j]) {
      std::set<Index> hit;
      for (Index s = 0; s < cells; ++s) {
        hit.insert(static_cast<Index>(U(static_cast<Index>(j), s) * static_cast<double>(cells)));
      }
      EXPECT_EQ(static_cast<Index>(hit.size()), cells);
    }
  }
}

TEST(HaltonTest, ContinuesAtAnyIndexWithTheSameBits) {
  const Matrix all = HaltonSequence(40, 5).Points(0, 200);
  EXPECT_EQ(HaltonSequence(40, 5).Points(77, 123), all.rightCols(123));
  EXPECT_EQ(HaltonSequence(3, 5).Points(0, 200), all.topRows(3));
  EXPECT_NE(HaltonSequence(40, 6).Points(0, 200), all);
  EXPECT_GT(all.minCoeff(), 0);
  EXPECT_LT(all.maxCoeff(), 1);
}

// The primes of the last inputs are near 7,900. Digits as they are would put the first 200 points
// on a line from corner to corner.
TEST(HaltonTest, ScramblingBreaksTheLinesOfLargeBases) {
  const auto correlation = [](const Matrix& U) {
    const Vector a = U.row(998).array() - U.row(998).mean();
    const Vector b = U.row(999).array() - U.row(999).mean();
    return a.dot(b) / a.norm() / b.norm();
  };
  EXPECT_GT(correlation(HaltonSequence(1000, std::nullopt).Points(0, 200)), 0.99);
  EXPECT_LT(std::abs(correlation(HaltonSequence(1000, 1).Points(0, 200))), 0.5);
}

// ∫ Π (1 + (u_j − ½)/2) = 1. 64 times as many points would bring independent ones 8 times as close.
TEST(HaltonTest, IntegralsConvergeFasterThanByChance) {
  const auto rms_error = [](Index count) {
    double squares = 0;
    for (std::uint64_t seed = 0; seed < 32; ++seed) {
      const Matrix U = HaltonSequence(5, seed).Points(0, count);
      const double mean = (1 + (U.array() - 0.5) / 2).colwise().prod().mean();
      squares += (mean - 1) * (mean - 1) / 32;
    }
    return std::sqrt(squares);
  };
  EXPECT_LT(rms_error(4096), rms_error(64) / 24);
}

TEST(HaltonTest, NamesACountThatIsTooLarge) {
  EXPECT_EQ(ErrorOf([] { HaltonSequence(2, 1).Points(kMaxHaltonPoints - 1, 2); }),
            "INVALID_COUNT count: a Halton sequence has points 0 to 2^36 - 1, got 2 from number "
            "68719476735");
}

}  // namespace
}  // namespace sobolev::sampling
