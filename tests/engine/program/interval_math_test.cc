// Intervals in lanes against quadruple precision and against the scalar interval type, on every
// instruction set that this processor has.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <limits>
#include <ostream>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <quadmath.h>

#include "engine/ad/interval_extended.h"
#include "engine/ad/interval_functions.h"
#include "engine/base/isa.h"
#include "engine/base/rng.h"
#include "tests/engine/program/interval_math_table.h"

namespace sobolev::program {
namespace {

using ad::Bounds;
using Quad = __float128;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMax = std::numeric_limits<double>::max();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kCases = 1'000'000;
constexpr int kBlock = 1000;

const IntervalMath& TableFor(Isa isa) {
  return isa == Isa::kSse2   ? kSse2IntervalMath
         : isa == Isa::kAvx2 ? kAvx2IntervalMath
                             : kAvx512IntervalMath;
}

bool IsEmpty(const Bounds& x) { return std::isnan(x.lo) && std::isnan(x.hi); }

// Whether x contains a value that libquadmath computed, which is itself off by up to 2^-108 or so.
bool ContainsUpToQuadRounding(const Bounds& x, Quad value) {
  const Quad slack = fabsq(value) * 0x1p-107;
  return Quad{x.lo} <= value + slack && value - slack <= Quad{x.hi};
}

// Consecutive integers for consecutive doubles.
std::int64_t Rank(double x) {
  std::int64_t bits = 0;
  std::memcpy(&bits, &x, sizeof x);
  return bits < 0 ? std::numeric_limits<std::int64_t>::min() - bits : bits;
}

// In units in the last place. The difference fits 64 bits, but not with a sign.
double Distance(double a, double b) {
  const auto larger = static_cast<std::uint64_t>(std::max(Rank(a), Rank(b)));
  const auto smaller = static_cast<std::uint64_t>(std::min(Rank(a), Rank(b)));
  return static_cast<double>(larger - smaller);
}

std::string Show(const Bounds& x) {
  std::ostringstream text;
  text << std::hexfloat << '[' << x.lo << ", " << x.hi << ']';
  return text.str();
}

// ---- Functions of one variable -----------------------------------------------------------------

struct Function {
  const char* name;
  UnaryIntervalMap IntervalMath::*lanes;
  Bounds (*scalar)(const Bounds&);
  Quad (*truth)(Quad);
  double lo;
  double hi;
  double max_ulps;      // Width of a point with AVX-512.
  double more_without;  // And how much more without its rounding.
  bool is_wave = false;

  friend void PrintTo(const Function& f, std::ostream* out) { *out << f.name; }
};

Bounds NegateScalar(const Bounds& x) { return {-x.hi, -x.lo}; }
Quad NegateQ(Quad x) { return -x; }
Quad SquareQ(Quad x) { return x * x; }
Quad ReciprocalQ(Quad x) { return 1 / x; }

namespace enclose = ad::enclose;
namespace extended = ad::enclose::extended;
const Function kFunctions[] = {
    {"Negate", &IntervalMath::negate, NegateScalar, NegateQ, -3, 3, 0, 0},
    {"Abs", &IntervalMath::abs, enclose::Abs, fabsq, -3, 3, 0, 0},
    {"Floor", &IntervalMath::floor, enclose::Floor, floorq, -9, 9, 0, 0},
    {"Square", &IntervalMath::square, enclose::Square, SquareQ, -3, 3, 1, 2},
    {"Reciprocal", &IntervalMath::reciprocal, extended::Reciprocal, ReciprocalQ, -3, 3, 1, 2},
    {"Sqrt", &IntervalMath::sqrt, enclose::Sqrt, sqrtq, 0, 3, 1, 2},
    {"Exp", &IntervalMath::exp, enclose::Exp, expq, -760, 720, 5, 7},
    {"Log", &IntervalMath::log, extended::Log, logq, 0, 3, 7, 4},
    {"Sin", &IntervalMath::sin, enclose::Sin, sinq, -10, 10, 5, 5, true},
    {"Cos", &IntervalMath::cos, enclose::Cos, cosq, -10, 10, 5, 5, true},
    {"SinFar", &IntervalMath::sin, enclose::Sin, sinq, -1048600, 1048600, 5, 5, true},
    {"CosFar", &IntervalMath::cos, enclose::Cos, cosq, -1048600, 1048600, 5, 5, true},
    {"Tanh", &IntervalMath::tanh, enclose::Tanh, tanhq, -25, 25, 12, 4},
    {"Atan", &IntervalMath::atan, enclose::Atan, atanq, -3, 3, 2, 0},
};

class UnaryLanesTest : public testing::TestWithParam<std::tuple<Isa, Function>> {
 protected:
  void SetUp() override {
    if (std::get<0>(GetParam()) > BestIsa()) GTEST_SKIP() << "This processor lacks it.";
  }
  const Function& function() const { return std::get<1>(GetParam()); }
  std::vector<Bounds> Evaluate(std::vector<Bounds> x) const {
    const std::size_t size = x.size();
    x.resize((size + 7) / 8 * 8, Bounds{1, 1});
    std::vector<Bounds> y(x.size());
    (TableFor(std::get<0>(GetParam())).*function().lanes)(x.data(), y.data(),
                                                          static_cast<std::int64_t>(x.size()));
    y.resize(size);
    return y;
  }
  double max_ulps() const {
    return function().max_ulps +
           (std::get<0>(GetParam()) == Isa::kAvx512 ? 0 : function().more_without);
  }
};

INSTANTIATE_TEST_SUITE_P(All, UnaryLanesTest,
                         testing::Combine(testing::Values(Isa::kSse2, Isa::kAvx2, Isa::kAvx512),
                                          testing::ValuesIn(kFunctions)),
                         [](const auto& test) {
                           return std::string(Name(std::get<0>(test.param))) +
                                  std::get<1>(test.param).name;
                         });

// Half uniform over the range, half with a uniform exponent.
double Sample(Rng& rng, double lo, double hi) {
  const double x = lo + (hi - lo) * rng.Uniform();
  return rng.Below(2) == 0 ? x : x * std::exp2(-70 * rng.Uniform());
}

TEST_P(UnaryLanesTest, ContainTheTruth) {
  Rng rng(1);
  std::vector<Bounds> x(kBlock);
  double largest = 0;
  double sum = 0;
  int points = 0;
  for (int i = 0; i < kCases; i += kBlock) {
    for (Bounds& box : x) {
      const double a = Sample(rng, function().lo, function().hi);
      const double b = rng.Below(4) == 0   ? Sample(rng, function().lo, function().hi)
                       : rng.Below(2) == 0 ? a * (1 + std::exp2(-52 * rng.Uniform()))
                                           : a;
      box = {std::min(a, b), std::max(a, b)};
    }
    const std::vector<Bounds> y = Evaluate(x);
    for (int k = 0; k < kBlock; ++k) {
      const double t = std::clamp(x[k].lo + (x[k].hi - x[k].lo) * rng.Uniform(), x[k].lo, x[k].hi);
      const Quad truth = function().truth(t);
      ASSERT_TRUE(ContainsUpToQuadRounding(y[k], truth))
          << function().name << Show(x[k]) << " = " << Show(y[k]) << " at " << t;
      if (x[k].lo != x[k].hi) continue;
      // Next to its zeros the reduction of a wave costs more, and beyond 2^20 there is none.
      const double width = y[k].hi - y[k].lo;
      if (function().is_wave && (width < 0x1p-97 || width == 2)) continue;
      largest = std::max(largest, Distance(y[k].lo, y[k].hi));
      sum += Distance(y[k].lo, y[k].hi);
      ++points;
    }
  }
  std::cout << function().name << ": width of a point at most " << largest << " ulp, on average "
            << sum / points << '\n';
  EXPECT_LE(largest, max_ulps());
}

// The scalar functions are within an ulp or two of the tightest; the lanes must be near them also
// where bounds are infinite, zero or subnormal, where the argument is empty, or leaves the domain.
std::vector<Bounds> EdgeCases() {
  const double ends[] = {-kInf,
                         -kMax,
                         -1e300,
                         -2e6,
                         -800,
                         -745.2,
                         -30,
                         -2,
                         -1,
                         -0.5,
                         -1e-300,
                         -kTiny,
                         -0.0,
                         0.0,
                         kTiny,
                         1e-300,
                         0.5,
                         1,
                         1.5707963267948966,
                         2,
                         3,
                         30,
                         709.7,
                         745,
                         800,
                         1048576,
                         2e6,
                         1e300,
                         kMax,
                         kInf};
  std::vector<Bounds> cases = {{kNaN, kNaN}};
  for (const double lo : ends) {
    for (const double hi : ends) {
      if (lo <= hi && lo < kInf && hi > -kInf) cases.push_back({lo, hi});
    }
  }
  return cases;
}

bool AreNear(const Bounds& lanes, const Bounds& scalar, double max_ulps) {
  if (IsEmpty(lanes) || IsEmpty(scalar)) return IsEmpty(lanes) && IsEmpty(scalar);
  return Distance(lanes.lo, scalar.lo) <= max_ulps && Distance(lanes.hi, scalar.hi) <= max_ulps;
}

TEST_P(UnaryLanesTest, AgreeWithTheScalarTypeAtTheEdges) {
  const std::vector<Bounds> x = EdgeCases();
  const std::vector<Bounds> y = Evaluate(x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Bounds scalar = function().scalar(x[i]);
    EXPECT_TRUE(AreNear(y[i], scalar, max_ulps()))
        << function().name << Show(x[i]) << " = " << Show(y[i]) << " or " << Show(scalar);
  }
}

// ---- Functions of two variables ----------------------------------------------------------------

struct Operation {
  const char* name;
  BinaryIntervalMap IntervalMath::*lanes;
  Bounds (*scalar)(const Bounds&, const Bounds&);
  Quad (*truth)(Quad, Quad);
  double ulps_without;  // Distance to the scalar type without the rounding of AVX-512.

  friend void PrintTo(const Operation& f, std::ostream* out) { *out << f.name; }
};

Quad AddQ(Quad x, Quad y) { return x + y; }
Quad SubtractQ(Quad x, Quad y) { return x - y; }
Quad MultiplyQ(Quad x, Quad y) { return x * y; }
Quad DivideQ(Quad x, Quad y) { return x / y; }
Quad LessQ(Quad x, Quad y) { return x < y ? 1 : 0; }
Quad LessEqualQ(Quad x, Quad y) { return x <= y ? 1 : 0; }
Quad EqualQ(Quad x, Quad y) { return x == y ? 1 : 0; }
Bounds SeedMultiplyScalar(const Bounds& x, const Bounds& y) {
  const bool is_zero = (x.lo == 0 && x.hi == 0) || (y.lo == 0 && y.hi == 0);
  const bool has_zero = x.lo <= 0 && x.hi >= 0;
  return is_zero || (has_zero && IsEmpty(y)) ? Bounds{0, 0} : enclose::Multiply(x, y);
}
// Comparisons of what is nowhere defined are false.
Bounds Compared(const Bounds& x, const Bounds& y, const Bounds& outcome) {
  return IsEmpty(x) || IsEmpty(y) ? Bounds{0, 0} : outcome;
}
Bounds LessScalar(const Bounds& x, const Bounds& y) {
  return Compared(x, y, enclose::IfLess(x, y, {1, 1}, {0, 0}));
}
Bounds LessEqualScalar(const Bounds& x, const Bounds& y) {
  return Compared(x, y, enclose::Subtract({1, 1}, LessScalar(y, x)));
}
Bounds EqualScalar(const Bounds& x, const Bounds& y) {
  const Bounds below = LessEqualScalar(x, y);
  const Bounds above = LessEqualScalar(y, x);
  return enclose::Multiply(below, above);
}
Bounds SmallerScalar(const Bounds& x, const Bounds& y) {
  return IsEmpty(x) || IsEmpty(y) ? y : enclose::IfLess(x, y, x, y);
}

const Operation kOperations[] = {
    {"Add", &IntervalMath::add, enclose::Add, AddQ, 1},
    {"Subtract", &IntervalMath::subtract, enclose::Subtract, SubtractQ, 1},
    {"Multiply", &IntervalMath::multiply, enclose::Multiply, MultiplyQ, 2},
    {"SeedMultiply", &IntervalMath::seed_multiply, SeedMultiplyScalar, MultiplyQ, 2},
    {"Divide", &IntervalMath::divide, extended::Divide, DivideQ, 2},
    {"Min", &IntervalMath::min, enclose::Min, fminq, 0},
    {"Max", &IntervalMath::max, enclose::Max, fmaxq, 0},
    {"Hull", &IntervalMath::hull, enclose::Hull, fminq, 0},
    {"Less", &IntervalMath::less, LessScalar, LessQ, 0},
    {"LessEqual", &IntervalMath::less_equal, LessEqualScalar, LessEqualQ, 0},
    {"Equal", &IntervalMath::equal, EqualScalar, EqualQ, 0},
    {"Smaller", &IntervalMath::smaller, SmallerScalar, fminq, 0},
};

class BinaryLanesTest : public testing::TestWithParam<std::tuple<Isa, Operation>> {
 protected:
  void SetUp() override {
    if (std::get<0>(GetParam()) > BestIsa()) GTEST_SKIP() << "This processor lacks it.";
  }
  const Operation& operation() const { return std::get<1>(GetParam()); }
  std::vector<Bounds> Evaluate(std::vector<Bounds> x, std::vector<Bounds> y) const {
    const std::size_t size = x.size();
    x.resize((size + 7) / 8 * 8, Bounds{1, 1});
    y.resize(x.size(), Bounds{1, 1});
    std::vector<Bounds> z(x.size());
    (TableFor(std::get<0>(GetParam())).*operation().lanes)(x.data(), y.data(), z.data(),
                                                           static_cast<std::int64_t>(x.size()));
    z.resize(size);
    return z;
  }
  double max_ulps() const {
    return std::get<0>(GetParam()) == Isa::kAvx512 ? 1 : operation().ulps_without;
  }
};

INSTANTIATE_TEST_SUITE_P(All, BinaryLanesTest,
                         testing::Combine(testing::Values(Isa::kSse2, Isa::kAvx2, Isa::kAvx512),
                                          testing::ValuesIn(kOperations)),
                         [](const auto& test) {
                           return std::string(Name(std::get<0>(test.param))) +
                                  std::get<1>(test.param).name;
                         });

TEST_P(BinaryLanesTest, ContainTheTruthAndAgreeWithTheScalarType) {
  Rng rng(2);
  const auto box = [&rng]() -> Bounds {
    const double scale = rng.Below(8) == 0 ? std::exp2(2000 * (rng.Uniform() - 0.5)) : 1;
    const double a = scale * (4 * rng.Uniform() - 2);
    const double b = rng.Below(3) == 0   ? a
                     : rng.Below(2) == 0 ? a * (1 + std::exp2(-52 * rng.Uniform()))
                                         : scale * (4 * rng.Uniform() - 2);
    return {std::min(a, b), std::max(a, b)};
  };
  std::vector<Bounds> x(kBlock);
  std::vector<Bounds> y(kBlock);
  for (int i = 0; i < kCases; i += kBlock) {
    for (Bounds& b : x) b = box();
    for (Bounds& b : y) b = box();
    const std::vector<Bounds> z = Evaluate(x, y);
    for (int k = 0; k < kBlock; ++k) {
      const auto within = [&rng](const Bounds& b) {
        return std::clamp(b.lo + (b.hi - b.lo) * rng.Uniform(), b.lo, b.hi);
      };
      const Quad truth = operation().truth(within(x[k]), within(y[k]));
      ASSERT_TRUE(ContainsUpToQuadRounding(z[k], truth))
          << operation().name << Show(x[k]) << ", " << Show(y[k]) << " = " << Show(z[k]);
      const Bounds scalar = operation().scalar(x[k], y[k]);
      ASSERT_TRUE(AreNear(z[k], scalar, max_ulps()))
          << operation().name << Show(x[k]) << ", " << Show(y[k]) << " = " << Show(z[k]) << " or "
          << Show(scalar);
    }
  }
}

TEST_P(BinaryLanesTest, AgreeWithTheScalarTypeAtTheEdges) {
  const std::vector<Bounds> cases = EdgeCases();
  for (const Bounds& first : cases) {
    const std::vector<Bounds> x(cases.size(), first);
    const std::vector<Bounds> z = Evaluate(x, cases);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const Bounds scalar = operation().scalar(first, cases[i]);
      ASSERT_TRUE(AreNear(z[i], scalar, max_ulps()))
          << operation().name << Show(first) << ", " << Show(cases[i]) << " = " << Show(z[i])
          << " or " << Show(scalar);
    }
  }
}

TEST_P(BinaryLanesTest, ALaneDoesNotDependOnItsNeighbours) {
  const std::vector<Bounds> edges = EdgeCases();
  Rng rng(5);
  constexpr int kLanes = 8;
  for (int i = 0; i < 2000; ++i) {
    std::vector<Bounds> x(kLanes);
    std::vector<Bounds> y(kLanes);
    for (std::vector<Bounds>* side : {&x, &y}) {
      for (Bounds& b : *side) {
        const double a = 1 + rng.Uniform();
        b = rng.Below(6) == 0 ? edges[rng.Below(edges.size())] : Bounds{a, a + rng.Uniform()};
      }
    }
    const std::vector<Bounds> together = Evaluate(x, y);
    for (int k = 0; k < kLanes; ++k) {
      const Bounds alone =
          Evaluate(std::vector<Bounds>(kLanes, x[k]), std::vector<Bounds>(kLanes, y[k]))[k];
      ASSERT_TRUE(AreNear(together[k], alone, 0))
          << operation().name << Show(x[k]) << ", " << Show(y[k]) << " = " << Show(together[k])
          << " or " << Show(alone);
    }
  }
}

// ---- A formula ---------------------------------------------------------------------------------

class FormulaTest : public testing::TestWithParam<Isa> {};

INSTANTIATE_TEST_SUITE_P(All, FormulaTest, testing::Values(Isa::kSse2, Isa::kAvx2, Isa::kAvx512),
                         [](const auto& test) { return std::string(Name(test.param)); });

// Value and gradient by adjoint statements in lanes contain those in quadruple precision.
TEST_P(FormulaTest, ValueAndGradientContainTheTruth) {
  if (GetParam() > BestIsa()) GTEST_SKIP() << "This processor lacks it.";
  constexpr int kBoxes = 4096;
  Rng rng(3);
  std::vector<double> x(std::size_t{4} * kBoxes);
  for (int i = 0; i < kBoxes; ++i) {
    for (int k = 0; k < 2; ++k) {
      const double lo = 0.3 + 2 * rng.Uniform();
      x[2 * k * kBoxes + i] = lo;
      x[(2 * k + 1) * kBoxes + i] = lo + std::exp2(-40 * rng.Uniform()) * rng.Uniform();
    }
  }
  std::vector<double> y(std::size_t{6} * kBoxes);
  TableFor(GetParam()).example(x.data(), y.data(), kBoxes);
  for (int i = 0; i < kBoxes; ++i) {
    const auto within = [&](int k) {
      const double lo = x[2 * k * kBoxes + i];
      const double hi = x[(2 * k + 1) * kBoxes + i];
      return Quad{std::clamp(lo + (hi - lo) * rng.Uniform(), lo, hi)};
    };
    const Quad t1 = within(0);
    const Quad t2 = within(1);
    const Quad quotient = t1 / t2;
    const Quad power = expq(t2);
    const Quad left = sinq(quotient) + quotient - power;
    const Quad right = quotient - power;
    const Quad d1 = ((cosq(quotient) + 1) * right + left) / t2;
    const Quad d2 = -quotient * d1 - power * (left + right);
    const Quad truths[] = {left * right, d1, d2};
    for (int k = 0; k < 3; ++k) {
      const Bounds enclosure = {y[2 * k * kBoxes + i], y[(2 * k + 1) * kBoxes + i]};
      ASSERT_TRUE(ContainsUpToQuadRounding(enclosure, truths[k])) << Show(enclosure) << ' ' << k;
    }
  }
}

}  // namespace
}  // namespace sobolev::program
