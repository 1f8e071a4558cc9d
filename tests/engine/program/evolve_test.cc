// Time loops: programs with `evolve` mean what the same programs with `for` mean, and their stages
// hold one step and only the state that is needed.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/rng.h"
#include "engine/program/definition.h"
#include "tests/engine/program/reference.h"

namespace sobolev::program {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// The source with every time loop unrolled.
std::string Unrolled(std::string source) {
  for (std::size_t at = source.find("evolve"); at != std::string::npos;
       at = source.find("evolve")) {
    source.replace(at, 6, "for");
  }
  return source;
}

// Evaluates both forms at random points; they are the same operations in the same order.
void ExpectSameAsUnrolled(const std::string& source) {
  const Definition stages = Parse(source);
  const Definition straight = Parse(Unrolled(source));
  EXPECT_THAT(straight.stages, SizeIs(1));
  Rng rng(11);
  for (int trial = 0; trial < 5; ++trial) {
    std::vector<double> x(static_cast<std::size_t>(stages.stages.front().state_size));
    for (double& entry : x) entry = 0.5 + rng.Uniform();
    EXPECT_EQ(ReferenceValue(stages, x), ReferenceValue(straight, x)) << source;
  }
}

TEST(EvolveTest, AgreesWithTheUnrolledLoop) {
  ExpectSameAsUnrolled(R"(
input x
var a = x
var b = 1
evolve t in 0..7 {
  let old = a
  a = sin(a + b)
  b = old * 0.5
}
output a
)");
}

TEST(EvolveTest, SeveralLoopsAndStraightCodeAlternate) {
  ExpectSameAsUnrolled(R"(
input x[3]
input k
let c = k * k
output early = c + x[2]
var v = x
evolve t in 0..5 { v = v * c + [1, 2, t] }
evolve s in 2..6 { v[1] += s * k * v[0] }
let d = v[0] * early
var w = d
evolve t in -3..0 {
  for i in 0..3 { w += x[i] * t / 7 }
  if len(v) == 3 { w = w * 0.9 } else { w = 0 }
}
output w
output late = v
fn tail(q) { var p = q; for i in 0..3 { p = cos(p) * d }; return p }
evolve t in 0..3 { w = tail(w) }
output last = w
)");
}

TEST(EvolveTest, VariablesThatBeginEqualPartWays) {
  ExpectSameAsUnrolled(R"(
input x
var a = x
var b = x
let c = x
evolve t in 0..4 { a = a + 1; b = b * 2 + c }
output y = [a, b, c]
)");
}

TEST(EvolveTest, KnownElementsOfAssignedVariablesAreState) {
  ExpectSameAsUnrolled(R"(
input x
const N = 5
var u[N] = 0
u[0] = 1
evolve t in 0..6 {
  var next = u
  for i in 1..N - 1 { next[i] = u[i] + 0.1 * (u[i-1] - 2 * u[i] + u[i+1]) * x }
  u = next
}
output u
)");
}

TEST(EvolveTest, RecordsOneStepWhateverTheirNumber) {
  const Definition program =
      Parse("input x; var a = x; evolve t in 0..1000000 { a = sin(a) * t }; output y = a + 1");
  ASSERT_THAT(program.stages, SizeIs(2));  // Nothing happens before the loop.
  const Stage& loop = program.stages[0];
  EXPECT_EQ(loop.repeat, 1000000);
  EXPECT_TRUE(loop.has_counter);
  EXPECT_EQ(loop.first_count, 0);
  EXPECT_EQ(loop.state_size, 1);
  EXPECT_EQ(loop.graph.size(), 4);
}

TEST(EvolveTest, TheStateHoldsOnlyWhatIsNeeded) {
  const Definition program = Parse(R"(
input x[10]
input k
let temporary = exp(k)
var scratch[100] = 0
var a = x[3] * temporary
var unused = a
evolve t in 0..8 {
  for i in 0..100 { scratch[i] = a + i }
  unused = unused + 1
  a = a * k + scratch[50]
}
output a
)");
  ASSERT_THAT(program.stages, SizeIs(3));
  EXPECT_EQ(program.stages[0].state_size, 11);
  EXPECT_THAT(program.stages[0].outputs, SizeIs(2));  // k and a.
  EXPECT_FALSE(program.stages[1].has_counter);
  EXPECT_EQ(program.stages[1].state_size, 2);
  EXPECT_THAT(program.stages[2].outputs, SizeIs(1));
}

TEST(EvolveTest, WithFewerThanTwoStepsTheyAreStraightCode) {
  const std::string before = "input x; var a = x; evolve t in ";
  const std::string after = " { a = a * 10 + t }; output a";
  for (const std::string range : {"0..0", "5..2", "3..4"}) {
    std::string source = before;
    source.append(range).append(after);
    EXPECT_THAT(Parse(source).stages, SizeIs(1)) << range;
  }
  EXPECT_THAT(ReferenceValue(before + "5..2" + after, {1}), ElementsAre(1));
  EXPECT_THAT(ReferenceValue(before + "3..4" + after, {1}), ElementsAre(13));
  EXPECT_THAT(ReferenceValue(before + "3..5" + after, {1}), ElementsAre(134));
}

TEST(EvolveTest, LoopsWithoutEffectDisappear) {
  const Definition program =
      Parse("input x; var a = x; evolve t in 0..9 { a = a + 1 }; output y = x * 2");
  ASSERT_THAT(program.stages, SizeIs(1));
  EXPECT_THAT(ReferenceValue(program, {4}), ElementsAre(8));
  EXPECT_THAT(ReferenceValue("input x; evolve t in 0..9 { }; output y = 5", {4}), ElementsAre(5));
}

// A random program in which every kind of statement can come between two loops.
std::string RandomProgram(Rng& rng) {
  std::string source = "input x[3]; input k; var v = x; var s = k; var w[3] = 1\n";
  const auto pick = [&](std::vector<std::string> choices) {
    return choices[rng.Below(choices.size())];
  };
  const auto statement = [&](const std::string& t) {
    return pick({"v = sin(v * s)", "s += 0.1 * v[1]", "w[" + std::to_string(rng.Below(3)) + "] = s",
                 "v[0] -= w[2] * 0.25", "w = w * 0.5 + v", "s = where(v[2] > w[0], s, -s)",
                 "v = [v[1], v[2], v[0]]", "s = s * 0.5 + " + t, "w[0..2] += x[1..3] * k"});
  };
  int loops = 0;
  for (std::uint64_t part = 0, parts = 2 + rng.Below(6); part < parts; ++part) {
    if (rng.Below(2) == 0) {
      source += "let a" + std::to_string(part) + " = s * k; ";
      source += statement("a" + std::to_string(part)) + "\n";
    } else {
      const std::string t = "t" + std::to_string(loops++);
      source += "evolve " + t + " in 1.." + std::to_string(1 + rng.Below(5)) + " { ";
      for (std::uint64_t i = 0, n = rng.Below(4); i < n; ++i) source += statement(t) + "; ";
      source += "}\n";
    }
  }
  return source + "output " + pick({"v", "s", "w"}) +
         "\noutput y = " + pick({"s", "x[0]", "v + w"});
}

TEST(EvolveTest, RandomProgramsAgreeWithTheirUnrolledForms) {
  Rng rng(5);
  for (int trial = 0; trial < 300; ++trial) ExpectSameAsUnrolled(RandomProgram(rng));
}

}  // namespace
}  // namespace sobolev::program
