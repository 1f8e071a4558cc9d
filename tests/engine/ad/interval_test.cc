// The interval type against quadruple precision: containment on a million cases per function, how
// wide the results are, and the edges where bounds are infinite, empty or subnormal.

#include "engine/ad/interval.h"

#include <quadmath.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <limits>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include "engine/base/error.h"

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
  double lo;           // The part of the domain that is sampled uniformly, and, up to
  double hi;           // the far ends below, by magnitude.
  double far_lo;
  double far_hi;
  double max_ulps;     // Of a point.
};

Quad SigmoidQ(Quad x) { return 1 / (1 + expq(-x)); }
Quad SoftplusQ(Quad x) { return x > 50 ? x + log1pq(expq(-x)) : log1pq(expq(x)); }
Quad NormalCdfQ(Quad x) { return erfcq(-x / M_SQRT2q) / 2; }
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
    {"erf", SOBOLEV_WRAP(erf), erfq, -3, 3, -10, 10, 3},
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
    {"x^3", [](const I& x) { return pow(x, 3.0); }, CubeQ, -3, 3, -1e102, 1e102, 2},
    {"x^-3", [](const I& x) { return pow(x, -3.0); }, MinusThirdQ, 0.1, 3, 1e-102, 1e102, 2},
    {"x^4", [](const I& x) { return pow(x, 4.0); }, FourthQ, -3, 3, -1e77, 1e77, 2},
    {"x^3.5", [](const I& x) { return pow(x, 3.5); }, PowSevenHalvesQ, 0, 3, 0, 1e88, 2},
    {"x^100", [](const I& x) { return pow(x, 100.0); }, PowHundredQ, -3, 3, -1200, 1200, 2},
};
#undef SOBOLEV_WRAP

// Half of the numbers are uniform, half have a uniformly distributed logarithm of their distance
// from 0, and some are the ends themselves.
class Sampler {
 public:
  Sampler(const Function& function, std::uint64_t seed) : f_(function), generator_(seed) {}

  double Next() {
    const auto kind = static_cast<int>(generator_() % 64);
    if (kind == 0) return f_.far_lo;
    if (kind == 1) return f_.far_hi;
    if (kind == 2) return f_.lo;
    if (kind < 34) return f_.lo + (f_.hi - f_.lo) * Unit();
    const bool is_negative = f_.far_lo < 0 && (f_.far_hi <= 0 || (generator_() & 1) != 0);
    const double end = is_negative ? -f_.far_lo : f_.far_hi;
    const double exponent = std::log2(end) * Unit() - (kind < 50 ? 0 : 60 * Unit());
    const double x = std::exp2(kind == 63 ? -1074 * Unit() : exponent);
    return std::clamp(is_negative ? -x : x, f_.far_lo, f_.far_hi);
  }

  // Of moderate width, up to the distance of two samples.
  I NextInterval() {
    double a = Next();
    double b = generator_() % 4 == 0 ? Next() : a * (1 + std::exp2(-52 * Unit()));
    b = std::clamp(b, f_.far_lo, f_.far_hi);
    if (b < a) std::swap(a, b);
    return {a, b};
  }

  double Within(const I& x) {
    return std::clamp(x.lo() + (x.hi() / 2 - x.lo() / 2) * 2 * Unit(), x.lo(), x.hi());
  }

  double Unit() { return static_cast<double>(generator_() >> 11) * 0x1p-53; }

 private:
  Function f_;
  std::mt19937_64 generator_;
};

class IntervalFunctionTest : public testing::TestWithParam<Function> {};

INSTANTIATE_TEST_SUITE_P(All, IntervalFunctionTest, testing::ValuesIn(kFunctions),
                         [](const auto& info) {
                           std::string name;
                           for (const char c : std::string(info.param.name)) {
                             name += c == '^' ? std::string("To") : c == '-' ? "Minus" : c == '.' ? "Point" : std::string(1, c);
                           }
                           return name;
                         });

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

}  // namespace
}  // namespace sobolev::ad
