#include "client/cli/program_box.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/format.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Vector;
using testing::ElementsAre;
using testing::HasSubstr;

// T in [1, 2], v[2] without bounds, A[2, 2] in [0, 1], and one output.
const client::Program kProgram{
    .name = "programs/p",
    .source = {},
    .input_size = 7,
    .output_size = 1,
    .inputs = {{.name = "T", .shape = {}, .offset = 0, .bounds = client::Range{1, 2}},
               {.name = "v", .shape = {2}, .offset = 1},
               {.name = "A", .shape = {2, 2}, .offset = 3, .bounds = client::Range{0, 1}}},
    .outputs = {{.name = "y"}},
    .statistics = {}};

TEST(ProgramBoxTest, TheSchemaNamesTheElements) {
  const client::Schema schema = SchemaOf(kProgram);
  EXPECT_THAT(Names(schema.inputs),
              ElementsAre("T", "v.0", "v.1", "A.0.0", "A.0.1", "A.1.0", "A.1.1"));
  EXPECT_THAT(Names(schema.outputs), ElementsAre("y"));
  EXPECT_FALSE(schema.inputs[0].lower.has_value());
}

// What BoxOf refuses the ranges with.
std::string Message(const std::string& bounds) {
  try {
    BoxOf(kProgram, bounds);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(ProgramBoxTest, DeclaredBoundsHoldUnlessOthersAreGiven) {
  const Box box = BoxOf(kProgram, "v=-3:3,A.0.1=5:6");
  EXPECT_EQ(box.low, (Vector{{1, -3, -3, 0, 5, 0, 0}}));
  EXPECT_EQ(box.high, (Vector{{2, 3, 3, 1, 6, 1, 1}}));
  EXPECT_EQ(BoxOf(kProgram, "v=0:0,T=3:4").low(0), 3);
}

TEST(ProgramBoxTest, AnEndThatIsLeftOutStays) {
  const Box box = BoxOf(kProgram, "v=-3:3,T=1.5:,A=:0.5,A.0.1=0.25:");
  EXPECT_EQ(box.low, (Vector{{1.5, -3, -3, 0, 0.25, 0, 0}}));
  EXPECT_EQ(box.high, (Vector{{2, 3, 3, 0.5, 0.5, 0.5, 0.5}}));
  EXPECT_THAT(Message("v=0:"), HasSubstr("input \"v.0\" declares no bounds"));
  EXPECT_EQ(Message("v=0:1,T=1e300:"),
            "--bounds: expected T=LOWER:UPPER with LOWER at most UPPER, got 1e+300:2, one of which "
            "is the end of its own range");
}

TEST(ProgramBoxTest, WhatIsMissingOrUnknownIsNamed) {
  EXPECT_THAT(Message(""), HasSubstr("input \"v.0\" declares no bounds"));
  EXPECT_THAT(Message("v.0=0:1"), HasSubstr("input \"v.1\" declares no bounds"));
  EXPECT_THAT(Message("v=0:1,w=0:1"), HasSubstr("\"w\" is no input of programs/p"));
}

TEST(ProgramBoxTest, RangesHaveAGrammarOfTheirOwn) {
  EXPECT_EQ(Message("v"), "--bounds: \"v\": expected NAME=LOWER:UPPER");
  EXPECT_EQ(Message("v=1"), "--bounds: \"v=1\": expected NAME=LOWER:UPPER");
  EXPECT_EQ(Message("=0:1"), "--bounds: \"=0:1\": expected NAME=LOWER:UPPER");
  EXPECT_EQ(Message("v=0:1,"), "--bounds: \"\": expected NAME=LOWER:UPPER");
  EXPECT_EQ(Message("v=:"), "--bounds: \"v=:\": expected NAME=LOWER:UPPER");
  EXPECT_EQ(Message("v=0:1[m]"),
            "--bounds: \"v=0:1[m]\": expected a finite number as upper bound, got \"1[m]\"");
  EXPECT_THAT(Message("v=-inf:1"), HasSubstr("as lower bound, got \"-inf\""));
  EXPECT_EQ(Message("v=2:1"), "--bounds: \"v=2:1\": expected LOWER at most UPPER");
  EXPECT_EQ(Message("v=0:1,v=0:2"), "--bounds: expected each name once, got \"v\" twice");
}

TEST(ProgramBoxTest, RangesOfElementsGoBeforeThoseOfTheWhole) {
  for (const char* bounds : {"v.1=5:6,v=0:1", "v=0:1,v.1=5:6"}) {
    const Box box = BoxOf(kProgram, bounds);
    EXPECT_EQ(box.low(1), 0) << bounds;
    EXPECT_EQ(box.low(2), 5) << bounds;
    EXPECT_EQ(box.high(2), 6) << bounds;
  }
}

}  // namespace
}  // namespace sobolev::cli
