// Latin hypercubes: slices by counting, spread by brute force over all pairs.

#include "engine/sampling/latin_hypercube.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <stop_token>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "tests/engine/sampling/errors.h"

namespace sobolev::sampling {
namespace {

Matrix Fresh(Index d, Index count, Spread spread, std::uint64_t seed) {
  return LatinHypercube(Matrix(d, 0), count, spread, seed, {});
}

bool HasOnePointInEverySlice(const Matrix& U) {
  for (Index j = 0; j < U.rows(); ++j) {
    std::set<double> slices;
    for (const double u : U.row(j)) slices.insert(std::floor(u * static_cast<double>(U.cols())));
    if (static_cast<Index>(slices.size()) != U.cols() || *slices.begin() != 0) return false;
  }
  return true;
}

double SmallestDistance(const Matrix& U) {
  double smallest = std::numeric_limits<double>::infinity();
  for (Index a = 0; a < U.cols(); ++a) {
    for (Index b = 0; b < a; ++b) smallest = std::min(smallest, (U.col(a) - U.col(b)).norm());
  }
  return smallest;
}

double Phi(const Matrix& U, double p) {
  double sum = 0;
  for (Index a = 0; a < U.cols(); ++a) {
    for (Index b = 0; b < a; ++b) sum += std::pow((U.col(a) - U.col(b)).norm(), -p);
  }
  return std::pow(sum, 1 / p);
}

Matrix Both(const Matrix& U, const Matrix& V) {
  Matrix both(U.rows(), U.cols() + V.cols());
  both << U, V;
  return both;
}

TEST(LatinHypercubeTest, EverySliceHoldsOnePoint) {
  for (const Spread spread : {Spread::kNone, Spread::kPhi, Spread::kMaximin}) {
    for (const Index count : {1, 2, 3, 17, 64}) {
      for (const Index d : {1, 2, 5}) {
        EXPECT_TRUE(HasOnePointInEverySlice(Fresh(d, count, spread, 3))) << count << " in " << d;
      }
    }
  }
  EXPECT_TRUE(HasOnePointInEverySlice(Fresh(1000, 50, Spread::kPhi, 3)));
}

TEST(LatinHypercubeTest, DoublingKeepsOnePointInEverySlice) {
  for (const Spread spread : {Spread::kNone, Spread::kPhi}) {
    Matrix U = Fresh(3, 8, spread, 1);
    for (int doubling = 0; doubling < 4; ++doubling) {
      U = Both(U, LatinHypercube(U, U.cols(), spread, 1, {}));
      EXPECT_TRUE(HasOnePointInEverySlice(U)) << U.cols();
    }
    U = Both(U, LatinHypercube(U, 2 * U.cols(), spread, 1, {}));
    EXPECT_TRUE(HasOnePointInEverySlice(U)) << U.cols();
  }
}

// Points that exist share some of the finer slices, so that others must stay empty.
TEST(LatinHypercubeTest, AnyOtherExtensionTakesFreeSlicesOnly) {
  const Matrix U = Fresh(4, 20, Spread::kNone, 1);
  const Matrix V = LatinHypercube(U, 7, Spread::kNone, 2, {});
  for (Index j = 0; j < 4; ++j) {
    std::set<double> taken;
    for (const double u : U.row(j)) taken.insert(std::floor(u * 27));
    for (const double v : V.row(j)) EXPECT_TRUE(taken.insert(std::floor(v * 27)).second);
  }
}

TEST(LatinHypercubeTest, SpreadPointsAreFartherApartThanTheBestOfAHundred) {
  for (const Index d : {2, 4}) {
    const Index count = 10 * d;
    double smallest = 0;
    double phi = std::numeric_limits<double>::infinity();
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const Matrix U = Fresh(d, count, Spread::kNone, seed);
      smallest = std::max(smallest, SmallestDistance(U));
      phi = std::min(phi, Phi(U, 16));
    }
    EXPECT_GT(SmallestDistance(Fresh(d, count, Spread::kMaximin, 1)), smallest);
    EXPECT_LT(Phi(Fresh(d, count, Spread::kPhi, 1), 16), phi);
  }
}

// The largest smallest distance in the plane, in slices, squared, of all permutations.
Index LargestSmallestDistance(Index count) {
  std::vector<Index> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), Index{0});
  Index best = 0;
  do {
    Index smallest = std::numeric_limits<Index>::max();
    for (Index a = 0; a < count && smallest > best; ++a) {
      for (Index b = 0; b < a; ++b) {
        const Index rise = order[static_cast<std::size_t>(a)] - order[static_cast<std::size_t>(b)];
        smallest = std::min(smallest, (a - b) * (a - b) + rise * rise);
      }
    }
    best = std::max(best, smallest);
  } while (std::ranges::next_permutation(order).found);
  return best;
}

TEST(LatinHypercubeTest, SmallMaximinDesignsAreOptimal) {
  for (Index count = 2; count <= 8; ++count) {
    const double distance = SmallestDistance(Fresh(2, count, Spread::kMaximin, 1));
    const double slices = distance * static_cast<double>(count);
    EXPECT_EQ(std::lround(slices * slices), LargestSmallestDistance(count)) << count;
  }
}

TEST(LatinHypercubeTest, AnExtensionKeepsAwayFromPointsThatExist) {
  const Matrix U = Fresh(2, 16, Spread::kPhi, 1);
  double plain = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    plain =
        std::max(plain, SmallestDistance(Both(U, LatinHypercube(U, 16, Spread::kNone, seed, {}))));
  }
  EXPECT_GT(SmallestDistance(Both(U, LatinHypercube(U, 16, Spread::kPhi, 1, {}))), plain);
}

TEST(LatinHypercubeTest, TheSeedDecides) {
  for (const Spread spread : {Spread::kNone, Spread::kPhi, Spread::kMaximin}) {
    EXPECT_EQ(Fresh(3, 12, spread, 1), Fresh(3, 12, spread, 1));
    EXPECT_NE(Fresh(3, 12, spread, 1), Fresh(3, 12, spread, 2));
  }
}

TEST(LatinHypercubeTest, RefusesTooManyPairsAndStops) {
  EXPECT_THAT(ErrorOf([] { Fresh(2, 4000, Spread::kPhi, 1); }),
              testing::HasSubstr("count: spreading 4000 points between 0 others"));
  std::stop_source source;
  source.request_stop();
  EXPECT_THAT(
      ErrorOf([&] { LatinHypercube(Matrix(2, 0), 9, Spread::kPhi, 1, source.get_token()); }),
      testing::HasSubstr("CANCELLED"));
}

}  // namespace
}  // namespace sobolev::sampling
