// What a program does where derivatives are too large to be symbolic: it takes another way or says
// so, and never answers anything else.

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/rng.h"
#include "engine/program/program.h"

namespace sobolev::program {
namespace {

using testing::HasSubstr;

ConstMatrixMap Map(const Matrix& matrix) {
  return ConstMatrixMap(matrix.data(), matrix.rows(), matrix.cols());
}

Matrix RandomMatrix(Index rows, Index columns, double low, double high) {
  Rng rng(7);
  Matrix matrix(rows, columns);
  for (Index i = 0; i < matrix.size(); ++i) {
    matrix.data()[i] = low + (high - low) * rng.Uniform();
  }
  return matrix;
}

template <class Body>
void ExpectError(const Body& body, ErrorCode code, const std::string& reason,
                 const std::string& says) {
  try {
    body();
    ADD_FAILURE() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_EQ(error.reason(), reason);
    EXPECT_THAT(error.what(), HasSubstr(says));
  }
}

Matrix JacobianOf(const Program& program, const Matrix& X, const Settings& settings = {}) {
  Matrix J = Matrix::Constant(program.n(), program.m() * X.cols(), -99);
  program.Evaluate(Map(X), std::nullopt, std::nullopt, {.J = J.data()}, nullptr, settings, {});
  return J;
}

// n = 3, m = 4.
constexpr const char* kSeveral = R"(
  input x[3]
  output a = tanh(x[0]) * sqrt(x[1]) + log(x[2])^2
  output b = [atan2(x[2], x[0]) + cbrt(x[1]), erf(x[0]) * softplus(x[2]), x[0] * x[1]]
)";
// n = 9, m = 1.
constexpr const char* kWide = "input x[9]\noutput y = sum(x)^2 * sin(x[0]) + x[8] * exp(x[3])\n";
// n = m = 40, two nonzeros in every row.
constexpr const char* kSparse =
    "input x[40]\noutput y = [x[i]^2 * sin(x[mod(i + 1, 40)]) for i in 0..40]\n";
// n = 2, m = 2, in two stages.
constexpr const char* kLoop = R"(
  input x[2]
  var u = x
  evolve t in 0..6 { u = [u[0] + 0.1 * u[1] * u[1], u[1] - 0.1 * sin(u[0]) + 0.01 * t] }
  output y = [u[0] * u[1], u[1]]
)";

// Values of max_symbolic_size that leave nothing, or only the pattern, of a derivative's symbols.
constexpr std::size_t kNothing = 1;
constexpr std::size_t kPattern = 90;

TEST(ProgramLimitsTest, JacobiansOfEveryKindAgree) {
  struct Case {
    const char* source;
    std::size_t max_symbolic_size;
    const char* mode;
  };
  for (const auto& [source, size, mode] :
       {Case{kSeveral, kNothing, "forward dense"}, Case{kWide, kNothing, "reverse dense"},
        Case{kSparse, kNothing, "forward dense"}, Case{kSparse, kPattern, "forward compressed"},
        Case{kWide, 20, "reverse compressed"}, Case{kLoop, kNothing, "forward dense"},
        Case{kLoop, kPattern, "forward compressed"}}) {
    SCOPED_TRACE(std::string(mode) + source);
    const Program symbolic(source);
    const Program limited(source, {}, {.max_symbolic_size = size});
    EXPECT_EQ(limited.Summarize().jacobian_mode, mode);
    const Matrix X = RandomMatrix(symbolic.n(), 37, 0.2, 2);
    EXPECT_TRUE(JacobianOf(limited, X).isApprox(JacobianOf(symbolic, X), 1e-13));
    Matrix H(limited.n(), limited.n() * limited.m() * X.cols());
    Matrix expected = H;
    symbolic.Evaluate(Map(X), std::nullopt, std::nullopt, {.H = expected.data()}, nullptr, {}, {});
    limited.Evaluate(Map(X), std::nullopt, std::nullopt, {.H = H.data()}, nullptr, {}, {});
    EXPECT_TRUE(H.isApprox(expected, 1e-12));
  }
}

// Whether a derivative is symbolic is decided for its own graph; a routine that answers more at
// once has a larger one, and sticks to what was decided.
TEST(ProgramLimitsTest, EveryLimitGivesTheSameAnswers) {
  const Matrix X = RandomMatrix(3, 2, 0.2, 2);
  const Matrix x_dot = RandomMatrix(3, 1, -1, 1);
  const Matrix y_bar = RandomMatrix(4, 1, -1, 1);
  const auto answer = [&](std::size_t max_symbolic_size) {
    const Program program(kSeveral, {}, {.max_symbolic_size = max_symbolic_size});
    Matrix all(1, 2 * (4 + 12 + 36 + 4 + 3 + 3));
    double* const Y = all.data();
    double* const J = Y + 8;
    double* const H = J + 24;
    double* const Y_dot = H + 72;
    double* const X_bar = Y_dot + 8;
    double* const X_bar_dot = X_bar + 6;
    program.Evaluate(
        Map(X), Directions{.D = Map(x_dot), .count = 1}, Directions{.D = Map(y_bar), .count = 1},
        {.Y = Y, .J = J, .H = H, .Y_dot = Y_dot, .X_bar = X_bar, .X_bar_dot = X_bar_dot}, nullptr,
        {}, {});
    return all;
  };
  const Matrix expected = answer(std::size_t{1} << 22);
  for (std::size_t size = 0; size < 250; ++size) {
    ASSERT_TRUE(answer(size).isApprox(expected, 1e-12)) << size;
  }
}

// The bounds of each way hold the derivatives at points of the box.
TEST(ProgramLimitsTest, BoundsOfJacobiansThatAreNotSymbolicHoldTheJacobian) {
  for (const char* source : {kSeveral, kWide, kSparse, kLoop}) {
    SCOPED_TRACE(source);
    const Program symbolic(source);
    const Program limited(source, {}, {.max_symbolic_size = kNothing});
    const Index n = symbolic.n();
    const Index m = symbolic.m();
    const Matrix X_min = RandomMatrix(n, 41, 0.3, 2);
    const Matrix X_max = X_min.array() + 0.1;
    Matrix Y_min(m, 41);
    Matrix Y_max(m, 41);
    Matrix J_min(n, m * 41);
    Matrix J_max(n, m * 41);
    std::vector<std::uint8_t> bounded(41);
    limited.Enclose(Map(X_min), Map(X_max),
                    {.Y_min = Y_min.data(),
                     .Y_max = Y_max.data(),
                     .J_min = J_min.data(),
                     .J_max = J_max.data()},
                    bounded.data(), {});
    EXPECT_THAT(bounded, testing::Each(1));
    for (const double share : {0.0, 0.3, 0.5, 1.0}) {
      const Matrix J = JacobianOf(symbolic, X_min + share * (X_max - X_min),
                                  {.arithmetic = Arithmetic::kStrict});
      // The points' own rounding may carry them over a tight bound.
      const Matrix slack = 1e-13 * (J.cwiseAbs().array() + 1);
      EXPECT_TRUE((J_min.array() <= (J + slack).array()).all());
      EXPECT_TRUE((J_max.array() >= (J - slack).array()).all());
    }
    // Not so wide that anything would do.
    EXPECT_LT((J_max - J_min).maxCoeff(), 100);
  }
}

TEST(ProgramLimitsTest, TheHessiansNonzerosAreThoseOfTheSum) {
  const auto count = [](const std::string& source) {
    return Program(source).Summarize().hessian_nonzeros;
  };
  EXPECT_EQ(count("input x[2]\noutput y = (x[0] + x[1])^2"), 4);
  EXPECT_EQ(count("input x[2]\noutput y = [(x[0] + x[1])^2 * k for k in 1..6]"), 4);
  EXPECT_EQ(count("input x[3]\noutput y = sum(i in 0..3: x[i]^2)"), 3);
  EXPECT_EQ(count("input x[3]\noutput y = [x[0] * x[1], x[1] * x[0] * 2, x[2]]"), 2);
  EXPECT_EQ(count("input x[3]\noutput y = sum(x)"), 0);
}

// 4·10⁸ entries that share a few nodes: their number is what is too large.
TEST(ProgramLimitsTest, AJacobianOfTooManyEntriesIsNotDerived) {
  const Program program("input x[20000]\nlet s = sum(x)\noutput y = s * x\n");
  const Matrix X = RandomMatrix(program.n(), 1, 0, 1);
  Matrix Y(program.m(), 1);
  program.Evaluate(Map(X), std::nullopt, std::nullopt, {.Y = Y.data()}, nullptr, {}, {});
  EXPECT_TRUE(Y.isApprox(X.sum() * X, 1e-12));
  const Summary summary = program.Summarize();
  EXPECT_EQ(summary.jacobian_nonzeros, -1);
  EXPECT_EQ(summary.hessian_nonzeros, -1);
  EXPECT_EQ(summary.jacobian_mode, "forward dense");
  const auto refused = [&](const auto& body) {
    ExpectError(body, ErrorCode::kResourceExhausted, "JACOBIAN_TOO_LARGE", "products");
  };
  refused([&] { program.jacobian_pattern(); });
  refused([&] { program.SparseJacobian(Map(X), nullptr, nullptr, {}, {}); });
  // Products with directions are what remains: J ẋ = (Σ ẋ) x + (Σ x) ẋ.
  const Matrix ones = Matrix::Ones(program.n(), 1);
  program.Evaluate(Map(X), Directions{.D = Map(ones), .count = 1}, std::nullopt,
                   {.Y_dot = Y.data()}, nullptr, {}, {});
  const Matrix expected = (2e4 * X).array() + X.sum();
  EXPECT_TRUE(Y.isApprox(expected, 1e-12));
}

TEST(ProgramLimitsTest, AManyTimesRepeatedPatternIsGivenUp) {
  const auto nonzeros = [](const std::string& steps, std::size_t size) {
    return Program("input x[3]\nvar u = x\nevolve t in 0.." + steps +
                       " { u = [u[1], u[2], 2 * u[0]] }\noutput u\n",
                   {}, {.max_symbolic_size = size})
        .Summarize()
        .jacobian_nonzeros;
  };
  EXPECT_EQ(nonzeros("100", 1000), 3);
  // Never the same twice in a row, 10⁷ times.
  EXPECT_EQ(nonzeros("10000000", 1000), -1);
}

TEST(ProgramLimitsTest, ASparseJacobianHasTheEntriesOfTheSymbolicOne) {
  const Program symbolic(kSparse);
  const Program limited(kSparse, {}, {.max_symbolic_size = kPattern});
  const Matrix X = RandomMatrix(40, 5, 0.2, 2);
  ASSERT_EQ(symbolic.jacobian_pattern().size(), 80U);
  ASSERT_EQ(limited.jacobian_pattern().size(), 80U);
  Matrix expected(80, 5);
  Matrix values(80, 5);
  symbolic.SparseJacobian(Map(X), expected.data(), nullptr, {}, {});
  limited.SparseJacobian(Map(X), values.data(), nullptr, {}, {});
  EXPECT_TRUE(values.isApprox(expected, 1e-13));
}

TEST(ProgramLimitsTest, AMinimumNeedsItsMaximum) {
  const Program program("input x\noutput y = x\n");
  const Matrix X = Matrix::Ones(1, 1);
  double bound = 0;
  for (const BoxResults& results :
       {BoxResults{.Y_min = &bound}, BoxResults{.Y_max = &bound}, BoxResults{.J_min = &bound},
        BoxResults{.Y_min = &bound, .Y_max = &bound, .J_max = &bound}}) {
    ExpectError([&] { program.Enclose(Map(X), Map(X), results, nullptr, {}); },
                ErrorCode::kInvalidArgument, "MISSING_BOUND", "ask for both");
  }
}

TEST(ProgramLimitsTest, ManyThreadsMayAskFirst) {
  for (const char* source : {kSeveral, kLoop}) {
    const Program program(source);
    const Program other(source);
    const Matrix X = RandomMatrix(program.n(), 9, 0.2, 2);
    const Matrix expected = JacobianOf(other, X);
    std::atomic<int> agreeing{0};
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        Matrix Y(program.m(), 9);
        Matrix J(program.n(), program.m() * 9);
        program.Evaluate(Map(X), std::nullopt, std::nullopt,
                         {.Y = thread % 2 == 0 ? Y.data() : nullptr, .J = J.data()}, nullptr, {},
                         {});
        if (J.isApprox(expected, 1e-13)) ++agreeing;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(agreeing, 8);
  }
}

}  // namespace
}  // namespace sobolev::program
