#include "server/base/trace.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sobolev::server {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kSpan = "b7ad6b7169203331";

TEST(TraceTest, ReadsTheExampleOfTheStandard) {
  const std::string header = "00-" + kTrace + "-" + kSpan + "-01";
  const auto parent = ParseTraceParent(header);
  ASSERT_TRUE(parent.has_value());
  EXPECT_EQ(parent->trace_id, kTrace);
  EXPECT_EQ(parent->span_id, kSpan);
  EXPECT_TRUE(parent->sampled);
  EXPECT_FALSE(ParseTraceParent("00-" + kTrace + "-" + kSpan + "-02")->sampled);
  EXPECT_TRUE(ParseTraceParent("00-" + kTrace + "-" + kSpan + "-ff")->sampled);
}

TEST(TraceTest, LaterVersionsMayGoOn) {
  EXPECT_TRUE(ParseTraceParent("cc-" + kTrace + "-" + kSpan + "-01-what-comes").has_value());
  EXPECT_TRUE(ParseTraceParent("cc-" + kTrace + "-" + kSpan + "-01").has_value());
  EXPECT_FALSE(ParseTraceParent("cc-" + kTrace + "-" + kSpan + "-01.what").has_value());
  EXPECT_FALSE(ParseTraceParent("00-" + kTrace + "-" + kSpan + "-01-what").has_value());
}

TEST(TraceTest, IgnoresWhatIsNoTrace) {
  const std::vector<std::string> headers = {"",
                                            "00",
                                            "ff-" + kTrace + "-" + kSpan + "-01",
                                            "00-" + std::string(32, '0') + "-" + kSpan + "-01",
                                            "00-" + kTrace + "-" + std::string(16, '0') + "-01",
                                            "00-" + kTrace + "_" + kSpan + "-01",
                                            "00-" + kTrace + "-" + kSpan + "-0",
                                            "00-0AF7651916CD43DD8448EB211C80319C-" + kSpan + "-01",
                                            "0x-" + kTrace + "-" + kSpan + "-01"};
  for (const std::string& header : headers) {
    EXPECT_FALSE(ParseTraceParent(header).has_value()) << header;
  }
}

}  // namespace
}  // namespace sobolev::server
