// What the tests of published examples share: tables of expected and obtained numbers, printed into
// the test's output, and gradients of generic functions by each scalar type.

#ifndef SOBOLEV_TESTS_ENGINE_AD_SOURCE_TABLES_H_
#define SOBOLEV_TESTS_ENGINE_AD_SOURCE_TABLES_H_

#include <cmath>
#include <cstdio>
#include <string>

#include <Eigen/Core>
#include <gtest/gtest.h>

#include "engine/ad/adjoint.h"
#include "engine/ad/tangent.h"
#include "engine/ad/tape.h"
#include "engine/base/matrix.h"

namespace sobolev::ad {

template <class T>
using VectorOf = Eigen::Matrix<T, Eigen::Dynamic, 1>;
template <class T>
using MatrixOf = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;

// One table. Each row is checked when it is added, and printed.
class SourceTable {
 public:
  explicit SourceTable(const std::string& title) {
    std::printf("\n%s\n  %-44s %20s %20s %9s\n", title.c_str(), "", "expected", "obtained", "off");
  }

  // A number and what it must be, to within `tolerance` (absolute).
  void Row(const std::string& name, double expected, double obtained, double tolerance) {
    Print(name, expected, obtained, "");
    EXPECT_NEAR(obtained, expected, tolerance) << name;
  }

  // A number that must miss: a method outside its limits, off by more than `least`.
  void Miss(const std::string& name, double expected, double obtained, double least) {
    Print(name, expected, obtained, "  (fails, as it must)");
    EXPECT_GT(std::abs(obtained - expected), least) << name;
  }

  // Two vectors that must agree entry by entry: one row with the largest difference.
  void Rows(const std::string& name, const Vector& expected, const Vector& obtained,
            double tolerance) {
    ASSERT_EQ(expected.size(), obtained.size()) << name;
    ASSERT_TRUE(obtained.allFinite()) << name;
    Index worst = 0;
    (obtained - expected).cwiseAbs().maxCoeff(&worst);
    Row(name + ", worst of " + std::to_string(expected.size()), expected(worst), obtained(worst),
        tolerance);
  }

 private:
  static void Print(const std::string& name, double expected, double obtained, const char* note) {
    std::printf("  %-44s %20.15g %20.15g %9.1e%s\n", name.c_str(), expected, obtained,
                std::abs(obtained - expected), note);
  }
};

// ∇f(x) by one reverse sweep, for f: VectorOf<T> → T.
template <class F>
Vector ReverseGradient(const F& f, const Vector& x) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  VectorOf<Adjoint<double>> inputs(x.size());
  for (Index i = 0; i < x.size(); ++i) inputs(i) = tape.Variable(x(i));
  const Adjoint<double> y = f(inputs);
  tape.Reverse(y);
  return inputs.unaryExpr([&](const Adjoint<double>& input) { return tape.adjoint(input); });
}

// ∇f(x) by one tangent per input.
template <class F>
Vector ForwardGradient(const F& f, const Vector& x) {
  Vector gradient(x.size());
  VectorOf<Tangent<double>> inputs = x.cast<Tangent<double>>();
  for (Index i = 0; i < x.size(); ++i) {
    inputs(i).dot = 1;
    const Tangent<double> y = f(inputs);
    gradient(i) = y.dot;
    inputs(i).dot = 0;
  }
  return gradient;
}

// ∇²f(x) v by tangent over adjoint: one reverse sweep on numbers that carry a tangent.
template <class F>
Vector TangentOverAdjoint(const F& f, const Vector& x, const Vector& v) {
  using Inner = Tangent<double>;
  Tape<Inner> tape;
  const typename Tape<Inner>::Scope scope(tape);
  VectorOf<Adjoint<Inner>> inputs(x.size());
  for (Index i = 0; i < x.size(); ++i) inputs(i) = tape.Variable(Inner(x(i), v(i)));
  const Adjoint<Inner> y = f(inputs);
  tape.Reverse(y);
  return inputs.unaryExpr([&](const Adjoint<Inner>& input) { return tape.adjoint(input).dot; });
}

// The logistic function, for numbers of any kind.
template <class T>
T Logistic(const T& x) {
  return 1.0 / (1.0 + exp(-x));
}
inline double LogisticSlope(double x) {
  const double y = Logistic(x);
  return y * (1 - y);
}

}  // namespace sobolev::ad

#endif  // SOBOLEV_TESTS_ENGINE_AD_SOURCE_TABLES_H_
