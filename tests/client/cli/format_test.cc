#include "client/cli/format.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace sobolev::cli {
namespace {

TEST(FormatTest, ExactNumbersReadBackAsTheSameBits) {
  std::mt19937_64 generator(1);
  for (int i = 0; i < 10'000; ++i) {
    const auto value = std::bit_cast<double>(generator());
    if (!std::isfinite(value)) continue;
    const std::string text = FormatExact(value);
    double back = 0;
    std::from_chars(text.data(), text.data() + text.size(), back);
    ASSERT_EQ(std::bit_cast<std::uint64_t>(back), std::bit_cast<std::uint64_t>(value)) << text;
  }
  EXPECT_EQ(FormatExact(0.1), "0.1");
}

TEST(FormatTest, ShortNumbersHaveSixDigits) {
  EXPECT_EQ(FormatShort(1.0 / 3), "0.333333");
  EXPECT_EQ(FormatShort(-1.5e-9), "-1.5e-09");
}

TEST(FormatTest, NanHasNoSign) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double value : {nan, -nan}) {
    EXPECT_EQ(FormatExact(value), "nan");
    EXPECT_EQ(FormatShort(value), "nan");
  }
  EXPECT_EQ(FormatExact(-std::numeric_limits<double>::infinity()), "-inf");
}

TEST(FormatTest, BytesComeInTheLargestUnitThatFits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(std::int64_t{3} << 40), "3.0 TiB");
}

TEST(FormatTest, TimesAreUtc) {
  EXPECT_EQ(FormatTime({}), "-");
  EXPECT_EQ(FormatTime(client::Time(std::chrono::seconds(1'000'000'000))), "2001-09-09T01:46:40Z");
}

TEST(FormatTest, TableColumnsAreAsWideAsTheirWidestCell) {
  std::ostringstream out;
  PrintTable(out, {{"name", "n"}, {"x", "1234"}, {"longer", ""}});
  EXPECT_EQ(out.str(),
            "name    n\n"
            "x       1234\n"
            "longer  \n");
}

}  // namespace
}  // namespace sobolev::cli
