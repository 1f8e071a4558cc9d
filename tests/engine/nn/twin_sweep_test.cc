#include "engine/nn/twin_sweep.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <stop_token>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "tests/support/matrix_matchers.h"
#include "tests/support/reference_network.h"

namespace sobolev::nn {
namespace {

constexpr Activation kActivations[] = {Activation::kSoftplus, Activation::kTanh, Activation::kSilu,
                                       Activation::kGelu, Activation::kSin};

std::vector<Isa> SupportedIsas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::kSse2, Isa::kAvx2, Isa::kAvx512}) {
    if (isa <= BestIsa()) isas.push_back(isa);
  }
  return isas;
}

// Random samples with random positive weights; every third one has no Jacobian.
reference::Samples RandomSamples(Index n, Index m, Index num_samples, std::uint64_t seed) {
  Rng rng(seed);
  reference::Samples samples{n, m, reference::RowMajorOf<double>(num_samples, RowSize(n, m))};
  for (double& entry : samples.rows.reshaped()) entry = rng.Normal();
  for (Index s = 0; s < num_samples; ++s) {
    samples.rows(s, RowSize(n, m) - 2) = 0.5 + rng.Uniform();
    samples.rows(s, RowSize(n, m) - 1) = 0.5 + rng.Uniform();
    if (s % 3 == 2) samples.rows.row(s).tail(m * n + 2).head(m * n).setZero();
    if (s % 3 == 2) samples.rows(s, RowSize(n, m) - 1) = 0;
  }
  return samples;
}

// A small problem: network, parameters with non-zero biases, samples, a shuffled batch, λ.
struct Problem {
  Problem(Architecture architecture_in, Index batch, std::uint64_t seed = 7)
      : architecture(std::move(architecture_in)),
        theta(InitialParameters(architecture, seed)),
        samples(RandomSamples(architecture.n, architecture.m, batch + 5, seed + 1)),
        lambda(architecture.m, architecture.n) {
    Rng rng(seed, 2);
    for (double& parameter : theta) parameter += 0.1 * rng.Normal();
    for (double& entry : lambda.reshaped()) entry = 0.5 + rng.Uniform();
    indices.resize(static_cast<std::size_t>(batch) + 5);
    std::iota(indices.begin(), indices.end(), 0);
    Shuffle<std::uint32_t>(indices, rng);
    indices.resize(static_cast<std::size_t>(batch));
  }

  Architecture architecture;
  Vector theta;
  reference::Samples samples;
  Matrix lambda;
  std::vector<std::uint32_t> indices;
};

template <class T>
struct Result {
  TwinLoss loss;
  Eigen::Matrix<T, Eigen::Dynamic, 1> gradient;
};

// A sweep with the problem's data converted to T.
template <class T>
class Runner {
 public:
  explicit Runner(const Problem& problem, Isa isa = BestIsa())
      : problem_(problem),
        rows_(problem.samples.rows.cast<T>()),
        lambda_(problem.lambda.cast<T>()),
        sweep_(problem.architecture, {lambda_.data(), static_cast<std::size_t>(lambda_.size())},
               static_cast<Index>(problem.indices.size()), isa) {
    SetParameters(problem.theta);
  }

  void SetParameters(const Vector& theta) {
    const std::vector<T> cast(theta.begin(), theta.end());
    sweep_.SetParameters(cast);
  }

  SampleRows<T> Rows() const { return {rows_.data(), rows_.cols()}; }
  TwinSweep<T>& sweep() { return sweep_; }

  Result<T> Run(double alpha, double beta, const std::stop_token& stop = {}) {
    Result<T> result;
    // A sweep overwrites the gradient, so NaN must not survive.
    result.gradient.setConstant(problem_.theta.size(), std::numeric_limits<T>::quiet_NaN());
    result.loss = sweep_.LossAndGradient(
        Rows(), problem_.indices, alpha, beta,
        {result.gradient.data(), static_cast<std::size_t>(result.gradient.size())}, stop);
    return result;
  }

 private:
  const Problem& problem_;
  reference::RowMajorOf<T> rows_;
  reference::RowMajorOf<T> lambda_;
  TwinSweep<T> sweep_;
};

// ---- Against the plain network differentiated by tangents ---------------------------------------

// φ, hidden, m, batch, form
using Case = std::tuple<Activation, std::vector<Index>, Index, Index, reference::Form>;

std::string NameOfCase(const testing::TestParamInfo<Case>& test) {
  const auto& [activation, hidden, m, batch, form] = test.param;
  std::string name(Name(activation));
  for (const Index width : hidden) name += "_" + std::to_string(width);
  return name + "_m" + std::to_string(m) + form.name();
}

class TwinSweepAgainstReferenceTest : public testing::TestWithParam<Case> {
 protected:
  Problem MakeProblem() const {
    const auto& [activation, hidden, m, batch, form] = GetParam();
    return {{.n = 5,
             .m = m,
             .hidden = hidden,
             .activation = activation,
             .skip = form.skip,
             .residual = form.residual},
            batch};
  }
};

TEST_P(TwinSweepAgainstReferenceTest, LossesAndParameterGradientAgree) {
  const Problem problem = MakeProblem();
  const double alpha = 0.3;
  const double beta = 0.7;
  const reference::Loss<double> loss = reference::TwinLossOf<double>(
      problem.architecture, problem.theta, problem.lambda, problem.samples, problem.indices);
  const Vector gradient =
      reference::TwinLossGradient(problem.architecture, problem.theta, problem.lambda,
                                  problem.samples, problem.indices, alpha, beta);
  for (const Isa isa : SupportedIsas()) {
    SCOPED_TRACE(Name(isa));
    const Result<double> result = Runner<double>(problem, isa).Run(alpha, beta);
    EXPECT_NEAR(result.loss.value, loss.value, 1e-13 * (1 + loss.value));
    EXPECT_NEAR(result.loss.gradient, loss.gradient, 1e-13 * (1 + loss.gradient));
    EXPECT_THAT(result.gradient, IsNearMatrix(gradient, 1e-12));
    const Result<float> single = Runner<float>(problem, isa).Run(alpha, beta);
    EXPECT_NEAR(single.loss.value, loss.value, 2e-6 * (1 + loss.value));
    EXPECT_NEAR(single.loss.gradient, loss.gradient, 2e-6 * (1 + loss.gradient));
    EXPECT_THAT(single.gradient, IsNearMatrix(gradient, 2e-5));
  }
}

TEST_P(TwinSweepAgainstReferenceTest, ValueOnlyTrainingSkipsTheDerivatives) {
  const Problem problem = MakeProblem();
  const Vector gradient = reference::TwinLossGradient(
      problem.architecture, problem.theta, problem.lambda, problem.samples, problem.indices, 2, 0);
  for (const Isa isa : SupportedIsas()) {
    SCOPED_TRACE(Name(isa));
    const Result<double> result = Runner<double>(problem, isa).Run(2, 0);
    EXPECT_EQ(result.loss.gradient, 0);
    EXPECT_THAT(result.gradient, IsNearMatrix(gradient, 1e-12));
  }
}

INSTANTIATE_TEST_SUITE_P(EveryActivation, TwinSweepAgainstReferenceTest,
                         testing::Combine(testing::ValuesIn(kActivations),
                                          testing::Values(std::vector<Index>{7, 3}),
                                          testing::Values(1, 2), testing::Values(37),
                                          testing::Values(reference::kPlain)),
                         NameOfCase);

INSTANTIATE_TEST_SUITE_P(
    EveryDepth, TwinSweepAgainstReferenceTest,
    testing::Combine(testing::Values(Activation::kTanh),
                     testing::Values(std::vector<Index>{}, std::vector<Index>{13},
                                     std::vector<Index>{6, 9}, std::vector<Index>{4, 5, 6}),
                     testing::Values(1, 5), testing::Values(3), testing::Values(reference::kPlain)),
    NameOfCase);

INSTANTIATE_TEST_SUITE_P(
    EveryForm, TwinSweepAgainstReferenceTest,
    testing::Combine(testing::Values(Activation::kTanh),
                     testing::Values(std::vector<Index>{}, std::vector<Index>{6},
                                     std::vector<Index>{4, 4, 4}, std::vector<Index>{3, 6, 6, 5}),
                     testing::Values(1, 5), testing::Values(37),
                     testing::ValuesIn(reference::kVariations)),
    NameOfCase);

// ---- Against central differences of its own loss -----------------------------------------------

class TwinSweepActivationTest : public testing::TestWithParam<Activation> {};

// A step of 1e-5 leaves a truncation error of order 1e-10 and a rounding error of order 1e-11.
TEST_P(TwinSweepActivationTest, GradientIsTheSlopeOfTheLoss) {
  const Problem problem({.n = 4, .m = 3, .hidden = {8, 12}, .activation = GetParam()}, 65);
  const double alpha = 0.6;
  const double beta = 0.4;
  Runner<double> runner(problem);
  const Vector gradient = runner.Run(alpha, beta).gradient;
  const auto loss_at = [&](Index p, double step) {
    Vector theta = problem.theta;
    theta[p] += step;
    runner.SetParameters(theta);
    const TwinLoss loss = runner.Run(alpha, beta).loss;
    return alpha * loss.value + beta * loss.gradient;
  };
  constexpr double kStep = 1e-5;
  Vector differences(gradient.size());
  for (Index p = 0; p < gradient.size(); ++p) {
    differences[p] = (loss_at(p, kStep) - loss_at(p, -kStep)) / (2 * kStep);
  }
  EXPECT_THAT(gradient, IsNearMatrix(differences, 1e-8));
}

INSTANTIATE_TEST_SUITE_P(All, TwinSweepActivationTest, testing::ValuesIn(kActivations),
                         [](const auto& test) { return std::string(Name(test.param)); });

// ---- Batches ------------------------------------------------------------------------------------

// Every batch size around the numbers of lanes, shards and slots, as one batch and sample by
// sample.
TEST(TwinSweepTest, BatchIsTheMeanOfItsSamples) {
  for (const Index batch : {1, 2, 8, 31, 32, 33, 64, 65, 255, 256, 257, 700, 5000}) {
    SCOPED_TRACE(batch);
    const Problem problem({.n = 3, .m = 2, .hidden = {6, 5}}, batch);
    Runner<double> runner(problem);
    const Vector whole = runner.Run(0.5, 0.5).gradient;
    Vector sum = Vector::Zero(problem.theta.size());
    Vector one(problem.theta.size());
    for (const std::uint32_t& index : problem.indices) {
      runner.sweep().LossAndGradient(runner.Rows(), {&index, 1}, 0.5, 0.5,
                                     {one.data(), static_cast<std::size_t>(one.size())});
      sum += one;
    }
    EXPECT_THAT(whole, IsNearMatrix((sum / static_cast<double>(batch)).eval(), 1e-12));
  }
}

TEST(TwinSweepTest, InstructionSetsAgreeOnWideNetworks) {
  const Problem problem({.n = 20, .m = 4, .hidden = {128, 67, 33}}, 300);
  const Result<double> expected = Runner<double>(problem, Isa::kSse2).Run(0.1, 0.9);
  for (const Isa isa : SupportedIsas()) {
    SCOPED_TRACE(Name(isa));
    EXPECT_THAT(Runner<double>(problem, isa).Run(0.1, 0.9).gradient,
                IsNearMatrix(expected.gradient, 1e-13));
    EXPECT_THAT(Runner<float>(problem, isa).Run(0.1, 0.9).gradient,
                IsNearMatrix(expected.gradient, 1e-5));
  }
}

TEST(TwinSweepTest, ThreadsDoNotChangeABit) {
  const Problem problem({.n = 7, .m = 2, .hidden = {20, 20}}, 4321);
  const oneapi::tbb::global_control allow(oneapi::tbb::global_control::max_allowed_parallelism, 4);
  const auto run_with = [&](int num_threads) {
    Runner<float> runner(problem);
    oneapi::tbb::task_arena arena(num_threads);
    return arena.execute([&] { return runner.Run(0.2, 0.8); });
  };
  const Result<float> one = run_with(1);
  for (int repeat = 0; repeat < 5; ++repeat) {
    const Result<float> two = run_with(2);
    EXPECT_EQ(one.loss.value, two.loss.value);
    EXPECT_EQ(one.loss.gradient, two.loss.gradient);
    EXPECT_TRUE((one.gradient.array() == two.gradient.array()).all());
  }
}

TEST(TwinSweepTest, SamplesBeyondTheFirstBatchSizeAreAccepted) {
  const Problem problem({.n = 3, .m = 1, .hidden = {6}}, 600);
  Matrix lambda = problem.lambda;
  TwinSweep<double> small(problem.architecture, {lambda.data(), 3}, 16);
  small.SetParameters({problem.theta.data(), static_cast<std::size_t>(problem.theta.size())});
  Vector gradient(problem.theta.size());
  small.LossAndGradient({problem.samples.rows.data(), problem.samples.rows.cols()}, problem.indices,
                        0.5, 0.5, {gradient.data(), static_cast<std::size_t>(gradient.size())});
  EXPECT_THAT(gradient, IsNearMatrix(Runner<double>(problem).Run(0.5, 0.5).gradient, 1e-13));
}

// ---- Residuals ----------------------------------------------------------------------------------

TEST(TwinSweepTest, ResidualsAreUnweightedSumsPerOutputAndCountPresentJacobiansOnly) {
  const Problem problem({.n = 5, .m = 3, .hidden = {7, 3}}, 333);
  Vector value_sse = Vector::Zero(3);
  Vector jacobian_sse = Vector::Zero(3);
  for (const std::uint32_t s : problem.indices) {
    const Vector x = problem.samples.X(s);
    value_sse +=
        (reference::Value<double>(problem.architecture, problem.theta, x) - problem.samples.Y(s))
            .cwiseAbs2();
    if (problem.samples.GradientWeight(s) == 0) continue;
    const Matrix J = reference::Jacobian<double>(problem.architecture, problem.theta, x);
    for (Index i = 0; i < 3; ++i) {
      for (Index j = 0; j < 5; ++j) {
        jacobian_sse[i] += std::pow(J(i, j) - problem.samples.JacobianEntry(s, i, j), 2);
      }
    }
  }
  for (const Isa isa : SupportedIsas()) {
    SCOPED_TRACE(Name(isa));
    Runner<double> runner(problem, isa);
    Vector actual_value = Vector::Ones(3);  // Added to, not overwritten.
    Vector actual_jacobian = Vector::Ones(3);
    const TwinLoss loss = runner.sweep().Residuals(
        runner.Rows(), problem.indices, {actual_value.data(), 3}, {actual_jacobian.data(), 3});
    EXPECT_THAT(actual_value, IsNearMatrix((value_sse.array() + 1).matrix().eval(), 1e-12));
    EXPECT_THAT(actual_jacobian, IsNearMatrix((jacobian_sse.array() + 1).matrix().eval(), 1e-12));
    const TwinLoss training_loss = runner.Run(0.5, 0.5).loss;
    EXPECT_NEAR(loss.value, training_loss.value, 1e-13 * loss.value);
    EXPECT_NEAR(loss.gradient, training_loss.gradient, 1e-13 * loss.gradient);
  }
}

// A label that is missing has the effect of one that the network meets exactly.
TEST(TwinSweepTest, AMissingLabelIsLikeOneThatIsMet) {
  Problem missing({.n = 4, .m = 2, .hidden = {6, 5}}, 100);
  Problem met = missing;
  Rng rng(11);
  for (const std::uint32_t s : missing.indices) {
    const Vector x = missing.samples.X(s);
    const Vector y = reference::Value<double>(missing.architecture, missing.theta, x);
    const Matrix J = reference::Jacobian<double>(missing.architecture, missing.theta, x);
    for (Index i = 0; i < 2; ++i) {
      const auto replace = [&](Index column, double prediction) {
        if (rng.Uniform() < 0.5) return;
        missing.samples.rows(s, column) = std::numeric_limits<double>::quiet_NaN();
        met.samples.rows(s, column) = prediction;
      };
      replace(4 + i, y[i]);
      for (Index j = 0; j < 4; ++j) replace(4 + 2 + i * 4 + j, J(i, j));
    }
  }
  for (const Isa isa : SupportedIsas()) {
    SCOPED_TRACE(Name(isa));
    const Result<double> without = Runner<double>(missing, isa).Run(0.3, 0.7);
    const Result<double> with = Runner<double>(met, isa).Run(0.3, 0.7);
    EXPECT_NEAR(without.loss.value, with.loss.value, 1e-12 * with.loss.value);
    EXPECT_NEAR(without.loss.gradient, with.loss.gradient, 1e-12 * with.loss.gradient);
    EXPECT_THAT(without.gradient, IsNearMatrix(with.gradient, 1e-12));
  }
}

// ---- Refusals -----------------------------------------------------------------------------------

TEST(TwinSweepTest, FiredStopTokenCancelsTheCall) {
  const Problem problem({.n = 3, .m = 1, .hidden = {6}}, 2000);
  Runner<double> runner(problem);
  std::stop_source source;
  source.request_stop();
  try {
    runner.Run(0.5, 0.5, source.get_token());
    FAIL() << "the sweep ran to its end";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  // The sweep is as good as new afterwards.
  EXPECT_THAT(runner.Run(0.5, 0.5).gradient,
              IsNearMatrix(Runner<double>(problem).Run(0.5, 0.5).gradient, 0.0));
}

TEST(TwinSweepTest, WrongSizesAreRefusedByName) {
  const Problem problem({.n = 3, .m = 2, .hidden = {4}}, 5);
  const std::vector<double> lambda(5, 1.0);
  EXPECT_THAT(([&] { TwinSweep<double>(problem.architecture, lambda, 5); }),
              testing::ThrowsMessage<Error>("lambda: expected 6, got 5"));
  Runner<double> runner(problem);
  EXPECT_THAT(([&] {
                runner.sweep().SetParameters({problem.theta.data(), 3});
              }),
              testing::ThrowsMessage<Error>("theta: expected 26, got 3"));
}

}  // namespace
}  // namespace sobolev::nn
