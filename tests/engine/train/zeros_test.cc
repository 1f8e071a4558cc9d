// Weights that are 0 and stay 0 through training.

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/lbfgs.h"
#include "engine/train/levenberg_marquardt.h"
#include "engine/train/options.h"
#include "engine/train/trainer.h"
#include "tests/engine/nn/gram_reference.h"
#include "tests/engine/train/minimiser_testing.h"
#include "tests/engine/train/problems.h"
#include "tests/engine/train/teacher.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::train {
namespace {

// Of the weights of a network, about that share at random.
std::vector<bool> SomeZeros(const nn::Architecture& architecture, double share) {
  Rng rng(1);
  Vector theta = Vector::Ones(architecture.NumParameters());
  for (double& parameter : theta) parameter = rng.Uniform() < share ? 0 : 1;
  return nn::ZeroWeights(architecture, theta);
}

Vector Without(const std::vector<bool>& zeros, Vector theta) {
  for (std::size_t i = 0; i < zeros.size(); ++i) {
    if (zeros[i]) theta[static_cast<Index>(i)] = 0;
  }
  return theta;
}

// And no other weights became 0.
void ExpectZeros(const std::vector<bool>& zeros, const nn::Architecture& architecture,
                 const Vector& theta) {
  EXPECT_EQ(nn::ZeroWeights(architecture, theta), zeros);
}

TEST(ZerosTest, BiasesAreNotAmongThem) {
  const nn::Architecture architecture{.n = 2, .m = 1, .hidden = {2}};
  Vector theta(9);
  theta << 0, 1, 2, 0, 0, 0, 3, 0, 0;  // W_1, b_1, W_2, b_2
  EXPECT_EQ(nn::ZeroWeights(architecture, theta),
            (std::vector<bool>{true, false, false, true, false, false, false, true, false}));
  EXPECT_EQ(nn::NumNonzeroWeights(architecture, theta), 3);
}

class ZerosTrainerTest : public testing::TestWithParam<Precision> {};

TEST_P(ZerosTrainerTest, TrainingLowersTheErrorsAndKeepsThem) {
  const OwnedSamples samples = Smooth::Sample(400, 1);
  const SampleSet view = samples.View();
  for (const bool skip : {false, true}) {
    Options options{.hidden = {12, 12}, .skip = skip, .epochs = 50, .precision = GetParam()};
    const nn::Architecture architecture = ArchitectureOf(options, view.n, view.m);
    options.shape.zeros = SomeZeros(architecture, 0.6);
    for (int round = 0; round < 2; ++round) {  // From initial parameters, and on from there.
      Trainer trainer(view, options);
      const Errors before = trainer.ValidationErrors();
      RunToEnd(trainer);
      const Errors after = trainer.ValidationErrors();
      EXPECT_LT(after.value_relative, 0.9 * before.value_relative) << round;
      EXPECT_LT(after.jacobian_relative, 0.9 * before.jacobian_relative) << round;
      const nn::NetworkSurrogate trained = trainer.MakeSurrogate();
      ExpectZeros(options.shape.zeros, architecture, trained.theta());
      options.start =
          std::make_shared<nn::NetworkSurrogate>(architecture, trained.scaling(), trained.theta());
      options.epochs = 200;
    }
  }
}

TEST_P(ZerosTrainerTest, TheyComeBackUnlessTheyAreAskedFor) {
  const OwnedSamples samples = Smooth::Sample(200, 1);
  const SampleSet view = samples.View();
  Options options{.hidden = {6}, .epochs = 20, .precision = GetParam()};
  const nn::Architecture architecture = ArchitectureOf(options, view.n, view.m);
  const Vector theta =
      Without(SomeZeros(architecture, 0.5), nn::InitialParameters(architecture, 8));
  options.start = std::make_shared<nn::NetworkSurrogate>(
      architecture,
      nn::Scaling{Vector::Zero(view.n), Vector::Ones(view.n), Vector::Zero(view.m),
                  Vector::Ones(view.m)},
      theta);
  Trainer trainer(view, options);
  RunToEnd(trainer);
  EXPECT_GT(nn::NumNonzeroWeights(architecture, trainer.MakeSurrogate().theta()),
            nn::NumNonzeroWeights(architecture, theta));
}

INSTANTIATE_TEST_SUITE_P(Precisions, ZerosTrainerTest,
                         testing::Values(Precision::kFloat32, Precision::kFloat64));

TEST(ZerosTest, AStateOfOtherZerosIsRefused) {
  const OwnedSamples samples = Smooth::Sample(100, 1);
  Options options{.hidden = {6}};
  const Trainer dense(samples.View(), options);
  options.shape.zeros = SomeZeros(ArchitectureOf(options, samples.View().n, samples.View().m), 0.5);
  Trainer sparse(samples.View(), options);
  EXPECT_NO_THROW(sparse.LoadState(sparse.SaveState()));
  EXPECT_THROW(sparse.LoadState(dense.SaveState()), Error);
}

TEST(ZerosTest, AnotherNumberOfThemIsRefused) {
  const OwnedSamples samples = Smooth::Sample(100, 1);
  Options options{.hidden = {6}};
  options.shape.zeros.assign(3, true);
  try {
    const Trainer trainer(samples.View(), options);
    ADD_FAILURE() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "zeros");
  }
}

// A network without hidden layers is linear in θ: the minimum is that of the normal equations of
// the weights that are left.
TEST(ZerosTest, MinimisersOfLinearModelsEndAtTheNormalEquationsOfTheRest) {
  const nn::Architecture architecture = Tanh(4, 2, {});
  const reference::GramProblem problem = reference::RandomGramProblem(
      architecture, 30, {.missing = 0.2, .num_tangents = 10, .num_adjoints = 10}, 4);
  const double ridge = 1e-3;
  const std::vector<bool> zeros = SomeZeros(architecture, 0.5);
  Matrix R =
      reference::ResidualJacobian(architecture, problem.theta, problem.points, problem.weights);
  const Vector r = reference::StackedResiduals<double>(architecture, problem.theta, problem.points,
                                                       problem.weights);
  const Vector at_zero = R * problem.theta - r;
  for (std::size_t i = 0; i < zeros.size(); ++i) {
    if (zeros[i]) R.col(static_cast<Index>(i)).setZero();
  }
  const Index p = architecture.NumParameters();
  const Vector solution =
      (R.transpose() * R + ridge * Matrix::Identity(p, p)).ldlt().solve(R.transpose() * at_zero);

  const Vector start = Without(zeros, problem.theta);
  Lbfgs lbfgs(architecture, problem.points, problem.weights, start,
              {.ridge = ridge, .tolerance = 1e-14, .shape = {.zeros = zeros}});
  Advance(lbfgs, 500);
  EXPECT_THAT(lbfgs.theta(), IsNearMatrix(solution, 1e-4));
  ExpectZeros(zeros, architecture, lbfgs.theta());

  LevenbergMarquardt newton(architecture, problem.points, problem.weights, start,
                            {.ridge = ridge, .shape = {.zeros = zeros}});
  Advance(newton, 200);
  EXPECT_THAT(newton.theta(), IsNearMatrix(solution, 1e-4));
  ExpectZeros(zeros, architecture, newton.theta());
}

// A network with these zeros fits labels of such a network exactly.
TEST(ZerosTest, MinimisersFindASparseTeacher) {
  const nn::Architecture architecture = Tanh(3, 2, {8, 8});
  const std::vector<bool> zeros = SomeZeros(architecture, 0.5);
  Teacher teacher(architecture, 60, 1);
  teacher.theta = Without(zeros, teacher.theta);
  for (Index s = 0; s < teacher.points.X.cols(); ++s) {
    const Vector x = teacher.points.X.col(s);
    teacher.points.Y.col(s) = reference::Value<double>(architecture, teacher.theta, x);
    teacher.points.J.middleCols(2 * s, 2) =
        reference::Jacobian<double>(architecture, teacher.theta, x).transpose();
  }
  Rng rng(9);
  Vector near = teacher.theta;
  for (double& parameter : near) parameter += 0.05 * rng.Normal();
  const Vector start = Without(zeros, near);
  Lbfgs lbfgs(architecture, teacher.points, teacher.weights, start,
              {.ridge = 0, .shape = {.zeros = zeros}});
  LevenbergMarquardt newton(architecture, teacher.points, teacher.weights, start,
                            {.ridge = 0, .shape = {.zeros = zeros}});
  for (Minimiser* fit : std::initializer_list<Minimiser*>{&lbfgs, &newton}) {
    const double before = fit->loss();
    Advance(*fit, 2000);
    EXPECT_LT(fit->loss(), 1e-8 * before);
    ExpectZeros(zeros, architecture, fit->theta());
  }
}

}  // namespace
}  // namespace sobolev::train
