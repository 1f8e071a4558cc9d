#include "client/cli/form_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sobolev::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(FormTextTest, SaysNothingOfAModelWithoutConstraints) {
  EXPECT_THAT(FormFields({}), IsEmpty());
}

TEST(FormTextTest, TellsShapeAndMaps) {
  client::ModelVersion version;
  version.monotone = {{"a", client::Slope::kIncreasing},
                      {"b", client::Slope::kDecreasing},
                      {"c", client::Slope::kIncreasing}};
  version.convexity = client::Convexity::kConcave;
  version.input_maps = {{.input = "d", .period = 8, .harmonics = 2},
                        {.input = "e", .logarithmic = true}};
  version.feature_degree = 3;
  version.output_maps = {{.output = "u", .lower = 0, .upper = 1.5},
                         {.output = "v", .upper = 2},
                         {.output = "w", .lower = 0, .logarithmic = true}};
  version.extrapolation = client::Extrapolation::kLinear;
  EXPECT_THAT(
      FormFields(version),
      ElementsAre(
          Pair("monotone", "increasing in a, c; decreasing in b"), Pair("shape", "concave"),
          Pair("input maps", "d: period 8, 2 harmonics; e: logarithm"),
          Pair("features", "products of inputs up to degree 3"),
          Pair("output maps", "u: above 0 and below 1.5; v: below 2; w: logarithm, above 0"),
          Pair("extrapolation", "linear")));
}

}  // namespace
}  // namespace sobolev::cli
