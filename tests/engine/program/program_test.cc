// Programs in every mode: against the reference interpreter, complex arguments and each other.

#include "engine/program/program.h"

#include <cmath>
#include <complex>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/rng.h"
#include "tests/engine/program/reference.h"

namespace sobolev::program {
namespace {

using testing::Each;

Matrix RandomMatrix(Index rows, Index columns, double low, double high, Rng& rng) {
  Matrix matrix(rows, columns);
  for (Index i = 0; i < matrix.size(); ++i) {
    matrix.data()[i] = low + (high - low) * rng.Uniform();
  }
  return matrix;
}

ConstMatrixMap Map(const Matrix& matrix) {
  return ConstMatrixMap(matrix.data(), matrix.rows(), matrix.cols());
}

// All results of a program at N points with p shared tangents and q adjoints per point.
struct AllResults {
  AllResults(const Program& program, const Matrix& X, const Matrix& tangents,
             const Matrix& adjoints, const Settings& settings = {}) {
    const Index n = program.n();
    const Index m = program.m();
    const Index N = X.cols();
    const Index p = tangents.cols();
    const Index q = adjoints.cols() / N;
    Y.resize(m, N);
    J.resize(n, m * N);
    H.resize(n, n * m * N);
    Y_dot.resize(m, p * N);
    X_bar.resize(n, q * N);
    X_bar_dot.resize(n, p * q * N);
    valid.resize(static_cast<std::size_t>(N));
    program.Evaluate(Map(X), Directions{.D = Map(tangents), .count = p, .per_point = false},
                     Directions{.D = Map(adjoints), .count = q, .per_point = true},
                     {.Y = Y.data(),
                      .J = J.data(),
                      .H = H.data(),
                      .Y_dot = Y_dot.data(),
                      .X_bar = X_bar.data(),
                      .X_bar_dot = X_bar_dot.data()},
                     valid.data(), settings, {});
  }

  Matrix Y;
  Matrix J;
  Matrix H;
  Matrix Y_dot;
  Matrix X_bar;
  Matrix X_bar_dot;
  std::vector<std::uint8_t> valid;
};

// Compares everything a program can compute with the reference's values and with each other.
void ExpectConsistent(const std::string& source, double low, double high,
                      const Settings& settings = {}) {
  SCOPED_TRACE(source);
  const Definition definition = Parse(source);
  const Program program(source);
  const Index n = program.n();
  const Index m = program.m();
  constexpr Index kPoints = 37;  // No multiple of any number of lanes.
  for (const Index directions : {1, 3}) {
    Rng rng(11);
    const Matrix X = RandomMatrix(n, kPoints, low, high, rng);
    const Matrix tangents = RandomMatrix(n, directions, -1, 1, rng);
    const Matrix adjoints = RandomMatrix(m, directions * kPoints, -1, 1, rng);
    const AllResults all(program, X, tangents, adjoints, settings);
    EXPECT_THAT(all.valid, Each(1));
    for (Index s = 0; s < kPoints; ++s) {
      const Vector x = X.col(s);
      const std::vector<double> y = ReferenceValue(definition, {x.data(), x.data() + n});
      const double scale = 1 + all.J.middleCols(s * m, m).cwiseAbs().maxCoeff();
      for (Index i = 0; i < m; ++i) {
        EXPECT_NEAR(all.Y(i, s), y[i], 1e-13 * (1 + std::abs(y[i])));
      }
      // J: central differences of the reference, whose error is about h² |F‴| + ε |F| / h.
      for (Index j = 0; j < n; ++j) {
        const double h = 1e-5 * (1 + std::abs(x[j]));
        std::vector<double> up(x.data(), x.data() + n);
        std::vector<double> down = up;
        up[j] += h;
        down[j] -= h;
        const std::vector<double> y_up = ReferenceValue(definition, up);
        const std::vector<double> y_down = ReferenceValue(definition, down);
        for (Index i = 0; i < m; ++i) {
          EXPECT_NEAR(all.J(j, s * m + i), (y_up[i] - y_down[i]) / (up[j] - down[j]), 1e-5 * scale);
        }
      }
      const Matrix J = all.J.middleCols(s * m, m).transpose();
      for (Index k = 0; k < directions; ++k) {
        const Vector y_dot = J * tangents.col(k);
        EXPECT_TRUE(all.Y_dot.col(s * directions + k).isApprox(y_dot, 1e-11)) << "tangent " << k;
      }
      for (Index l = 0; l < directions; ++l) {
        const Vector y_bar = adjoints.col(s * directions + l);
        EXPECT_TRUE(all.X_bar.col(s * directions + l).isApprox(J.transpose() * y_bar, 1e-11));
        Matrix weighted = Matrix::Zero(n, n);
        for (Index i = 0; i < m; ++i) {
          weighted += y_bar[i] * all.H.middleCols((s * m + i) * n, n);
        }
        EXPECT_TRUE(weighted.isApprox(weighted.transpose(), 1e-10));
        for (Index k = 0; k < directions; ++k) {
          const Vector expected = weighted * tangents.col(k);
          const Vector got = all.X_bar_dot.col((s * directions + l) * directions + k);
          EXPECT_LT((got - expected).norm(), 1e-10 * (1 + weighted.norm()));
        }
      }
    }
    // H: central differences of the gradients at the first point.
    const Vector x = X.col(0);
    for (Index k = 0; k < n; ++k) {
      const double h = 1e-5 * (1 + std::abs(x[k]));
      Matrix around = x.replicate(1, 2);
      around(k, 0) += h;
      around(k, 1) -= h;
      Matrix J(n, m * 2);
      program.Evaluate(Map(around), std::nullopt, std::nullopt, {.J = J.data()}, nullptr, settings,
                       {});
      const Matrix difference = (J.leftCols(m) - J.rightCols(m)) / (around(k, 0) - around(k, 1));
      for (Index i = 0; i < m; ++i) {
        const double scale = 1 + all.H.middleCols(i * n, n).cwiseAbs().maxCoeff();
        EXPECT_LT((all.H.col(i * n + k) - difference.col(i)).norm(), 1e-4 * scale);
      }
    }
  }
}

constexpr const char* kTwoVariables = R"(
input x1
input x2
let q = x1 / x2
output y = (sin(q) + q - exp(x2)) * (q - exp(x2))
)";

TEST(ProgramTest, EveryModeOfTheTwoVariableExampleAgrees) {
  ExpectConsistent(kTwoVariables, 0.5, 1.5);
}

TEST(ProgramTest, TheNotesExampleHasItsPublishedNumbers) {
  const Program program(kTwoVariables);
  const Matrix X = (Matrix(2, 1) << 1.5, 0.5).finished();
  double y = 0;
  Vector gradient(2);
  program.Evaluate(Map(X), std::nullopt, std::nullopt, {.Y = &y, .J = gradient.data()}, nullptr, {},
                   {});
  EXPECT_NEAR(y, 2.0167, 1e-3);
  EXPECT_NEAR(gradient[0], 3.0118, 1e-4);
}

TEST(ProgramTest, EveryModeAgreesForSeveralOutputsAndFunctions) {
  ExpectConsistent(R"(
    input x[4]
    output a = tanh(x[0]) * sqrt(x[1]) + log(x[2]) ^ 2
    output b[2] = [atan2(x[3], x[0]) + cbrt(x[1]), where(x[2] < 1, x[0]^3, erf(x[3]))]
    output c = normal_cdf(x[0] - x[3]) / hypot(x[1], x[2]) + max(x[0], x[1]) * softplus(x[2])
  )",
                   0.2, 2);
}

TEST(ProgramTest, EveryModeAgreesThroughATimeLoop) {
  const std::string source = R"(
    input prey in [0.5, 2]
    input hunters in [0.5, 2]
    input rate in [0.5, 1.5]
    var u = prey
    var v = hunters
    evolve t in 0..20 {
      let du = u * (rate - v)
      let dv = v * (u - 1)
      u = u + 0.02 * du
      v = v + 0.02 * dv + 0.0001 * t
    }
    output p = u * u
    output h = v
  )";
  ExpectConsistent(source, 0.5, 1.5);
  ExpectConsistent(source, 0.5, 1.5, {.reversal = Reversal::kMemoryPoor});
  ExpectConsistent(source, 0.5, 1.5, {.reversal = Reversal::kBinomial, .checkpoints = 3});
  ExpectConsistent(source, 0.5, 1.5, {.reversal = Reversal::kVanilla});
}

TEST(ProgramTest, StrictArithmeticHasTheBitsOfTheReference) {
  const std::string source = R"(
    input x[3]
    output y = sin(x[0]) * x[1] + exp(x[2]) * x[0] - x[1] * x[2] / (1 + x[0]^2) + pow(x[1], x[2])
  )";
  const Definition definition = Parse(source);
  const Program program(source);
  Rng rng(3);
  const Matrix X = RandomMatrix(3, 101, 0.1, 3, rng);
  Vector y(101);
  program.Evaluate(Map(X), std::nullopt, std::nullopt, {.Y = y.data()}, nullptr,
                   {.arithmetic = Arithmetic::kStrict}, {});
  for (Index s = 0; s < X.cols(); ++s) {
    EXPECT_EQ(y[s], ReferenceValue(definition, {X.col(s).data(), X.col(s).data() + 3})[0]);
  }
}

TEST(ProgramTest, APointHasTheSameBitsAloneAndInABatch) {
  const Program program(kTwoVariables);
  Rng rng(4);
  const Matrix X = RandomMatrix(2, 300, 0.5, 1.5, rng);
  Vector y(300);
  Matrix J(2, 300);
  program.Evaluate(Map(X), std::nullopt, std::nullopt, {.Y = y.data(), .J = J.data()}, nullptr, {},
                   {});
  for (Index s = 0; s < X.cols(); ++s) {
    const Matrix one = X.col(s);
    double value = 0;
    Vector gradient(2);
    program.Evaluate(Map(one), std::nullopt, std::nullopt, {.Y = &value, .J = gradient.data()},
                     nullptr, {}, {});
    EXPECT_EQ(value, y[s]);
    EXPECT_EQ(gradient, J.col(s));
  }
}

TEST(ProgramTest, APointOutsideTheDomainIsFlaggedAndHarmsNoOther) {
  const Program program("input x\noutput y = log(x)");
  const Matrix X = (Matrix(1, 4) << 1, -1, 2, 0).finished();
  Vector y(4);
  std::vector<std::uint8_t> valid(4);
  program.Evaluate(Map(X), std::nullopt, std::nullopt, {.Y = y.data()}, valid.data(), {}, {});
  EXPECT_THAT(valid, testing::ElementsAre(1, 0, 1, 0));
  EXPECT_TRUE(std::isnan(y[1]));
  EXPECT_EQ(y[0], 0);
  // Also by those who ask for derivatives only, which have numbers there.
  Vector dy(4);
  program.Evaluate(Map(X), std::nullopt, std::nullopt, {.J = dy.data()}, valid.data(), {}, {});
  EXPECT_EQ(dy[1], -1);
  EXPECT_THAT(valid, testing::ElementsAre(1, 0, 1, 0));
  EXPECT_NEAR(y[2], std::log(2), 1e-15);
}

// CppAD's issues 7 and 8: the derivative of the branch not taken must not leak.
TEST(ProgramTest, NaNOfABranchNotTakenDoesNotReachTheDerivative) {
  const Program program("input x\noutput y = where(x > 0, x * log(x) + sqrt(x), 3 * x)");
  const Matrix X = (Matrix(1, 3) << -2, 0, 4).finished();
  Vector y(3);
  Vector dy(3);
  Vector ddy(3);
  std::vector<std::uint8_t> valid(3);
  program.Evaluate(Map(X), std::nullopt, std::nullopt,
                   {.Y = y.data(), .J = dy.data(), .H = ddy.data()}, valid.data(), {}, {});
  EXPECT_THAT(valid, Each(1));
  EXPECT_EQ(dy[0], 3);
  EXPECT_EQ(dy[1], 3);
  EXPECT_NEAR(dy[2], std::log(4) + 1 + 0.25, 1e-14);
  EXPECT_EQ(ddy[0], 0);
  EXPECT_NEAR(ddy[2], 0.25 - 0.25 / 8, 1e-14);
}

TEST(ProgramTest, SparseJacobianHoldsTheEntriesOfTheDenseOne) {
  const Program program(R"(
    input x[30]
    output f[30] = [x[i]^2 * x[mod(i + 1, 30)] + sin(x[i]) for i in 0..30]
  )");
  Rng rng(5);
  const Matrix X = RandomMatrix(30, 11, 0.1, 1, rng);
  Matrix J(30, 30 * 11);
  program.Evaluate(Map(X), std::nullopt, std::nullopt, {.J = J.data()}, nullptr, {}, {});
  const std::vector<Entry>& pattern = program.jacobian_pattern();
  EXPECT_EQ(pattern.size(), 60U);
  Matrix values(60, 11);
  program.SparseJacobian(Map(X), values.data(), nullptr, {}, {});
  Matrix rebuilt = Matrix::Zero(30, J.cols());
  for (Index s = 0; s < 11; ++s) {
    for (std::size_t e = 0; e < pattern.size(); ++e) {
      rebuilt(pattern[e].column, s * 30 + pattern[e].row) = values(static_cast<Index>(e), s);
    }
  }
  EXPECT_EQ(rebuilt, J);
}

// Random boxes and random points in them: bounds of values and derivatives hold them all.
void ExpectEnclosed(const std::string& source, double low, double high, double width) {
  SCOPED_TRACE(source);
  const Program program(source);
  const Index n = program.n();
  const Index m = program.m();
  constexpr Index kBoxes = 41;
  constexpr Index kPointsPerBox = 50;
  Rng rng(6);
  const Matrix X_min = RandomMatrix(n, kBoxes, low, high, rng);
  const Matrix X_max = X_min + RandomMatrix(n, kBoxes, 0, width, rng);
  Matrix Y_min(m, kBoxes);
  Matrix Y_max(m, kBoxes);
  Matrix J_min(n, m * kBoxes);
  Matrix J_max(n, m * kBoxes);
  std::vector<std::uint8_t> bounded(kBoxes);
  program.Enclose(
      Map(X_min), Map(X_max),
      {.Y_min = Y_min.data(), .Y_max = Y_max.data(), .J_min = J_min.data(), .J_max = J_max.data()},
      bounded.data(), {});
  EXPECT_THAT(bounded, Each(1));
  for (Index k = 0; k < kPointsPerBox; ++k) {
    const Matrix where = RandomMatrix(n, kBoxes, 0, 1, rng);
    const Matrix X = X_min + where.cwiseProduct(X_max - X_min);
    Matrix Y(m, kBoxes);
    Matrix J(n, m * kBoxes);
    program.Evaluate(Map(X), std::nullopt, std::nullopt, {.Y = Y.data(), .J = J.data()}, nullptr,
                     {.arithmetic = Arithmetic::kStrict}, {});
    // The points' own rounding may carry them over a tight bound.
    const auto slack = [](const Matrix& values) {
      return Matrix(1e-13 * (values.cwiseAbs().array() + 1));
    };
    EXPECT_TRUE((Y_min.array() <= (Y + slack(Y)).array()).all());
    EXPECT_TRUE((Y_max.array() >= (Y - slack(Y)).array()).all());
    EXPECT_TRUE((J_min.array() <= (J + slack(J)).array()).all());
    EXPECT_TRUE((J_max.array() >= (J - slack(J)).array()).all());
  }
}

TEST(ProgramTest, BoundsOverBoxesHoldValuesAndDerivatives) {
  ExpectEnclosed(kTwoVariables, 0.5, 1.5, 0.2);
  ExpectEnclosed(R"(
    input x[3]
    output a = tanh(x[0]) * sqrt(x[1]) + log(x[2]) ^ 2 + where(x[0] < x[1], x[2], x[0] * x[1])
    output b = [atan2(x[2], x[0]) + cbrt(x[1]), erf(x[0]) * softplus(x[2]), max(x[0], x[1])]
  )",
                 0.3, 2, 0.3);
  ExpectEnclosed("input x\nvar u = x\nevolve t in 0..5 { u = u * sin(u) + 0.1 * t }\noutput y = u",
                 0.3, 2, 0.05);
}

TEST(ProgramTest, PointsHaveNarrowBounds) {
  const Program program(kTwoVariables);
  const Matrix X = (Matrix(2, 1) << 1.5, 0.5).finished();
  double low = 0;
  double high = 0;
  program.Enclose(Map(X), Map(X), {.Y_min = &low, .Y_max = &high}, nullptr, {});
  const double q = 3;
  const double y = (std::sin(q) + q - std::exp(0.5)) * (q - std::exp(0.5));
  EXPECT_LE(low, y);
  EXPECT_GE(high, y);
  EXPECT_LT(high - low, 1e-13);
}

TEST(ProgramTest, ADivisionByABoxAroundZeroIsUnboundedAndFlagged) {
  const Program program("input x\noutput y = 1 / x");
  const Matrix X_min = (Matrix(1, 2) << -1, 1).finished();
  const Matrix X_max = (Matrix(1, 2) << 1, 2).finished();
  Vector low(2);
  Vector high(2);
  std::vector<std::uint8_t> bounded(2);
  program.Enclose(Map(X_min), Map(X_max), {.Y_min = low.data(), .Y_max = high.data()},
                  bounded.data(), {});
  EXPECT_THAT(bounded, testing::ElementsAre(0, 1));
  EXPECT_EQ(low[0], -INFINITY);
  EXPECT_EQ(high[0], INFINITY);
  EXPECT_NEAR(low[1], 0.5, 1e-15);
  EXPECT_NEAR(high[1], 1, 1e-15);
}

TEST(ProgramTest, ReversalCountsAreThoseOfTheory) {
  const Program program("input x\nvar u = x\nevolve t in 0..100 { u = sin(u) }\noutput y = u");
  // t(100, 5) = 316 and t(100, 10) = 222 (Griewank and Walther 2000).
  EXPECT_EQ(
      program.CountReversal({.reversal = Reversal::kBinomial, .checkpoints = 5}).advanced_steps,
      316);
  EXPECT_EQ(
      program.CountReversal({.reversal = Reversal::kBinomial, .checkpoints = 10}).advanced_steps,
      222);
  EXPECT_EQ(program.CountReversal({.reversal = Reversal::kMemoryPoor}).advanced_steps,
            100 * 99 / 2);
  EXPECT_EQ(program.CountReversal({.reversal = Reversal::kVanilla}).advanced_steps, 0);
  EXPECT_EQ(program.CountReversal({.reversal = Reversal::kVanilla}).peak_states, 100);
  EXPECT_EQ(program.CountReversal({.reversal = Reversal::kBinomial, .checkpoints = 5}).peak_states,
            5);
}

}  // namespace
}  // namespace sobolev::program
