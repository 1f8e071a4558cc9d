#include "engine/ad/adjoint.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "engine/ad/tangent.h"
#include "engine/base/error.h"
#include "tests/engine/ad/elementary_cases.h"

namespace sobolev::ad {
namespace {

using A = Adjoint<double>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// f′(x) by one recording and one sweep.
template <class F>
double DerivativeOf(const F& f, double x0) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const A x = tape.Variable(x0);
  const A y = f(x);
  tape.Reverse(y);
  return tape.adjoint(x);
}

TEST(AdjointTest, ElementaryFunctionsHaveTheirDerivatives) {
  ForEachUnary([](const char* name, const auto& f, const auto& truth, const auto& points) {
    for (const double x : points) {
      const double expected = TrueDerivative(truth, 1, x);
      // Sums of a few terms may cancel: hence the absolute part.
      EXPECT_NEAR(DerivativeOf(f, x), expected, 1e-14 * std::abs(expected) + 4e-16)
          << name << " at " << x;
    }
  });
}

// The lecture's example at (1.5, 0.5): the published numbers, whose lines were rounded to four
// decimals each, and the gradient in closed form.
TEST(AdjointTest, TheEvaluationTraceOfTheLectureHasItsNumbers) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const A x1 = tape.Variable(1.5);
  const A x2 = tape.Variable(0.5);
  const A y = (sin(x1 / x2) + x1 / x2 - exp(x2)) * (x1 / x2 - exp(x2));
  tape.Reverse(y);
  EXPECT_NEAR(y.value(), 2.0167, 1e-4);
  EXPECT_NEAR(tape.adjoint(x1), 3.0118, 1e-4);
  const double q = 3;
  const double e = std::exp(0.5);
  const double d = q - e;
  const double dq = (std::cos(q) + 1) * d + std::sin(q) + d;
  const double de = -d - (std::sin(q) + d);
  EXPECT_NEAR(tape.adjoint(x1), dq / 0.5, 1e-14);
  EXPECT_NEAR(tape.adjoint(x2), dq * (-1.5 / 0.25) + de * e, 2e-14);
}

// ȳᵀ ẏ = x̄ᵀ ẋ for a map of three inputs and two outputs, with all directions at once.
TEST(AdjointTest, AdjointsAreTransposedTangents) {
  const auto f = [](const auto& x, auto& y) {
    y[0] = pow(x[0], 1.3) * tanh(x[1] - x[2]) + x[2] / x[0];
    y[1] = log(x[0] + x[1] * x[1]) - y[0] * Softplus(x[2]) + atan2(x[1], x[0]);
  };
  const std::array<double, 3> x0 = {0.8, -1.1, 0.4};
  const std::array<double, 3> x_dot = {0.3, -0.7, 1.9};
  const std::array<double, 2> y_bar = {1.1, -0.6};

  std::array<Tangent<double>, 3> t;
  for (int i = 0; i < 3; ++i) t[i] = Tangent<double>(x0[i], x_dot[i]);
  std::array<Tangent<double>, 2> t_out;
  f(t, t_out);

  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  std::array<A, 3> x;
  for (int i = 0; i < 3; ++i) x[i] = tape.Variable(x0[i]);
  std::array<A, 2> y;
  f(x, y);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(y[i].value(), t_out[i].value);
    tape.Seed(y[i], y_bar[i]);
  }
  tape.Reverse();
  double forward = 0;
  double reverse = 0;
  for (int i = 0; i < 2; ++i) forward += y_bar[i] * t_out[i].dot;
  for (int i = 0; i < 3; ++i) reverse += tape.adjoint(x[i]) * x_dot[i];
  EXPECT_NEAR(forward, reverse, 1e-14);
}

// Values are the same bits as in the primal code, whatever the expression.
TEST(AdjointTest, ValuesAreThoseOfTheSameCodeInDouble) {
  const auto f = [](const auto& x, const auto& y) {
    return (x / y - 3 * y) / (x * x + 1.0) - y / 7 + 2 / x - (x - y) * exp(-x) + pow(y, 3);
  };
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const A y = f(tape.Variable(1.7), tape.Variable(0.3));
  EXPECT_EQ(y.value(), f(1.7, 0.3));
}

TEST(AdjointTest, AnAssignmentIsOneStatementAndACopyIsNone) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const A x = tape.Variable(1.5);
  const A y = tape.Variable(0.5);
  const std::size_t before = tape.statistics().statements;
  A z = sin(x / y) * exp(y) - 2.0 * x + 1.0;
  EXPECT_EQ(tape.statistics().statements, before + 1);
  EXPECT_EQ(tape.statistics().arguments, 4U);
  const A copy = z;
  z = copy;
  EXPECT_EQ(tape.statistics().statements, before + 1);
  z += x;
  EXPECT_EQ(tape.statistics().statements, before + 2);
}

TEST(AdjointTest, ConstantsRecordNothingAndNeedNoTape) {
  const A c = 3.0;
  const A d = exp(c) * 2 - c / 7;
  EXPECT_EQ(d.slot(), 0U);
  EXPECT_EQ(d.value(), std::exp(3.0) * 2 - 3.0 / 7);
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const A x = tape.Variable(2.0);
  const A y = c * x + d * c;
  EXPECT_EQ(tape.statistics().arguments, 1U);  // Constants that look like variables are left out.
  tape.Reverse(y);
  EXPECT_EQ(tape.adjoint(x), 3);
  EXPECT_EQ(tape.adjoint(c), 0);
}

TEST(AdjointTest, RecordingWithoutATapeIsAnError) {
  Tape<double> tape;
  A x;
  {
    const Tape<double>::Scope scope(tape);
    EXPECT_EQ(Tape<double>::Active(), &tape);
    x = tape.Variable(2.0);
  }
  EXPECT_EQ(Tape<double>::Active(), nullptr);
  try {
    const A y = x * x;
    FAIL() << "expected an error, got " << y.value();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(error.reason(), "NO_ACTIVE_TAPE");
  }
}

// An expression kept by auto holds copies of its leaves.
TEST(AdjointTest, ExpressionsMayOutliveTheirOperands) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const A x = tape.Variable(2.0);
  const auto expression = [&] {
    const A square = x * x;
    return square * 3.0 + sin(A(square));
  }();
  const A y = expression;
  const A z = expression * expression;
  tape.Reverse(y);
  EXPECT_NEAR(tape.adjoint(x), 12 + 4 * std::cos(4), 1e-14);
  tape.Reverse(z);
  EXPECT_NEAR(tape.adjoint(x), 2 * (12 + std::sin(4)) * (12 + 4 * std::cos(4)), 1e-13);
}

TEST(AdjointTest, CompoundAssignmentsAndBothSidesOfConstants) {
  const auto f = [](const auto& x) {
    auto y = x;
    y += 2;
    y *= x;
    y -= x / 3;
    y /= x + 1;
    y = 1 - y;
    y = 2 / y - 1.5F * y;
    return y;
  };
  const double expected = f(Tangent<double>(0.7, 1)).dot;
  EXPECT_NEAR(DerivativeOf([&](const A& x) { return f(x); }, 0.7), expected, 1e-13);
}

TEST(AdjointTest, ComparisonsLookAtValues) {
  const A x = 1.0;
  const A y = 2.0;
  EXPECT_TRUE(x < y);
  EXPECT_TRUE(x * 3.0 > y);
  EXPECT_TRUE(x + 1 == y);
  EXPECT_TRUE(x != 2);
  EXPECT_TRUE(1 <= x);
  EXPECT_TRUE(y >= x);
  EXPECT_TRUE(isfinite(x + y));
  EXPECT_TRUE(isnan(x * std::nan("")));
  EXPECT_TRUE(isinf(x / A(0.0)));
}

TEST(AdjointTest, EdgesFollowTheConventions) {
  EXPECT_EQ(DerivativeOf([](const A& x) { return abs(x); }, 0), 0);
  EXPECT_EQ(DerivativeOf([](const A& x) { return A(floor(x)) + x; }, 2), 1);
  EXPECT_EQ(DerivativeOf([](const A& x) { return Max(x, x); }, 3), 1);
  EXPECT_EQ(DerivativeOf([](const A& x) { return Max(x, -x); }, 0), 0);
  EXPECT_EQ(DerivativeOf([](const A& x) { return Max(x, 0.0); }, 0), 0.5);
  EXPECT_EQ(DerivativeOf([](const A& x) { return pow(x, 0); }, 0), 0);
  EXPECT_EQ(DerivativeOf([](const A& x) { return pow(x, 1); }, 0), 1);
  EXPECT_EQ(DerivativeOf([](const A& x) { return pow(x, 2); }, 0), 0);
  EXPECT_EQ(DerivativeOf([](const A& x) { return pow(x, 3); }, -2), 12);
  EXPECT_EQ(DerivativeOf([](const A& x) { return pow(0.0, x); }, 2), 0);
  EXPECT_EQ(DerivativeOf([](const A& x) { return pow(x, x); }, 1), 1);
  EXPECT_EQ(DerivativeOf([](const A& x) { return atan2(x, x); }, 0), 0);
  EXPECT_EQ(DerivativeOf([](const A& x) { return hypot(x, x); }, 0), 0);
  EXPECT_EQ(DerivativeOf([](const A& x) { return sqrt(x); }, 0), kInfinity);
}

// Zero times infinity is zero on every path: inside a statement, between statements, and when
// the zero is a partial and the infinity an adjoint.
TEST(AdjointTest, ZeroAdjointsAndPartialsStayZeroAtInfinitePartials) {
  EXPECT_EQ(DerivativeOf([](const A& x) { return 0.0 * sqrt(x) + x; }, 0), 1);
  EXPECT_EQ(DerivativeOf([](const A& x) { return sqrt(x * x); }, 0), 0);
  EXPECT_EQ(DerivativeOf([](const A& x) { return sqrt(Square(x)) * 2.0; }, 0), 0);
  EXPECT_EQ(DerivativeOf([](const A& x) { return cbrt(sin(x) * x); }, 0), 0);
  EXPECT_EQ(DerivativeOf(
                [](const A& x) {
                  const A square = x * x;
                  const A root = sqrt(square);
                  const A unused = root * 0.0;
                  return A(root + unused);
                },
                0),
            0);
  EXPECT_EQ(DerivativeOf(
                [](const A& x) {
                  const A root = sqrt(x);
                  return A(root * 0.0 + x);
                },
                0),
            1);
}

TEST(AdjointTest, RemainingFunctionsOfCmath) {
  EXPECT_EQ(DerivativeOf([](const A& x) { return fmod(x, A(2.0)); }, 7.5), 1);
  EXPECT_EQ(DerivativeOf([](const A& x) { return fmod(A(7.5), x); }, -2), 3);
  EXPECT_EQ(DerivativeOf([](const A& x) { return fma(x, x, x); }, 3), 7);
  EXPECT_EQ(DerivativeOf([](const A& x) { return fabs(x); }, -3), -1);
  EXPECT_EQ(DerivativeOf([](const A& x) { return Sign(x) * x; }, -3), -1);
  using std::max;
  using std::min;
  EXPECT_EQ(DerivativeOf([](const A& x) { return max(x, x); }, 3), 1);
  EXPECT_EQ(DerivativeOf([](const A& x) { return min(x, A(x * x)); }, 3), 1);
  EXPECT_EQ(DerivativeOf([](const A& x) { return max(x, x * x); }, 3), 6);
}

TEST(AdjointTest, IfLessTakesOneBranch) {
  const auto f = [](const A& x) { return IfLess(x, A(1.0), A(x * x), A(3.0 * x)); };
  EXPECT_EQ(DerivativeOf(f, 0.5), 1);
  EXPECT_EQ(DerivativeOf(f, 1), 3);
}

}  // namespace
}  // namespace sobolev::ad
