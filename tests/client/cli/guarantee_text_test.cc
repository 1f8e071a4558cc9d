#include "client/cli/guarantee_text.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(GuaranteeTextTest, ValuesHaveOneBoundOrTwo) {
  const client::ValueCondition both = ParseValueCondition("lift=-1.5:2e3");
  EXPECT_EQ(both.output, "lift");
  EXPECT_EQ(both.min, -1.5);
  EXPECT_EQ(both.max, 2e3);
  EXPECT_EQ(ParseValueCondition("lift=:2").min, std::nullopt);
  EXPECT_EQ(ParseValueCondition("lift=2:").max, std::nullopt);
  EXPECT_EQ(ParseValueCondition("*=0:").output, "");
}

TEST(GuaranteeTextTest, DerivativesAreNamedByOutputAndInput) {
  const client::DerivativeCondition one = ParseDerivativeCondition("lift/x.0=0.25");
  EXPECT_EQ(one.output, "lift");
  EXPECT_EQ(one.input, "x.0");
  EXPECT_EQ(one.most, 0.25);
  EXPECT_EQ(ParseDerivativeCondition("*/x.0=1").output, "");
  const client::DerivativeCondition all = ParseDerivativeCondition("3");
  EXPECT_EQ(all.output + all.input, "");
  EXPECT_EQ(all.most, 3);
}

TEST(GuaranteeTextTest, CutsAreByLengthOrRatio) {
  const client::InputCut equal = ParseCut("a=16");
  EXPECT_EQ(equal.input, "a");
  EXPECT_EQ(equal.pieces, 16);
  EXPECT_FALSE(equal.geometric);
  EXPECT_TRUE(ParseCut("a=16:geometric").geometric);
}

TEST(GuaranteeTextTest, WhatCannotBeReadIsSaid) {
  for (const char* text : {"", "u", "u=", "u=1", "u=:", "=0:1", "u=a:", "u=0:inf", "u=0:1:2"}) {
    EXPECT_THAT([&] { ParseValueCondition(text); },
                ThrowsMessage<UsageError>(HasSubstr("--value: expected OUTPUT=[MIN]:[MAX]")))
        << text;
  }
  for (const char* text : {"", "u=1", "u/=1", "/a=1", "u/a=", "u/a=-1", "-1", "nan", "u/a=1x"}) {
    EXPECT_THAT([&] { ParseDerivativeCondition(text); },
                ThrowsMessage<UsageError>(HasSubstr("--derivative: expected [OUTPUT/INPUT=]")))
        << text;
  }
  for (const char* text : {"", "a", "a=", "=2", "a=0", "a=-1", "a=1.5", "a=2:", "a=2:uniform"}) {
    EXPECT_THAT([&] { ParseCut(text); },
                ThrowsMessage<UsageError>(HasSubstr("--cut: expected INPUT=PIECES")))
        << text;
  }
}

}  // namespace
}  // namespace sobolev::cli
