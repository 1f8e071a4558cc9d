// Sobol sequences against published points, and what scrambling may not change.

#include "engine/sampling/sobol.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/sampling/sobol_directions.h"

namespace sobolev::sampling {
namespace {

// How many points lie in each box of 2^−k₀ × 2^−k₁ × …, in the order of their places.
std::vector<int> CountsPerBox(const Matrix& U, const std::vector<int>& k) {
  int total = 0;
  for (const int bits : k) total += bits;
  std::vector<int> counts(std::size_t{1} << total);
  for (Index s = 0; s < U.cols(); ++s) {
    std::size_t place = 0;
    for (std::size_t j = 0; j < k.size(); ++j) {
      const auto cell = static_cast<std::size_t>(std::ldexp(U(static_cast<Index>(j), s), k[j]));
      place = place << k[j] | cell;
    }
    ++counts[place];
  }
  return counts;
}

// All shapes of boxes of volume 2^−total in n dimensions.
std::vector<std::vector<int>> Shapes(int n, int total) {
  if (n == 1) return {{total}};
  std::vector<std::vector<int>> shapes;
  for (int first = 0; first <= total; ++first) {
    for (std::vector<int> rest : Shapes(n - 1, total - first)) {
      rest.insert(rest.begin(), first);
      shapes.push_back(std::move(rest));
    }
  }
  return shapes;
}

// Points of the sequence by Joe and Kuo in the order of Gray codes, as SciPy 1.17's
// stats.qmc.Sobol(scramble=False) has them.
TEST(SobolTest, HasThePublishedPoints) {
  Matrix first(6, 8);
  first.transpose() << 0, 0, 0, 0, 0, 0,         //
      0.5, 0.5, 0.5, 0.5, 0.5, 0.5,              //
      0.75, 0.25, 0.25, 0.25, 0.75, 0.75,        //
      0.25, 0.75, 0.75, 0.75, 0.25, 0.25,        //
      0.375, 0.375, 0.625, 0.875, 0.375, 0.125,  //
      0.875, 0.875, 0.125, 0.375, 0.875, 0.625,  //
      0.625, 0.125, 0.875, 0.625, 0.625, 0.875,  //
      0.125, 0.625, 0.375, 0.125, 0.125, 0.375;
  const SobolSequence sequence(kMaxSobolDimensions, std::nullopt);
  const Matrix U = sequence.Points(0, 8);
  EXPECT_EQ(U.topRows(6), first);
  Matrix last(2, 8);
  last << 0, 0.5, 0.25, 0.75, 0.875, 0.375, 0.625, 0.125,  //
      0, 0.5, 0.75, 0.25, 0.875, 0.375, 0.125, 0.625;
  EXPECT_EQ(U.bottomRows(2), last);

  const Matrix far = sequence.Points(123456, 1);
  EXPECT_EQ(far(0, 0), 0x1.b22p-6);
  EXPECT_EQ(far(1, 0), 0x1.7644p-3);
  EXPECT_EQ(far(6, 0), 0x1.6e81p-1);
  EXPECT_EQ(far(100, 0), 0x1.1029p-1);
  EXPECT_EQ(far(1110, 0), 0x1.59d4p-3);
}

// x^k modulo a polynomial over GF(2), both as binary numbers.
std::uint64_t PowerOfX(std::uint64_t k, std::uint64_t polynomial, int degree) {
  const auto multiply = [&](std::uint64_t a, std::uint64_t b) {
    std::uint64_t product = 0;
    for (; b != 0; b >>= 1) {
      if ((b & 1) != 0) product ^= a;
      a <<= 1;
      if ((a >> degree & 1) != 0) a ^= polynomial;
    }
    return product;
  };
  std::uint64_t result = 1;
  std::uint64_t power = degree == 1 ? 1 : 2;  // x mod (x + 1) is 1.
  for (; k != 0; k >>= 1, power = multiply(power, power)) {
    if ((k & 1) != 0) result = multiply(result, power);
  }
  return result;
}

TEST(SobolTest, HasEveryPrimitivePolynomialUpToDegree13Once) {
  std::span<const std::uint16_t> rows = SobolDirections();
  std::uint64_t previous = 0;
  Index count = 1;
  for (; !rows.empty(); ++count) {
    const int degree = rows[0];
    const std::uint64_t polynomial =
        std::uint64_t{1} << degree | std::uint64_t{rows[1]} << 1 | std::uint64_t{1};
    ASSERT_GT(polynomial, previous);
    previous = polynomial;
    // Primitive: the order of x is 2^degree − 1.
    const std::uint64_t order = (std::uint64_t{1} << degree) - 1;
    ASSERT_EQ(PowerOfX(order, polynomial, degree), 1U);
    for (std::uint64_t factor = 2; factor < order; ++factor) {
      if (order % factor == 0) {
        ASSERT_NE(PowerOfX(order / factor, polynomial, degree), 1U) << polynomial;
      }
    }
    for (int i = 0; i < degree; ++i) {
      const unsigned m = rows[static_cast<std::size_t>(2 + i)];
      ASSERT_EQ(m % 2, 1U);
      ASSERT_LT(m, 2U << i);
    }
    rows = rows.subspan(static_cast<std::size_t>(2 + degree));
  }
  // There are 1,110 of them (φ(2^s − 1)/s for each degree s).
  EXPECT_EQ(count, kMaxSobolDimensions);
}

TEST(SobolTest, EveryInputOfAScrambledNetIsStratified) {
  const Matrix U = SobolPoints(kMaxSobolDimensions, 512, 256, 3);
  for (Index j = 0; j < U.rows(); ++j) {
    EXPECT_THAT(CountsPerBox(U.row(j), {8}), testing::Each(1)) << j;
  }
}

// The first two dimensions are a (0, 2)-sequence.
TEST(SobolTest, ScrambledPointsOfTwoInputsFillEveryElementaryBoxOnce) {
  for (const std::uint64_t seed : {0, 1, 2}) {
    const Matrix U = SobolPoints(2, 3 * 1024, 1024, seed);
    for (int k = 0; k <= 10; ++k) {
      EXPECT_THAT(CountsPerBox(U, {k, 10 - k}), testing::Each(1)) << k;
    }
  }
}

TEST(SobolTest, ScrambledPointsAreAsGoodANetAsTheSequence) {
  const Matrix plain = SobolSequence(4, std::nullopt).Points(256, 256);
  const Matrix scrambled = SobolPoints(4, 256, 256, 11);
  for (int total = 1; total <= 8; ++total) {
    for (const std::vector<int>& shape : Shapes(4, total)) {
      std::vector<int> expected = CountsPerBox(plain, shape);
      std::vector<int> actual = CountsPerBox(scrambled, shape);
      std::ranges::sort(expected);
      std::ranges::sort(actual);
      EXPECT_EQ(actual, expected);
    }
  }
}

TEST(SobolTest, ContinuesAtAnyIndexWithTheSameBits) {
  const Matrix all = SobolPoints(7, 0, 300, 5);
  for (const Index first : {0, 1, 63, 64, 100, 255}) {
    EXPECT_EQ(SobolPoints(7, first, 300 - first, 5), all.rightCols(300 - first));
  }
  EXPECT_EQ(SobolPoints(3, 0, 300, 5), all.topRows(3));
  EXPECT_NE(SobolPoints(7, 0, 300, 6), all);
  EXPECT_EQ(SobolPoints(7, kMaxSobolPoints - 3, 3, 5).cols(), 3);
  EXPECT_EQ(SobolPoints(7, 10, 0, 5).cols(), 0);
}

// Each coordinate of each point is uniform over the seeds, and inputs are not correlated by more
// than chance: 1/√4000 = 0.016.
TEST(SobolTest, ScramblingIsUniformOverSeeds) {
  constexpr Index kSeeds = 4000;
  Matrix U(6, kSeeds);
  for (Index seed = 0; seed < kSeeds; ++seed) {
    const Matrix points = SobolPoints(3, 5, 2, static_cast<std::uint64_t>(seed));
    U.col(seed) = points.reshaped();
  }
  const Matrix centred = U.array() - 0.5;
  const Matrix covariance = centred * centred.transpose() / static_cast<double>(kSeeds);
  EXPECT_LT(centred.rowwise().mean().cwiseAbs().maxCoeff(), 4 * std::sqrt(1 / 12.0 / kSeeds));
  for (Index i = 0; i < 6; ++i) {
    for (Index j = 0; j < 6; ++j) {
      if (i == j) {
        EXPECT_NEAR(covariance(i, i), 1 / 12.0, 0.006);
      }
      if (i % 3 != j % 3) {
        EXPECT_NEAR(covariance(i, j), 0, 4 / 12.0 / std::sqrt(kSeeds));
      }
    }
  }
  EXPECT_GT(U.minCoeff(), 0);
  EXPECT_LT(U.maxCoeff(), 1);
}

// ∫ Π (1 + (u_j − ½)/2) = 1. Independent points have errors like N^−1/2; scrambled nets of smooth
// functions like N^−3/2, up to logarithms.
TEST(SobolTest, IntegralsOfSmoothFunctionsConvergeFast) {
  const auto rms_error = [](Index count) {
    double squares = 0;
    for (std::uint64_t seed = 0; seed < 32; ++seed) {
      const Matrix U = SobolPoints(5, 0, count, seed);
      const double mean = (1 + (U.array() - 0.5) / 2).colwise().prod().mean();
      squares += (mean - 1) * (mean - 1) / 32;
    }
    return std::sqrt(squares);
  };
  EXPECT_LT(rms_error(4096), rms_error(64) / std::pow(64.0, 1.25));
}

TEST(SobolTest, NamesWhatItCannotDo) {
  const auto message = [](Index n, Index first, Index count) {
    try {
      SobolPoints(n, first, count, 0);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_THAT(message(1112, 0, 1), testing::HasSubstr("inputs: expected 1 to 1111"));
  EXPECT_THAT(message(0, 0, 1), testing::HasSubstr("inputs: expected 1 to 1111"));
  EXPECT_THAT(message(2, -1, 1), testing::HasSubstr("count: a Sobol sequence has points 0 to"));
  EXPECT_THAT(message(2, 0, -1), testing::HasSubstr("count: "));
  EXPECT_THAT(message(2, kMaxSobolPoints, 1), testing::HasSubstr("count: "));
}

}  // namespace
}  // namespace sobolev::sampling
