#include "client/cli/design.h"

#include <cstdint>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;
using client::Vector;
using sampling::DesignKind;
using testing::HasSubstr;

// The third side is a point.
const Box kBox{.low = Vector{{-1, 10, 0.1}}, .high = Vector{{1, 30, 0.1}}};

Matrix Make(const DesignArguments& arguments, std::uint64_t seed = 1) {
  const sampling::Domain domain = DomainOf(kBox, {"a", "b", "c"});
  return MakeDesign(domain, arguments, seed, Matrix(3, 0), {}).X;
}

std::string ErrorOf(const DesignArguments& arguments) {
  try {
    Make(arguments);
  } catch (const UsageError& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(DesignTest, PointsLieInTheBox) {
  for (const auto& [name, kind] : Designs()) {
    if (kind == DesignKind::kUserPoints) continue;
    DesignArguments arguments{.kind = kind};
    if (kind == DesignKind::kFractionalFactorial) {
      arguments.resolution = 3;
    } else {
      arguments.count = 9;
    }
    const Matrix X = Make(arguments);
    EXPECT_EQ(X.cols(), arguments.count.value_or(4)) << name;
    EXPECT_GE((X.colwise() - kBox.low).minCoeff(), 0) << name;
    EXPECT_LE((X.colwise() - kBox.high).maxCoeff(), 0) << name;
  }
}

TEST(DesignTest, AGridHasItsCornersAndVariesTheLastInputFastest) {
  const Matrix X = Make({.kind = DesignKind::kFullFactorial, .count = 9});
  EXPECT_EQ(X.topRows(2),
            (Matrix{{-1, -1, -1, 0, 0, 0, 1, 1, 1}, {10, 20, 30, 10, 20, 30, 10, 20, 30}}));
  EXPECT_EQ(X, Make({.kind = DesignKind::kFullFactorial, .levels = {3, 3}}));
}

TEST(DesignTest, ThereAreAThousandPointsByDefault) {
  EXPECT_EQ(Make({.kind = DesignKind::kSobol}).cols(), 1000);
}

TEST(DesignTest, ErrorsNameTheOption) {
  EXPECT_THAT(ErrorOf({.kind = DesignKind::kFullFactorial, .count = 8}),
              HasSubstr("--count: expected k^2 points"));
  EXPECT_THAT(ErrorOf({.kind = DesignKind::kCentredGrid, .levels = {3, 0}}),
              HasSubstr("--levels[1]: expected 1 or more"));
  EXPECT_THAT(ErrorOf({.kind = DesignKind::kSobol, .levels = {3}}),
              HasSubstr("--levels: only for grid and centred-grid"));
  EXPECT_THAT(ErrorOf({.kind = DesignKind::kSobol, .generators = {"C=AB"}}),
              HasSubstr("--generators: only for fractional"));
  EXPECT_THAT(ErrorOf({.kind = DesignKind::kSobol, .resolution = 3}),
              HasSubstr("--resolution: only for fractional"));
  EXPECT_THAT(ErrorOf({.kind = DesignKind::kFractionalFactorial, .generators = {"C=AB"}}),
              HasSubstr("--generators[0]: \"C=AB\": expected a factor"));
  EXPECT_THAT(ErrorOf({.kind = DesignKind::kFractionalFactorial}),
              HasSubstr("--resolution: expected 3, 4 or 5, got 0"));
}

TEST(DesignTest, EveryDesignHasAName) {
  for (const auto& [name, design] : Designs()) EXPECT_EQ(Name(design), name);
}

}  // namespace
}  // namespace sobolev::cli
