#include "engine/train/scaling.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

// All samples train but the last, which is held out.
Split AllButLast(Index num_samples) {
  Split split;
  for (std::uint32_t s = 0; s + 1 < num_samples; ++s) split.training.push_back(s);
  split.validation = {static_cast<std::uint32_t>(num_samples - 1)};
  split.held_out.assign(static_cast<std::size_t>(num_samples), false);
  split.held_out.back() = true;
  return split;
}

Standardisation StandardiseAllButLast(
    const SampleSet& samples, DerivativeScale derivative_scale = DerivativeScale::kBalanced) {
  return Standardise(samples, AllButLast(samples.NumSamples()), derivative_scale);
}

TEST(ScalingTest, MeansAndDeviationsAreThoseOfTheTrainingSamples) {
  OwnedSamples samples = Smooth::Sample(50, 1);
  samples.X.col(49).setConstant(1e9);  // Held out, so without influence.
  samples.Y.col(49).setConstant(1e9);
  const nn::Scaling scaling = StandardiseAllButLast(samples.View()).scaling;
  const Matrix X = samples.X.leftCols(49);
  const Vector mean = X.rowwise().mean();
  const Vector deviation = ((X.colwise() - mean).array().square().rowwise().mean()).sqrt();
  for (Index j = 0; j < 2; ++j) {
    EXPECT_NEAR(scaling.x_mean[j], mean[j], 1e-12 * std::abs(mean[j]) + 1e-14);
    EXPECT_NEAR(scaling.x_scale[j], deviation[j], 1e-12 * deviation[j]);
  }
}

TEST(ScalingTest, AColumnFarFromZeroKeepsItsSpread) {
  OwnedSamples samples = Smooth::Sample(5, 1);
  samples.X.row(0) << 1e9 + 1, 1e9 + 3, 1e9 + 1, 1e9 + 3, 0;
  const nn::Scaling scaling = StandardiseAllButLast(samples.View()).scaling;
  EXPECT_EQ(scaling.x_mean[0], 1e9 + 2);
  EXPECT_EQ(scaling.x_scale[0], 1);
}

TEST(ScalingTest, ExtremeMagnitudesNeitherOverflowNorVanish) {
  OwnedSamples samples = Smooth::Sample(5, 1);
  samples.X.row(0) << 1e200, 3e200, 1e200, 3e200, 0;
  samples.X.row(1) << 1e-200, 3e-200, 1e-200, 3e-200, 0;
  const nn::Scaling scaling = StandardiseAllButLast(samples.ViewWithJacobians(0)).scaling;
  EXPECT_NEAR(scaling.x_scale[0] / 1e200, 1, 1e-12);
  EXPECT_NEAR(scaling.x_scale[1] / 1e-200, 1, 1e-12);
}

// The standardised function ŷ(x̂) = (f(μ_x + σ_x x̂) − μ_y)/σ_y is differentiated by central
// differences with step 1e-5, whose error is about 1e-10; λ must be what its definition says of
// these derivatives.
class LambdaTest : public ::testing::Test {
 protected:
  LambdaTest() : samples_(Smooth::Sample(40, 2)) {
    const nn::Scaling scaling = StandardiseAllButLast(samples_.View()).scaling;
    const auto standardised = [&](const Vector& x_hat) -> Vector {
      const Vector x = scaling.x_mean + scaling.x_scale.cwiseProduct(x_hat);
      return (Smooth::Value(x) - scaling.y_mean).cwiseQuotient(scaling.y_scale);
    };
    constexpr double kStep = 1e-5;
    Matrix square = Matrix::Zero(2, 2);
    for (Index s = 0; s < 39; ++s) {
      const Vector x_hat = (samples_.X.col(s) - scaling.x_mean).cwiseQuotient(scaling.x_scale);
      for (Index j = 0; j < 2; ++j) {
        const Vector step = kStep * Vector::Unit(2, j);
        const Vector derivative =
            (standardised(x_hat + step) - standardised(x_hat - step)) / (2 * kStep);
        square.col(j) += derivative.cwiseAbs2() / 39;
      }
    }
    rms_ = square.cwiseSqrt();
  }

  void ExpectLambda(DerivativeScale derivative_scale, const Matrix& expected) const {
    const std::vector<double> lambda =
        StandardiseAllButLast(samples_.View(), derivative_scale).lambda;
    ASSERT_EQ(lambda.size(), 4U);
    for (Index i = 0; i < 2; ++i) {
      for (Index j = 0; j < 2; ++j) {
        EXPECT_NEAR(lambda[static_cast<std::size_t>(2 * i + j)] / expected(i, j), 1, 1e-8);
      }
    }
  }

  OwnedSamples samples_;
  Matrix rms_;  // m×n: RMS over samples of the derivatives of ŷ.
};

TEST_F(LambdaTest, PerOutputIsTheInverseRmsOverSamplesAndInputs) {
  const Vector over_inputs = rms_.cwiseAbs2().rowwise().mean().cwiseSqrt();
  ExpectLambda(DerivativeScale::kPerOutput, over_inputs.cwiseInverse().replicate(1, 2));
}

TEST_F(LambdaTest, PerInputIsTheInverseRmsOverSamples) {
  ExpectLambda(DerivativeScale::kPerInput, rms_.cwiseInverse());
}

TEST_F(LambdaTest, BalancedIsPerInputWhileNoInputBarelyMatters) {
  ExpectLambda(DerivativeScale::kBalanced, rms_.cwiseInverse());
}

// y = 30 x₁ + x₂ + 0 x₃ on inputs of equal spread.
OwnedSamples UnequalInputs() {
  OwnedSamples samples{.X = Matrix(3, 9), .Y = Matrix(1, 9), .J = Matrix(3, 9), .weight = {}};
  for (Index s = 0; s < 9; ++s) {
    samples.X.col(s) << (s & 1 ? 1 : -1), (s & 2 ? 1 : -1), (s & 4 ? 1 : -1);
    samples.Y(0, s) = 30 * samples.X(0, s) + samples.X(1, s);
    samples.J.col(s) << 30, 1, 0;
  }
  return samples;
}

TEST(ScalingTest, BalancedKeepsLambdaWithinTenTimesTheSmallest) {
  const std::vector<double> lambda = StandardiseAllButLast(UnequalInputs().View()).lambda;
  EXPECT_NEAR(lambda[1] / lambda[0], 10, 1e-12);
  EXPECT_NEAR(lambda[2] / lambda[0], 10, 1e-12);
}

TEST(ScalingTest, PerInputGivesADeadInputNoWeight) {
  const std::vector<double> lambda =
      StandardiseAllButLast(UnequalInputs().View(), DerivativeScale::kPerInput).lambda;
  EXPECT_NEAR(lambda[1] / lambda[0], 30, 1e-12);
  EXPECT_EQ(lambda[2], 0);
}

TEST(ScalingTest, ConstantColumnsHaveScaleOneAndNoDerivativesMeanLambdaOne) {
  OwnedSamples samples = Smooth::Sample(20, 1);
  samples.X.row(1).setConstant(0.1);
  samples.Y.setConstant(7);
  samples.J.setZero();
  const Standardisation result = StandardiseAllButLast(samples.View());
  EXPECT_EQ(result.scaling.x_mean[1], 0.1);
  EXPECT_EQ(result.scaling.x_scale[1], 1);
  EXPECT_EQ(result.scaling.y_scale, Vector::Ones(2));
  EXPECT_EQ(result.lambda, std::vector<double>(4, 1.0));
}

// Its unit shows in the derivatives only: here y = 1000 x₁ + 3e6 x₂ with x₂ always 2.
TEST(ScalingTest, AConstantInputIsScaledByItsDerivatives) {
  OwnedSamples samples{.X = Matrix(2, 5), .Y = Matrix(1, 5), .J = Matrix(2, 5), .weight = {}};
  samples.X << 1, -1, 1, -1, 1, 2, 2, 2, 2, 2;
  samples.Y = 1000 * samples.X.row(0) + 3e6 * samples.X.row(1);
  samples.J.row(0).setConstant(1000);
  samples.J.row(1).setConstant(3e6);
  const Standardisation result = StandardiseAllButLast(samples.View());
  EXPECT_NEAR(result.scaling.y_scale[0], 1000, 1e-6);
  EXPECT_NEAR(result.scaling.x_scale[1] * 3e6 / 1000, 1, 1e-9);
  EXPECT_NEAR(result.lambda[0], 1, 1e-9);
  EXPECT_NEAR(result.lambda[1], 1, 1e-9);
}

TEST(ScalingTest, AWeightOfTwoCountsAsTwoSamples) {
  OwnedSamples twice = Smooth::Sample(6, 3);
  twice.X.col(4) = twice.X.col(1);
  twice.Y.col(4) = twice.Y.col(1);
  twice.J.middleCols(8, 2) = twice.J.middleCols(2, 2);
  const Standardisation expected = StandardiseAllButLast(twice.View());

  OwnedSamples weighted = Smooth::Sample(5, 3);
  weighted.weight = Vector{{1, 2, 1, 1, 1}};
  const Standardisation result = StandardiseAllButLast(weighted.View());
  EXPECT_TRUE(result.scaling.x_mean.isApprox(expected.scaling.x_mean, 1e-14));
  EXPECT_TRUE(result.scaling.x_scale.isApprox(expected.scaling.x_scale, 1e-14));
  EXPECT_TRUE(result.scaling.y_scale.isApprox(expected.scaling.y_scale, 1e-14));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(result.lambda[i] / expected.lambda[i], 1, 1e-12);
}

TEST(ScalingTest, WeightsAreNormalisedToMeanOneInEachPart) {
  OwnedSamples samples = Smooth::Sample(5, 3);
  samples.weight = Vector{{1e300, 2e300, 3e300, 2e300, 5e-300}};
  const Standardisation result = StandardiseAllButLast(samples.ViewWithJacobians(2));
  EXPECT_NEAR(result.training.value * 8e300, 4, 1e-12);     // four samples
  EXPECT_NEAR(result.training.gradient * 3e300, 4, 1e-12);  // two of them stand for four
  EXPECT_EQ(result.validation.gradient, 0);
}

}  // namespace
}  // namespace sobolev::train
