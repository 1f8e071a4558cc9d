#include "client/cli/design.h"

#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;
using client::Vector;
using testing::HasSubstr;

const Box kBox{.low = Vector{{-1, 10, 0.1}}, .high = Vector{{1, 30, 0.1}}};

bool IsInside(const Matrix& X, const Box& box) {
  return (X.colwise() - box.low).minCoeff() >= 0 && (X.colwise() - box.high).maxCoeff() <= 0;
}

TEST(DesignTest, ALatinHypercubeHasOnePointInEverySliceOfEverySide) {
  constexpr Index kCount = 101;
  const Matrix X = MakeDesign(Design::kLatinHypercube, kBox, kCount, 7);
  ASSERT_EQ(X.cols(), kCount);
  EXPECT_TRUE(IsInside(X, kBox));
  for (Index j = 0; j < 2; ++j) {  // The third side is a point.
    std::set<Index> slices;
    for (Index s = 0; s < kCount; ++s) {
      const double u = (X(j, s) - kBox.low(j)) / (kBox.high(j) - kBox.low(j));
      slices.insert(static_cast<Index>(std::floor(u * kCount)));
    }
    // Rounding moves a point across the border of its slice with a probability of about 1e-13.
    EXPECT_EQ(slices.size(), static_cast<std::size_t>(kCount));
  }
  EXPECT_TRUE((X.row(2).array() == 0.1).all());
}

TEST(DesignTest, RandomPointsFillTheBoxEvenly) {
  constexpr Index kCount = 10'000;
  const Matrix X = MakeDesign(Design::kRandom, kBox, kCount, 7);
  EXPECT_TRUE(IsInside(X, kBox));
  // The mean of N uniform numbers has the standard deviation (high − low) / √(12 N); four of them.
  EXPECT_NEAR(X.row(0).mean(), 0, 4 * 2 / std::sqrt(12.0 * kCount));
  EXPECT_NEAR(X.row(1).mean(), 20, 4 * 20 / std::sqrt(12.0 * kCount));
}

TEST(DesignTest, AGridHasItsCornersAndVariesTheLastInputFastest) {
  const Box box{.low = Vector{{0, -2}}, .high = Vector{{1, 2}}};
  const Matrix X = MakeDesign(Design::kGrid, box, 9, 1);
  EXPECT_EQ(X, (Matrix{{0, 0, 0, 0.5, 0.5, 0.5, 1, 1, 1}, {-2, 0, 2, -2, 0, 2, -2, 0, 2}}));
}

TEST(DesignTest, AGridOfAnotherNumberOfPointsIsRefused) {
  const Box box{.low = Vector{{0, 0}}, .high = Vector{{1, 1}}};
  for (const Index count : {1, 8, 10, 15}) {
    try {
      MakeDesign(Design::kGrid, box, count, 1);
      ADD_FAILURE() << "accepted " << count;
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr("--count: expected k^2 points"));
    }
  }
}

TEST(DesignTest, TheSeedDecides) {
  for (const Design design : {Design::kLatinHypercube, Design::kRandom}) {
    const Matrix first = MakeDesign(design, kBox, 10, 1);
    EXPECT_EQ(first, MakeDesign(design, kBox, 10, 1));
    EXPECT_NE(first, MakeDesign(design, kBox, 10, 2));
  }
}

TEST(DesignTest, EveryDesignHasAName) {
  for (const auto& [name, design] : Designs()) EXPECT_EQ(Name(design), name);
}

}  // namespace
}  // namespace sobolev::cli
