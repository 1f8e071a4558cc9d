#include "engine/train/lbfgs.h"

#include <cmath>
#include <limits>
#include <stop_token>
#include <string>

#include <Eigen/Cholesky>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/dense/limited_memory.h"
#include "engine/nn/gram_sweep.h"
#include "tests/engine/nn/gram_reference.h"
#include "tests/engine/train/minimiser_testing.h"
#include "tests/engine/train/teacher.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::train {
namespace {

using Status = Minimiser::Status;

Lbfgs Fit(const Teacher& teacher, const LbfgsOptions& options = {}) {
  return {teacher.architecture, teacher.points, teacher.weights, teacher.start, options};
}

// On a quadratic with as many exact steps as variables, H is the inverse of its matrix; with any,
// it maps the last change of the gradient to the last step.
TEST(LimitedMemoryTest, LearnsTheInverseHessian) {
  const Matrix root = Matrix::Random(6, 6);
  const Matrix A = root * root.transpose() + Matrix::Identity(6, 6);
  dense::LimitedMemory memory(6);
  EXPECT_TRUE(memory.empty());
  // Conjugate steps.
  Matrix S = Matrix::Random(6, 6);
  for (Index k = 0; k < 6; ++k) {
    for (Index j = 0; j < k; ++j) {
      S.col(k) -= S.col(j).dot(A * S.col(k)) / S.col(j).dot(A * S.col(j)) * S.col(j);
    }
    memory.Add(S.col(k), A * S.col(k));
    EXPECT_THAT(memory.Apply(A * S.col(k)), IsNearMatrix(S.col(k), 1e-10));
  }
  const Vector g = Vector::Random(6);
  EXPECT_THAT(memory.Apply(g), IsNearMatrix(Vector(A.ldlt().solve(g)), 1e-9));
}

TEST(LimitedMemoryTest, LeavesOutNegativeCurvatureAndForgetsTheOldest) {
  dense::LimitedMemory memory(2);
  memory.Add(Vector::Unit(3, 0), -Vector::Unit(3, 0));
  memory.Add(Vector::Unit(3, 0), Vector::Zero(3));
  EXPECT_TRUE(memory.empty());
  for (Index k = 0; k < 3; ++k) memory.Add(Vector::Unit(3, k), 2 * Vector::Unit(3, k));
  ASSERT_EQ(memory.pairs().size(), 2U);
  EXPECT_EQ(memory.pairs().front().s, Vector::Unit(3, 1));
}

TEST(LbfgsTest, FindsATeacher) {
  const Teacher teacher(Tanh(2, 2, {4}), 60, 1);
  Lbfgs fit = Fit(teacher, {.ridge = 0});
  EXPECT_GT(fit.loss(), 1e-2);
  Advance(fit, 3000);
  EXPECT_LT(fit.loss(), 1e-12);
}

// A network without hidden layers is linear in θ, so that the minimum is that of a linear system.
TEST(LbfgsTest, ALinearModelEndsAtTheNormalEquations) {
  reference::GramProblem problem = reference::RandomGramProblem(
      Tanh(3, 2, {}), 30, {.missing = 0.2, .num_tangents = 10, .num_adjoints = 10}, 4);
  const double ridge = 1e-3;
  Lbfgs fit(problem.architecture, problem.points, problem.weights, problem.theta,
            {.ridge = ridge, .tolerance = 1e-14});
  EXPECT_NE(Advance(fit, 500), Status::kRunning);
  const Matrix R = reference::ResidualJacobian(problem.architecture, problem.theta, problem.points,
                                               problem.weights);
  const Vector r = reference::StackedResiduals<double>(problem.architecture, problem.theta,
                                                       problem.points, problem.weights);
  const Index p = problem.theta.size();
  const Matrix A = R.transpose() * R + ridge * Matrix::Identity(p, p);
  const Vector solution = A.ldlt().solve(R.transpose() * (R * problem.theta - r));
  EXPECT_THAT(fit.theta(), IsNearMatrix(solution, 1e-4));
}

// Nocedal and Wright 2006, eq. 3.7, with F and its gradient from the stacked residuals.
TEST(LbfgsTest, EveryStepFulfilsTheStrongWolfeConditions) {
  const Teacher teacher(Tanh(2, 1, {5}), 20, 3);
  const double ridge = 1e-4;
  Lbfgs fit = Fit(teacher, {.ridge = ridge});
  struct Place {
    Vector theta;
    double value;
    Vector gradient;
  };
  const auto here = [&] {
    const Vector& theta = fit.theta();
    const Vector r = reference::StackedResiduals<double>(teacher.architecture, theta,
                                                         teacher.points, teacher.weights);
    const Matrix R =
        reference::ResidualJacobian(teacher.architecture, theta, teacher.points, teacher.weights);
    EXPECT_NEAR(fit.loss(), r.squaredNorm(), 1e-12);
    return Place{theta, r.squaredNorm() + ridge * theta.squaredNorm(),
                 2 * (R.transpose() * r + ridge * theta)};
  };
  Place before = here();
  for (int k = 0; k < 25; ++k) {
    ASSERT_EQ(fit.Step({}), Status::kRunning);
    const Place after = here();
    const Vector step = after.theta - before.theta;
    const double slope = before.gradient.dot(step);
    EXPECT_LT(slope, 0);
    EXPECT_LE(after.value, before.value + 1e-4 * slope + 1e-14);
    EXPECT_LE(std::abs(after.gradient.dot(step)), -0.9 * slope + 1e-14);
    before = after;
  }
}

TEST(LbfgsTest, ContinuesToTheSameBitsWithAnyNumberOfThreads) {
  const Teacher teacher(Tanh(3, 2, {5, 5}), 300, 5);
  Lbfgs whole = Fit(teacher);
  Advance(whole, 27);
  const std::string saved = Saved(whole);
  Advance(whole, 30);
  Lbfgs resumed = Fit(teacher);
  oneapi::tbb::task_arena arena(3);
  arena.execute([&] {
    ByteReader reader(saved);
    resumed.Load(reader);
    reader.Finish();
    EXPECT_EQ(Saved(resumed), saved);
    EXPECT_EQ(resumed.num_steps(), 27);
    Advance(resumed, 30);
  });
  EXPECT_EQ(resumed.theta(), whole.theta());
  EXPECT_EQ(Saved(resumed), Saved(whole));
}

TEST(LbfgsTest, RefusesTheBytesOfAnotherNetwork) {
  const std::string saved = Saved(Fit(Teacher(Tanh(3, 2, {4}), 20, 5)));
  Lbfgs fit = Fit(Teacher(Tanh(3, 2, {5}), 20, 5));
  const std::string before = Saved(fit);
  ByteReader reader(saved);
  EXPECT_THROW(fit.Load(reader), Error);
  EXPECT_EQ(Saved(fit), before);
}

TEST(LbfgsTest, ACancelledStepLeavesEverythingAsItWas) {
  const Teacher teacher(Tanh(3, 2, {5, 5}), 50, 6);
  Lbfgs fit = Fit(teacher);
  Advance(fit, 3);
  const std::string before = Saved(fit);
  std::stop_source source;
  source.request_stop();
  EXPECT_THROW(fit.Step(source.get_token()), Error);
  EXPECT_EQ(Saved(fit), before);
  Lbfgs undisturbed = Fit(teacher);
  Advance(undisturbed, 5);
  Advance(fit, 2);
  EXPECT_EQ(Saved(fit), Saved(undisturbed));
}

TEST(LbfgsTest, AnOverflowingStartHasDivergedAndNothingToFitConverges) {
  Teacher teacher(Tanh(2, 1, {3}), 10, 7);
  teacher.start.setConstant(std::numeric_limits<double>::max());
  Lbfgs diverged = Fit(teacher);
  EXPECT_EQ(diverged.status(), Status::kDiverged);
  EXPECT_EQ(diverged.Step({}), Status::kDiverged);

  teacher.start.setZero();
  teacher.points.Y.setZero();
  teacher.points.J.setZero();
  Lbfgs done = Fit(teacher);
  EXPECT_EQ(done.Step({}), Status::kConverged);
}

}  // namespace
}  // namespace sobolev::train
