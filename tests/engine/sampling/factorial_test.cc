// Factorial designs against what they promise, by brute force.

#include "engine/sampling/factorial.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "tests/engine/sampling/errors.h"

namespace sobolev::sampling {
namespace {

using testing::HasSubstr;

// With levels −1 and 1.
Matrix Signs(const TwoLevelFraction& fraction) {
  return 2 * fraction.Runs(0, fraction.num_runs()).array() - 1;
}

// The size of the smallest set of factors, up to `limit`, whose product is constant: the
// resolution. limit + 1 if there is none.
int Resolution(const Matrix& signs, int limit, Index first, const Vector& product, int size) {
  int smallest = limit + 1;
  for (Index j = first; j < signs.rows(); ++j) {
    const Vector longer = product.cwiseProduct(signs.row(j).transpose());
    if (std::abs(longer.sum()) == static_cast<double>(longer.size())) {
      smallest = std::min(smallest, size + 1);
    } else if (size + 1 < limit) {
      smallest = std::min(smallest, Resolution(signs, limit, j + 1, longer, size + 1));
    }
  }
  return smallest;
}

int Resolution(const TwoLevelFraction& fraction, int limit) {
  return Resolution(Signs(fraction), limit, 0, Vector::Ones(fraction.num_runs()), 0);
}

TEST(FactorialTest, CombinationsVaryTheLastFactorFastest) {
  const Matrix all = Combinations({2, 1, 3}, 0, 6);
  EXPECT_EQ(all, (Matrix{{0, 0, 0, 1, 1, 1}, {0, 0, 0, 0, 0, 0}, {0, 1, 2, 0, 1, 2}}));
  EXPECT_EQ(Combinations({2, 1, 3}, 4, 2), all.rightCols(2));
  EXPECT_EQ(NumCombinations(std::vector<Index>(1000, 3)), Index{1} << 62);
}

TEST(FactorialTest, EveryFractionHasItsResolutionAndBalance) {
  for (const int resolution : {3, 4, 5}) {
    for (Index d = 1; d <= 12; ++d) {
      const TwoLevelFraction fraction = FractionOfResolution(d, resolution);
      const Matrix signs = Signs(fraction);
      EXPECT_EQ(signs.rows(), d);
      EXPECT_GE(Resolution(fraction, resolution), resolution) << d;
      // Every factor is at each level equally often.
      EXPECT_EQ(signs.rowwise().sum().cwiseAbs().maxCoeff(), 0);
    }
  }
}

// Box, Hunter and Hunter 2005, table 6.22, and Montgomery's table 8.14: the fewest runs, by d.
TEST(FactorialTest, TakesAsFewRunsAsThePublishedTables) {
  const auto runs = [](int resolution, Index first, Index last) {
    std::vector<Index> counts;
    for (Index d = first; d <= last; ++d) {
      counts.push_back(FractionOfResolution(d, resolution).num_runs());
    }
    return counts;
  };
  EXPECT_THAT(runs(3, 3, 16),
              testing::ElementsAre(4, 8, 8, 8, 8, 16, 16, 16, 16, 16, 16, 16, 16, 32));
  EXPECT_THAT(runs(4, 4, 17),
              testing::ElementsAre(8, 16, 16, 16, 16, 32, 32, 32, 32, 32, 32, 32, 32, 64));
  EXPECT_THAT(runs(5, 5, 12), testing::ElementsAre(16, 32, 64, 64, 128, 128, 128, 256));
  EXPECT_EQ(FractionOfResolution(17, 5).num_runs(), 256);
  EXPECT_EQ(FractionOfResolution(1000, 3).num_runs(), 1024);
  EXPECT_EQ(FractionOfResolution(1000, 4).num_runs(), 2048);
}

TEST(FactorialTest, GeneratorsAreProductsOfFactors) {
  const TwoLevelFraction fraction = FractionOf(6, {"D=ABC", "E=-AB", "F=-ABC"});
  EXPECT_EQ(fraction.num_runs(), 8);
  const Matrix signs = Signs(fraction);
  const auto factor = [&](Index j) { return signs.row(j).array(); };
  EXPECT_TRUE((factor(3) == factor(0) * factor(1) * factor(2)).all());
  EXPECT_TRUE((factor(4) == -factor(0) * factor(1)).all());
  EXPECT_TRUE((factor(5) == -factor(3)).all());
  // Base factors need not come first, and a full factorial has no generators.
  const Matrix other = Signs(FractionOf(3, {"A=BC"}));
  EXPECT_EQ(other.row(0), other.row(1).cwiseProduct(other.row(2)));
  EXPECT_EQ(FractionOf(3, {}).num_runs(), 8);
}

TEST(FactorialTest, AResolutionIsThatOfItsDefiningRelation) {
  EXPECT_EQ(Resolution(FractionOf(4, {"D=ABC"}), 5), 4);
  EXPECT_EQ(Resolution(FractionOf(5, {"D=AB", "E=AC"}), 5), 3);
  EXPECT_EQ(Resolution(FractionOf(5, {"E=ABCD"}), 5), 5);
}

TEST(FactorialTest, NamesBadGeneratorsAndResolutions) {
  const auto error = [](const std::string& generator) {
    return ErrorOf([&] { FractionOf(5, {"D=AB", generator}); });
  };
  EXPECT_THAT(error("E"), HasSubstr("generators[1]: \"E\": expected a factor, =, and others, as in "
                                    "D=ABC or D=-ABC, of A to E"));
  EXPECT_THAT(error(""), HasSubstr("expected a factor"));
  EXPECT_THAT(error("F=AB"), HasSubstr("expected a factor"));
  EXPECT_THAT(error("D=AC"), HasSubstr("has a second generator"));
  EXPECT_THAT(error("E=AD"), HasSubstr("expected factors without a generator of their own"));
  EXPECT_THAT(error("E=A*B"), HasSubstr("expected factors without a generator of their own"));
  EXPECT_THAT(error("E=AA"), HasSubstr("expected each factor at most once behind the ="));
  EXPECT_THAT(error("E=-"), HasSubstr("generators[1]"));
  EXPECT_THAT(ErrorOf([] { FractionOf(27, {}); }),
              HasSubstr("generators: name the factors A to Z"));
  EXPECT_THAT(ErrorOf([] { FractionOf(26, {"Z=AB"}); }), HasSubstr("leave 25 base factors"));
  EXPECT_THAT(ErrorOf([] { FractionOfResolution(4, 6); }),
              HasSubstr("resolution: expected 3, 4 or 5, got 6"));
  EXPECT_THAT(ErrorOf([] { FractionOfResolution(1000, 5); }),
              HasSubstr("resolution: 5 takes more than 2^16 runs for 1000 factors"));
}

}  // namespace
}  // namespace sobolev::sampling
