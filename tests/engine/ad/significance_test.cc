// Adjoints of intervals: one sweep encloses the partial derivatives over a whole box of inputs, and
// so tells which variables can matter there (significance analysis).

#include <cmath>

#include <Eigen/Core>
#include <gtest/gtest.h>

#include "engine/ad/adjoint.h"
#include "engine/ad/interval.h"

namespace sobolev::ad {
namespace {

// The talk's significance example: y = log(x0 x1)/10 + x1/100 on [1, 36000]². The partials are
// 1/(10 x0) and 1/(10 x1) + 1/100, so that their ranges are [1/360000, 1/10] and that + 1/100.
TEST(SignificanceTest, AdjointsEncloseTheRangeOfThePartials) {
  using I = Interval<double>;
  Tape<I> tape;
  const Tape<I>::Scope scope(tape);
  const Adjoint<I> x0 = tape.Variable(I(1, 36000));
  const Adjoint<I> x1 = tape.Variable(I(1, 36000));
  const Adjoint<I> y = log(x0) / 10 + log(x1) / 10 + x1 / 100;
  tape.Reverse(y);
  const I d0 = tape.adjoint(x0);
  const I d1 = tape.adjoint(x1);
  EXPECT_LE(d0.lo(), 1 / 360000.0);
  EXPECT_GE(d0.hi(), 0.1);
  EXPECT_NEAR(d0.lo(), 1 / 360000.0, 1e-15);
  EXPECT_NEAR(d0.hi(), 0.1, 1e-15);
  EXPECT_NEAR(d1.lo(), 1 / 360000.0 + 0.01, 1e-15);
  EXPECT_NEAR(d1.hi(), 0.11, 1e-15);
}

TEST(SignificanceTest, UndecidedComparisonsOfIntervalsEncloseBothBranches) {
  using I = Interval<double>;
  Tape<I> tape;
  const Tape<I>::Scope scope(tape);
  const Adjoint<I> x = tape.Variable(I(-1, 2));
  const Adjoint<I> y = IfLess(x, Adjoint<I>(I(0)), Adjoint<I>(-2.0 * x), Adjoint<I>(3.0 * x));
  tape.Reverse(y);
  EXPECT_LE(y.value().lo(), -3);
  EXPECT_GE(y.value().hi(), 6);
  EXPECT_LE(tape.adjoint(x).lo(), -2);
  EXPECT_GE(tape.adjoint(x).hi(), 3);
}

// y = |A x|² with a matrix and a vector of intervals: Eigen computes with them too. The gradient is
// 2 Aᵀ A x, here at points, where the enclosures are tight.
TEST(SignificanceTest, AdjointsOfIntervalsAreEigenScalars) {
  using I = Interval<double>;
  using S = Adjoint<I>;
  Tape<I> tape;
  const Tape<I>::Scope scope(tape);
  Eigen::Matrix3d A;
  A << 4, 1, 2, 1, 5, 3, 2, 3, 6;
  const Eigen::Vector3d x0(0.3, -1.7, 0.9);
  Eigen::Matrix<S, 3, 1> x;
  for (int i = 0; i < 3; ++i) x[i] = tape.Variable(I(x0[i]));
  const Eigen::Matrix<S, 3, 1> z = A.cast<S>() * x;
  const S y = z.squaredNorm();
  tape.Reverse(y);
  const Eigen::Vector3d expected = 2 * A.transpose() * (A * x0);
  for (int i = 0; i < 3; ++i) {
    const I gradient = tape.adjoint(x[i]);
    // The reference is rounded, the enclosure is not.
    EXPECT_LE(gradient.lo(), expected[i] + 1e-13);
    EXPECT_GE(gradient.hi(), expected[i] - 1e-13);
    EXPECT_LE(gradient.hi() - gradient.lo(), 1e-12);
  }
}

}  // namespace
}  // namespace sobolev::ad
