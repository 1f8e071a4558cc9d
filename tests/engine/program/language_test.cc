// What programs mean: each source against numbers worked out by hand or by <cmath>.

#include <cmath>
#include <cstddef>
#include <fstream>
#include <limits>
#include <numbers>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/program/definition.h"
#include "tests/engine/program/reference.h"

namespace sobolev::program {
namespace {

using ::testing::DoubleEq;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;
using ::testing::SizeIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The number that `expression` is at x = `x`.
double At(double x, const std::string& expression) {
  return ReferenceValue("input x\noutput y = " + expression, {x}).at(0);
}

// --- Expressions ---

TEST(LanguageTest, OperatorsBindAsInMathematics) {
  EXPECT_EQ(At(3, "1 + 2 * x"), 7);
  EXPECT_EQ(At(3, "10 - 2 - x"), 5);
  EXPECT_EQ(At(3, "24 / 2 / x"), 4);
  EXPECT_EQ(At(3, "24 / (6 / x)"), 12);
  EXPECT_EQ(At(3, "10 - (5 - x)"), 8);
  EXPECT_EQ(At(3, "-x^2"), -9);
  EXPECT_EQ(At(3, "(-x)^2"), 9);
  EXPECT_EQ(At(3, "2^x^2"), 512);
  EXPECT_EQ(At(2, "x^-1"), 0.5);
  EXPECT_EQ(At(3, "2 * -x"), -6);
  EXPECT_EQ(At(3, "--x"), 3);
}

TEST(LanguageTest, NumbersAreWrittenInEveryUsualWay) {
  EXPECT_EQ(At(0, "x + 1.5e3 + .25 + 2. + 1E-2"), 1502.26);
  EXPECT_EQ(At(0, "x + 1e-400"), 0);
  EXPECT_EQ(At(0, "x + 9007199254740993"), 9007199254740992);  // Rounded to the nearest double.
}

TEST(LanguageTest, LinesMayBreakInBracketsAndBehindOperators) {
  EXPECT_EQ(At(2, "x +  # first\n\n 3 *\n x + (1\n + 1) + [1,\n 2 # second\n][1]"), 12);
}

TEST(LanguageTest, StatementsEndAtSemicolonsAndLines) {
  EXPECT_THAT(ReferenceValue("input a; let b = a*2;; let c = b + 1 # note\r\n\noutput c;", {3}),
              ElementsAre(7));
}

TEST(LanguageTest, FunctionsAreThoseOfTheLibrary) {
  constexpr double kX = 0.37;
  const auto expect = [&](const std::string& call, double value) {
    EXPECT_DOUBLE_EQ(At(kX, call), value) << call;
  };
  expect("exp(x)", std::exp(kX));
  expect("expm1(x)", std::expm1(kX));
  expect("log(x)", std::log(kX));
  expect("log1p(x)", std::log1p(kX));
  expect("log2(x)", std::log2(kX));
  expect("log10(x)", std::log10(kX));
  expect("sqrt(x)", std::sqrt(kX));
  expect("cbrt(x)", std::cbrt(kX));
  expect("sin(x)", std::sin(kX));
  expect("cos(x)", std::cos(kX));
  expect("tan(x)", std::tan(kX));
  expect("asin(x)", std::asin(kX));
  expect("acos(x)", std::acos(kX));
  expect("atan(x)", std::atan(kX));
  expect("atan2(x, -2)", std::atan2(kX, -2));
  expect("sinh(x)", std::sinh(kX));
  expect("cosh(x)", std::cosh(kX));
  expect("tanh(x)", std::tanh(kX));
  expect("asinh(x)", std::asinh(kX));
  expect("acosh(x + 1)", std::acosh(kX + 1));
  expect("atanh(x)", std::atanh(kX));
  expect("erf(x)", std::erf(kX));
  expect("erfc(x)", std::erfc(kX));
  expect("normal_cdf(x)", 0.5 * std::erfc(-kX / std::numbers::sqrt2));
  expect("normal_pdf(x)", std::exp(-kX * kX / 2) / std::sqrt(2 * std::numbers::pi));
  expect("sigmoid(x)", 1 / (1 + std::exp(-kX)));
  expect("softplus(x)", std::log(1 + std::exp(kX)));
  expect("relu(x) + relu(-x)", kX);
  expect("abs(-x)", kX);
  expect("sign(-x)", -1);
  expect("floor(x + 3)", 3);
  expect("pow(x, 2.5)", std::pow(kX, 2.5));
  expect("hypot(x, 2)", std::hypot(kX, 2));
  expect("min(x, 0.5, 0.3)", 0.3);
  expect("max(x, 0.3)", kX);
  expect("mod(x, 0.25)", kX - 0.25);
  expect("mod(-x, 0.25)", 0.5 - kX);
  expect("cos(pi * x)", std::cos(std::numbers::pi * kX));
}

TEST(LanguageTest, KnownRemaindersAndLogarithmsAreExact) {
  EXPECT_EQ(At(0, "x + mod(-1, 200)"), 199);
  EXPECT_EQ(At(0, "x + mod(200, 200)"), 0);
  EXPECT_EQ(At(0, "x + mod(7, -3)"), -2);
  EXPECT_EQ(At(0, "x + log2(2^29) + log10(1000)"), 32);
}

TEST(LanguageTest, ConditionsChooseBetweenValues) {
  for (const double x : {-1.0, 0.0, 1.0}) {
    EXPECT_EQ(At(x, "where(x < 0, 1, 0)"), x < 0);
    EXPECT_EQ(At(x, "where(x <= 0, 1, 0)"), x <= 0);
    EXPECT_EQ(At(x, "where(x > 0, 1, 0)"), x > 0);
    EXPECT_EQ(At(x, "where(x >= 0, 1, 0)"), x >= 0);
    EXPECT_EQ(At(x, "where(x == 0, 1, 0)"), x == 0);
    EXPECT_EQ(At(x, "where(x != 0, 1, 0)"), x != 0);
    EXPECT_EQ(At(x, "where(not x < 0 and x != 1 or x == -1, 1, 0)"), x <= 0);
    EXPECT_EQ(At(x, "where(not (x < 0 or x > 0), 1, 0)"), x == 0);
  }
}

TEST(LanguageTest, ComparisonsWithNanAreFalse) {
  EXPECT_EQ(At(kNan, "where(x < 0 or x >= 0 or x == x, 1, 0)"), 0);
  EXPECT_EQ(At(kNan, "where(x != x, 1, 0)"), 1);
}

// The branch that is not taken may be outside of its domain.
TEST(LanguageTest, WhereIgnoresTheOtherBranch) { EXPECT_EQ(At(-2, "where(x > 0, log(x), x)"), -2); }

TEST(LanguageTest, VectorsAndMatricesWorkElementByElement) {
  constexpr auto kSource = R"(
input v[2]
input A[2, 3]
output a = 2 * v + 1
output b = v * v / [4, 5]
output c = -A
output d = A + A
output e = exp(v)
output f = max(v, 1.5)
output g = where(v > 1, v, -v)
)";
  EXPECT_THAT(
      ReferenceValue(kSource, {1, 2, 1, 2, 3, 4, 5, 6}),
      Pointwise(DoubleEq(), std::vector<double>{3,           5,           0.25, 0.8, -1, -2, -3, -4,
                                                -5,          -6,          2,    4,   6,  8,  10, 12,
                                                std::exp(1), std::exp(2), 1.5,  2,   -1, 2}));
}

TEST(LanguageTest, ProductsOfMatricesFollowLinearAlgebra) {
  constexpr auto kSource = R"(
input A[2, 3]
let B = [[1, 0], [2, 1], [0, 3]]
let x = [1, 2, 3]
output AB = A @ B
output Ax = A @ x
output yA = [1, 10] @ A
output xx = x @ x * A[0, 0]
output At = transpose(A)
output n = norm(A[0])
output m = norm([A[0], A[1]]) ^ 2
output d = dot(A[1], x)
output rows = len(A) + 0 * A[0, 0]
output cols = len(A[0]) + 0 * A[0, 0]
)";
  EXPECT_THAT(
      ReferenceValue(kSource, {1, 2, 3, 4, 5, 6}),
      Pointwise(DoubleNear(1e-13),
                std::vector<double>{
                    5,  11, 14, 23, 14, 32, 41, 52, 63, 14, 1, 4, 2, 5, 3, 6, std::sqrt(14.0),
                    91, 32, 2,  3}));
}

TEST(LanguageTest, PartsAreRowsColumnsAndBlocks) {
  constexpr auto kSource = R"(
input A[3, 4]
output a = A[1, 2]
output b = A[2]
output c = A[0..2, 3]
output d = A[1..3, 1..3]
output e = A[2, 1..3]
output f = A[1][2..4]
output g = A[1..3][1][0]
)";
  // A(i, j) = 10 i + j.
  EXPECT_THAT(ReferenceValue(kSource, {0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23}),
              ElementsAre(12, 20, 21, 22, 23, 3, 13, 11, 12, 21, 22, 21, 22, 12, 13, 20));
}

TEST(LanguageTest, ReductionsGoOverElementsAndIndices) {
  constexpr auto kSource = R"(
input x[5]
output a = sum(x)
output b = prod(x)
output c = min(x)
output d = max(x)
output e = sum(i in 0..5: i * x[i])
output f = prod(i in 0..5 step 2: x[i])
output g = min(i in 1..4: -x[i])
output h = max(i in 3..0 step -1: x[i])
output k = sum(i in 0..2: [x[i], 1])
output l = sum(i in 0..0: x[i]) + prod(i in 0..0: x[i])
output m = [x[i]^2 for i in 0..3]
output n = [[i * x[j] for j in 0..2] for i in 1..3]
)";
  EXPECT_THAT(
      ReferenceValue(kSource, {2, 3, 5, 7, 11}),
      ElementsAre(28, 2310, 2, 11, 3 + 10 + 21 + 44, 110, -7, 7, 5, 2, 1, 4, 9, 25, 2, 3, 4, 6));
}

// Left to right, so that rounding is that of the plain loop.
TEST(LanguageTest, SumsAreTakenFromLeftToRight) {
  EXPECT_EQ(At(1e16, "sum([x, 1, 1, 1, -x])"), 0);
  EXPECT_EQ(At(1e16, "sum([1, 1, 1, x, -x])"), 4);  // 1e16 + 3 rounds to 1e16 + 4.
}

TEST(LanguageTest, ProductsAreShallowTrees) {
  const Definition program = Parse("input x[1000]\noutput y = prod(x)");
  const Graph& graph = program.stages.at(0).graph;
  std::vector<int> height(graph.size(), 0);
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (node.op == Op::kMultiply) height[id] = 1 + std::max(height[node.a], height[node.b]);
  }
  EXPECT_EQ(height[program.stages[0].outputs[0]], 10);  // ⌈log₂ 1000⌉.
}

// --- Statements ---

TEST(LanguageTest, VariablesChangeAndLetsKeepWhatTheyGot) {
  constexpr auto kSource = R"(
input x
var v[3] = x
let before = v
v[1] = 10
v[0..2] *= 2
v += 1
v -= [0, 0, 1]
v[2] /= 4
output v
output before
var A[2, 2] = 0
A[0, 1] = x
A[1] = [x, 2*x]
A[0..2, 0] += 100
output A
)";
  EXPECT_THAT(ReferenceValue(kSource, {4}), ElementsAre(9, 21, 1, 4, 4, 4, 100, 4, 104, 8));
}

TEST(LanguageTest, LoopsRunUpAndDownWithSteps) {
  constexpr auto kSource = R"(
input x
const N = 10
var up = 0
for i in 0..N step 3 { up = 10 * up + i }
var down = 0
for i in N / 2..0 step -2 { down = 10 * down + i }
var none = 0
for i in 3..3 { none = 1 }
for i in 3..0 { none = 1 }
output y = [up + x, down, none]
)";
  EXPECT_THAT(ReferenceValue(kSource, {0}), ElementsAre(369, 531, 0));
}

TEST(LanguageTest, IfTakesTheFirstTrueBranch) {
  constexpr auto kSource = R"(
input x
var y[4] = 0
for i in 0..4 {
  if i == 0 { y[i] = 1 } else if i < 2 { y[i] = 2 }
  else if i == 1 or i > 2 { y[i] = 3 }
  # A comment in between.
  else { y[i] = x }
}
output y
)";
  EXPECT_THAT(ReferenceValue(kSource, {7}), ElementsAre(1, 2, 7, 3));
}

TEST(LanguageTest, FunctionsTakeAndReturnAnyShape) {
  constexpr auto kSource = R"(
input x[2]
const scale = 3
fn scaled(v) = scale * v
fn horner(c, t) {
  var p = 0
  for i in len(c) - 1..-1 step -1 {
    if i == 100 { return t }
    p = p * t + c[i]
  }
  return p
}
fn both(v) = [horner(v, 2), horner(scaled(v), 2)]
output y = both(x)
)";
  EXPECT_THAT(ReferenceValue(kSource, {1, 5}), ElementsAre(11, 33));
}

TEST(LanguageTest, FunctionsSeeVariablesAsTheyAreWhenCalled) {
  EXPECT_THAT(
      ReferenceValue("input x; var a = 1; fn f(x) = a * x; a = 2; output y = f(x + 1)", {3}),
      ElementsAre(8));
}

TEST(LanguageTest, BlocksForgetTheirNames) {
  EXPECT_THAT(
      ReferenceValue("input x; for i in 0..2 { let a = i }; for i in 0..1 { let a = x }; let a = x;"
                     "output y = a + sum(i in 0..3: i)",
                     {5}),
      ElementsAre(8));
}

TEST(LanguageTest, InterfacesCarryShapesBoundsAndDescriptions) {
  const Definition program = Parse(R"(
const n = 3
input T in [280.5, 2 * 200]  ##  Temperature in K.
input A[2, n] in [-1, 1]
input p ## first ## second
output y[n] = [A[0, j] * p for j in 0..n]  ## Flows.
output z = T
)");
  ASSERT_THAT(program.inputs, SizeIs(3));
  EXPECT_EQ(program.inputs[0].name, "T");
  EXPECT_EQ(program.inputs[0].description, "Temperature in K.");
  EXPECT_EQ(program.inputs[0].bounds->min, 280.5);
  EXPECT_EQ(program.inputs[0].bounds->max, 400);
  EXPECT_THAT(program.inputs[0].shape, SizeIs(0));
  EXPECT_THAT(program.inputs[1].shape, ElementsAre(2, 3));
  EXPECT_EQ(program.inputs[1].offset, 1);
  EXPECT_EQ(program.inputs[1].size, 6);
  EXPECT_EQ(program.inputs[2].offset, 7);
  EXPECT_FALSE(program.inputs[2].bounds.has_value());
  EXPECT_EQ(program.inputs[2].description, "first ## second");
  ASSERT_THAT(program.outputs, SizeIs(2));
  EXPECT_THAT(program.outputs[0].shape, ElementsAre(3));
  EXPECT_EQ(program.outputs[0].description, "Flows.");
  EXPECT_EQ(program.outputs[1].offset, 3);
}

// --- Recording ---

TEST(LanguageTest, IndicesLeaveNoTrace) {
  const Definition program = Parse(R"(
input x[100]
var s = 0
for i in 0..100 { let j = mod(7 * i + 3, 100); if j > 50 { s += x[j] } }
output s
)");
  // 100 inputs, the 0 that the sum begins with, and 48 additions: nothing of indices.
  EXPECT_EQ(program.stages.at(0).graph.size(), 149);
}

TEST(LanguageTest, CommonSubexpressionsAreRecordedOnce) {
  // x, y, x/y, its sine, the sum, exp(y), two differences and the product.
  const Definition program =
      Parse("input x; input y; output f = (sin(x/y) + x/y - exp(y)) * (x/y - exp(y))");
  EXPECT_EQ(program.stages.at(0).graph.size(), 9);
}

// --- The page ---

// Every example of README.md that states "# x1 x2 ... -> y1 y2 ..." gives those numbers.
TEST(LanguageTest, ExamplesOfThePageGiveTheNumbersTheyState) {
  std::ifstream file(SOBOLEV_SOURCE_DIR "/engine/program/language/README.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string page = text.str();
  int checked = 0;
  for (std::size_t begin = page.find("```sob\n"); begin != std::string::npos;
       begin = page.find("```sob\n", begin)) {
    begin += 7;
    const std::string source = page.substr(begin, page.find("```", begin) - begin);
    std::istringstream lines(source);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t arrow = line.find(" -> ");
      if (!line.starts_with("# ") || arrow == std::string::npos) continue;
      const auto numbers = [](const std::string& list) {
        std::istringstream in(list);
        std::vector<double> values;
        for (double value = 0; in >> value;) values.push_back(value);
        return values;
      };
      EXPECT_THAT(ReferenceValue(source, numbers(line.substr(2, arrow - 2))),
                  Pointwise(DoubleNear(1e-9), numbers(line.substr(arrow + 4))))
          << source;
      ++checked;
    }
  }
  EXPECT_EQ(checked, 5);
}

}  // namespace
}  // namespace sobolev::program
