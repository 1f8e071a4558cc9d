#include "engine/ad/curvature.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "tests/engine/ad/matrix_function.h"

namespace sobolev::ad {
namespace {

SymmetricOperator Times(const Matrix& H) {
  return [H](const Vector& v) -> Vector { return H * v; };
}

Matrix WithSpectrum(const Vector& lambda, std::uint64_t seed) {
  const Matrix Q = RandomOrthogonal(lambda.size(), seed);
  const Matrix H = Q * lambda.asDiagonal() * Q.transpose();
  return (H + H.transpose()) / 2;
}

// Rosenbrock's valley (1 − x)² + 100 (y − x²)²: gradient and Hessian by hand.
template <class V>
V RosenbrockGradient(const V& x) {
  V gradient(2);
  const auto bend = x(1) - x(0) * x(0);
  gradient(0) = 2.0 * (x(0) - 1.0) - 400.0 * x(0) * bend;
  gradient(1) = 200.0 * bend;
  return gradient;
}
Matrix RosenbrockHessian(const Vector& x) {
  return Matrix{{2 - 400 * (x(1) - 3 * x(0) * x(0)), -400 * x(0)}, {-400 * x(0), 200}};
}

TEST(CurvatureTest, HessianVectorIsTheTangentOfTheGradient) {
  const Vector x{{-1.2, 1.0}};
  const Vector v{{0.3, -2.0}};
  const Vector H_v = HessianVector([](const auto& z) { return RosenbrockGradient(z); }, x, v);
  const Vector expected = RosenbrockHessian(x) * v;
  EXPECT_LT((H_v - expected).norm(), 1e-15 * expected.norm());
  EXPECT_THROW(
      HessianVector([](const auto& z) { return RosenbrockGradient(z); }, x, Vector::Zero(3)),
      Error);
}

TEST(TruncatedNewtonTest, SolvesConvexModelsInAsManyStepsAsThereAreEigenvalues) {
  Vector lambda = Vector::Ones(30);
  lambda.tail(10).setConstant(4);
  lambda.tail(5).setConstant(9);
  const Matrix H = WithSpectrum(lambda, 1);
  const Vector g = RandomMatrix(30, 1, 2);
  const NewtonStep newton = TruncatedNewton(Times(H), g, {.tolerance = 1e-12});
  EXPECT_EQ(newton.stop, NewtonStop::kConverged);
  EXPECT_EQ(newton.iterations, 3);  // Three distinct eigenvalues.
  EXPECT_LT((H * newton.step + g).norm(), 1e-12 * g.norm());
  EXPECT_NEAR(newton.predicted_decrease, g.dot(H.ldlt().solve(g)) / 2, 1e-11);
}

// The exact solution of the trust-region problem satisfies (H + μI) p = −g with ‖p‖ = radius; a
// Steihaug step must lie on the boundary and win at least half of what is possible (Yuan 2000).
TEST(TruncatedNewtonTest, StopsAtTheBoundaryWithHalfOfThePossibleDecrease) {
  const Matrix H = WithSpectrum(Vector::LinSpaced(20, 0.1, 10), 3);
  const Vector g = RandomMatrix(20, 1, 4);
  const double radius = 0.7;
  const NewtonStep newton = TruncatedNewton(Times(H), g, {.trust_radius = radius});
  EXPECT_EQ(newton.stop, NewtonStop::kBoundary);
  EXPECT_NEAR(newton.step.norm(), radius, 1e-14);
  double low = 0;
  double high = g.norm() / radius;
  Vector best;
  for (int i = 0; i < 100; ++i) {
    const double mu = (low + high) / 2;
    best = -(H + mu * Matrix::Identity(20, 20)).ldlt().solve(g);
    (best.norm() > radius ? low : high) = mu;
  }
  const double possible = -(g.dot(best) + best.dot(H * best) / 2);
  EXPECT_GE(newton.predicted_decrease, possible / 2);
  EXPECT_LE(newton.predicted_decrease, possible * (1 + 1e-12));
  EXPECT_NEAR(newton.predicted_decrease,
              -(g.dot(newton.step) + newton.step.dot(H * newton.step) / 2), 1e-13);
}

TEST(TruncatedNewtonTest, ReachesBoundariesWhoseSquareOverflows) {
  const Matrix H = Vector{{-1, -2}}.asDiagonal();
  const Vector g{{3, 4}};
  const NewtonStep newton = TruncatedNewton(Times(H), g, {.trust_radius = 1e200});
  EXPECT_NEAR(newton.step.stableNorm() / 1e200, 1, 1e-14);
}

TEST(TruncatedNewtonTest, FollowsNegativeCurvatureToTheBoundary) {
  const Matrix H = Vector{{1, -1, 2}}.asDiagonal();
  const Vector g{{1, 0.5, 1}};
  const NewtonStep newton = TruncatedNewton(Times(H), g, {.trust_radius = 10});
  EXPECT_EQ(newton.stop, NewtonStop::kNegativeCurvature);
  EXPECT_NEAR(newton.step.norm(), 10, 1e-13);
  EXPECT_GT(newton.predicted_decrease, 0);
  EXPECT_NEAR((H * newton.step + g).norm(), newton.residual, 1e-12);
}

TEST(TruncatedNewtonTest, WithoutATrustRegionItKeepsTheLastIterateBeforeNegativeCurvature) {
  const Matrix H = Vector{{1, -1, 2}}.asDiagonal();
  const NewtonStep newton = TruncatedNewton(Times(H), Vector{{1, 0.1, 1}});
  EXPECT_EQ(newton.stop, NewtonStop::kNegativeCurvature);
  EXPECT_GT(newton.iterations, 1);
  EXPECT_GT(newton.predicted_decrease, 0);
  // Concave from the start: steepest descent.
  const Vector g{{1, 2, 3}};
  const NewtonStep concave = TruncatedNewton(Times(-Matrix::Identity(3, 3)), g);
  EXPECT_EQ(concave.stop, NewtonStop::kNegativeCurvature);
  EXPECT_EQ(concave.step, -g);
}

TEST(TruncatedNewtonTest, EndsAtTheBudgetAndAtZeroGradients) {
  const Matrix H = WithSpectrum(Vector::LinSpaced(20, 0.1, 10), 5);
  const NewtonStep some = TruncatedNewton(Times(H), RandomMatrix(20, 1, 6), {.max_iterations = 4});
  EXPECT_EQ(some.stop, NewtonStop::kMaxIterations);
  EXPECT_EQ(some.iterations, 4);
  EXPECT_GT(some.predicted_decrease, 0);
  const NewtonStep none = TruncatedNewton(Times(H), Vector::Zero(20));
  EXPECT_EQ(none.stop, NewtonStop::kConverged);
  EXPECT_EQ(none.step, Vector::Zero(20));
  EXPECT_EQ(none.iterations, 0);
}

// Newton's method on Rosenbrock's function from the classical start, with trust regions.
TEST(TruncatedNewtonTest, MinimisesRosenbrock) {
  const auto f = [](const Vector& x) {
    const double bend = x(1) - x(0) * x(0);
    return (1 - x(0)) * (1 - x(0)) + 100 * bend * bend;
  };
  Vector x{{-1.2, 1.0}};
  double radius = 1;
  int steps = 0;
  for (; steps < 100 && RosenbrockGradient(x).norm() > 1e-10; ++steps) {
    const auto H = [&](const Vector& v) {
      return HessianVector([](const auto& z) { return RosenbrockGradient(z); }, x, v);
    };
    const NewtonStep newton = TruncatedNewton(H, RosenbrockGradient(x), {.trust_radius = radius});
    const double ratio = (f(x) - f(x + newton.step)) / newton.predicted_decrease;
    if (ratio > 0.1) x += newton.step;
    radius *= ratio < 0.25 ? 0.25 : ratio > 0.75 ? 2 : 1;
  }
  EXPECT_LT(steps, 60);
  EXPECT_LT((x - Vector::Ones(2)).norm(), 1e-9);
}

TEST(HutchinsonTraceTest, IsExactForDiagonalMatrices) {
  const TraceEstimate estimate =
      HutchinsonTrace(Times(Matrix(Vector{{1, 2, 3, 4}}.asDiagonal())), 4, 5, 1);
  EXPECT_EQ(estimate.trace, 10);
  EXPECT_EQ(estimate.standard_error, 0);
}

TEST(HutchinsonTraceTest, IsUnbiasedWithTheVarianceOfTheory) {
  const Matrix A = RandomMatrix(30, 30, 7);
  const Matrix H = A + A.transpose();
  const Matrix off = H - Matrix(H.diagonal().asDiagonal());
  const Index num_samples = 4000;
  const TraceEstimate estimate = HutchinsonTrace(Times(H), 30, num_samples, 8);
  const double theory = std::sqrt(2 * off.squaredNorm() / static_cast<double>(num_samples));
  EXPECT_NEAR(estimate.standard_error / theory, 1, 0.1);
  EXPECT_LT(std::abs(estimate.trace - H.trace()), 4 * theory);  // Four sigma, with a fixed seed.
  EXPECT_EQ(HutchinsonTrace(Times(H), 30, num_samples, 8).trace, estimate.trace);
  EXPECT_NE(HutchinsonTrace(Times(H), 30, num_samples, 9).trace, estimate.trace);
}

TEST(LanczosTest, FindsTheExtremesOfAWideSpectrum) {
  const Index n = 200;
  Vector lambda = Vector::LinSpaced(n, -1, 1);
  lambda(0) = -3;
  lambda(n - 1) = 50;
  const Matrix H = WithSpectrum(lambda, 9);
  const ExtremeEigenvalues extremes = LanczosExtremes(Times(H), n);
  EXPECT_TRUE(extremes.converged);
  EXPECT_LT(extremes.iterations, 60);
  EXPECT_NEAR(extremes.smallest.value, -3, 1e-9);
  EXPECT_NEAR(extremes.largest.value, 50, 1e-9);
  for (const RitzPair& pair : {extremes.smallest, extremes.largest}) {
    EXPECT_NEAR((H * pair.vector - pair.value * pair.vector).norm(), pair.residual, 1e-12);
    EXPECT_NEAR(pair.vector.norm(), 1, 1e-14);
  }
}

// Without reorthogonalisation copies of converged values would appear and the smallest be late.
TEST(LanczosTest, RunsToTheEndOnHardSpectra) {
  const Index n = 60;
  const Vector lambda =
      Eigen::ArrayXd::LinSpaced(n, -8, 2).unaryExpr([](double e) { return std::pow(10.0, e); });
  const Matrix H = WithSpectrum(lambda, 10);
  const ExtremeEigenvalues extremes = LanczosExtremes(Times(H), n, {.tolerance = 0});
  EXPECT_TRUE(extremes.converged);
  EXPECT_NEAR(extremes.largest.value, 100, 1e-12);
  EXPECT_NEAR(extremes.smallest.value, 1e-8, 1e-13 * 100);
}

TEST(LanczosTest, ClosedSubspacesEndEarly) {
  const ExtremeEigenvalues identity =
      LanczosExtremes(Times(Matrix(3 * Matrix::Identity(50, 50))), 50);
  EXPECT_TRUE(identity.converged);
  EXPECT_EQ(identity.iterations, 1);
  EXPECT_NEAR(identity.smallest.value, 3, 1e-14);
  EXPECT_NEAR(identity.largest.value, 3, 1e-14);
  const ExtremeEigenvalues zero = LanczosExtremes(Times(Matrix::Zero(4, 4)), 4);
  EXPECT_TRUE(zero.converged);
  EXPECT_EQ(zero.largest.value, 0);
  const ExtremeEigenvalues one = LanczosExtremes(Times(Matrix{{-7}}), 1);
  EXPECT_EQ(one.smallest.value, -7);
}

TEST(LanczosTest, SaysWhenTheBudgetWasTooSmall) {
  const Matrix H = WithSpectrum(Vector::LinSpaced(100, -1, 1), 11);
  const ExtremeEigenvalues extremes = LanczosExtremes(Times(H), 100, {.max_iterations = 5});
  EXPECT_FALSE(extremes.converged);
  EXPECT_EQ(extremes.iterations, 5);
  // The residuals are honest bounds all the same: an eigenvalue lies within each.
  for (const RitzPair& pair : {extremes.smallest, extremes.largest}) {
    const Vector distances = (Vector::LinSpaced(100, -1, 1).array() - pair.value).abs();
    EXPECT_LE(distances.minCoeff(), pair.residual);
  }
}

TEST(CurvatureTest, BadArgumentsAreRefused) {
  const SymmetricOperator wrong_size = [](const Vector&) { return Vector(Vector::Ones(2)); };
  const SymmetricOperator bad = [](const Vector& v) -> Vector { return v * NAN; };
  const Vector g = Vector::Ones(3);
  EXPECT_THROW(TruncatedNewton(wrong_size, g), Error);
  EXPECT_THROW(TruncatedNewton(bad, g), Error);
  EXPECT_THROW(TruncatedNewton(Times(Matrix::Identity(3, 3)), g, {.trust_radius = -1}), Error);
  EXPECT_THROW(TruncatedNewton(Times(Matrix::Identity(3, 3)), g, {.tolerance = NAN}), Error);
  EXPECT_THROW(TruncatedNewton(Times(Matrix::Identity(3, 3)), g * NAN), Error);
  EXPECT_THROW(LanczosExtremes(bad, 3), Error);
  EXPECT_THROW(LanczosExtremes(wrong_size, 3), Error);
  EXPECT_THROW(HutchinsonTrace(bad, 3, 4, 1), Error);
  EXPECT_THROW(HutchinsonTrace(Times(Matrix::Identity(3, 3)), 3, 1, 1), Error);
}

}  // namespace
}  // namespace sobolev::ad
