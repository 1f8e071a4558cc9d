#include "engine/train/learner.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/nn/twin_sweep.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

using ::testing::HasSubstr;

// A learner in float64 whose last sample is held out.
class Fixture {
 public:
  explicit Fixture(const SampleSet& samples)
      : options_(ResolveOptions({.hidden = {6, 5}, .precision = Precision::kFloat64},
                                ShapeOf(samples), std::numeric_limits<std::size_t>::max())),
        num_samples_(samples.NumSamples()) {
    for (std::uint32_t s = 0; s + 1 < num_samples_; ++s) split_.training.push_back(s);
    split_.validation = {static_cast<std::uint32_t>(num_samples_ - 1)};
    split_.held_out.assign(static_cast<std::size_t>(num_samples_), false);
    split_.held_out.back() = true;
    options_.batch_size = num_samples_;  // One step.
    standardisation_ = Standardise(samples, split_, options_.derivative_scale);
    learner_ = MakeLearner(samples, split_, standardisation_, options_);
  }

  nn::TwinLoss StepOnAll() { return learner_->Step(0, 0, 0.01, {}); }

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
    const nn::TwinLoss loss = fixture.StepOnAll();
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
    const nn::TwinLoss expected_loss = expected.StepOnAll();
    const nn::TwinLoss loss = fixture.StepOnAll();
    EXPECT_NEAR(loss.value / expected_loss.value, 1, 1e-9);
    EXPECT_NEAR(loss.gradient / expected_loss.gradient, 1, 1e-9);
  }
  EXPECT_TRUE(fixture.learner_->Theta(Parameters::kCurrent)
                  .isApprox(expected.learner_->Theta(Parameters::kCurrent), 1e-9));
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
