// Domains: the way to the unit cube and back, constraints, and bad input.

#include "engine/sampling/domain.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/program/program.h"
#include "engine/sampling/linear_feasibility.h"
#include "engine/sampling/sobol.h"
#include "tests/engine/sampling/errors.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::sampling {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Input Range(const std::string& name, double min, double max) {
  return {.name = name, .min = min, .max = max};
}

// One input of each kind.
std::vector<Input> Mixed() {
  return {Range("x", -1, 3),
          {.name = "rate", .min = 1e-3, .max = 10, .scale = Scale::kLogarithmic},
          {.name = "g", .fixed = 9.81},
          {.name = "blades", .kind = InputKind::kInteger, .min = 2, .max = 5},
          {.name = "alloy", .kind = InputKind::kCategorical, .levels = {"A", "B", "C"}},
          {.name = "load",
           .min = 0,
           .max = 4,
           .measure = NormalMeasure{.mean = 1, .standard_deviation = 0.5}}};
}

std::shared_ptr<const program::Program> Program(const char* source) {
  return std::make_shared<program::Program>(source);
}

TEST(DomainTest, KnowsItsFreeInputsAndTheirValues) {
  const Domain domain(Mixed());
  EXPECT_EQ(domain.n(), 6);
  EXPECT_EQ(domain.num_free(), 5);
  EXPECT_EQ(domain.InputOf(2), 3);
  EXPECT_EQ(domain.NumValues(0), 0);
  EXPECT_EQ(domain.NumValues(2), 4);
  EXPECT_EQ(domain.NumValues(3), 3);
  EXPECT_FALSE(domain.NumPoints());
  const Domain discrete({Mixed()[3], Mixed()[4]});
  EXPECT_EQ(discrete.NumPoints(), 12);
}

TEST(DomainTest, EndsOfTheCubeAreEndsOfTheRanges) {
  const Domain domain(Mixed());
  Matrix U(5, 2);
  U.col(0).setZero();
  U.col(1).setOnes();
  const Matrix X = domain.ToUser(U);
  EXPECT_EQ(X.col(0), (Vector{{-1, 1e-3, 9.81, 2, 0, 0}}));
  EXPECT_EQ(X.col(1), (Vector{{3, 10, 9.81, 5, 2, 4}}));
  const Matrix back = domain.ToUnit(X, "x");
  for (const Index c : {0, 1, 4}) EXPECT_EQ(back.row(c), U.row(c));
  EXPECT_EQ(domain.ToUser(back), X);
}

TEST(DomainTest, MapsThereAndBack) {
  const Domain domain(Mixed());
  const Matrix U = SobolPoints(5, 0, 256, 1);
  const Matrix X = domain.ToUser(U);
  const Matrix back = domain.ToUnit(X, "x");
  for (const Index c : {0, 1, 4}) EXPECT_THAT(back.row(c), IsNearMatrix(U.row(c), 1e-13));
  // Discrete values come back themselves.
  const Matrix again = domain.ToUser(back);
  for (const Index j : {2, 3, 4}) EXPECT_EQ(again.row(j), X.row(j));
  EXPECT_EQ(domain.Snap(U).row(2), back.row(2));
  EXPECT_EQ(domain.Snap(U).row(0), U.row(0));
  // Half of a logarithmic range is its geometric mean.
  EXPECT_NEAR(domain.ToUser(Matrix::Constant(5, 1, 0.5))(1, 0), 0.1, 1e-15);
}

TEST(DomainTest, DiscreteValuesAreEquallyProbable) {
  const Domain domain(Mixed());
  const Matrix X = domain.ToUser(SobolPoints(5, 0, 1200, 1));
  for (const auto& [j, min, max] : {std::tuple(3, 2, 5), {4, 0, 2}}) {
    for (int value = min; value <= max; ++value) {
      const auto count = (X.row(j).array() == value).count();
      EXPECT_NEAR(static_cast<double>(count), 1200.0 / (max - min + 1), 3);
    }
  }
}

TEST(DomainTest, MeasuresSetTheFrequenciesOfIntegers) {
  // Of the rounded triangle on [−½, 4½] with mode 2: areas 1/25 · {½·... } by the closed form.
  const Domain domain({{.name = "k",
                        .kind = InputKind::kInteger,
                        .min = 0,
                        .max = 4,
                        .measure = TriangularMeasure{.mode = 2}}});
  const Matrix X = domain.ToUser(SobolPoints(1, 0, 1 << 14, 1));
  const std::vector<double> shares = {0.08, 0.24, 0.36, 0.24, 0.08};
  for (int value = 0; value < 5; ++value) {
    const auto count = static_cast<double>((X.array() == value).count());
    EXPECT_NEAR(count / (1 << 14), shares[static_cast<std::size_t>(value)], 2e-4);
  }
}

// y = x₀² + 3 ln(rate) + x₀ load, by central differences in the unit cube.
TEST(DomainTest, UnitJacobiansAreDerivativesInTheCube) {
  const Domain domain(Mixed());
  const auto y = [](const Vector& x) { return x(0) * x(0) + 3 * std::log(x(1)) + x(0) * x(5); };
  const Matrix U = SobolPoints(5, 0, 16, 2);
  const Matrix X = domain.ToUser(U);
  Matrix J = Matrix::Zero(6, 2 * 16);  // Two outputs: y and 2 y.
  for (Index s = 0; s < 16; ++s) {
    J.col(2 * s) << 2 * X(0, s) + X(5, s), 3 / X(1, s), 7, 0, 0, X(0, s);
    J.col(2 * s + 1) = 2 * J.col(2 * s);
  }
  const Matrix unit = domain.UnitJacobian(X, J);
  ASSERT_EQ(unit.rows(), 5);
  for (Index s = 0; s < 16; ++s) {
    for (const Index c : {0, 1, 4}) {
      constexpr double kStep = 1e-6;
      Matrix ends = U.col(s).replicate(1, 2);
      ends(c, 0) -= kStep;
      ends(c, 1) += kStep;
      const Matrix x = domain.ToUser(ends);
      const double slope = (y(x.col(1)) - y(x.col(0))) / (2 * kStep);
      EXPECT_NEAR(unit(c, 2 * s), slope, 1e-5 * (1 + std::abs(slope)));
      EXPECT_EQ(unit(c, 2 * s + 1), 2 * unit(c, 2 * s));
    }
    EXPECT_TRUE(std::isnan(unit(3, 2 * s)));  // Of a categorical input.
  }
}

TEST(DomainTest, ConstraintsSayWhatIsFeasible) {
  const Domain domain({Range("x", 0, 2), Range("y", 0, 2)},
                      {{.coefficients = Vector{{1, 1}}, .bound = 2}},
                      Program("input x\ninput y\noutput g = sqrt(x - 0.5) - 1\noutput h = -y"));
  Matrix X(2, 5);
  X << 1, 1.5, 0.25, 1, 1.5,  //
      1, 1, 1, 0, 0.5;
  // Feasible; above the line; g is not finite; h = 0; g = 0.
  EXPECT_THAT(domain.Feasible(X, {}), ElementsAre(1, 0, 0, 1, 1));
}

// Farkas multipliers prove it: λᵀA x > λᵀb at all corners.
TEST(LinearFeasibilityTest, ProofsHold) {
  Matrix A(3, 2);
  A << 1, 1,  //
      -1, 0,  //
      0, -1;
  const Vector low{{-10, -10}};
  const Vector high{{10, 10}};
  EXPECT_FALSE(ProveInfeasible(A, Vector{{1, 0, 0}}, low, high, {}));
  EXPECT_FALSE(ProveInfeasible(A, Vector{{1, -0.5, -0.5}}, low, high, {}));  // One point.
  const Vector b{{1, -0.5, -0.6}};
  const std::optional<Vector> proof = ProveInfeasible(A, b, low, high, {});
  ASSERT_TRUE(proof);
  EXPECT_GE(proof->minCoeff(), 0);
  const Vector combined = A.transpose() * *proof;
  const double least = combined.cwiseProduct(low).cwiseMin(combined.cwiseProduct(high)).sum();
  EXPECT_GT(least, proof->dot(b));
}

// Random polytopes: a point within the box and the constraints is known, or they contradict each
// other by a known combination.
TEST(LinearFeasibilityTest, FindsOutAboutRandomSystems) {
  for (const Index n : {1, 3, 20, 300}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const Index k = 2 * n < 60 ? 2 * n : 60;
      Matrix A = (SobolPoints(n, 1, k, seed).array() - 0.5).transpose();
      const Vector point = SobolPoints(n, 100, 1, seed + 1000);
      const Vector slack = SobolPoints(1, 5, k, seed).transpose();
      const Vector low = Vector::Zero(n);
      const Vector high = Vector::Ones(n);
      // Tight at the point, for half of them.
      Vector b = A * point;
      for (Index i = 0; i < k; i += 2) b(i) += slack(i);
      EXPECT_FALSE(ProveInfeasible(A, b, low, high, {})) << n;
      if (k < 3) continue;
      // Minus the sum of the others, by a thousandth too little.
      A.row(0) = -A.bottomRows(k - 1).colwise().sum();
      b(0) = -b.tail(k - 1).sum() - 1e-3;
      EXPECT_TRUE(ProveInfeasible(A, b, low, high, {})) << n;
    }
  }
}

TEST(DomainTest, TakesAThousandInputs) {
  std::vector<Input> inputs;
  for (int j = 0; j < 1000; ++j) inputs.push_back(Range("x" + std::to_string(j), -1, 1));
  const Vector ones = Vector::Ones(1000);
  const Domain domain(inputs, {{.coefficients = ones, .bound = -900}});
  const Matrix U = SobolPoints(1000, 0, 4, 1);
  EXPECT_THAT(domain.ToUnit(domain.ToUser(U), "x"), IsNearMatrix(U, 1e-13));
  EXPECT_THAT(ErrorOf([&] { Domain(inputs, {{.coefficients = ones, .bound = -1000.5}}); }),
              HasSubstr("INFEASIBLE constraints.linear[0]: no point of the ranges meets the "
                        "constraints 0 together"));
}

TEST(DomainTest, NamesBadInputs) {
  const auto error = [](Input input) {
    return ErrorOf([&] { Domain({Range("ok", 0, 1), std::move(input)}); });
  };
  EXPECT_THAT(error(Range("", 0, 1)), HasSubstr("inputs[1].name: expected a name that no other"));
  EXPECT_THAT(error(Range("ok", 0, 1)), HasSubstr("inputs[1].name: expected a name that no other"));
  EXPECT_EQ(error(Range("x", 2, 1)),
            "INVALID_RANGE inputs[1]: expected min < max, got [2, 1]; swap them");
  EXPECT_THAT(error(Range("x", 1, 1)), HasSubstr("give it a fixed value instead"));
  EXPECT_THAT(error(Range("x", kNaN, 1)), HasSubstr("NOT_FINITE inputs[1].min"));
  EXPECT_THAT(error(Range("x", 0, INFINITY)), HasSubstr("NOT_FINITE inputs[1].max"));
  EXPECT_THAT(error(Range("x", -1.7e308, 1.7e308)), HasSubstr("NOT_FINITE inputs[1]: "));
  EXPECT_THAT(error({.name = "x", .min = 0, .max = 1, .scale = Scale::kLogarithmic}),
              HasSubstr("inputs[1].min: expected a positive lower end on a logarithmic scale"));
  EXPECT_THAT(error({.name = "x", .kind = InputKind::kInteger, .min = 0.5, .max = 3}),
              HasSubstr("NOT_AN_INTEGER inputs[1].min"));
  EXPECT_THAT(error({.name = "x", .kind = InputKind::kCategorical}),
              HasSubstr("inputs[1].levels: expected one or more levels"));
  EXPECT_THAT(error({.name = "x", .kind = InputKind::kCategorical, .levels = {"a", "a"}}),
              HasSubstr("inputs[1].levels: expected one or more levels"));
  EXPECT_THAT(error({.name = "x", .levels = {"a"}}), HasSubstr("only categorical inputs"));
  EXPECT_THAT(error({.name = "x", .fixed = kNaN}), HasSubstr("NOT_FINITE inputs[1].fixed"));
  EXPECT_THAT(
      error({.name = "x", .kind = InputKind::kCategorical, .levels = {"a", "b"}, .fixed = 2}),
      HasSubstr("inputs[1].fixed: expected the number of a level, 0 to 1, got 2"));
  EXPECT_THAT(error({.name = "x", .measure = BetaMeasure{.alpha = 0}}),
              HasSubstr("inputs[1].measure.alpha"));
  EXPECT_THAT(ErrorOf([] { Domain({}); }), HasSubstr("NO_INPUTS inputs: expected one or more"));
  EXPECT_THAT(ErrorOf([] { Domain({{.name = "x", .fixed = 1}}); }), HasSubstr("NO_INPUTS"));
}

TEST(DomainTest, NamesBadConstraints) {
  const std::vector<Input> square = {Range("x", 0, 1), Range("y", 0, 1)};
  const auto linear = [&](std::vector<LinearConstraint> constraints) {
    return ErrorOf([&] { Domain(square, std::move(constraints)); });
  };
  EXPECT_THAT(linear({{.coefficients = Vector{{1}}}}),
              HasSubstr("constraints.linear[0].coefficients: expected 2, got 1"));
  EXPECT_THAT(linear({{.coefficients = Vector{{1, kNaN}}}}),
              HasSubstr("constraints.linear[0].coefficients[1]: expected a finite number"));
  EXPECT_THAT(linear({{.coefficients = Vector{{1, 1}}, .bound = kNaN}}),
              HasSubstr("constraints.linear[0].bound"));
  // x + y <= 1 and x >= y + 0.1 and y >= 0.5: the first, second and third contradict.
  EXPECT_THAT(linear({{.coefficients = Vector{{1, 0}}, .bound = 0.9},
                      {.coefficients = Vector{{1, 1}}, .bound = 1},
                      {.coefficients = Vector{{-1, 1}}, .bound = -0.1},
                      {.coefficients = Vector{{0, -1}}, .bound = -0.5}}),
              HasSubstr("INFEASIBLE constraints.linear[1]: no point of the ranges meets the "
                        "constraints 1, 2, 3 together"));
  EXPECT_THAT(ErrorOf([] {
                Domain({Range("x", 0, 1), Mixed()[4]}, {{.coefficients = Vector{{1, 1}}}});
              }),
              HasSubstr("coefficients[1]: expected 0 for the categorical input \"alloy\""));
  EXPECT_THAT(ErrorOf([&] { Domain(square, {}, Program("input x\noutput y = x")); }),
              HasSubstr("constraints.program: expected a program of the 2 inputs of the domain"));
  EXPECT_THAT(
      ErrorOf([&] {
        Domain(square, {}, Program("input x\ninput y\noutput a = x - 2\noutput b = x*y + 0.5"));
      }),
      HasSubstr("INFEASIBLE constraints.program: output 1 is at least 0.5 in all of the domain"));
}

TEST(DomainTest, NamesBadPoints) {
  const Domain domain(Mixed());
  const auto error = [&](Index input, double value) {
    Matrix X(6, 2);
    X.col(0) << 0, 1, 9.81, 3, 1, 2;
    X.col(1) = X.col(0);
    X(input, 1) = value;
    return ErrorOf([&] { domain.ToUnit(X, "points"); });
  };
  EXPECT_EQ(error(0, 3.5),
            "OUT_OF_DOMAIN points[1][0]: expected a value of \"x\" in [-1, 3], got 3.5");
  EXPECT_THAT(error(1, kNaN), HasSubstr("NOT_FINITE points[1][1]"));
  EXPECT_EQ(error(2, 9.8),
            "OUT_OF_DOMAIN points[1][2]: expected the fixed value 9.81 of \"g\", got 9.8");
  EXPECT_THAT(error(3, 2.5), HasSubstr("NOT_AN_INTEGER points[1][3]"));
  EXPECT_THAT(error(4, 3), HasSubstr("points[1][4]: expected a value of \"alloy\" in [0, 2]"));
  EXPECT_THAT(ErrorOf([&] { domain.ToUnit(Matrix(5, 2), "points"); }),
              HasSubstr("SHAPE_MISMATCH points: expected 6, got 5"));
}

TEST(DomainTest, Stops) {
  std::stop_source source;
  source.request_stop();
  const Domain domain({Range("x", 0, 1)});
  EXPECT_THAT(ErrorOf([&] { domain.Feasible(Matrix::Zero(1, 1), source.get_token()); }),
              HasSubstr("CANCELLED"));
}

}  // namespace
}  // namespace sobolev::sampling
