// The vector functions against the quadruple-precision functions of libquadmath, whose errors are
// some 60 bits smaller, and against the C library where a result is special.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <quadmath.h>

#include "engine/base/isa.h"
#include "engine/base/rng.h"
#include "tests/engine/program/vector_math_table.h"

namespace sobolev::program {
namespace {

using Quad = __float128;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kLargest = std::numeric_limits<double>::max();
constexpr double kSmallest = std::numeric_limits<double>::denorm_min();

// For each kind of argument. The bounds leave room for what a hundred times as many find.
constexpr int kNumSamples = 20000;

struct Implementation {
  Isa isa;
  const VectorMath* functions;
};

// Those that this processor can run.
std::vector<Implementation> Implementations() {
  std::vector<Implementation> usable;
  for (const Implementation& each :
       {Implementation{Isa::kSse2, &kSse2VectorMath}, Implementation{Isa::kAvx2, &kAvx2VectorMath},
        Implementation{Isa::kAvx512, &kAvx512VectorMath}}) {
    if (each.isa <= BestIsa()) usable.push_back(each);
  }
  return usable;
}

std::vector<double> Map(UnaryMap f, const std::vector<double>& x) {
  std::vector<double> y(x.size());
  f(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
  return y;
}

std::vector<double> Map(BinaryMap f, const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<double> z(x.size());
  f(x.data(), y.data(), z.data(), static_cast<std::int64_t>(x.size()));
  return z;
}

// Repeats the last number until the count is a multiple of 8.
void Pad(std::vector<double>& x) {
  while (x.size() % 8 != 0) x.push_back(x.back());
}

// The error of `actual` in units in the last place of `exact`. Infinity counts as 2¹⁰²⁴, the number
// that would follow the largest; where one is NaN and the other is not, the error is infinite.
double UlpError(double actual, Quad exact) {
  if (isnanq(exact) != 0 || std::isnan(actual)) {
    return (isnanq(exact) != 0) == std::isnan(actual) ? 0 : kInfinity;
  }
  const Quad limit = scalbnq(1, 1024);
  exact = std::clamp(exact, -limit, limit);
  const Quad value = std::isinf(actual) ? copysignq(limit, actual) : static_cast<Quad>(actual);
  int exponent = 0;
  frexpq(exact, &exponent);
  exponent = std::clamp(exponent, -1021, 1024);  // Subnormals share the last place of 2⁻¹⁰²².
  return static_cast<double>(scalbnq(fabsq(value - exact), 53 - exponent));
}

// Where an approximation is likely to fail: ends of ranges, seams between formulas, neighbours of
// exact cases.
std::vector<double> EdgeArguments() {
  std::vector<double> edges;
  const double seams[] = {kSmallest,
                          0x1p-1022,
                          0x1p-54,
                          0x1p-53,
                          0x1p-26,
                          0.25,
                          0.34657359027997264,
                          0.41421356237309503,
                          0.5,
                          std::numbers::sqrt2 / 2,
                          1.0,
                          std::numbers::sqrt2,
                          2.0,
                          2.4142135623730949,
                          20.0,
                          26.543,
                          27.226,
                          28.0,
                          36.04,
                          37.52,
                          38.485,
                          39.0,
                          708.396,
                          709.0895,
                          709.782712893384,
                          710.0,
                          710.4758600739439,
                          711.0,
                          744.44,
                          745.13321910194122,
                          746.0,
                          0x1p20,
                          0x1p28,
                          0x1p52,
                          0x1p53,
                          0x1p1000,
                          0x1p1020,
                          kLargest};
  for (const double seam : seams) {
    for (const double x : {std::nextafter(seam, 0.0), seam, std::nextafter(seam, kInfinity)}) {
      edges.insert(edges.end(), {x, -x});
    }
  }
  return edges;
}

// Doubles next to multiples of π/2, where sine, cosine and tangent lose all leading bits of the
// argument, up to and beyond the end of the fast reduction.
std::vector<double> NearQuarterTurns(Rng& rng) {
  std::vector<double> x;
  for (int i = 0; i < 4000; ++i) {
    const double turns = std::floor(std::exp2(22 * rng.Uniform()));
    const auto nearest = static_cast<double>(turns * 2 * atanq(1));
    for (const double each : {std::nextafter(nearest, 0.0), nearest}) x.push_back(each);
  }
  return x;
}

// A number of any magnitude and sign, all exponents being equally likely.
double AnyMagnitude(Rng& rng) {
  double x = kNan;
  while (!std::isfinite(x)) x = std::bit_cast<double>(rng.Next());
  return x;
}

double UniformIn(Rng& rng, double low, double high) { return low + (high - low) * rng.Uniform(); }

struct UnaryCase {
  std::string_view name;
  UnaryMap VectorMath::*function;
  Quad (*exact)(Quad);
  double bound;      // In units in the last place, as the header states it.
  double low, high;  // Where the function is looked at most closely.
};

void PrintTo(const UnaryCase& each, std::ostream* out) { *out << each.name; }

Quad Sigmoid(Quad x) { return 1 / (1 + expq(-x)); }

Quad Softplus(Quad x) { return fmaxq(x, 0) + log1pq(expq(-fabsq(x))); }

Quad NormalCdf(Quad x) { return erfcq(-x / sqrtq(2)) / 2; }

constexpr UnaryCase kUnaryCases[] = {
    {"exp", &VectorMath::exp, expq, 1, -750, 715},
    {"expm1", &VectorMath::expm1, expm1q, 1.1, -3, 3},
    {"log", &VectorMath::log, logq, 1.1, 0, 4},
    {"log1p", &VectorMath::log1p, log1pq, 1.5, -1, 3},
    {"log2", &VectorMath::log2, log2q, 1, 0, 4},
    {"log10", &VectorMath::log10, log10q, 1, 0, 4},
    {"sqrt", &VectorMath::sqrt, sqrtq, 0.5, 0, 4},
    {"cbrt", &VectorMath::cbrt, cbrtq, 1, -8, 8},
    {"sin", &VectorMath::sin, sinq, 1, -10, 10},
    {"cos", &VectorMath::cos, cosq, 1, -10, 10},
    {"tan", &VectorMath::tan, tanq, 1, -10, 10},
    {"asin", &VectorMath::asin, asinq, 2, -1, 1},
    {"acos", &VectorMath::acos, acosq, 2, -1, 1},
    {"atan", &VectorMath::atan, atanq, 2.5, -4, 4},
    {"sinh", &VectorMath::sinh, sinhq, 2, -3, 3},
    {"cosh", &VectorMath::cosh, coshq, 2, -3, 3},
    {"tanh", &VectorMath::tanh, tanhq, 1, -3, 3},
    {"asinh", &VectorMath::asinh, asinhq, 2.5, -3, 3},
    {"acosh", &VectorMath::acosh, acoshq, 2.5, 1, 4},
    {"atanh", &VectorMath::atanh, atanhq, 2.5, -1, 1},
    {"erf", &VectorMath::erf, erfq, 2, -3, 3},
    {"erfc", &VectorMath::erfc, erfcq, 4, -6, 28},
    {"normal_cdf", &VectorMath::normal_cdf, NormalCdf, 4, -39, 6},
    {"sigmoid", &VectorMath::sigmoid, Sigmoid, 2, -40, 40},
    {"softplus", &VectorMath::softplus, Softplus, 2, -40, 40},
    {"abs", &VectorMath::abs, fabsq, 0, -3, 3},
    {"floor", &VectorMath::floor, floorq, 0, -10, 10},
};

struct Worst {
  double error = 0;
  std::size_t sample = 0;
};

Worst WorstError(const std::vector<double>& actual, const std::vector<Quad>& exact) {
  Worst worst;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double error = UlpError(actual[i], exact[i]);
    if (error > worst.error) worst = {error, i};
  }
  return worst;
}

class UnaryVectorMathTest : public testing::TestWithParam<UnaryCase> {};

TEST_P(UnaryVectorMathTest, StaysWithinItsBound) {
  const UnaryCase& each = GetParam();
  Rng rng(7);
  std::vector<double> x = EdgeArguments();
  for (const double near : NearQuarterTurns(rng)) x.push_back(near);
  for (int i = 0; i < kNumSamples; ++i) {
    x.push_back(UniformIn(rng, each.low, each.high));
    x.push_back(UniformIn(rng, -1, 1) * std::exp2(UniformIn(rng, -60, 10)));
    x.push_back(UniformIn(rng, 0.5, 1.5));
    x.push_back(AnyMagnitude(rng));
  }
  Pad(x);
  std::vector<Quad> exact(x.size());
  std::transform(x.begin(), x.end(), exact.begin(), each.exact);

  for (const Implementation& implementation : Implementations()) {
    const Worst worst = WorstError(Map(implementation.functions->*each.function, x), exact);
    RecordProperty("max_ulp_" + std::string(Name(implementation.isa)), std::to_string(worst.error));
    EXPECT_LE(worst.error, each.bound) << each.name << " of " << std::hexfloat << x[worst.sample]
                                       << " on " << Name(implementation.isa);
  }
}

INSTANTIATE_TEST_SUITE_P(Functions, UnaryVectorMathTest, testing::ValuesIn(kUnaryCases),
                         [](const auto& each) { return std::string(each.param.name); });

struct BinaryCase {
  std::string_view name;
  BinaryMap VectorMath::*function;
  Quad (*exact)(Quad, Quad);
  double bound;
};

void PrintTo(const BinaryCase& each, std::ostream* out) { *out << each.name; }

constexpr BinaryCase kBinaryCases[] = {
    {"pow", &VectorMath::pow, powq, 1},
    {"atan2", &VectorMath::atan2, atan2q, 2.5},
    {"hypot", &VectorMath::hypot, hypotq, 1.5},
};

class BinaryVectorMathTest : public testing::TestWithParam<BinaryCase> {};

TEST_P(BinaryVectorMathTest, StaysWithinItsBound) {
  const BinaryCase& each = GetParam();
  Rng rng(11);
  std::vector<double> x;
  std::vector<double> y;
  const auto add = [&](double first, double second) {
    x.push_back(first);
    y.push_back(second);
  };
  const std::vector<double> edges = EdgeArguments();
  for (const double first : edges) {
    for (const double second : edges) add(first, second);
  }
  for (int i = 0; i < kNumSamples; ++i) {
    add(UniformIn(rng, 0, 4), UniformIn(rng, -20, 20));
    add(UniformIn(rng, -4, 4), std::floor(UniformIn(rng, -20, 20)));
    add(AnyMagnitude(rng), UniformIn(rng, -3, 3));
    add(AnyMagnitude(rng), AnyMagnitude(rng));
    // Powers that use the whole range of results: |y log x| up to 745.
    const double base = std::exp2(UniformIn(rng, -1074, 1023));
    add(base, UniformIn(rng, -745, 710) / std::log(base));
    const double close = 1 + UniformIn(rng, -1, 1) * std::exp2(UniformIn(rng, -50, -1));
    add(close, UniformIn(rng, -745, 710) / std::log(close));
    // Points near the diagonals and with legs of similar size.
    const double leg = AnyMagnitude(rng);
    add(leg * UniformIn(rng, -2, 2), leg);
  }
  Pad(x);
  Pad(y);
  std::vector<Quad> exact(x.size());
  std::transform(x.begin(), x.end(), y.begin(), exact.begin(), each.exact);

  for (const Implementation& implementation : Implementations()) {
    const Worst worst = WorstError(Map(implementation.functions->*each.function, x, y), exact);
    RecordProperty("max_ulp_" + std::string(Name(implementation.isa)), std::to_string(worst.error));
    EXPECT_LE(worst.error, each.bound)
        << each.name << " of " << std::hexfloat << x[worst.sample] << " and " << y[worst.sample]
        << " on " << Name(implementation.isa);
  }
}

INSTANTIATE_TEST_SUITE_P(Functions, BinaryVectorMathTest, testing::ValuesIn(kBinaryCases),
                         [](const auto& each) { return std::string(each.param.name); });

const double kSpecialArguments[] = {
    0.0,  -0.0, 1.0,  -1.0, 0.5,   -0.5,   2.0,       -2.0,       3.0, -3.0, kInfinity,  -kInfinity,
    kNan, 1e9,  -1e9, 1e-9, 1e300, -1e300, kSmallest, -kSmallest, 7.5, -7.5, 0x1p53 - 1, kLargest};

// Zeros with their signs, infinities and NaN are the same as `expected`; all else was compared
// above.
void ExpectSameIfSpecial(double actual, double expected, const std::string& what) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(actual)) << what << ": " << actual;
  } else if (expected == 0 || std::isinf(expected)) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(actual), std::bit_cast<std::uint64_t>(expected))
        << what << ": expected " << expected << ", got " << actual;
  }
}

TEST(VectorMathTest, SpecialResultsAreThoseOfTheCLibrary) {
  for (const UnaryCase& each : kUnaryCases) {
    for (const Implementation& implementation : Implementations()) {
      for (const double x : kSpecialArguments) {
        const std::vector<double> y =
            Map(implementation.functions->*each.function, std::vector<double>(8, x));
        ExpectSameIfSpecial(y[5], static_cast<double>(each.exact(x)),
                            std::string(each.name) + "(" + std::to_string(x) + ") on " +
                                std::string(Name(implementation.isa)));
      }
    }
  }
}

TEST(VectorMathTest, SpecialResultsOfTwoArgumentsAreThoseOfTheCLibrary) {
  struct Case {
    std::string_view name;
    BinaryMap VectorMath::*function;
    double (*expected)(double, double);
  };
  constexpr Case kCases[] = {{"pow", &VectorMath::pow, std::pow},
                             {"atan2", &VectorMath::atan2, std::atan2},
                             {"hypot", &VectorMath::hypot, std::hypot}};
  for (const Case& each : kCases) {
    for (const Implementation& implementation : Implementations()) {
      for (const double x : kSpecialArguments) {
        for (const double y : kSpecialArguments) {
          const std::vector<double> z = Map(implementation.functions->*each.function,
                                            std::vector<double>(8, x), std::vector<double>(8, y));
          ExpectSameIfSpecial(z[2], each.expected(x, y),
                              std::string(each.name) + "(" + std::to_string(x) + ", " +
                                  std::to_string(y) + ") on " +
                                  std::string(Name(implementation.isa)));
        }
      }
    }
  }
}

TEST(VectorMathTest, SignMinAndMaxPassNanOn) {
  const std::vector<double> x = {kNan, 1.0, kNan, -2.0, 3.0, -0.0, kInfinity, -5.0};
  const std::vector<double> y = {1.0, kNan, kNan, 3.0, -2.0, 1.0, 4.0, -kInfinity};
  for (const Implementation& implementation : Implementations()) {
    const std::vector<double> sign = Map(implementation.functions->sign, x);
    const std::vector<double> min = Map(implementation.functions->min, x, y);
    const std::vector<double> max = Map(implementation.functions->max, x, y);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(std::isnan(min[i])) << i;
      EXPECT_TRUE(std::isnan(max[i])) << i;
    }
    EXPECT_TRUE(std::isnan(sign[0]));
    EXPECT_EQ(sign[1], 1);
    EXPECT_EQ(sign[3], -1);
    EXPECT_EQ(sign[5], 0);
    EXPECT_TRUE(std::signbit(sign[5]));
    EXPECT_EQ(sign[6], 1);
    for (std::size_t i = 3; i < 8; ++i) {
      EXPECT_EQ(min[i], std::min(x[i], y[i])) << i;
      EXPECT_EQ(max[i], std::max(x[i], y[i])) << i;
    }
  }
}

// The lanes of a register do not touch each other: each gives what it gives alone, also where a
// neighbour is special or beyond the fast reduction of angles.
TEST(VectorMathTest, LanesAreIndependent) {
  const std::vector<double> x = {0.3, 1e7, kNan, -2.5, kInfinity, 0.9, -0.0, 1e300};
  for (const UnaryCase& each : kUnaryCases) {
    for (const Implementation& implementation : Implementations()) {
      const std::vector<double> together = Map(implementation.functions->*each.function, x);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::vector<double> alone =
            Map(implementation.functions->*each.function, std::vector<double>(8, x[i]));
        if (std::isnan(alone[0])) {
          EXPECT_TRUE(std::isnan(together[i])) << each.name << " of " << x[i];
        } else {
          EXPECT_EQ(together[i], alone[0]) << each.name << " of " << x[i];
        }
      }
    }
  }
}

}  // namespace
}  // namespace sobolev::program
