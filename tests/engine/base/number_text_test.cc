#include "engine/base/number_text.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace sobolev {
namespace {

TEST(NumberTextTest, IsShortAndReadsBack) {
  EXPECT_EQ(NumberText(0.1), "0.1");
  EXPECT_EQ(NumberText(-3), "-3");
  for (const double number :
       {1e300, -1e300, 1e-300, std::nextafter(1.0, 2.0), 2.0 / 3,
        std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::max()}) {
    const std::string text = NumberText(number);
    EXPECT_EQ(std::strtod(text.c_str(), nullptr), number) << text;
    EXPECT_LE(text.size(), 24U) << text;
  }
  EXPECT_EQ(NumberText(-std::numeric_limits<double>::infinity()), "-inf");
}

}  // namespace
}  // namespace sobolev
