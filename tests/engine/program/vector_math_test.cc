// The vector functions against the quadruple-precision functions of libquadmath, whose errors are
// some 60 bits smaller, and against the C library where a result is special.

#include <quadmath.h>

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

struct Implementation {
  Isa isa;
  const VectorMath* functions;
};

// Those that this processor can run.
std::vector<Implementation> Implementations() {
  std::vector<Implementation> usable;
  for (const Implementation& each : {Implementation{Isa::kSse2, &kSse2VectorMath},
                                     Implementation{Isa::kAvx2, &kAvx2VectorMath},
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
  double bound;       // In units in the last place, as the header states it.
  double low, high;   // Where the function is looked at most closely.
};

void PrintTo(const UnaryCase& each, std::ostream* out) { *out << each.name; }

Quad Sigmoid(Quad x) { return 1 / (1 + expq(-x)); }

Quad Softplus(Quad x) { return fmaxq(x, 0) + log1pq(expq(-fabsq(x))); }

Quad NormalCdf(Quad x) { return erfcq(-x / sqrtq(2)) / 2; }

constexpr UnaryCase kUnaryCases[] = {
    {"exp", &VectorMath::exp, expq, 1, -750, 715},
    {"expm1", &VectorMath::expm1, expm1q, 1, -3, 3},
    {"log", &VectorMath::log, logq, 1.1, 0, 4},
    {"log1p", &VectorMath::log1p, log1pq, 1.5, -1, 3},
    {"log2", &VectorMath::log2, log2q, 1, 0, 4},
    {"log10", &VectorMath::log10, log10q, 1, 0, 4},
    {"sqrt", &VectorMath::sqrt, sqrtq, 0.5, 0, 4},
    {"cbrt", &VectorMath::cbrt, cbrtq, 1, -8, 8},
    {"sin", &VectorMath::sin, sinq, 1, -10, 10},
    {"cos", &VectorMath::cos, cosq, 1, -10, 10},
    {"tan", &VectorMath::tan, tanq, 2, -10, 10},
    {"asin", &VectorMath::asin, asinq, 2, -1, 1},
    {"acos", &VectorMath::acos, acosq, 2, -1, 1},
    {"atan", &VectorMath::atan, atanq, 2, -4, 4},
    {"sinh", &VectorMath::sinh, sinhq, 2, -3, 3},
    {"cosh", &VectorMath::cosh, coshq, 2, -3, 3},
    {"tanh", &VectorMath::tanh, tanhq, 1, -3, 3},
    {"asinh", &VectorMath::asinh, asinhq, 2.5, -3, 3},
    {"acosh", &VectorMath::acosh, acoshq, 2.5, 1, 4},
    {"atanh", &VectorMath::atanh, atanhq, 2, -1, 1},
    {"erf", &VectorMath::erf, erfq, 2, -3, 3},
    {"erfc", &VectorMath::erfc, erfcq, 4, -6, 28},
    {"normal_cdf", &VectorMath::normal_cdf, NormalCdf, 4, -39, 6},
    {"sigmoid", &VectorMath::sigmoid, Sigmoid, 2, -40, 40},
    {"softplus", &VectorMath::softplus, Softplus, 2, -40, 40},
    {"abs", &VectorMath::abs, fabsq, 0, -3, 3},
    {"floor", &VectorMath::floor, floorq, 0, -10, 10},
};

class UnaryVectorMathTest : public testing::TestWithParam<UnaryCase> {};

TEST_P(UnaryVectorMathTest, StaysWithinItsBound) {
  const UnaryCase& each = GetParam();
  Rng rng(7);
  std::vector<double> x = EdgeArguments();
  for (const double near : NearQuarterTurns(rng)) x.push_back(near);
  for (int i = 0; i < NUM; ++i) {
    x.push_back(UniformIn(rng, each.low, each.high));
    x.push_back(UniformIn(rng, -1, 1) * std::exp2(UniformIn(rng, -60, 10)));
    x.push_back(UniformIn(rng, 0.5, 1.5));
    x.push_back(AnyMagnitude(rng));
  }
  Pad(x);
  std::vector<Quad> exact;
  for (const double argument : x) exact.push_back(each.exact(argument));

  for (const Implementation& implementation : Implementations()) {
    const std::vector<double> y = Map(implementation.functions->*each.function, x);
    double worst = 0;
    double worst_argument = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double error = UlpError(y[i], exact[i]);
      if (error > worst) {
        worst = error;
        worst_argument = x[i];
      }
    }
    RecordProperty("max_ulp_" + std::string(Name(implementation.isa)), std::to_string(worst));
    EXPECT_LE(worst, each.bound) << each.name << " of " << std::hexfloat << worst_argument << " on "
                                 << Name(implementation.isa);
  }
}

INSTANTIATE_TEST_SUITE_P(Functions, UnaryVectorMathTest, testing::ValuesIn(kUnaryCases),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace sobolev::program
