#include "engine/train/levenberg_marquardt.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/damped_system.h"
#include "tests/engine/nn/gram_reference.h"
#include "tests/engine/train/minimiser_testing.h"
#include "tests/engine/train/teacher.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::train {
namespace {

using Status = LevenbergMarquardt::Status;

LevenbergMarquardt Fit(const Teacher& teacher, const LevenbergMarquardtOptions& options = {}) {
  return {teacher.architecture, teacher.points, teacher.weights, teacher.start, options};
}

// The residuals vanish at the teacher's parameters, so Gauss-Newton steps converge quadratically
// once they are near, and F ends at rounding: the loss falls to 1e-20 and below.
TEST(LevenbergMarquardtTest, FindsATeacher) {
  const Teacher teacher(Tanh(2, 2, {4}), 60, 1);
  LevenbergMarquardt fit = Fit(teacher, {.ridge = 0});
  const double before = fit.loss();
  Advance(fit, 200);
  EXPECT_LT(fit.loss(), 1e-20);
  EXPECT_GT(before, 1e-2);
}

// A network without hidden layers is linear in θ, so that the minimum is that of a linear system.
TEST(LevenbergMarquardtTest, ALinearModelEndsAtTheNormalEquations) {
  reference::GramProblem problem = reference::RandomGramProblem(
      Tanh(3, 2, {}), 30, {.missing = 0.2, .num_tangents = 10, .num_adjoints = 10}, 4);
  const double ridge = 1e-3;
  LevenbergMarquardt fit(problem.architecture, problem.points, problem.weights, problem.theta,
                         {.ridge = ridge});
  EXPECT_EQ(Advance(fit, 100), Status::kConverged);
  const Matrix R = reference::ResidualJacobian(problem.architecture, problem.theta, problem.points,
                                               problem.weights);
  const Vector r = reference::StackedResiduals<double>(problem.architecture, problem.theta,
                                                       problem.points, problem.weights);
  const Index p = problem.theta.size();
  const Matrix A = R.transpose() * R + ridge * Matrix::Identity(p, p);
  const Vector b = R.transpose() * (R * problem.theta - r);
  const Vector solution = A.ldlt().solve(b);
  // The tolerance on F leaves a relative error of its square root.
  EXPECT_THAT(fit.theta(), IsNearMatrix(solution, 1e-4));
}

TEST(LevenbergMarquardtTest, TheLossNeverRises) {
  const reference::GramProblem problem = reference::RandomGramProblem(
      Tanh(3, 2, {6, 5}), 40, {.missing = 0.1, .num_tangents = 5, .num_adjoints = 5}, 8);
  for (const auto& [geodesic, chord_steps] : {std::pair<bool, Index>{false, 0}, {true, 20}}) {
    LevenbergMarquardt fit(problem.architecture, problem.points, problem.weights, problem.theta,
                           {.ridge = 0, .geodesic = geodesic, .max_chord_steps = chord_steps});
    double last = fit.loss();
    for (int i = 0; i < 30 && fit.Step() == Status::kRunning; ++i) {
      EXPECT_LE(fit.loss(), last);
      last = fit.loss();
    }
    EXPECT_EQ(fit.num_steps(), 30);
    const Vector r = reference::StackedResiduals<double>(problem.architecture, fit.theta(),
                                                         problem.points, problem.weights);
    EXPECT_NEAR(fit.loss(), r.squaredNorm(), 1e-12 * r.squaredNorm());
  }
}

// A curved valley: geodesic acceleration needs fewer steps.
TEST(LevenbergMarquardtTest, GeodesicAccelerationSavesSteps) {
  const Teacher teacher(Tanh(2, 1, {8, 8}), 60, 3);
  LevenbergMarquardt plain = Fit(teacher, {.geodesic = false, .max_chord_steps = 0});
  LevenbergMarquardt accelerated = Fit(teacher, {.geodesic = true, .max_chord_steps = 0});
  Advance(plain, 40);
  Advance(accelerated, 40);
  EXPECT_LT(accelerated.loss(), plain.loss());
}

TEST(LevenbergMarquardtTest, ChordStepsSaveLinearisations) {
  const Teacher teacher(Tanh(2, 2, {8, 8}), 60, 3);
  LevenbergMarquardt plain = Fit(teacher, {.max_chord_steps = 0});
  LevenbergMarquardt polished = Fit(teacher, {.max_chord_steps = 20});
  Advance(plain, 15);
  Advance(polished, 15);
  EXPECT_LT(polished.loss(), plain.loss());
}

TEST(LevenbergMarquardtTest, ContinuesToTheSameBits) {
  const Teacher teacher(Tanh(3, 2, {5, 5}), 50, 5);
  LevenbergMarquardt whole = Fit(teacher);
  Advance(whole, 7);
  const std::string saved = Saved(whole);
  Advance(whole, 6);
  LevenbergMarquardt resumed = Fit(teacher);
  ByteReader reader(saved);
  resumed.Load(reader);
  reader.Finish();
  EXPECT_EQ(Saved(resumed), saved);
  EXPECT_EQ(resumed.num_steps(), 7);
  Advance(resumed, 6);
  EXPECT_EQ(Saved(resumed), Saved(whole));
  EXPECT_EQ(resumed.theta(), whole.theta());
}

TEST(LevenbergMarquardtTest, RefusesTheBytesOfAnotherNetwork) {
  const Teacher teacher(Tanh(3, 2, {5}), 20, 5);
  const Teacher other(Tanh(3, 2, {4}), 20, 5);
  const std::string saved = Saved(Fit(other));
  LevenbergMarquardt fit = Fit(teacher);
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

TEST(LevenbergMarquardtTest, ACancelledStepLeavesEverythingAsItWas) {
  const Teacher teacher(Tanh(3, 2, {5, 5}), 50, 6);
  LevenbergMarquardt fit = Fit(teacher);
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
  LevenbergMarquardt undisturbed = Fit(teacher);
  Advance(undisturbed, 5);
  Advance(fit, 2);
  EXPECT_EQ(Saved(fit), Saved(undisturbed));
}

// Fewer labels than parameters: RᵀR is singular, and only the damping holds the step.
TEST(LevenbergMarquardtTest, MoreParametersThanLabels) {
  const Teacher teacher(Tanh(2, 1, {6, 6}), 4, 7);
  for (const double ridge : {0.0, 1e-10}) {
    LevenbergMarquardt fit = Fit(teacher, {.ridge = ridge, .initial_damping = 1e-2});
    Advance(fit, 60);
    EXPECT_TRUE(fit.theta().allFinite());
    EXPECT_LT(fit.loss(), 1e-8);
  }
}

TEST(LevenbergMarquardtTest, NoDampingAndASingularSystemStillGiveFiniteSteps) {
  Teacher teacher(Tanh(2, 1, {4}), 3, 7);
  LevenbergMarquardt fit = Fit(teacher, {.ridge = 0, .initial_damping = 0});
  const double before = fit.loss();
  Advance(fit, 20);
  EXPECT_TRUE(fit.theta().allFinite());
  EXPECT_LT(fit.loss(), before);
}

TEST(LevenbergMarquardtTest, NothingToFitConverges) {
  Teacher teacher(Tanh(2, 1, {4}), 5, 7);
  teacher.points.Y.setConstant(std::numeric_limits<double>::quiet_NaN());
  teacher.points.J.resize(2, 0);
  LevenbergMarquardt fit = Fit(teacher, {.ridge = 0});
  EXPECT_EQ(fit.Step(), Status::kConverged);
  EXPECT_EQ(fit.loss(), 0);
  EXPECT_EQ(fit.theta(), teacher.start);
}

TEST(LevenbergMarquardtTest, AnOverflowingStartHasDiverged) {
  Teacher teacher(Tanh(2, 1, {4}), 5, 7);
  teacher.start.tail(5).setConstant(1e200);
  LevenbergMarquardt fit = Fit(teacher);
  EXPECT_EQ(fit.status(), Status::kDiverged);
  EXPECT_EQ(fit.Step(), Status::kDiverged);
}

// Points that contradict each other: the loss cannot reach 0, and the fit notices.
TEST(LevenbergMarquardtTest, ConvergesWhereResidualsRemain) {
  Teacher teacher(Tanh(1, 1, {3}), 30, 9);
  Rng rng(1);
  for (double& y : teacher.points.Y.reshaped()) y += 0.1 * rng.Normal();
  LevenbergMarquardt fit = Fit(teacher);
  EXPECT_NE(Advance(fit, 500), Status::kRunning);
  EXPECT_GT(fit.loss(), 1e-4);
}

// The three ways to solve the systems take the same steps.
TEST(LevenbergMarquardtTest, AllMethodsTakeTheSameSteps) {
  const reference::GramProblem problem = reference::RandomGramProblem(
      Tanh(2, 2, {24, 24}), 12, {.missing = 0.1, .num_tangents = 3, .num_adjoints = 3}, 8);
  const Vector& theta = problem.theta;
  const Vector r = reference::StackedResiduals<double>(problem.architecture, theta, problem.points,
                                                       problem.weights);
  const Matrix R =
      reference::ResidualJacobian(problem.architecture, theta, problem.points, problem.weights);
  const double lambda = 1e-2;
  const Vector shift = 0.1 * theta;
  const Matrix A = R.transpose() * R + lambda * Matrix::Identity(theta.size(), theta.size());
  const Vector expected = -A.ldlt().solve(R.transpose() * r + shift);
  struct Case {
    DampedMethod method;
    DampedSystemOptions options;
    Index copies;  // Of every point, to have more residuals than parameters.
  };
  const Case cases[] = {{DampedMethod::kResiduals, {}, 1},
                        {DampedMethod::kNormal, {}, 20},
                        {DampedMethod::kIterative, {.max_dense = 10}, 1}};
  for (const auto& [method, options, copies] : cases) {
    LabelledPoints points = problem.points;
    points.X = problem.points.X.replicate(1, copies);
    points.Y = problem.points.Y.replicate(1, copies);
    points.J = problem.points.J.replicate(1, copies);
    points.weight = problem.points.weight.replicate(copies, 1);
    points.tangents.X_dot = problem.points.tangents.X_dot.replicate(1, copies);
    points.tangents.Y_dot = problem.points.tangents.Y_dot.replicate(1, copies);
    points.adjoints.X_bar = problem.points.adjoints.X_bar.replicate(1, copies);
    points.adjoints.Y_bar = problem.points.adjoints.Y_bar.replicate(1, copies);
    for (Index copy = 1; copy < copies; ++copy) {
      for (const Index k : problem.points.tangents.point) points.tangents.point.push_back(k);
      for (const Index k : problem.points.adjoints.point) points.adjoints.point.push_back(k);
    }
    const std::unique_ptr<DampedSystem> system =
        MakeDampedSystem(problem.architecture, points, problem.weights, options);
    ASSERT_EQ(ChooseDampedMethod(theta.size(), system->sweep().ResidualSize(), options), method);
    Vector gradient(theta.size());
    Vector stacked(system->sweep().ResidualSize());
    EXPECT_NEAR(system->Linearize(theta, gradient, stacked, {}), r.squaredNorm(), 1e-12);
    EXPECT_THAT(gradient, IsNearMatrix(R.transpose() * r, 1e-12));
    ASSERT_TRUE(system->Damp(lambda, {}));
    Vector z(theta.size());
    // The systems' condition is about 10⁴, and conjugate gradients stop at 1e-6.
    const double tolerance = method == DampedMethod::kIterative ? 1e-3 : 1e-9;
    for (const Vector* product : {static_cast<const Vector*>(nullptr), &std::as_const(gradient)}) {
      system->Solve(stacked, product, shift, z, {});
      EXPECT_THAT(z, IsNearMatrix(expected, tolerance)) << copies;
    }
  }
}

TEST(LevenbergMarquardtTest, ConjugateGradientsFindATeacher) {
  const Teacher teacher(Tanh(2, 1, {5}), 40, 1);
  LevenbergMarquardt fit = Fit(teacher, {.ridge = 0, .max_dense_parameters = 5});
  Advance(fit, 100);
  EXPECT_LT(fit.loss(), 1e-12);
}

TEST(LevenbergMarquardtTest, RefusesParametersOfAnotherSize) {
  Teacher teacher(Tanh(2, 1, {4}), 5, 7);
  teacher.start.conservativeResize(3);
  EXPECT_THROW(Fit(teacher), Error);
}

}  // namespace
}  // namespace sobolev::train
