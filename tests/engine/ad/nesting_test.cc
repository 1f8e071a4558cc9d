// Derivatives up to the third order by every way of nesting tangents and adjoints, against
// differences in quadruple precision.

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "engine/ad/adjoint.h"
#include "engine/ad/tangent.h"
#include "tests/engine/ad/elementary_cases.h"

namespace sobolev::ad {
namespace {

// Results carry the rounding of their parts. Where parts cancel (third derivatives of atan2, say)
// the error is relative to them; all are of the order of the largest derivative.
void ExpectClose(double actual, double expected, const Truth& truth, const std::string& what) {
  const double scale = std::max({std::abs(truth.value), std::abs(truth.first),
                                 std::abs(truth.second), std::abs(truth.third)});
  EXPECT_NEAR(actual, expected, 1e-13 * std::abs(expected) + 2e-15 * scale) << what;
}

template <class F, class G>
void ExpectTangents(const char* name, const F& f, const G& truth_function, double x0) {
  const std::string what = std::string(name) + " at " + std::to_string(x0);
  const Truth truth = TruthOf(truth_function, x0);
  using T1 = Tangent<double>;
  using T2 = Tangent<T1>;
  using T3 = Tangent<T2>;
  const T3 x(T2(T1(x0, 1), T1(1, 0)), T2(T1(1, 0), T1(0, 0)));
  const T3 y = f(x);
  ExpectClose(y.value.value.value, truth.value, truth, what);
  ExpectClose(y.value.value.dot, truth.first, truth, what);
  ExpectClose(y.value.dot.dot, truth.second, truth, what);
  ExpectClose(y.dot.dot.dot, truth.third, truth, what);
}

TEST(NestingTest, TangentsOfTangentsOfTangents) {
  ForEachUnary([](const char* name, const auto& f, const auto& truth, const auto& points) {
    for (const double x : points) ExpectTangents(name, f, truth, x);
  });
}

// Tangent over adjoint: the tape records tangents.
TEST(NestingTest, AdjointsOfTangents) {
  using T1 = Tangent<double>;
  using T2 = Tangent<T1>;
  Tape<T2> tape;
  const Tape<T2>::Scope scope(tape);
  ForEachUnary(
      [&](const char* name, const auto& f, const auto& truth_function, const auto& points) {
        for (const double x0 : points) {
          const std::string what = std::string(name) + " at " + std::to_string(x0);
          const Truth truth = TruthOf(truth_function, x0);
          tape.Clear();
          const Adjoint<T2> x = tape.Variable(T2(T1(x0, 1), T1(1, 0)));
          const Adjoint<T2> y = f(x);
          tape.Reverse(y);
          const T2 x_bar = tape.adjoint(x);
          ExpectClose(y.value().value.value, truth.value, truth, what);
          ExpectClose(x_bar.value.value, truth.first, truth, what);
          ExpectClose(x_bar.value.dot, truth.second, truth, what);
          ExpectClose(x_bar.dot.value, truth.second, truth, what);
          ExpectClose(x_bar.dot.dot, truth.third, truth, what);
        }
      });
}

// Adjoint over tangent: tangents compute with adjoints.
TEST(NestingTest, TangentsOfTangentsOfAdjoints) {
  using A = Adjoint<double>;
  using T1 = Tangent<A>;
  using T2 = Tangent<T1>;
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  ForEachUnary(
      [&](const char* name, const auto& f, const auto& truth_function, const auto& points) {
        for (const double x0 : points) {
          const std::string what = std::string(name) + " at " + std::to_string(x0);
          const Truth truth = TruthOf(truth_function, x0);
          tape.Clear();
          const A x = tape.Variable(x0);
          const T2 y = f(T2(T1(x, 1.0), T1(1.0, 0.0)));
          ExpectClose(y.value.value.value(), truth.value, truth, what);
          tape.Reverse(y.value.value);
          ExpectClose(tape.adjoint(x), truth.first, truth, what);
          tape.Reverse(y.dot.value);
          ExpectClose(tape.adjoint(x), truth.second, truth, what);
          tape.Reverse(y.dot.dot);
          ExpectClose(tape.adjoint(x), truth.third, truth, what);
        }
      });
}

TEST(NestingTest, AdjointsOfAdjoints) {
  using A = Adjoint<double>;
  Tape<double> inner;
  Tape<A> outer;
  const Tape<double>::Scope inner_scope(inner);
  const Tape<A>::Scope outer_scope(outer);
  ForEachUnary(
      [&](const char* name, const auto& f, const auto& truth_function, const auto& points) {
        for (const double x0 : points) {
          const std::string what = std::string(name) + " at " + std::to_string(x0);
          const Truth truth = TruthOf(truth_function, x0);
          inner.Clear();
          outer.Clear();
          const A x = inner.Variable(x0);
          const Adjoint<A> z = outer.Variable(x);
          const Adjoint<A> y = f(z);
          outer.Reverse(y);
          const A first = outer.adjoint(z);
          ExpectClose(first.value(), truth.first, truth, what);
          inner.Reverse(first);
          ExpectClose(inner.adjoint(x), truth.second, truth, what);
        }
      });
}

// f = x^3 y^2 + sin(x y): ∂³f/∂x²∂y in closed form, by a tangent in y of a tangent in x of the
// adjoint of x.
TEST(NestingTest, MixedThirdDerivativesMatchTheClosedForm) {
  using T1 = Tangent<double>;
  using T2 = Tangent<T1>;
  using A = Adjoint<T2>;
  Tape<T2> tape;
  const Tape<T2>::Scope scope(tape);
  const double x0 = 1.3;
  const double y0 = -0.4;
  const A x = tape.Variable(T2(T1(x0, 1), T1(0, 0)));
  const A y = tape.Variable(T2(T1(y0, 0), T1(1, 0)));
  const A f = pow(x, 3) * Square(y) + sin(x * y);
  tape.Reverse(f);
  const double s = std::sin(x0 * y0);
  const double c = std::cos(x0 * y0);
  EXPECT_NEAR(tape.adjoint(x).dot.dot, 12 * x0 * y0 - 2 * y0 * s - x0 * y0 * y0 * c, 1e-14);
  EXPECT_NEAR(tape.adjoint(y).dot.dot, 6 * x0 * x0 - 2 * x0 * s - x0 * x0 * y0 * c, 1e-14);
}

// Vector tangents over an adjoint: one sweep gives several columns of the Hessian.
TEST(NestingTest, AdjointsOfVectorTangentsGiveTheHessian) {
  using T = Tangent<double, 2>;
  Tape<T> tape;
  const Tape<T>::Scope scope(tape);
  const Adjoint<T> x = tape.Variable(T::Seed(1.5, 0));
  const Adjoint<T> y = tape.Variable(T::Seed(0.5, 1));
  const Adjoint<T> f = exp(x * y) / y;
  tape.Reverse(f);
  const double e = std::exp(0.75);
  // f_x = e, f_xx = y e, f_xy = x e, f_yy = e (x²/y − 2x/y² + 2/y³).
  EXPECT_NEAR(tape.adjoint(x).value, e, 1e-15);
  EXPECT_NEAR(tape.adjoint(x).dot[0], 0.5 * e, 1e-15);
  EXPECT_NEAR(tape.adjoint(x).dot[1], 1.5 * e, 2e-15);
  EXPECT_NEAR(tape.adjoint(y).dot[0], 1.5 * e, 2e-15);
  EXPECT_NEAR(tape.adjoint(y).dot[1], e * (4.5 - 12 + 16), 3e-14);
}

}  // namespace
}  // namespace sobolev::ad
