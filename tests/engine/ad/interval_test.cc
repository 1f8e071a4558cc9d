// The interval type against quadruple precision: containment on a million cases per function, how
// wide the results are, and the edges where bounds are infinite, empty or subnormal.

#include "engine/ad/interval.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include <Eigen/Dense>
#include <gtest/gtest.h>
#include <quadmath.h>

#include "engine/base/error.h"
#include "engine/base/rng.h"

namespace sobolev::ad {
namespace {

using I = Interval<double>;
using Quad = __float128;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMax = std::numeric_limits<double>::max();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();
constexpr int kCases = 1'000'000;

// Whether x contains a value that libquadmath computed, which is itself off by up to 2^-108 or so.
bool ContainsUpToQuadRounding(const I& x, Quad value) {
  const Quad slack = fabsq(value) * 0x1p-107;
  return Quad{x.lo()} <= value + slack && value - slack <= Quad{x.hi()};
}

std::string Show(Quad x) {
  char text[64];
  quadmath_snprintf(text, sizeof text, "%.36Qg", x);
  return text;
}

// Consecutive integers for consecutive doubles.
std::int64_t Rank(double x) {
  std::int64_t bits = 0;
  std::memcpy(&bits, &x, sizeof x);
  return bits < 0 ? std::numeric_limits<std::int64_t>::min() - bits : bits;
}

// hi − lo in units in the last place.
double WidthInUlps(const I& x) { return static_cast<double>(Rank(x.hi()) - Rank(x.lo())); }

struct Function {
  const char* name;
  I (*enclosure)(const I&);
  Quad (*truth)(Quad);
  double lo;  // The part of the domain that is sampled uniformly, and, up to the far ends, by
  double hi;  // magnitude.
  double far_lo;
  double far_hi;
  double max_ulps;  // Of a point.

  friend void PrintTo(const Function& f, std::ostream* out) { *out << f.name; }
};

Quad SigmoidQ(Quad x) { return 1 / (1 + expq(-x)); }
Quad SoftplusQ(Quad x) { return x > 50 ? x + log1pq(expq(-x)) : log1pq(expq(x)); }
Quad NormalCdfQ(Quad x) { return erfcq(-x / sqrtq(2)) / 2; }
Quad SignQ(Quad x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
Quad SquareQ(Quad x) { return x * x; }
Quad ReciprocalQ(Quad x) { return 1 / x; }
Quad Exp2Q(Quad x) { return powq(2, x); }
Quad CubeQ(Quad x) { return x * x * x; }
Quad MinusThirdQ(Quad x) { return 1 / (x * x * x); }
Quad FourthQ(Quad x) { return x * x * x * x; }
Quad PowSevenHalvesQ(Quad x) { return x * x * x * sqrtq(x); }
Quad PowHundredQ(Quad x) { return powq(x, 100); }

#define SOBOLEV_WRAP(f) [](const I& x) { return f(x); }
const Function kFunctions[] = {
    {"exp", SOBOLEV_WRAP(exp), expq, -5, 5, -745, 709, 2},
    {"exp2", SOBOLEV_WRAP(exp2), Exp2Q, -5, 5, -1074, 1023, 2},
    {"expm1", SOBOLEV_WRAP(expm1), expm1q, -2, 2, -100, 709, 2},
    {"log", SOBOLEV_WRAP(log), logq, 0, 3, 0, kMax, 2},
    {"log1p", SOBOLEV_WRAP(log1p), log1pq, -1, 2, -1, kMax, 2},
    {"log2", SOBOLEV_WRAP(log2), log2q, 0, 3, 0, kMax, 2},
    {"log10", SOBOLEV_WRAP(log10), log10q, 0, 3, 0, kMax, 2},
    {"sqrt", SOBOLEV_WRAP(sqrt), sqrtq, 0, 3, 0, kMax, 2},
    {"cbrt", SOBOLEV_WRAP(cbrt), cbrtq, -3, 3, -kMax, kMax, 2},
    {"sin", SOBOLEV_WRAP(sin), sinq, -7, 7, -1048576, 1048576, 2},
    {"cos", SOBOLEV_WRAP(cos), cosq, -7, 7, -1048576, 1048576, 2},
    {"tan", SOBOLEV_WRAP(tan), tanq, -1.5, 1.5, -1048576, 1048576, 2},
    {"asin", SOBOLEV_WRAP(asin), asinq, -1, 1, -1, 1, 2},
    {"acos", SOBOLEV_WRAP(acos), acosq, -1, 1, -1, 1, 2},
    {"atan", SOBOLEV_WRAP(atan), atanq, -3, 3, -kMax, kMax, 2},
    {"sinh", SOBOLEV_WRAP(sinh), sinhq, -3, 3, -710, 710, 2},
    {"cosh", SOBOLEV_WRAP(cosh), coshq, -3, 3, -710, 710, 2},
    {"tanh", SOBOLEV_WRAP(tanh), tanhq, -2, 2, -30, 30, 2},
    {"asinh", SOBOLEV_WRAP(asinh), asinhq, -3, 3, -kMax, kMax, 2},
    {"acosh", SOBOLEV_WRAP(acosh), acoshq, 1, 3, 1, kMax, 2},
    {"atanh", SOBOLEV_WRAP(atanh), atanhq, -1, 1, -1, 1, 2},
    {"erf", SOBOLEV_WRAP(erf), erfq, -3, 3, -10, 10, 2},
    {"erfc", SOBOLEV_WRAP(erfc), erfcq, -3, 3, -10, 27, 2},
    {"NormalCdf", SOBOLEV_WRAP(NormalCdf), NormalCdfQ, -4, 4, -38, 10, 2},
    {"Sigmoid", SOBOLEV_WRAP(Sigmoid), SigmoidQ, -4, 4, -745, 50, 2},
    {"Softplus", SOBOLEV_WRAP(Softplus), SoftplusQ, -4, 4, -745, 1e6, 2},
    {"abs", SOBOLEV_WRAP(abs), fabsq, -3, 3, -kMax, kMax, 0},
    {"floor", SOBOLEV_WRAP(floor), floorq, -3, 3, -1e18, 1e18, 0},
    {"ceil", SOBOLEV_WRAP(ceil), ceilq, -3, 3, -1e18, 1e18, 0},
    {"trunc", SOBOLEV_WRAP(trunc), truncq, -3, 3, -1e18, 1e18, 0},
    {"round", SOBOLEV_WRAP(round), roundq, -3, 3, -1e18, 1e18, 0},
    {"Sign", SOBOLEV_WRAP(Sign), SignQ, -3, 3, -kMax, kMax, 0},
    {"Square", SOBOLEV_WRAP(Square), SquareQ, -3, 3, -1e154, 1e154, 2},
    {"Reciprocal", SOBOLEV_WRAP(Reciprocal), ReciprocalQ, 0, 3, 0, kMax, 2},
    {"PowThree", [](const I& x) { return pow(x, 3.0); }, CubeQ, -3, 3, -1e102, 1e102, 2},
    {"PowMinusThree", [](const I& x) { return pow(x, -3.0); }, MinusThirdQ, 0.1, 3, 1e-102, 1e102,
     2},
    {"PowFour", [](const I& x) { return pow(x, 4.0); }, FourthQ, -3, 3, -1e77, 1e77, 2},
    {"PowSevenHalves", [](const I& x) { return pow(x, 3.5); }, PowSevenHalvesQ, 0, 3, 0, 1e88, 2},
    {"PowHundred", [](const I& x) { return pow(x, 100.0); }, PowHundredQ, -3, 3, -1200, 1200, 2},
};
#undef SOBOLEV_WRAP

// Half of the numbers are uniform, half have a uniformly distributed logarithm of their distance
// from 0, and some are the ends themselves.
class Sampler {
 public:
  Sampler(const Function& function, std::uint64_t seed) : f_(function), generator_(seed) {}

  double Next() {
    const auto kind = static_cast<int>(generator_.Next() % 64);
    if (kind == 0) return f_.far_lo;
    if (kind == 1) return f_.far_hi;
    if (kind == 2) return f_.lo;
    if (kind < 34) return f_.lo + (f_.hi - f_.lo) * Unit();
    const bool is_negative = f_.far_lo < 0 && (f_.far_hi <= 0 || (generator_.Next() & 1) != 0);
    const double end = is_negative ? -f_.far_lo : f_.far_hi;
    const double exponent = std::log2(end) * Unit() - (kind < 50 ? 0 : 60 * Unit());
    const double x = std::exp2(kind == 63 ? -1074 * Unit() : exponent);
    return std::clamp(is_negative ? -x : x, f_.far_lo, f_.far_hi);
  }

  // Of moderate width, up to the distance of two samples.
  I NextInterval() {
    double a = Next();
    double b = generator_.Next() % 4 == 0 ? Next() : a * (1 + std::exp2(-52 * Unit()));
    b = std::clamp(b, f_.far_lo, f_.far_hi);
    if (b < a) std::swap(a, b);
    return {a, b};
  }

  double Within(const I& x) {
    return std::clamp(x.lo() + (x.hi() / 2 - x.lo() / 2) * 2 * Unit(), x.lo(), x.hi());
  }

  double Unit() { return generator_.Uniform(); }

 private:
  Function f_;
  Rng generator_;
};

class IntervalFunctionTest : public testing::TestWithParam<Function> {};

INSTANTIATE_TEST_SUITE_P(All, IntervalFunctionTest, testing::ValuesIn(kFunctions),
                         [](const auto& function) { return std::string(function.param.name); });

TEST_P(IntervalFunctionTest, ContainsTheTruthOfPointsAndIsNarrow) {
  const Function& f = GetParam();
  Sampler sampler(f, 1);
  double largest = 0;
  double sum = 0;
  for (int i = 0; i < kCases; ++i) {
    const double x = sampler.Next();
    const Quad truth = f.truth(x);
    if (isnanq(truth) || isinfq(truth)) continue;  // At the open end of the domain.
    const I y = f.enclosure(x);
    ASSERT_TRUE(ContainsUpToQuadRounding(y, truth))
        << f.name << '(' << std::hexfloat << x << ") = " << Show(truth) << " not in " << y;
    largest = std::max(largest, WidthInUlps(y));
    sum += WidthInUlps(y);
  }
  std::cout << f.name << ": width of a point at most " << largest << " ulp, on average "
            << sum / kCases << '\n';
  EXPECT_LE(largest, f.max_ulps);
}

TEST_P(IntervalFunctionTest, ContainsTheTruthInsideIntervals) {
  const Function& f = GetParam();
  Sampler sampler(f, 2);
  for (int i = 0; i < kCases; ++i) {
    const I x = sampler.NextInterval();
    const I y = f.enclosure(x);
    const double t = sampler.Within(x);
    const Quad truth = f.truth(t);
    if (isnanq(truth) || isinfq(truth)) continue;
    ASSERT_TRUE(ContainsUpToQuadRounding(y, truth))
        << f.name << '(' << std::hexfloat << x << ") = " << y << " lacks " << Show(truth) << " at "
        << t;
  }
}

// Bounds at neighbouring points may differ by their slack, hence the tolerance of two ulps.
TEST_P(IntervalFunctionTest, SmallerArgumentsGiveSmallerResults) {
  const Function& f = GetParam();
  Sampler sampler(f, 3);
  for (int i = 0; i < kCases / 10; ++i) {
    const I x = sampler.NextInterval();
    double a = sampler.Within(x);
    double b = sampler.Within(x);
    if (b < a) std::swap(a, b);
    const I y = f.enclosure(x);
    const I part = f.enclosure(I(a, b));
    if (part.is_empty()) continue;
    ASSERT_TRUE(Rank(y.lo()) <= Rank(part.lo()) + 2 && Rank(part.hi()) <= Rank(y.hi()) + 2)
        << f.name << std::hexfloat << " of " << I(a, b) << " = " << part << ", of " << x << " = "
        << y;
  }
}

// ---- Functions of two variables ----------------------------------------------------------------

struct Operation {
  const char* name;
  I (*enclosure)(const I&, const I&);
  Quad (*truth)(Quad, Quad);
  double far_lo;  // Of the second operand; the first is of any sign unless it says so.
  double far_hi;
  bool first_is_positive;

  friend void PrintTo(const Operation& f, std::ostream* out) { *out << f.name; }
};

Quad AddQ(Quad x, Quad y) { return x + y; }
Quad SubtractQ(Quad x, Quad y) { return x - y; }
Quad MultiplyQ(Quad x, Quad y) { return x * y; }
Quad DivideQ(Quad x, Quad y) { return x / y; }

#define SOBOLEV_WRAP(f) [](const I& x, const I& y) { return f(x, y); }
const Operation kOperations[] = {
    {"Add", [](const I& x, const I& y) { return x + y; }, AddQ, -kMax, kMax, false},
    {"Subtract", [](const I& x, const I& y) { return x - y; }, SubtractQ, -kMax, kMax, false},
    {"Multiply", [](const I& x, const I& y) { return x * y; }, MultiplyQ, -kMax, kMax, false},
    {"Divide", [](const I& x, const I& y) { return x / y; }, DivideQ, -kMax, kMax, false},
    {"pow", SOBOLEV_WRAP(pow), powq, -50, 50, true},
    {"atan2", SOBOLEV_WRAP(atan2), atan2q, -kMax, kMax, false},
    {"hypot", SOBOLEV_WRAP(hypot), hypotq, -kMax, kMax, false},
    {"Min", SOBOLEV_WRAP(Min), fminq, -kMax, kMax, false},
    {"Max", SOBOLEV_WRAP(Max), fmaxq, -kMax, kMax, false},
};
#undef SOBOLEV_WRAP

class IntervalOperationTest : public testing::TestWithParam<Operation> {};

INSTANTIATE_TEST_SUITE_P(All, IntervalOperationTest, testing::ValuesIn(kOperations),
                         [](const auto& operation) { return std::string(operation.param.name); });

TEST_P(IntervalOperationTest, ContainsTheTruthInsideIntervals) {
  const Operation& f = GetParam();
  const double first_lo = f.first_is_positive ? 0 : -kMax;
  Sampler first({"", nullptr, nullptr, f.first_is_positive ? 0.0 : -3.0, 3, first_lo, kMax, 0}, 4);
  Sampler second({"", nullptr, nullptr, -3, 3, f.far_lo, f.far_hi, 0}, 5);
  for (int i = 0; i < kCases; ++i) {
    const I x = i % 3 == 0 ? I(first.Next()) : first.NextInterval();
    const I y = i % 5 == 0 ? I(second.Next()) : second.NextInterval();
    const I z = f.enclosure(x, y);
    const double t = first.Within(x);
    const double u = second.Within(y);
    const Quad truth = f.truth(t, u);
    if (isnanq(truth) || isinfq(truth)) continue;
    ASSERT_TRUE(ContainsUpToQuadRounding(z, truth))
        << f.name << std::hexfloat << '(' << x << ", " << y << ") = " << z << " lacks "
        << Show(truth) << " at " << t << ", " << u;
  }
}

// Of points, where nothing under- or overflows: the bounds are the neighbours of the exact result,
// or the result itself. (Quadruple precision holds products of doubles, and sums of doubles of like
// size, exactly; quotients and roots to far more digits than decide.)
TEST(IntervalTest, ArithmeticIsTheTightest) {
  Rng rng(6);
  const auto expect_tightest = [](const I& result, Quad truth) {
    const auto nearest = static_cast<double>(truth);
    EXPECT_EQ(result.lo(), Quad{nearest} > truth ? std::nextafter(nearest, -kInf) : nearest);
    EXPECT_EQ(result.hi(), Quad{nearest} < truth ? std::nextafter(nearest, kInf) : nearest);
  };
  for (int i = 0; i < kCases; ++i) {
    const double x = (rng.Uniform() - 0.5) * std::exp2(20 * rng.Uniform());
    const double y = rng.Uniform() - 0.5;
    expect_tightest(I(x) + I(y), Quad{x} + Quad{y});
    expect_tightest(I(x) - I(y), Quad{x} - Quad{y});
    expect_tightest(I(x) * I(y), Quad{x} * Quad{y});
    expect_tightest(I(x) / I(y), Quad{x} / Quad{y});
    expect_tightest(Square(I(x)), Quad{x} * Quad{x});
    expect_tightest(sqrt(I(std::abs(x))), sqrtq(std::abs(x)));
    if (HasFailure()) return;
  }
}

TEST(IntervalTest, ExactResultsStayExact) {
  const auto expect_point = [](const I& result, double value) {
    EXPECT_TRUE(result == value) << result << " is not " << value;
  };
  expect_point(I(2) + 3, 5);
  expect_point(I(0.25) * -12, -3);
  expect_point(I(21) / 7, 3);
  expect_point(I(1e-200) * 0, 0);
  expect_point(sqrt(I(49)), 7);
  expect_point(Square(I(-3)), 9);
  expect_point(pow(I(3), 4), 81);
  expect_point(pow(I(-2), 3), -8);
  expect_point(exp(I(0)), 1);
  expect_point(log(I(1)), 0);
  expect_point(log2(I(8)), 3);
  expect_point(exp2(I(-5)), 0x1p-5);
  expect_point(cos(I(0)), 1);
  expect_point(sin(I(0)), 0);
  expect_point(hypot(I(3), I(4)), 5);
  expect_point(NormalCdf(I(0)), 0.5);
}

// ---- Edges -------------------------------------------------------------------------------------

void ExpectBounds(const I& x, double lo, double hi) {
  EXPECT_EQ(x.lo(), lo) << x;
  EXPECT_EQ(x.hi(), hi) << x;
}

TEST(IntervalTest, DivisionByAnIntervalWithZeroIsUnbounded) {
  ExpectBounds(I(1, 2) / I(-1, 1), -kInf, kInf);
  ExpectBounds(I(-1, 2) / I(0, 1), -kInf, kInf);
  ExpectBounds(I(1, 2) / I(0, 4), 0.25, kInf);
  ExpectBounds(I(1, 2) / I(-4, 0), -kInf, -0.25);
  ExpectBounds(I(-2, -1) / I(0, 4), -kInf, -0.25);
  ExpectBounds(I(-2, -1) / I(-4, 0), 0.25, kInf);
  ExpectBounds(I(0, 2) / I(0, 4), 0, kInf);
  ExpectBounds(I(0) / I(-1, 1), 0, 0);
  ExpectBounds(I(1) / I(2, kInf), 0, 0.5);
  ExpectBounds(Reciprocal(I(0, 4)), 0.25, kInf);
  ExpectBounds(pow(I(-1, 2), -1), -kInf, kInf);
  ExpectBounds(pow(I(-1, 2), -2), 0.25, kInf);
  EXPECT_TRUE((I(1, 2) / I(0)).is_empty());
  EXPECT_TRUE((I(0) / I(0)).is_empty());
}

TEST(IntervalTest, TheDomainCutsTheArgument) {
  EXPECT_TRUE(log(I(-2, -1)).is_empty());
  EXPECT_TRUE(log(I(-2, 0)).is_empty());
  ExpectBounds(log(I(-2, 1)), -kInf, 0);
  EXPECT_TRUE(sqrt(I(-2, -1)).is_empty());
  ExpectBounds(sqrt(I(-2, 4)), 0, 2);
  ExpectBounds(sqrt(I(-2, 0)), 0, 0);
  EXPECT_TRUE(asin(I(1.5, 2)).is_empty());
  EXPECT_TRUE(asin(I(-2, 2)).Contains(I(-1.5, 1.5)));
  EXPECT_EQ(acos(I(0.5, 7)).lo(), 0);
  EXPECT_TRUE(acosh(I(-1, 0.5)).is_empty());
  EXPECT_EQ(acosh(I(-1, 2)).lo(), 0);
  EXPECT_TRUE(atanh(I(1, 2)).is_empty());
  ExpectBounds(atanh(I(-1, 0)), -kInf, 0);
  EXPECT_TRUE(log1p(I(-3, -1)).is_empty());
  EXPECT_TRUE(pow(I(-2, -1), 0.5).is_empty());
  ExpectBounds(pow(I(-2, 1), 1.5), 0, 1);
  ExpectBounds(pow(I(-2, 3), 0), 1, 1);
  ExpectBounds(pow(I(-2, 3), 2), 0, 9);
  ExpectBounds(pow(I(-2, 3), 3), -8, 27);
}

TEST(IntervalTest, NegativeBasesHaveIntegerPowers) {
  // Where the exponent may be several integers, bounds of powers in general: not exact.
  const auto expect_symmetric = [](const I& x, double size) {
    EXPECT_EQ(x.lo(), -x.hi());
    EXPECT_TRUE(x.Contains(I(-size, size))) << x;
    EXPECT_LE(x.hi(), size * (1 + 0x1p-51)) << x;
  };
  expect_symmetric(pow(I(-3, -1), I(1, 3)), 27);
  expect_symmetric(pow(I(-2), I(0, 1)), 2);
  expect_symmetric(pow(I(-3, 0), I(1, 2)), 9);
  // Exact where it is one integer.
  ExpectBounds(pow(I(-3, -2), I(1.5, 2.5)), 4, 9);
  ExpectBounds(pow(I(-3, -2), I(0.5, 1.5)), -3, -2);
  ExpectBounds(pow(I(-3, -2), I(-0.5, 0.5)), 1, 1);
  EXPECT_TRUE(pow(I(-3, -2), I(1.2, 1.8)).is_empty());
  EXPECT_TRUE(pow(I(0), I(-2, -1)).is_empty());
  ExpectBounds(pow(I(0), I(-2, 1)), 0, kInf);
  Rng rng(31);
  for (int i = 0; i < 100000; ++i) {
    const auto range = [&rng](double lo, double hi) {
      const double a = lo + (hi - lo) * rng.Uniform();
      const double b = lo + (hi - lo) * rng.Uniform();
      return I(std::min(a, b), std::max(a, b));
    };
    const I x = range(-3, 1);
    const I y = range(-4, 4);
    const double base = std::clamp(x.lo() + x.Width() * rng.Uniform(), x.lo(), x.hi());
    const double exponent = std::floor(y.lo() + y.Width() * rng.Uniform()) + 1;
    if (!y.Contains(exponent) || base == 0) continue;
    const Quad truth = powq(base, exponent);
    const I power = pow(x, y);
    ASSERT_TRUE(Quad{power.lo()} <= truth + fabsq(truth) * 0x1p-100 &&
                truth - fabsq(truth) * 0x1p-100 <= Quad{power.hi()})
        << x << " ^ " << y << " = " << power << " at " << base << " ^ " << exponent;
  }
}

TEST(IntervalTest, EmptyStaysEmpty) {
  const I none = I::Empty();
  for (const I& result : {none + 1,          1 - none,
                          none * 0,          none / 2,
                          2 / none,          -none,
                          exp(none),         log(none),
                          sin(none),         cos(none),
                          tan(none),         sqrt(none),
                          Square(none),      abs(none),
                          atan2(none, I(1)), hypot(I(1), none),
                          pow(none, 2),      pow(none, 0),
                          pow(I(1), none),   Min(none, I(1)),
                          Max(I(1), none),   tanh(none),
                          erf(none),         Sign(none),
                          floor(none),       Reciprocal(none),
                          I(std::nan("")),   IfLess(none, I(1), I(1), I(2))}) {
    EXPECT_TRUE(result.is_empty()) << result;
  }
  EXPECT_TRUE(SafeProduct(I(0), none) == 0);
  EXPECT_TRUE(Hull(none, I(1)) == 1);
  EXPECT_FALSE(none == I::Empty());
  EXPECT_EQ(none.Width(), 0);
}

TEST(IntervalTest, InfiniteBoundsMeanUnbounded) {
  const I all = I::Entire();
  const I positive(0, kInf);
  ExpectBounds(all + 1, -kInf, kInf);
  ExpectBounds(all - I::Entire(), -kInf, kInf);
  ExpectBounds(all * 0, 0, 0);
  ExpectBounds(I(-1, 0) * positive, -kInf, 0);
  ExpectBounds(Square(all), 0, kInf);
  ExpectBounds(exp(all), 0, kInf);
  ExpectBounds(tanh(all), -1, 1);
  ExpectBounds(sin(all), -1, 1);
  ExpectBounds(sqrt(positive), 0, kInf);
  ExpectBounds(log(positive), -kInf, kInf);
  ExpectBounds(Sigmoid(all), 0, 1);
  ExpectBounds(I(kInf), kMax, kInf);
  ExpectBounds(I(kMax) * 2, kMax, kInf);
  ExpectBounds(I(-kMax) - I(kMax), -kInf, -kMax);
  ExpectBounds(exp(I(800)), kMax, kInf);
}

TEST(IntervalTest, UnderflowKeepsTheSign) {
  ExpectBounds(I(1e-200) * I(1e-200), 0, kTiny);
  ExpectBounds(I(1e-200) * I(-1e-200), -kTiny, 0);
  ExpectBounds(Square(I(1e-200)), 0, kTiny);
  ExpectBounds(I(kTiny) / 4, 0, kTiny);
  ExpectBounds(exp(I(-800)), 0, kTiny);
  EXPECT_GE(pow(I(1e-200), 1.7).lo(), 0);
}

TEST(IntervalTest, SineFindsItsExtrema) {
  const double half_pi = std::numbers::pi / 2;
  EXPECT_EQ(sin(I(1, 2)).hi(), 1);
  EXPECT_LT(sin(I(1, 1.5)).hi(), 1);
  EXPECT_EQ(sin(I(4, 5)).lo(), -1);
  EXPECT_EQ(cos(I(-0.1, 0.1)).hi(), 1);
  EXPECT_EQ(cos(I(3, 4)).lo(), -1);
  ExpectBounds(sin(I(0, 7)), -1, 1);
  ExpectBounds(cos(I(100, 107)), -1, 1);
  // The doubles on both sides of π/2: the maximum is inside.
  EXPECT_EQ(sin(I(half_pi, std::nextafter(half_pi, 2))).hi(), 1);
  EXPECT_EQ(cos(I(half_pi, std::nextafter(half_pi, 2))).lo() < 0, true);
  ExpectBounds(sin(I(1e7, 1e7 + 0.125)), -1, 1);  // Beyond the reduction.
  ExpectBounds(tan(I(1, 2)), -kInf, kInf);
  EXPECT_TRUE(tan(I(2, 4)).is_bounded());
  // Extrema counted on a grid of quarter turns with a coarse independent rule.
  for (int i = -40; i < 40; ++i) {
    for (int j = i; j < i + 6; ++j) {
      const I y = sin(I(i * 0.5, j * 0.5));
      bool has_maximum = false;
      bool has_minimum = false;
      for (int n = -5; n <= 5; ++n) {
        const double maximum = half_pi + 2 * n * std::numbers::pi;
        has_maximum |= i * 0.5 < maximum && maximum < j * 0.5;
        has_minimum |= i * 0.5 < maximum + 2 * half_pi && maximum + 2 * half_pi < j * 0.5;
      }
      EXPECT_EQ(y.hi() == 1, has_maximum) << i << ' ' << j;
      EXPECT_EQ(y.lo() == -1, has_minimum) << i << ' ' << j;
    }
  }
}

TEST(IntervalTest, AngleOfABoxKnowsItsBranchCut) {
  const double pi = std::nextafter(std::numbers::pi, 4);
  ExpectBounds(atan2(I(-1, 1), I(-2, -1)), -pi, pi);
  ExpectBounds(atan2(I(-1, 1), I(-1, 1)), -pi, pi);
  EXPECT_TRUE(atan2(I(-1, 1), I(0, 1)).Contains(I(-1.57, 1.57)));
  EXPECT_LT(atan2(I(-1, 1), I(0, 1)).hi(), 1.58);
  ExpectBounds(atan2(I(0), I(1, 2)), 0, 0);
  ExpectBounds(atan2(I(0, 1), I(-1, 1)), 0, pi);
  EXPECT_LT(atan2(I(-2, -1), I(-1, 1)).hi(), -0.78);
}

// ---- As numbers --------------------------------------------------------------------------------

TEST(IntervalTest, ComparisonsAreCertain) {
  EXPECT_TRUE(I(1, 2) < I(3, 4));
  EXPECT_FALSE(I(1, 3) < I(2, 4));
  EXPECT_FALSE(I(1, 3) >= I(2, 4));
  EXPECT_TRUE(I(1, 2) <= I(2, 4));
  EXPECT_FALSE(I(1, 2) == I(1, 2));
  EXPECT_TRUE(I(1, 2) != I(1, 2));
  EXPECT_TRUE(I(2) == 2.0);
  EXPECT_TRUE(IsZero(I(0)));
  EXPECT_FALSE(IsZero(I(0, 1)));
}

TEST(IntervalTest, UndecidedChoicesGiveTheHull) {
  ExpectBounds(IfLess(I(1, 2), I(3), I(10), I(20)), 10, 10);
  ExpectBounds(IfLess(I(3), I(1, 3), I(10), I(20)), 20, 20);
  ExpectBounds(IfLess(I(1, 4), I(3), I(10), I(20)), 10, 20);
  ExpectBounds(Sign(I(-1, 2)), -1, 1);
  ExpectBounds(abs(I(-3, 2)), 0, 3);
}

TEST(IntervalTest, RejectsBoundsInTheWrongOrder) {
  EXPECT_THROW(I(2, 1), Error);
  EXPECT_THROW(I(std::nan(""), 1), Error);
  EXPECT_THROW(I(kInf, kInf), Error);
}

TEST(IntervalTest, MeasuresItself) {
  EXPECT_EQ(I(1, 4).Midpoint(), 2.5);
  EXPECT_EQ(I::Entire().Midpoint(), 0);
  EXPECT_EQ(I(2, kInf).Midpoint(), 2);
  EXPECT_EQ(I(kMax / 2, kMax).Midpoint(), 0.75 * kMax);
  EXPECT_EQ(I(-4, 1).Magnitude(), 4);
  EXPECT_GE(I(0.1, 0.3).Width(), 0.3 - 0.1);
}

TEST(IntervalTest, ServesAsAnEigenScalar) {
  Eigen::Matrix<I, 2, 2> A;
  A << I(1, 2), I(-1), I(0, 1), I(3);
  const Eigen::Matrix<I, 2, 1> b(I(1), I(2, 3));
  const Eigen::Matrix<I, 2, 1> c = A * b;
  ExpectBounds(c(0), -2, 0);
  ExpectBounds(c(1), 6, 10);
}

// The example of the significance analysis: y = log(x0 x1)/10 + x1/100 on [1, 36000]², with its
// adjoints by hand and the published significances w(v)·max|∂y/∂v|.
TEST(IntervalTest, EnclosesTheSignificanceExample) {
  const I x0(1, 36000);
  const I x1(1, 36000);
  const I product = x0 * x1;
  const I logarithm = log(product);
  const I y = logarithm / 10 + x1 / 100;
  EXPECT_NEAR(y.Width(), 362.0882548, 1e-7);
  ExpectBounds(I(y.lo()), std::nextafter(0.01, 0), std::nextafter(0.01, 0));  // 0.01 > 1/100.

  const I logarithm_bar = I(1) / 10;
  const I product_bar = logarithm_bar / product;
  const I x0_bar = product_bar * x1;
  const I x1_bar = product_bar * x0 + I(1) / 100;
  EXPECT_NEAR(x0.Width() * x0_bar.Magnitude(), 129'596'400, 1e-6);
  EXPECT_NEAR(x1.Width() * x1_bar.Magnitude(), 129'596'760, 0.02);  // Published to the unit.
  EXPECT_NEAR(product.Width() * product_bar.Magnitude(), 129'599'999.9, 1e-6);
  EXPECT_NEAR(logarithm.Width() * logarithm_bar.Magnitude(), 2.098254843, 1e-9);

  Rng rng(7);
  for (int i = 0; i < 10000; ++i) {
    const Quad t0 = 1 + 35999 * rng.Uniform();
    const Quad t1 = 1 + 35999 * rng.Uniform();
    ASSERT_TRUE(ContainsUpToQuadRounding(y, logq(t0 * t1) / 10 + t1 / 100));
    ASSERT_TRUE(ContainsUpToQuadRounding(x0_bar, 1 / (10 * t0)));
    ASSERT_TRUE(ContainsUpToQuadRounding(x1_bar, 1 / (10 * t1) + Quad{1} / 100));
  }
}

}  // namespace
}  // namespace sobolev::ad
