// Bits: a point has the same alone and in any batch, and strict arithmetic those of plain C++.

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/rng.h"
#include "engine/program/program.h"
#include "tests/engine/program/reference.h"

namespace sobolev::program {
namespace {

ConstMatrixMap Map(const Matrix& matrix) {
  return ConstMatrixMap(matrix.data(), matrix.rows(), matrix.cols());
}

Matrix RandomMatrix(Index rows, Index columns, double low, double high, std::uint64_t seed) {
  Rng rng(seed);
  Matrix matrix(rows, columns);
  for (Index i = 0; i < matrix.size(); ++i) {
    matrix.data()[i] = low + (high - low) * rng.Uniform();
  }
  return matrix;
}

// ---------------------------------------------------------------------------------------- batches

// What is asked for in one call.
struct Answers {
  Matrix Y;
  Matrix J;
  Matrix Y_dot;
};

Answers Ask(const Program& program, const Matrix& X, const std::optional<Directions>& tangents,
            bool wants_jacobian, const Settings& settings) {
  Answers answers{.Y = Matrix(program.m(), X.cols()),
                  .J = Matrix(program.n(), wants_jacobian ? program.m() * X.cols() : 0),
                  .Y_dot = Matrix(program.m(), tangents ? X.cols() : 0)};
  program.Evaluate(Map(X), tangents, std::nullopt,
                   {.Y = answers.Y.data(),
                    .J = wants_jacobian ? answers.J.data() : nullptr,
                    .Y_dot = tangents ? answers.Y_dot.data() : nullptr},
                   nullptr, settings, {});
  return answers;
}

void ExpectSameAlone(Index n, Index m, const Settings& settings) {
  const std::string width = std::to_string(n);
  const Program program("input x[" + width + "]\noutput y = [sin(x[mod(i, " + width +
                        ")]) * x[mod(2 * i + 1, " + width +
                        ")] + 0.3 * x[0] / (i + 1.5) for i in 0.." + std::to_string(m) + "]\n");
  constexpr Index kPoints = 200;
  const Matrix X = RandomMatrix(n, kPoints, -2, 2, 1);
  const Matrix shared = RandomMatrix(n, 1, -1, 1, 2);
  const Matrix own = RandomMatrix(n, kPoints, -1, 1, 3);
  const Answers jacobian = Ask(program, X, std::nullopt, true, settings);
  const Answers along_shared =
      Ask(program, X, Directions{.D = Map(shared), .count = 1}, false, settings);
  const Answers along_own =
      Ask(program, X, Directions{.D = Map(own), .count = 1, .per_point = true}, false, settings);
  for (Index s = 0; s < kPoints; ++s) {
    const Matrix x = X.col(s);
    const Matrix direction = own.col(s);
    const Answers alone = Ask(program, x, std::nullopt, true, settings);
    ASSERT_EQ(alone.Y, jacobian.Y.col(s)) << "point " << s;
    ASSERT_EQ(alone.J, jacobian.J.middleCols(s * m, m)) << "point " << s;
    const Answers with_shared =
        Ask(program, x, Directions{.D = Map(shared), .count = 1}, false, settings);
    ASSERT_EQ(with_shared.Y_dot, along_shared.Y_dot.col(s)) << "point " << s;
    ASSERT_EQ(with_shared.Y, along_shared.Y.col(s)) << "point " << s;
    const Answers with_own =
        Ask(program, x, Directions{.D = Map(direction), .count = 1, .per_point = true}, false,
            settings);
    ASSERT_EQ(with_own.Y_dot, along_own.Y_dot.col(s)) << "point " << s;
  }
}

TEST(ProgramBitsTest, EveryShapeHasTheSameBitsAloneAndInABatch) {
  for (const Arithmetic arithmetic : {Arithmetic::kFast, Arithmetic::kStrict}) {
    for (const Index n : {1, 2, 3, 8, 9, 17}) {
      for (const Index m : {1, 2, 3, 8, 9}) {
        SCOPED_TRACE(std::to_string(n) + " inputs, " + std::to_string(m) + " outputs");
        ExpectSameAlone(n, m, {.arithmetic = arithmetic});
      }
    }
  }
}

// ----------------------------------------------------------------------------------------- strict

// A program's text and the same function in C++. What the text writes as one operation is one here.
struct Pair {
  const char* source;
  double (*function)(const double* x);
};

double StrictValue(const Program& program, const Matrix& x) {
  double y = 0;
  program.Evaluate(Map(x), std::nullopt, std::nullopt, {.Y = &y}, nullptr,
                   {.arithmetic = Arithmetic::kStrict}, {});
  return y;
}

TEST(ProgramBitsTest, StrictArithmeticHasTheBitsOfPlainFunctions) {
  const std::vector<Pair> pairs = {
      {"sin(x[0]) * x[1] + exp(x[2]) * x[0] - x[1] * x[2] / (1 + x[0] * x[0])",
       [](const double* x) {
         return std::sin(x[0]) * x[1] + std::exp(x[2]) * x[0] - x[1] * x[2] / (1 + x[0] * x[0]);
       }},
      {"pow(x[1], x[2]) + x[0] * 0.1 - log(x[1]) / 3",
       [](const double* x) { return std::pow(x[1], x[2]) + x[0] * 0.1 - std::log(x[1]) / 3; }},
      {"sqrt(x[0]) * cbrt(x[1]) - hypot(x[1], x[2]) * atan2(x[0], x[2])",
       [](const double* x) {
         return std::sqrt(x[0]) * std::cbrt(x[1]) - std::hypot(x[1], x[2]) * std::atan2(x[0], x[2]);
       }},
      {"tanh(x[0] - x[1]) + erf(x[2]) * expm1(x[0]) - log1p(x[1])",
       [](const double* x) {
         return std::tanh(x[0] - x[1]) + std::erf(x[2]) * std::expm1(x[0]) - std::log1p(x[1]);
       }},
      {"where(x[0] < x[1], floor(5 * x[2]), abs(x[0] - x[2])) / 7",
       [](const double* x) {
         return (x[0] < x[1] ? std::floor(5 * x[2]) : std::abs(x[0] - x[2])) / 7;
       }},
      {"x[0] * x[1] + x[0] * x[2] - x[1] * x[2]",
       [](const double* x) { return x[0] * x[1] + x[0] * x[2] - x[1] * x[2]; }},
      {"sinh(x[0]) / cosh(x[1]) + tan(x[2]) * asin(x[0] / 4) - acos(x[1] / 4) * atan(x[2])",
       [](const double* x) {
         return std::sinh(x[0]) / std::cosh(x[1]) + std::tan(x[2]) * std::asin(x[0] / 4) -
                std::acos(x[1] / 4) * std::atan(x[2]);
       }}};
  const Matrix X = RandomMatrix(3, 203, 0.1, 3, 4);
  for (const auto& [source, function] : pairs) {
    SCOPED_TRACE(source);
    const Program program("input x[3]\noutput y = " + std::string(source) + "\n");
    Vector y(X.cols());
    program.Evaluate(Map(X), std::nullopt, std::nullopt, {.Y = y.data()}, nullptr,
                     {.arithmetic = Arithmetic::kStrict}, {});
    for (Index s = 0; s < X.cols(); ++s) ASSERT_EQ(y[s], function(X.col(s).data())) << s;
  }
}

// The exceptions that program.h and graph.h name.
TEST(ProgramBitsTest, StrictPowersWithSmallConstantExponentsAreProductsAndRoots) {
  const Program cube("input x\noutput y = x^3\n");
  const Program root("input x\noutput y = x^0.5\n");
  const Matrix X = RandomMatrix(1, 100, -3, 3, 5);
  for (Index s = 0; s < X.cols(); ++s) {
    const Matrix x = X.col(s);
    const double square = x(0) * x(0);
    EXPECT_EQ(StrictValue(cube, x), x(0) * square);
  }
  EXPECT_EQ(StrictValue(root, Matrix::Constant(1, 1, 2)), std::sqrt(2.0));
  EXPECT_TRUE(std::isnan(StrictValue(root, Matrix::Constant(1, 1, -INFINITY))));
}

// 1/sign(x) tells the signs of zeros apart.
TEST(ProgramBitsTest, TheSignOfAZeroIsThatZero) {
  const Program program("input x\noutput y = 1 / sign(x)\n");
  const Matrix X = (Matrix(1, 4) << 0.0, -0.0, -3.0, NAN).finished();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const std::vector<double> expected = {kInf, -kInf, -1, std::numeric_limits<double>::quiet_NaN()};
  for (const Arithmetic arithmetic : {Arithmetic::kFast, Arithmetic::kStrict}) {
    Vector y(4);
    program.Evaluate(Map(X), std::nullopt, std::nullopt, {.Y = y.data()}, nullptr,
                     {.arithmetic = arithmetic}, {});
    EXPECT_THAT(y, testing::Pointwise(testing::NanSensitiveDoubleEq(), expected));
  }
  std::vector<double> reference;
  for (Index s = 0; s < 4; ++s) {
    reference.push_back(ReferenceValue("input x\noutput y = 1 / sign(x)\n", {X(0, s)})[0]);
  }
  EXPECT_THAT(reference, testing::Pointwise(testing::NanSensitiveDoubleEq(), expected));
}

}  // namespace
}  // namespace sobolev::program
