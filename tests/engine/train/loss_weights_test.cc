#include "engine/train/loss_weights.h"

#include <cmath>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {
namespace {

using testing::HasSubstr;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

LabelledPoints Values() {
  return {.X = Matrix::Random(3, 5), .Y = Matrix::Random(2, 5), .weight = Vector::Ones(5)};
}

// Two labels of both outputs, one of the second alone.
CurvatureLabels Curvatures() {
  CurvatureLabels labels{
      .point = {0, 2, 4}, .Y_bar = Matrix(2, 3), .V = Matrix(3, 3), .H_v = Matrix(3, 3)};
  labels.Y_bar << 3, 1, 0, 4, 1, 2;
  labels.V << 1, 0, 2, 0, 1, 1, 2, 0, 2;
  labels.H_v << 5, 6, 7, kMissing, 8, 9, 10, 11, 12;
  return labels;
}

TEST(LossWeightsTest, ValuesAloneHaveAllTheWeight) {
  const LossWeights weights = WeightsFor(Values(), {});
  EXPECT_EQ(weights.alpha, 1);
  EXPECT_EQ(weights.beta, 0);
  EXPECT_EQ(weights.gamma, 0);
}

TEST(LossWeightsTest, CurvaturesGetATenthOfTheWeightOfGradients) {
  LabelledPoints points = Values();
  points.J = Matrix::Random(3, 10);
  const LossWeights first_order = WeightsFor(points, {});
  EXPECT_EQ(first_order.alpha, 0.25);
  EXPECT_EQ(first_order.beta, 0.75);
  EXPECT_EQ(first_order.gamma, 0);
  points.curvatures = Curvatures();
  const LossWeights weights = WeightsFor(points, {});
  EXPECT_DOUBLE_EQ(weights.alpha + weights.beta + weights.gamma, 1);
  EXPECT_DOUBLE_EQ(weights.beta / weights.alpha, 3);
  EXPECT_DOUBLE_EQ(weights.gamma / weights.alpha, 0.3);
  points.J.setConstant(kMissing);
  const LossWeights no_gradients = WeightsFor(points, {});
  EXPECT_EQ(no_gradients.beta, 0);
  EXPECT_DOUBLE_EQ(no_gradients.alpha + no_gradients.gamma, 1);
  EXPECT_DOUBLE_EQ(no_gradients.gamma / no_gradients.alpha, 0.3);
  EXPECT_EQ(WeightsFor(points, {.gamma = 7}).gamma, 7);
  EXPECT_EQ(WeightsFor(points, {.gamma = 7, .derivatives = false}).gamma, 0);
  points.curvatures.H_v.setConstant(kMissing);
  EXPECT_EQ(WeightsFor(points, {.gamma = 7}).gamma, 0);
}

// κ is 1 over the root mean square of what is labelled for unit seeds and directions, so that
// lengths do not matter.
TEST(LossWeightsTest, CurvaturesAreMeasuredInUnitsOfTheirSpread) {
  LabelledPoints points = Values();
  points.curvatures = Curvatures();
  const double first = (25 + 100) / (25.0 * 5);
  const double second = (36 + 64 + 121) / 2.0;
  const double third = (49 + 81 + 144) / (4.0 * 9);
  const Vector kappa = WeightsFor(points, {}).kappa;
  EXPECT_DOUBLE_EQ(kappa[0], std::sqrt(5 / (first + second)));
  EXPECT_DOUBLE_EQ(kappa[1], std::sqrt(8 / (first + second + third)));
  CurvatureLabels& labels = points.curvatures;
  labels.Y_bar.col(1) *= 100;
  labels.H_v.col(1) *= 100;
  labels.V.col(2) *= -1e-3;
  labels.H_v.col(2) *= -1e-3;
  const Vector scaled = WeightsFor(points, {}).kappa;
  EXPECT_NEAR(scaled[0], kappa[0], 1e-14);
  EXPECT_NEAR(scaled[1], kappa[1], 1e-14);
  labels.V.setZero();
  EXPECT_EQ(WeightsFor(points, {}).kappa, Vector::Ones(2));
}

TEST(LossWeightsTest, WeightsOutOfRangeAreNamed) {
  const auto message = [](const LossOptions& options) {
    try {
      CheckLoss(options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message({}), "");
  EXPECT_EQ(message({.alpha = 0, .beta = 0, .gamma = 1}), "");
  EXPECT_THAT(message({.gamma = -1}), HasSubstr("spec.gamma: expected 0 to 1e+06, got -1"));
  EXPECT_THAT(message({.gamma = kMissing}), HasSubstr("spec.gamma: expected 0 to 1e+06, got nan"));
  EXPECT_THAT(message({.alpha = 0, .beta = 0}),
              HasSubstr("spec.alpha: expected alpha + beta + gamma > 0, got 0"));
}

}  // namespace
}  // namespace sobolev::train
