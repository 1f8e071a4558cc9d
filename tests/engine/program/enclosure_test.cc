// Bounds over boxes hold the values at all points of the boxes, also of programs that are undefined
// on parts of them, that compare what is undefined, and that compute on at poles.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/rng.h"
#include "engine/program/program.h"

namespace sobolev::program {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

ConstMatrixMap Map(const Matrix& X) { return {X.data(), X.rows(), X.cols()}; }

struct Range {
  double lo;
  double hi;
};

// The bounds of the first output over one box, given by the ranges of the inputs.
Range Enclosed(const std::string& source, const std::vector<Range>& box) {
  const Program program(source);
  Matrix X_min(program.n(), 1);
  Matrix X_max(program.n(), 1);
  for (Index i = 0; i < program.n(); ++i) {
    X_min(i, 0) = box[static_cast<std::size_t>(i)].lo;
    X_max(i, 0) = box[static_cast<std::size_t>(i)].hi;
  }
  Vector low(program.m());
  Vector high(program.m());
  program.Enclose(Map(X_min), Map(X_max), {.Y_min = low.data(), .Y_max = high.data()}, nullptr, {});
  return {low[0], high[0]};
}

void ExpectHolds(const std::string& expression, const std::vector<Range>& box,
                 const std::vector<double>& values) {
  const std::string inputs = box.size() == 1 ? "input x\n" : "input x\ninput y\n";
  const Range bounds = Enclosed(inputs + "output z = " + expression, box);
  for (const double value : values) {
    EXPECT_TRUE(bounds.lo <= value && value <= bounds.hi)
        << expression << " is in [" << bounds.lo << ", " << bounds.hi << "], and " << value;
  }
}

void ExpectBounds(const std::string& expression, const std::vector<Range>& box, double lo,
                  double hi) {
  const std::string inputs = box.size() == 1 ? "input x\n" : "input x\ninput y\n";
  const Range bounds = Enclosed(inputs + "output z = " + expression, box);
  EXPECT_NEAR(bounds.lo, lo, 1e-12) << expression;
  EXPECT_NEAR(bounds.hi, hi, 1e-12) << expression;
}

// ---- Single cases ------------------------------------------------------------------------------

TEST(EnclosureTest, PowersOfNegativeNumbersHaveValuesAtIntegers) {
  ExpectHolds("x^y", {{-3, 2}, {1, 2.5}}, {-3, 9, 4, std::pow(2, 2.5)});
  ExpectHolds("x^y", {{-3, 0}, {1, 2}}, {-3, 9, 0});
  ExpectHolds("x^y", {{-3, -1}, {1, 3}}, {-3, 9, -27, -1});
  ExpectHolds("(0-2)^x", {{0, 1}}, {1, -2});
  ExpectBounds("x^y", {{-3, -2}, {0.5, 1.5}}, -3, -2);
  ExpectBounds("x^y", {{-3, -2}, {1.5, 2.5}}, 4, 9);
  EXPECT_TRUE(std::isnan(Enclosed("input x; input y\noutput z = x^y", {{-3, -2}, {1.2, 1.8}}).lo));
}

TEST(EnclosureTest, AComparisonOfWhatMayBeUndefinedMayBeFalse) {
  ExpectHolds("where(sqrt(x) >= 0, x, 0-100)", {{-1, 1}}, {-100, 1});
  ExpectHolds("where(not log(x) < 5, 1, 2)", {{-1, 2}}, {1, 2});
  ExpectHolds("where(0/x < 1, 1, 5)", {{-1, 1}}, {1, 5});
  ExpectHolds("where(1/x < 0, 1, 2)", {{-1, 0}}, {1, 2});
  ExpectHolds("where(asin(x) < 2, 1, 2)", {{0, 2}}, {1, 2});
  ExpectHolds("where(acosh(x) >= 0 and x > 0-9, 1, 2)", {{0, 2}}, {1, 2});
  ExpectHolds("where(atanh(x) - atanh(x) < 99 or x > 5, 1, 2)", {{1, 1}}, {2});
  ExpectHolds("where(x^y >= 0, 1, 2)", {{-1, 1}, {0.5, 0.5}}, {1, 2});
  ExpectHolds("where(sqrt(x) + y != 1, 1, 2)", {{-2, -1}, {0, 1}}, {1});
  ExpectBounds("where(sqrt(x) < 0, 1, 2)", {{-1, 1}}, 2, 2);
}

TEST(EnclosureTest, AComparisonOfWhatIsNowhereDefinedIsFalse) {
  ExpectBounds("where(sqrt(x) >= 0, 1, 2)", {{-2, -1}}, 2, 2);
  ExpectBounds("where(not log(x) < 5, 1, 2)", {{-2, -1}}, 1, 1);
}

// Guards stay sharp: the comparison does not depend on what it guards.
TEST(EnclosureTest, ComparisonsOfWhatIsDefinedStayCertain) {
  ExpectBounds("where(x > 0.5, log(x), 7)", {{-1, 0.2}}, 7, 7);
  ExpectBounds("where(x > 0.5, log(x), 7) + where(1/y < 3, 0, 1)", {{-1, 0.2}, {1, 2}}, 7, 7);
  ExpectBounds("where(sqrt(x) >= 0, 1, 2)", {{0, 1}}, 1, 1);
  ExpectBounds("where(1/x > 0, 1, 2)", {{1, 2}}, 1, 1);
}

// A lane's doubts are its own, whatever its neighbours in the registers meet.
TEST(EnclosureTest, DoubtsStayInTheirBox) {
  const Program program("input x\noutput z = where(sqrt(x) >= 0, 1, 2)");
  constexpr Index kBoxes = 67;
  Matrix X_min(1, kBoxes);
  Matrix X_max(1, kBoxes);
  for (Index k = 0; k < kBoxes; ++k) {
    X_min(0, k) = k % 3 == 0 ? -1 : 0;
    X_max(0, k) = 1;
  }
  for (int repetition = 0; repetition < 2; ++repetition) {
    Vector low(kBoxes);
    Vector high(kBoxes);
    program.Enclose(Map(X_min), Map(X_max), {.Y_min = low.data(), .Y_max = high.data()}, nullptr,
                    {});
    for (Index k = 0; k < kBoxes; ++k) {
      EXPECT_EQ(low[k], 1) << k;
      EXPECT_EQ(high[k], k % 3 == 0 ? 2 : 1) << k;
    }
  }
}

TEST(EnclosureTest, ProgramsComputeOnAtPoles) {
  ExpectHolds("tanh(1/x)", {{-1, 0}}, {-1, 1});
  ExpectHolds("sigmoid(0-1/x)", {{0, 1}}, {0, 1});
  ExpectHolds("exp(1/x)", {{-1, 0}}, {0, kInf});
  ExpectHolds("exp(log(x))", {{-1, 0}}, {0});
  ExpectHolds("tanh(atanh(x))", {{1, 2}}, {1});
  ExpectHolds("exp(log1p(x))", {{-2, -1}}, {0});
  ExpectHolds("1 / x^y", {{0, 0}, {-1.5, -0.5}}, {0});
  ExpectHolds("tanh(x^y)", {{-1, 0}, {-1, -1}}, {-1, 1});
}

TEST(EnclosureTest, ZerosHaveBothSigns) {
  const double pi = std::acos(-1);
  ExpectHolds("atan2(0*x, 0-1)", {{-2, -1}}, {pi, -pi});
  ExpectHolds("atan2(y, x)", {{-1, 0}, {0, 1}}, {pi, -pi, 0});
  ExpectBounds("atan2(y, x)", {{1, 2}, {-1, 0}}, -pi / 4, 0);
}

TEST(EnclosureTest, DoubtsGoFromStepToStep) {
  const std::string source = R"(
    input x
    var u = x
    var z = 0
    evolve t in 0..3 { z = where(u < 5, z + 1, z - 1); u = sqrt(u) }
    output z
  )";
  const Range bounds = Enclosed(source, {{-1, 1}});
  EXPECT_LE(bounds.lo, -1);  // Of −0.5: one step up, two down.
  EXPECT_GE(bounds.hi, 3);
  const Range sharp = Enclosed(source, {{0.25, 1}});
  EXPECT_EQ(sharp.lo, 3);
  EXPECT_EQ(sharp.hi, 3);
}

// ---- Random programs ---------------------------------------------------------------------------

class RandomSource {
 public:
  explicit RandomSource(Rng& rng) : rng_(rng) {}

  std::string Straight() {
    const std::string z = Number(4);
    return "input x; input y\noutput z = " + z + "\noutput w = " + Choice(3);
  }
  // The state stays small, and there are no exponentials, so that hardly anything overflows: bounds
  // are about exact arithmetic, in which nothing does.
  std::string Evolution() {
    leaf_ = "u";
    may_overflow_ = false;
    const std::string step =
        "u = max(-3, min(3, " + Number(3) + ")); v = where(" + Condition(2) + ", v, v + y)";
    const std::string end = Choice(2);
    leaf_ = "x";
    return "input x; input y\nvar u = x; var v = x\nevolve t in 0..3 { " + step +
           " }\noutput z = u - " + end + "\noutput w = v";
  }

 private:
  template <std::size_t kSize>
  std::string OneOf(const std::array<const char*, kSize>& names) {
    return names[rng_.Below(kSize)];
  }

  std::string Leaf() {
    constexpr std::array kConstants = {"0", "1", "2", "0.5", "3", "0.1", "(-1)", "(-2)", "(-0.5)"};
    const double kind = rng_.Uniform();
    return kind < 0.5 ? leaf_ : kind < 0.8 ? "y" : OneOf(kConstants);
  }

  std::string Number(int depth) {
    constexpr std::array kPartial = {"sqrt", "log",   "log1p", "asin", "acos",
                                     "tan",  "acosh", "atanh", "1 / ", "0.5 / "};
    constexpr std::array kGrowing = {"exp", "expm1", "sinh", "cosh"};
    constexpr std::array kTotal = {"tanh", "sigmoid",    "softplus", "abs",  "sign",  "sin",
                                   "cos",  "cbrt",       "erf",      "atan", "floor", "asinh",
                                   "erfc", "normal_cdf", "relu",     "-"};
    constexpr std::array kOperators = {" + ", " - ", " * ", " / ", " ^ "};
    constexpr std::array kBinary = {"atan2", "hypot", "min", "max", "mod", "pow"};
    const double kind = rng_.Uniform();
    if (depth == 0 || kind < 0.1) return Leaf();
    if (kind < 0.3) return "(" + OneOf(kPartial) + "(" + Number(depth - 1) + "))";
    if (may_overflow_ && kind < 0.35) return "(" + OneOf(kGrowing) + "(" + Number(depth - 1) + "))";
    if (kind < 0.5) return "(" + OneOf(kTotal) + "(" + Number(depth - 1) + "))";
    if (kind < 0.75) return "(" + Number(depth - 1) + OneOf(kOperators) + Number(depth - 1) + ")";
    if (kind < 0.85)
      return OneOf(kBinary) + "(" + Number(depth - 1) + ", " + Number(depth - 1) + ")";
    return Choice(depth);
  }

  std::string Choice(int depth) {
    return "where(" + Condition(depth - 1) + ", " + Number(depth - 1) + ", " + Number(depth - 1) +
           ")";
  }

  std::string Condition(int depth) {
    constexpr std::array kComparisons = {" < ", " <= ", " > ", " >= ", " == ", " != "};
    constexpr std::array kConnectives = {" and ", " or "};
    const double kind = rng_.Uniform();
    if (depth > 0 && kind < 0.15) return "not (" + Condition(depth - 1) + ")";
    if (depth > 1 && kind < 0.3) {
      return "((" + Condition(depth - 1) + ")" + OneOf(kConnectives) + "(" + Condition(depth - 1) +
             "))";
    }
    const int below = std::max(depth, 0);
    return Number(below) + OneOf(kComparisons) + (rng_.Below(2) == 0 ? Leaf() : Number(below));
  }

  Rng& rng_;
  std::string leaf_ = "x";
  bool may_overflow_ = true;
};

// An end of a box: where functions have their edges and zeros, or anywhere.
double RandomEnd(Rng& rng) {
  constexpr std::array kEdges = {-3.0, -2.0, -1.5, -1.0, -0.5, 0.0, -0.0, 0.5, 1.0, 2.0, 2.5};
  return rng.Below(3) == 0 ? 6 * rng.Uniform() - 3 : kEdges[rng.Below(kEdges.size())];
}

// A point of [lo, hi]: an end, an integer, a zero of either sign, or anywhere.
double RandomPoint(const Range& range, Rng& rng) {
  const auto [lo, hi] = range;
  const double anywhere = std::clamp(lo + (hi - lo) * rng.Uniform(), lo, hi);
  const double integer = std::floor(anywhere);
  switch (rng.Below(6)) {
    case 0:
      return lo;
    case 1:
      return hi;
    case 2:
      return lo <= integer ? integer : anywhere;
    case 3:
      return lo <= 0 && hi >= 0 ? 0.0 : anywhere;
    case 4:
      return lo <= 0 && hi >= 0 ? -0.0 : anywhere;
    default:
      return anywhere;
  }
}

struct Count {
  int values = 0;  // That were compared with bounds.
  int narrow = 0;  // Whose bounds say something.
  int violations = 0;
};

// Elementary functions of <cmath> are off by an ulp or two, which sums of large numbers enlarge.
bool IsWithin(double value, double lo, double hi) {
  const double slack = 1e-11 * (1 + std::abs(value));
  return std::isinf(value) ? lo <= value && value <= hi
                           : lo <= value + slack && value - slack <= hi;
}

// What bounds of J are compared with. Bounds of evolutions are made of adjoints, which may differ
// from tangents where something that J does not depend on is undefined.
enum class Derivatives { kNone, kJacobian, kAdjoints };

void Judge(const std::string& source, Derivatives derivatives, Rng& rng, Count& count) {
  const bool with_jacobian = derivatives != Derivatives::kNone;
  constexpr Index kBoxes = 6;
  constexpr int kPoints = 24;
  const Program program(source);
  const Index n = program.n();
  const Index m = program.m();
  Matrix X_min(n, kBoxes);
  Matrix X_max(n, kBoxes);
  for (Index k = 0; k < n * kBoxes; ++k) {
    const double a = RandomEnd(rng);
    const double b = rng.Below(5) == 0 ? a : RandomEnd(rng);
    X_min.data()[k] = std::min(a, b);
    X_max.data()[k] = std::max(a, b);
  }
  Matrix low(m, kBoxes);
  Matrix high(m, kBoxes);
  Matrix J_low(n, m * kBoxes);
  Matrix J_high(n, m * kBoxes);
  program.Enclose(Map(X_min), Map(X_max),
                  {.Y_min = low.data(),
                   .Y_max = high.data(),
                   .J_min = with_jacobian ? J_low.data() : nullptr,
                   .J_max = with_jacobian ? J_high.data() : nullptr},
                  nullptr, {});
  const auto judge = [&](const Matrix& values, const Matrix& lo, const Matrix& hi, const Matrix& X,
                         const char* what) {
    for (Index k = 0; k < values.size(); ++k) {
      const double value = values.data()[k];
      if (std::isnan(value)) continue;
      ++count.values;
      if (std::isfinite(lo.data()[k]) && std::isfinite(hi.data()[k])) ++count.narrow;
      if (IsWithin(value, lo.data()[k], hi.data()[k])) continue;
      const Index box = k / (values.size() / kBoxes);
      if (++count.violations > 20) continue;
      ADD_FAILURE() << source << "\nbox " << X_min.col(box).transpose() << " to "
                    << X_max.col(box).transpose() << "\nat " << X.col(box).transpose() << " "
                    << what << " is " << value << ", not in [" << lo.data()[k] << ", "
                    << hi.data()[k] << "]";
    }
  };
  for (int i = 0; i < kPoints; ++i) {
    Matrix X(n, kBoxes);
    for (Index k = 0; k < X.size(); ++k) {
      X.data()[k] = RandomPoint({X_min.data()[k], X_max.data()[k]}, rng);
    }
    Matrix Y(m, kBoxes);
    Matrix J(n, m * kBoxes);
    const Settings strict{.arithmetic = Arithmetic::kStrict};
    program.Evaluate(Map(X), std::nullopt, std::nullopt, {.Y = Y.data()}, nullptr, strict, {});
    if (derivatives == Derivatives::kJacobian) {
      program.Evaluate(Map(X), std::nullopt, std::nullopt, {.J = J.data()}, nullptr, strict, {});
    } else if (derivatives == Derivatives::kAdjoints) {
      const Matrix unit = Matrix::Identity(m, m);
      program.Evaluate(Map(X), std::nullopt, Directions{.D = Map(unit), .count = m},
                       {.X_bar = J.data()}, nullptr, strict, {});
    }
    judge(Y, low, high, X, "y");
    if (with_jacobian) judge(J, J_low, J_high, X, "J");
  }
}

TEST(EnclosureTest, HoldsTheValuesOfRandomPrograms) {
  Rng rng(11);
  Count count;
  for (int i = 0; i < 3000; ++i)
    Judge(RandomSource(rng).Straight(), Derivatives::kNone, rng, count);
  EXPECT_EQ(count.violations, 0);
  EXPECT_GT(count.values, 300000);
  EXPECT_GT(count.narrow, count.values / 2);
}

TEST(EnclosureTest, HoldsTheDerivativesOfRandomPrograms) {
  Rng rng(12);
  Count count;
  for (int i = 0; i < 1000; ++i)
    Judge(RandomSource(rng).Straight(), Derivatives::kJacobian, rng, count);
  EXPECT_EQ(count.violations, 0);
  EXPECT_GT(count.values, 100000);
}

TEST(EnclosureTest, HoldsValuesAndDerivativesOfRandomEvolutions) {
  Rng rng(13);
  Count count;
  for (int i = 0; i < 1000; ++i)
    Judge(RandomSource(rng).Evolution(), Derivatives::kAdjoints, rng, count);
  EXPECT_EQ(count.violations, 0);
  EXPECT_GT(count.values, 100000);
}

}  // namespace
}  // namespace sobolev::program
