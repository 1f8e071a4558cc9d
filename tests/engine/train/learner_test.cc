#include "engine/train/learner.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/gram_sweep.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/nn/twin_sweep.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"
#include "engine/train/standard_points.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

using ::testing::HasSubstr;

Options Resolved(Options options, const SampleSet& samples) {
  options.hidden = {6, 5};
  options.precision = Precision::kFloat64;
  return ResolveOptions(options, ShapeOf(samples), std::numeric_limits<std::size_t>::max());
}

// A learner in float64 whose last sample is held out.
class Fixture {
 public:
  explicit Fixture(const SampleSet& samples, Options options = {})
      : options_(Resolved(std::move(options), samples)), num_samples_(samples.NumSamples()) {
    for (std::uint32_t s = 0; s + 1 < num_samples_; ++s) split_.training.push_back(s);
    split_.validation = {static_cast<std::uint32_t>(num_samples_ - 1)};
    split_.held_out.assign(static_cast<std::size_t>(num_samples_), false);
    split_.held_out.back() = true;
    options_.batch_size = num_samples_;  // One step.
    standardisation_ = Standardise(samples, split_, options_.derivative_scale);
    learner_ = MakeLearner(samples, split_, standardisation_, options_);
  }

  StepLoss StepOnAll() { return learner_->Step(0, 0, 0.01, {}); }

  nn::NetworkSurrogate Surrogate(const SampleSet& samples) const {
    return nn::NetworkSurrogate({.n = samples.n,
                                 .m = samples.m,
                                 .hidden = options_.hidden,
                                 .activation = options_.activation},
                                standardisation_.scaling, learner_->Theta(Parameters::kCurrent));
  }

  Options options_;
  Index num_samples_;
  Split split_;
  Standardisation standardisation_;
  std::unique_ptr<Learner> learner_;
};

// The loss written out: predictions in natural units by the surrogate, then scaled.
nn::TwinLoss LossByDefinition(const Fixture& fixture, const OwnedSamples& samples,
                              Index num_jacobians) {
  const SampleSet view = samples.View();
  const Index num_training = fixture.num_samples_ - 1;
  const nn::NetworkSurrogate surrogate = fixture.Surrogate(view);
  Matrix Y(view.m, samples.X.cols());
  Matrix J(view.n, view.m * samples.X.cols());
  surrogate.Predict(ConstMatrixMap(samples.X.data(), view.n, samples.X.cols()), std::nullopt,
                    std::nullopt, {.Y = Y.data(), .J = J.data()});
  const nn::Scaling& scaling = fixture.standardisation_.scaling;
  double weight = 0;
  double jacobian_weight = 0;
  double value = 0;
  double gradient = 0;
  for (Index s = 0; s < num_training; ++s) {
    const double w = samples.weight[s];
    weight += w;
    jacobian_weight += s < num_jacobians ? w : 0;
    for (Index i = 0; i < view.m; ++i) {
      const double residual = (Y(i, s) - samples.Y(i, s)) / scaling.y_scale[i];
      value += w * residual * residual / static_cast<double>(view.m);
      for (Index j = 0; s < num_jacobians && j < view.n; ++j) {
        const double lambda =
            fixture.standardisation_.lambda[static_cast<std::size_t>(i * view.n + j)];
        const double entry = (J(j, s * view.m + i) - samples.J(j, s * view.m + i)) *
                             scaling.x_scale[j] / scaling.y_scale[i];
        gradient += w * lambda * lambda * entry * entry / static_cast<double>(view.m * view.n);
      }
    }
  }
  return {.value = value / weight, .gradient = gradient / jacobian_weight};
}

TEST(LearnerTest, TheLossIsItsDefinitionWithWeightsAndMissingJacobians) {
  OwnedSamples samples = Smooth::Sample(20, 1);
  samples.weight = Vector::LinSpaced(20, 1, 5);
  for (const Index num_jacobians : {20, 7, 1}) {
    Fixture fixture(samples.ViewWithJacobians(num_jacobians));
    const nn::TwinLoss expected = LossByDefinition(fixture, samples, num_jacobians);
    const StepLoss loss = fixture.StepOnAll();
    EXPECT_NEAR(loss.value / expected.value, 1, 1e-12);
    EXPECT_NEAR(loss.gradient / expected.gradient, 1, 1e-12);
  }
}

TEST(LearnerTest, AWeightOfTwoTrainsLikeTheSampleTwice) {
  OwnedSamples twice = Smooth::Sample(8, 3);
  twice.X.col(6) = twice.X.col(1);
  twice.Y.col(6) = twice.Y.col(1);
  twice.J.middleCols(12, 2) = twice.J.middleCols(2, 2);
  OwnedSamples weighted = Smooth::Sample(8, 3);
  const OwnedSamples whole = weighted;
  weighted.X = whole.X(Eigen::all, std::vector<int>{0, 1, 2, 3, 4, 5, 7});
  weighted.Y = whole.Y(Eigen::all, std::vector<int>{0, 1, 2, 3, 4, 5, 7});
  weighted.J = whole.J(Eigen::all, std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15});
  weighted.weight = Vector{{1, 2, 1, 1, 1, 1, 1}};

  Fixture expected(twice.View());
  Fixture fixture(weighted.View());
  for (int step = 0; step < 3; ++step) {
    const StepLoss expected_loss = expected.StepOnAll();
    const StepLoss loss = fixture.StepOnAll();
    EXPECT_NEAR(loss.value / expected_loss.value, 1, 1e-9);
    EXPECT_NEAR(loss.gradient / expected_loss.gradient, 1, 1e-9);
  }
  EXPECT_TRUE(fixture.learner_->Theta(Parameters::kCurrent)
                  .isApprox(expected.learner_->Theta(Parameters::kCurrent), 1e-9));
}

// Samples with p tangents and q adjoints each, and their memory.
struct Directional {
  // Random directions; every fifth label is missing.
  Directional(const OwnedSamples& samples, Index p, Index q)
      : X_dot(2, p * samples.X.cols()),
        Y_dot(2, X_dot.cols()),
        Y_bar(2, q * samples.X.cols()),
        X_bar(2, Y_bar.cols()) {
    Rng rng(3);
    for (double& entry : X_dot.reshaped()) entry = rng.Normal();
    X_dot.row(1) *= 10;
    for (double& entry : Y_bar.reshaped()) entry = rng.Normal();
    Y_bar.row(1) *= 1000;
    for (Index s = 0; s < samples.X.cols(); ++s) {
      const Matrix J = samples.J.middleCols(2 * s, 2).transpose();
      Y_dot.middleCols(s * p, p) = J * X_dot.middleCols(s * p, p);
      X_bar.middleCols(s * q, q) = J.transpose() * Y_bar.middleCols(s * q, q);
    }
    for (Index k = 0; k < Y_dot.size(); k += 5) Y_dot.reshaped()[k] = kMissing;
    for (Index k = 0; k < X_bar.size(); k += 5) X_bar.reshaped()[k] = kMissing;
  }

  SampleSet View(const OwnedSamples& samples, bool jacobian) const {
    SampleSet set = samples.View();
    SampleBlock& block = set.blocks.front();
    if (!jacobian) block.jacobian = nullptr;
    block.num_tangents = X_dot.cols() / samples.X.cols();
    block.tangents = X_dot.data();
    block.jvp = Y_dot.data();
    block.num_adjoints = Y_bar.cols() / samples.X.cols();
    block.adjoints = Y_bar.data();
    block.vjp = X_bar.data();
    return set;
  }

  static constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  Matrix X_dot;
  Matrix Y_dot;
  Matrix Y_bar;
  Matrix X_bar;
};

TEST(LearnerTest, BackAtTheBestStepsAreThoseThatWereTakenFromThere) {
  const OwnedSamples samples = Smooth::Sample(20, 1);
  Fixture fixture(samples.View());
  Learner& learner = *fixture.learner_;
  for (int step = 0; step < 3; ++step) fixture.StepOnAll();
  learner.KeepAsBest();
  for (int step = 0; step < 2; ++step) fixture.StepOnAll();
  const Vector expected = learner.Theta(Parameters::kCurrent);
  learner.BackToBest();
  EXPECT_EQ(learner.Theta(Parameters::kCurrent), learner.Theta(Parameters::kBest));
  for (int step = 0; step < 2; ++step) fixture.StepOnAll();
  EXPECT_EQ(learner.Theta(Parameters::kCurrent), expected);
}

// A finite loss whose step is not.
TEST(LearnerTest, ParametersAfterAnInfiniteStepAreNotFinite) {
  const OwnedSamples samples = Smooth::Sample(20, 1);
  Fixture fixture(samples.View());
  EXPECT_TRUE(fixture.learner_->IsFinite());
  fixture.learner_->Step(0, 0, std::numeric_limits<double>::infinity(), {});
  EXPECT_FALSE(fixture.learner_->IsFinite());
}

// The loss of Gauss-Newton, of points standardised by another way.
TEST(LearnerTest, TheLossOfDirectionalLabelsIsThatOfTheOtherOptimisers) {
  OwnedSamples samples = Smooth::Sample(20, 1);
  samples.weight = Vector::LinSpaced(20, 1, 5);
  const Directional directions(samples, 3, 2);
  for (const bool jacobian : {false, true}) {
    const SampleSet view = directions.View(samples, jacobian);
    Fixture fixture(view);
    const Vector theta = fixture.learner_->Theta(Parameters::kCurrent);
    const LabelledPoints points =
        StandardPoints(view, fixture.split_.training, fixture.standardisation_.scaling);
    const std::vector<double>& lambda = fixture.standardisation_.lambda;
    const LossWeights weights{.alpha = *fixture.options_.alpha,
                              .beta = *fixture.options_.beta,
                              .gamma = 0,
                              .lambda = ConstMatrixMap(lambda.data(), 2, 2)};
    nn::GramSweep gram({.n = 2, .m = 2, .hidden = {6, 5}}, points, weights,
                       {.use = nn::GramSweep::Use::kProducts});
    const StepLoss loss = fixture.StepOnAll();
    const double expected = gram.Loss(theta);
    EXPECT_NEAR((weights.alpha * loss.value + weights.beta * loss.gradient) / expected, 1, 1e-12);
  }
}

// With one λ per output, all unit directions say what a Jacobian says.
TEST(LearnerTest, AllUnitDirectionsTrainLikeTheJacobian) {
  const OwnedSamples samples = Smooth::Sample(30, 1);
  Directional tangents(samples, 2, 0);
  Directional adjoints(samples, 0, 2);
  for (Index s = 0; s < 30; ++s) {
    const Matrix J = samples.J.middleCols(2 * s, 2).transpose();
    tangents.X_dot.middleCols(2 * s, 2) = 3 * Matrix::Identity(2, 2);
    tangents.Y_dot.middleCols(2 * s, 2) = 3 * J;
    adjoints.Y_bar.middleCols(2 * s, 2) = -2 * Matrix::Identity(2, 2);
    adjoints.X_bar.middleCols(2 * s, 2) = -2 * J.transpose();
  }
  const Options per_output{.derivative_scale = DerivativeScale::kPerOutput};
  Fixture expected(samples.View(), per_output);
  for (const SampleSet& view : {tangents.View(samples, false), adjoints.View(samples, false)}) {
    Fixture fixture(view, per_output);
    EXPECT_EQ(*fixture.options_.beta, *expected.options_.beta);
    const Evaluation evaluation = fixture.learner_->Evaluate(Parameters::kBest, {});
    const Evaluation of_jacobian = expected.learner_->Evaluate(Parameters::kBest, {});
    EXPECT_TRUE(evaluation.jacobian_square.isApprox(of_jacobian.jacobian_square, 1e-12));
    EXPECT_TRUE(
        evaluation.jacobian_label_square.isApprox(of_jacobian.jacobian_label_square, 1e-12));
    EXPECT_EQ(evaluation.num_entries, of_jacobian.num_entries);
    Fixture reference(samples.View(), per_output);
    for (int step = 0; step < 3; ++step) {
      const StepLoss expected_loss = reference.StepOnAll();
      const StepLoss loss = fixture.StepOnAll();
      EXPECT_NEAR(loss.value / expected_loss.value, 1, 1e-9);
      EXPECT_NEAR(loss.gradient / expected_loss.gradient, 1, 1e-9);
    }
    EXPECT_TRUE(fixture.learner_->Theta(Parameters::kCurrent)
                    .isApprox(reference.learner_->Theta(Parameters::kCurrent), 1e-8));
  }
}

TEST(LearnerTest, DerivativesAloneAreEnough) {
  const OwnedSamples samples = Smooth::Sample(30, 1);
  const Directional directions(samples, 2, 1);
  SampleSet view = directions.View(samples, false);
  view.blocks.front().y = nullptr;
  Fixture fixture(view);
  const StepLoss first = fixture.StepOnAll();
  EXPECT_EQ(first.value, 0);
  for (int step = 0; step < 500; ++step) fixture.StepOnAll();
  EXPECT_LT(fixture.StepOnAll().gradient, first.gradient / 10);
  EXPECT_EQ(fixture.learner_->Evaluate(Parameters::kBest, {}).num_values.sum(), 0);
}

// ---- Variances ----------------------------------------------------------------------------------

// The loss with weights written out: inverse variances, of which none is far from the geometric
// mean, with mean 1 over the training labels of an output.
TEST(LearnerTest, VariancesWeighLabelsByTheirInverses) {
  const OwnedSamples samples = Smooth::Sample(30, 1);
  Rng rng(4);
  Matrix y_variance(2, 30);
  Matrix jacobian_variance(2, 60);
  for (double& variance : y_variance.reshaped()) variance = 1 + 9 * rng.Uniform();
  for (Index column = 0; column < 60; ++column) {
    // Standardised, those of both inputs are alike.
    jacobian_variance.col(column) << 1 + 9 * rng.Uniform(), 0.01 * (1 + 9 * rng.Uniform());
  }
  SampleSet view = samples.View();
  view.blocks.front().y_variance = y_variance.data();
  view.blocks.front().jacobian_variance = jacobian_variance.data();
  for (const bool sketch : {false, true}) {
    Fixture fixture(view, {.derivative_sketch = 0});
    if (sketch) {
      fixture.options_.derivative_sketch = 2;  // Both outputs.
      fixture.options_.streamed = true;
      fixture.learner_ =
          MakeLearner(view, fixture.split_, fixture.standardisation_, fixture.options_);
    }
    const nn::Scaling& scaling = fixture.standardisation_.scaling;
    Matrix Y(2, 30);
    Matrix J(2, 60);
    fixture.Surrogate(view).Predict(ConstMatrixMap(samples.X.data(), 2, 30), std::nullopt,
                                    std::nullopt, {.Y = Y.data(), .J = J.data()});
    double value = 0;
    double gradient = 0;
    for (Index i = 0; i < 2; ++i) {
      double value_weight = 0;
      double value_sum = 0;
      double entry_weight = 0;
      double entry_sum = 0;
      for (Index s = 0; s < 29; ++s) {
        const double weight = 1 / y_variance(i, s);
        value_weight += weight / 29;
        value_sum += weight * std::pow((Y(i, s) - samples.Y(i, s)) / scaling.y_scale[i], 2);
        for (Index j = 0; j < 2; ++j) {
          const double scale = scaling.x_scale[j] / scaling.y_scale[i];
          const double lambda =
              fixture.standardisation_.lambda[static_cast<std::size_t>(i * 2 + j)];
          const double error = J(j, s * 2 + i) - samples.J(j, s * 2 + i);
          const double inverse = 1 / (jacobian_variance(j, s * 2 + i) * scale * scale);
          entry_weight += inverse / 58;
          entry_sum += inverse * std::pow(lambda * scale * error, 2);
        }
      }
      value += value_sum / value_weight / 29 / 2;
      gradient += entry_sum / entry_weight / 29 / 4;
    }
    const StepLoss loss = fixture.StepOnAll();
    EXPECT_NEAR(loss.value / value, 1, 1e-12);
    EXPECT_NEAR(loss.gradient / gradient, 1, 1e-12);
  }
}

// ---- Sketches -----------------------------------------------------------------------------------

// n = 3 inputs and m = 24 outputs, some labels missing.
OwnedSamples ManyOutputs(Index num_samples) {
  OwnedSamples samples{.X = Matrix(3, num_samples),
                       .Y = Matrix(24, num_samples),
                       .J = Matrix(3, 24 * num_samples),
                       .weight = Vector::LinSpaced(num_samples, 1, 2)};
  Rng rng(8);
  for (double& x : samples.X.reshaped()) x = 2 * rng.Uniform() - 1;
  for (Index s = 0; s < num_samples; ++s) {
    for (Index i = 0; i < 24; ++i) {
      const Vector w = Vector{{std::sin(1.0 + static_cast<double>(i)), 1, 0.1}};
      const double z = w.dot(samples.X.col(s));
      samples.Y(i, s) = std::sin(z + static_cast<double>(i));
      samples.J.col(s * 24 + i) = std::cos(z + static_cast<double>(i)) * w;
      if (rng.Uniform() < 0.1) samples.J(1, s * 24 + i) = std::nan("");
    }
  }
  return samples;
}

// The gradient loss of many draws against the one of all outputs: unbiased within three standard
// errors, and without any error if all outputs are drawn.
TEST(LearnerTest, TheLossOfASketchIsUnbiased) {
  const OwnedSamples samples = ManyOutputs(12);
  const SampleSet view = samples.View();
  Fixture exact(view, {.derivative_sketch = 0});
  const StepLoss expected = exact.StepOnAll();
  Fixture fixture(view, {.derivative_sketch = 3});
  constexpr Index kDraws = 4000;
  double sum = 0;
  double square = 0;
  for (Index epoch = 0; epoch < kDraws; ++epoch) {
    // A rate of zero leaves the parameters alone.
    const StepLoss loss = fixture.learner_->Step(epoch, 0, 0, {});
    EXPECT_NEAR(loss.value, expected.value, 1e-12);
    sum += loss.gradient;
    square += loss.gradient * loss.gradient;
  }
  const double mean = sum / kDraws;
  const double error = std::sqrt((square / kDraws - mean * mean) / kDraws);
  EXPECT_GT(error, 0);
  EXPECT_LT(error, 0.01 * expected.gradient);
  EXPECT_NEAR(mean, expected.gradient, 3 * error);
}

TEST(LearnerTest, ASketchWithAllOutputsIsExact) {
  const OwnedSamples samples = ManyOutputs(12);
  const SampleSet view = samples.View();
  Fixture exact(view, {.derivative_sketch = 0});
  Fixture almost(view, {.derivative_sketch = 23});
  almost.options_.derivative_sketch = 24;
  almost.learner_ = MakeLearner(view, almost.split_, almost.standardisation_, almost.options_);
  for (int step = 0; step < 3; ++step) {
    const StepLoss expected = exact.StepOnAll();
    const StepLoss loss = almost.StepOnAll();
    EXPECT_NEAR(loss.gradient / expected.gradient, 1, 1e-10);
  }
  EXPECT_TRUE(almost.learner_->Theta(Parameters::kCurrent)
                  .isApprox(exact.learner_->Theta(Parameters::kCurrent), 1e-9));
}

// Held-out samples keep their sketch, so that epochs can be compared.
TEST(LearnerTest, HeldOutSamplesAreJudgedByTheSameSketch) {
  const OwnedSamples samples = ManyOutputs(12);
  Fixture fixture(samples.View(), {.derivative_sketch = 3});
  const Evaluation first = fixture.learner_->Evaluate(Parameters::kBest, {});
  fixture.StepOnAll();
  const Evaluation second = fixture.learner_->Evaluate(Parameters::kBest, {});
  EXPECT_EQ(first.loss.gradient, second.loss.gradient);
  EXPECT_EQ(first.num_entries, second.num_entries);
  EXPECT_LE(first.num_entries.sum(), 9);
  EXPECT_GE(first.num_entries.sum(), 6);
}

TEST(LearnerTest, AScaledSampleThatFloatCannotHoldIsNamed) {
  OwnedSamples samples = Smooth::Sample(10, 1);
  samples.J(0, 6) = 1e100;
  const SampleSet view = samples.View();
  const Fixture float64(view);
  Options options = float64.options_;
  options.precision = Precision::kFloat32;
  try {
    MakeLearner(view, float64.split_, float64.standardisation_, options);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(error.reason(), "NOT_REPRESENTABLE");
    EXPECT_THAT(std::string(error.what()), HasSubstr("sample 3 "));
  }
}

TEST(LearnerTest, TheFingerprintTellsSamplesApart) {
  OwnedSamples samples = Smooth::Sample(10, 1);
  const std::uint64_t fingerprint = Fixture(samples.View()).learner_->Fingerprint();
  EXPECT_EQ(Fixture(samples.View()).learner_->Fingerprint(), fingerprint);
  samples.J(1, 5) *= 1 + 1e-15;
  EXPECT_NE(Fixture(samples.View()).learner_->Fingerprint(), fingerprint);
}

}  // namespace
}  // namespace sobolev::train
