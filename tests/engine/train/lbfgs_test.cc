#include "engine/train/lbfgs.h"

#include <cmath>
#include <limits>
#include <stop_token>
#include <string>
#include <utility>

#include <Eigen/Cholesky>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "tests/engine/nn/gram_reference.h"
#include "tests/engine/train/teacher.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::train {
namespace {

using Status = Lbfgs::Status;

Lbfgs Fit(const Teacher& teacher, const LbfgsOptions& options = {}) {
  return {teacher.architecture, teacher.points, teacher.weights, teacher.start, options};
}

Status Advance(Lbfgs& fit, int max_steps) {
  for (int i = 0; i < max_steps && fit.Step() == Status::kRunning; ++i) {
  }
  return fit.status();
}

std::string Saved(const Lbfgs& fit) {
  ByteWriter writer;
  fit.Save(writer);
  return std::move(writer).Finish();
}

// Superlinear convergence, not quadratic: the loss of a problem without residuals falls by twelve
// orders.
TEST(LbfgsTest, FindsATeacher) {
  const Teacher teacher(Tanh(2, 2, {4}), 60, 1);
  Lbfgs fit = Fit(teacher, {.ridge = 0, .tolerance = 1e-6});
  const double before = fit.loss();
  Advance(fit, 3000);
  EXPECT_LT(fit.loss(), 1e-12 * before);
  EXPECT_GT(before, 1e-2);
}

// A network without hidden layers is linear in θ, so that the minimum is that of a linear system.
TEST(LbfgsTest, ALinearModelEndsAtTheNormalEquations) {
  reference::GramProblem problem = reference::RandomGramProblem(
      Tanh(3, 2, {}), 30, {.missing = 0.2, .num_tangents = 10, .num_adjoints = 10}, 4);
  const double ridge = 1e-3;
  Lbfgs fit(problem.architecture, problem.points, problem.weights, problem.theta,
            {.ridge = ridge, .tolerance = 1e-14});
  EXPECT_NE(Advance(fit, 300), Status::kRunning);
  const Matrix R = reference::ResidualJacobian(problem.architecture, problem.theta, problem.points,
                                               problem.weights);
  const Vector r = reference::StackedResiduals<double>(problem.architecture, problem.theta,
                                                       problem.points, problem.weights);
  const Index p = problem.theta.size();
  const Matrix A = R.transpose() * R + ridge * Matrix::Identity(p, p);
  const Vector b = R.transpose() * (R * problem.theta - r);
  EXPECT_THAT(fit.theta(), IsNearMatrix(Matrix(A.ldlt().solve(b)), 1e-5));
}

// By residuals and their Jacobian computed independently.
TEST(LbfgsTest, EveryStepMeetsTheStrongWolfeConditions) {
  const Teacher teacher(Tanh(2, 1, {5}), 40, 3);
  const double ridge = 1e-6;
  const auto at = [&](const Vector& theta) {
    const Vector r = reference::StackedResiduals<double>(teacher.architecture, theta,
                                                         teacher.points, teacher.weights);
    const Matrix R =
        reference::ResidualJacobian(teacher.architecture, theta, teacher.points, teacher.weights);
    const Vector gradient = 2 * (R.transpose() * r + ridge * theta);
    return std::pair(r.squaredNorm() + ridge * theta.squaredNorm(), gradient);
  };
  Lbfgs fit = Fit(teacher, {.ridge = ridge});
  for (int i = 0; i < 60; ++i) {
    const Vector before = fit.theta();
    const auto [value, gradient] = at(before);
    ASSERT_EQ(fit.Step(), Status::kRunning);
    const auto [new_value, new_gradient] = at(fit.theta());
    const Vector step = fit.theta() - before;
    ASSERT_LE(new_value, value + 1e-4 * gradient.dot(step) + 1e-14) << i;
    ASSERT_LE(std::abs(new_gradient.dot(step)), 0.9 * std::abs(gradient.dot(step)) * 1.001) << i;
    ASSERT_NEAR(fit.loss(), new_value - ridge * fit.theta().squaredNorm(), 1e-12 * new_value);
  }
}

TEST(LbfgsTest, ContinuesToTheSameBits) {
  const Teacher teacher(Tanh(3, 2, {5, 5}), 50, 5);
  Lbfgs whole = Fit(teacher);
  Advance(whole, 37);  // The ring of pairs has gone round.
  const std::string saved = Saved(whole);
  Advance(whole, 16);
  Lbfgs resumed = Fit(teacher);
  ByteReader reader(saved);
  resumed.Load(reader);
  reader.Finish();
  EXPECT_EQ(Saved(resumed), saved);
  EXPECT_EQ(resumed.num_steps(), 37);
  Advance(resumed, 16);
  EXPECT_EQ(Saved(resumed), Saved(whole));
}

TEST(LbfgsTest, ThreadsChangeNoBits) {
  const Teacher teacher(Tanh(3, 2, {5, 5}), 500, 5);
  std::string alone;
  {
    const oneapi::tbb::global_control one(oneapi::tbb::global_control::max_allowed_parallelism, 1);
    Lbfgs fit = Fit(teacher);
    Advance(fit, 20);
    alone = Saved(fit);
  }
  Lbfgs fit = Fit(teacher);
  Advance(fit, 20);
  EXPECT_EQ(Saved(fit), alone);
}

TEST(LbfgsTest, RefusesTheBytesOfAnotherNetwork) {
  const Teacher teacher(Tanh(3, 2, {5}), 20, 5);
  const Teacher other(Tanh(3, 2, {4}), 20, 5);
  const std::string saved = Saved(Fit(other));
  Lbfgs fit = Fit(teacher);
  const std::string before = Saved(fit);
  ByteReader reader(saved);
  try {
    fit.Load(reader);
    ADD_FAILURE() << "loaded";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDataLoss);
  }
  EXPECT_EQ(Saved(fit), before);
}

TEST(LbfgsTest, ACancelledStepLeavesEverythingAsItWas) {
  const Teacher teacher(Tanh(3, 2, {5, 5}), 50, 6);
  Lbfgs fit = Fit(teacher);
  Advance(fit, 3);
  const std::string before = Saved(fit);
  std::stop_source source;
  source.request_stop();
  try {
    fit.Step(source.get_token());
    ADD_FAILURE() << "not stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(Saved(fit), before);
  Lbfgs undisturbed = Fit(teacher);
  Advance(undisturbed, 5);
  Advance(fit, 2);
  EXPECT_EQ(Saved(fit), Saved(undisturbed));
}

TEST(LbfgsTest, NothingToFitConverges) {
  Teacher teacher(Tanh(2, 1, {4}), 5, 7);
  teacher.points.Y.setConstant(std::numeric_limits<double>::quiet_NaN());
  teacher.points.J.resize(2, 0);
  Lbfgs fit = Fit(teacher, {.ridge = 0});
  EXPECT_EQ(fit.Step(), Status::kConverged);
  EXPECT_EQ(fit.loss(), 0);
  EXPECT_EQ(fit.theta(), teacher.start);
}

TEST(LbfgsTest, AnOverflowingStartHasDiverged) {
  Teacher teacher(Tanh(2, 1, {4}), 5, 7);
  teacher.start.tail(5).setConstant(1e200);
  Lbfgs fit = Fit(teacher);
  EXPECT_EQ(fit.Step(), Status::kDiverged);
}

TEST(LbfgsTest, RefusesParametersOfAnotherSize) {
  Teacher teacher(Tanh(2, 1, {4}), 5, 7);
  teacher.start.conservativeResize(teacher.start.size() - 1);
  EXPECT_THROW(Fit(teacher), Error);
}

}  // namespace
}  // namespace sobolev::train
