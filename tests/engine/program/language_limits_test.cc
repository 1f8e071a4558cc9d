// Hostile and huge sources: each limit is reported where it is passed, and what lies within the
// limits works.

#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/program/definition.h"
#include "tests/engine/program/reference.h"

namespace sobolev::program {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Repeated(std::string_view text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

// So that tests that use up all evaluations are quick.
constexpr SourceLimits kShort = {.max_evaluations = std::size_t{1} << 20};

// The reason for which Parse refuses the source, and the message.
std::string Refusal(std::string_view source, const SourceLimits& limits = {}) {
  try {
    Parse(source, limits);
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("source: line "));
    return error.reason() + " " + error.what();
  }
  return "accepted";
}

TEST(LanguageLimitsTest, NestingNeverReachesTheStack) {
  const std::string begin = "input x; output y = ";
  for (const std::string_view open : {"(", "[", "-", "not ", "x^", "sin(", "x[", "2 * (1 + ", "x^-",
                                      "where(x < 1, ", "sum(i in 0..", "[[", "(-"}) {
    const int times = static_cast<int>(std::size_t{1000000} / open.size());
    EXPECT_THAT(Refusal(begin + Repeated(open, times)), HasSubstr("NESTING_TOO_DEEP")) << open;
  }
  EXPECT_THAT(Refusal("input x\n" + Repeated("if 1 < 2 { ", 90000)), HasSubstr("NESTING_TOO_DEEP"));
  EXPECT_THAT(Refusal("input x\n" + Repeated("for i in 0..2 {\n", 60000)),
              HasSubstr("NESTING_TOO_DEEP"));
}

TEST(LanguageLimitsTest, NestingUpToTheLimitWorks) {
  const std::string begin = "input x; output y = ";
  EXPECT_THAT(ReferenceValue(begin + Repeated("(", 199) + "x" + Repeated(")", 199), {3}),
              ElementsAre(3));
  EXPECT_THAT(
      Refusal(begin + Repeated("(", 200) + "x" + Repeated(")", 200)),
      HasSubstr("NESTING_TOO_DEEP source: line 1, column 221: expected at most 200 levels"));
}

TEST(LanguageLimitsTest, LongChainsAreNotNested) {
  const std::string begin = "input x; output y = ";
  EXPECT_THAT(ReferenceValue(begin + Repeated("x+", 500000) + "x", {1}), ElementsAre(500001));
  EXPECT_THAT(ReferenceValue(begin + Repeated("x*", 500000) + "x", {1}), ElementsAre(1));
  EXPECT_THAT(
      ReferenceValue(begin + "where(" + Repeated("x > 0 and ", 90000) + "x > 1, 5, 6)", {1}),
      ElementsAre(6));
  EXPECT_THAT(Refusal(begin + "x" + Repeated("[0]", 300000)), HasSubstr("SHAPE_MISMATCH"));
  EXPECT_THAT(Refusal(begin + Repeated("sin(x) ", 100000)), HasSubstr("SYNTAX_ERROR"));
  EXPECT_THAT(
      ReferenceValue("input x; var y = x; if 1 < 0 { }" + Repeated(" else if 1 < 0 { }", 50000) +
                         " else { y = 2 * x }; output y",
                     {3}),
      ElementsAre(6));
  EXPECT_THAT(ReferenceValue("input x; output y = sum([" + Repeated("1,", 400000) + "x])", {1}),
              ElementsAre(400001));
}

TEST(LanguageLimitsTest, ChainsOfCallsCountAsNesting) {
  std::string source = "input x\nfn f0(a) = a + 1\n";
  for (int i = 1; i < 5000; ++i) {
    source += "fn f" + std::to_string(i) + "(a) = f" + std::to_string(i - 1) + "(a)\n";
  }
  EXPECT_THAT(ReferenceValue(source + "output y = f150(x)", {1}), ElementsAre(2));
  EXPECT_THAT(Refusal(source + "output y = f4999(x)"), HasSubstr("NESTING_TOO_DEEP"));
}

TEST(LanguageLimitsTest, LoopsWithoutEndAreStopped) {
  EXPECT_THAT(Refusal("input x\nvar y = x\nfor i in 0..10^12 { }\noutput y"),
              HasSubstr("TRACE_TOO_LONG source: line 3, column 1: expected at most 67108864 "
                        "evaluations"));
  EXPECT_THAT(Refusal("input x\noutput y = sum(i in 0..10^15: x)", kShort),
              HasSubstr("TRACE_TOO_LONG"));
  EXPECT_THAT(Refusal("input x\noutput y = prod(i in 0..10^15: i)", kShort),
              HasSubstr("TRACE_TOO_LONG"));
  EXPECT_THAT(Refusal("input x\noutput y = [x for i in 0..10^15]"),
              HasSubstr("expected at most 4194304 elements"));
  EXPECT_THAT(
      Refusal("input x\nevolve t in 0..10^9 { }\noutput y = x"),
      HasSubstr("TRACE_TOO_LONG source: line 2, column 16: expected at most 16777216 steps"));
}

TEST(LanguageLimitsTest, ExponentialGrowthIsStoppedOrShared) {
  // Equal subexpressions are one node: 2^2000 terms in 2000 operations.
  const Definition shared =
      Parse("input x\nvar v = x\n" + Repeated("v = v + v\n", 2000) + "output v");
  EXPECT_EQ(shared.stages.at(0).graph.size(), 2001);
  // Calls are executed: f40 calls f0 2^40 times.
  std::string calls = "input x\nfn f0(a) = a * a\n";
  for (int i = 1; i <= 40; ++i) {
    const std::string before = "f" + std::to_string(i - 1) + "(a)";
    calls.append("fn f" + std::to_string(i)).append("(a) = ");
    calls.append(before).append(" + ").append(before).append("\n");
  }
  EXPECT_THAT(Refusal(calls + "output y = f40(x)", kShort), HasSubstr("TRACE_TOO_LONG"));
  // Matrices that grow by products.
  std::string vectors = "input x\nlet v0 = [x, x]\n";
  for (int i = 1; i <= 40; ++i) {
    const std::string before = "v" + std::to_string(i - 1);
    vectors.append("let v" + std::to_string(i)).append(" = [").append(before);
    vectors.append("[mod(i, len(").append(before).append("))] for i in 0..2*len(");
    vectors.append(before).append(")]\n");
  }
  EXPECT_THAT(Refusal(vectors + "output y = v40", kShort), HasSubstr("TRACE_TOO_LONG"));
}

TEST(LanguageLimitsTest, VariablesAndTheirSumAreBounded) {
  EXPECT_THAT(Refusal("input x\nvar v[5000000] = 0\noutput y = x"),
              HasSubstr("TRACE_TOO_LONG source: line 2, column 7"));
  EXPECT_THAT(Refusal("input x\nvar v[10^9, 10^9] = 0\noutput y = x"), HasSubstr("TRACE_TOO_LONG"));
  EXPECT_THAT(Refusal("input x[2^52]\noutput y = x"), HasSubstr("TRACE_TOO_LONG"));
  std::string many = "input x\n";
  for (int i = 0; i < 5; ++i) many += "var v" + std::to_string(i) + "[4000000] = 0\n";
  EXPECT_THAT(Refusal(many + "output y = x"),
              HasSubstr("expected at most 16777216 elements in all"));
  // Copies that are made on writing count as work.
  EXPECT_THAT(Refusal("input x\nvar v[4000000] = 0\nfor i in 0..10^6 { let w = v; v[0] = i }\n"
                      "output y = x"),
              HasSubstr("TRACE_TOO_LONG"));
}

TEST(LanguageLimitsTest, OperationsOfAllStagesCountTogether) {
  const SourceLimits limits = {.max_operations = 100};
  const std::string begin = "input x[40]; var v = x; ";
  EXPECT_EQ(Refusal(begin + "v = sin(v); output v", limits), "accepted");
  EXPECT_THAT(Refusal(begin + "v = sin(v); v = cos(v); output v", limits),
              HasSubstr("TRACE_TOO_LONG"));
  EXPECT_THAT(Refusal(begin + "evolve t in 0..9 { v = sin(v) }; output v", limits),
              HasSubstr("TRACE_TOO_LONG"));
}

TEST(LanguageLimitsTest, LongSourcesAreRefused) {
  EXPECT_THAT(
      Refusal(Repeated(" ", 1 << 20) + "input x"),
      HasSubstr("SOURCE_TOO_LONG source: line 1, column 1: expected at most 1048576 bytes"));
  EXPECT_THAT(Refusal("input x; output y = x" + Repeated("\n", (1 << 20) - 21)), "accepted");
}

// Four operations per term, close to the limit of 2²².
TEST(LanguageLimitsTest, AMillionTermsWork) {
  constexpr int kTerms = 1000000;
  constexpr double kX = 1e-3;
  double sum = 0;
  for (int i = 0; i < kTerms; ++i) sum += std::sin(kX * i);
  EXPECT_THAT(ReferenceValue("input x\noutput y = sum(i in 0..1000000: sin(x * i))", {kX}),
              ElementsAre(sum));
}

}  // namespace
}  // namespace sobolev::program
