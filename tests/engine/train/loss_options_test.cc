#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/loss_weights.h"
#include "engine/train/options.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::train {
namespace {

using testing::HasSubstr;

// Two outputs of three inputs; the derivatives by input have sizes of their own.
LabelledPoints Points(Index count) {
  LabelledPoints points;
  points.X = Matrix::Random(3, count);
  points.Y = Matrix::Random(2, count);
  points.J = Vector{{1, 0.5, 1e-3}}.asDiagonal() * Matrix::Random(3, 2 * count);
  points.weight = Vector::Ones(count);
  return points;
}

double RmsOf(const LabelledPoints& points, Index input, Index output) {
  double square = 0;
  for (Index column = output; column < points.J.cols(); column += 2) {
    square += points.J(input, column) * points.J(input, column);
  }
  return std::sqrt(square / static_cast<double>(points.NumPoints()));
}

TEST(LossWeightsTest, LambdaFollowsTheScale) {
  const LabelledPoints points = Points(40);
  for (Index i = 0; i < 2; ++i) {
    Vector r(3);
    for (Index j = 0; j < 3; ++j) r[j] = RmsOf(points, j, i);
    const auto lambda = [&](std::optional<DerivativeScale> scale) {
      LossOptions options;
      options.derivative_scale = scale;
      return Vector(WeightsFor(points, options).lambda.col(i));
    };
    const Vector per_output = Vector::Constant(3, std::sqrt(3) / r.norm());
    EXPECT_THAT(lambda(DerivativeScale::kPerOutput), IsNearMatrix(per_output, 1e-13));
    EXPECT_EQ(lambda(std::nullopt), lambda(DerivativeScale::kPerOutput));
    EXPECT_THAT(lambda(DerivativeScale::kPerInput),
                IsNearMatrix(Vector(r.cwiseInverse()), 1e-11 / r.minCoeff()));
    const Vector balanced = r.cwiseMax(r.maxCoeff() / 10).cwiseInverse();
    EXPECT_THAT(lambda(DerivativeScale::kBalanced), IsNearMatrix(balanced, 1e-13));
  }
}

// The same derivatives as tangents along inputs, of any length, or as adjoints of outputs.
TEST(LossWeightsTest, DirectionalLabelsSayTheSameAsEntries) {
  const LabelledPoints points = Points(10);
  LossOptions options;
  options.derivative_scale = DerivativeScale::kPerInput;
  const Matrix lambda = WeightsFor(points, options).lambda;

  LabelledPoints tangents = points;
  tangents.J.resize(3, 0);
  tangents.tangents = {{}, Matrix::Zero(3, 30), Matrix(2, 30)};
  LabelledPoints adjoints = points;
  adjoints.J.resize(3, 0);
  adjoints.adjoints = {{}, Matrix::Zero(2, 20), Matrix(3, 20)};
  for (Index s = 0; s < 10; ++s) {
    for (Index j = 0; j < 3; ++j) {
      const Index k = 3 * s + j;
      tangents.tangents.point.push_back(s);
      tangents.tangents.X_dot(j, k) = 2;
      for (Index i = 0; i < 2; ++i) tangents.tangents.Y_dot(i, k) = 2 * points.J(j, 2 * s + i);
    }
    for (Index i = 0; i < 2; ++i) {
      const Index k = 2 * s + i;
      adjoints.adjoints.point.push_back(s);
      adjoints.adjoints.Y_bar(i, k) = -3;
      adjoints.adjoints.X_bar.col(k) = -3 * points.J.col(k);
    }
  }
  EXPECT_THAT(WeightsFor(tangents, options).lambda, IsNearMatrix(lambda, 1e-9));
  EXPECT_THAT(WeightsFor(adjoints, options).lambda, IsNearMatrix(lambda, 1e-9));
}

TEST(LossWeightsTest, TheBalanceIsTheRatioOfDerivativesToValues) {
  const LabelledPoints points = Points(5);
  for (const double balance : {0.1, 1.0, 10.0}) {
    const LossWeights weights = WeightsFor(points, {}, balance);
    EXPECT_DOUBLE_EQ(weights.beta / weights.alpha, 3 * balance);
    EXPECT_DOUBLE_EQ(weights.beta + weights.alpha, 1);
  }
  EXPECT_EQ(WeightsFor(points, {.alpha = 0.2, .beta = 3}, 10).beta, 3);
}

// Weights of labels change what counts, and not the size of λ.
TEST(LossWeightsTest, UserWeightsAreFactorsOfLabels) {
  LabelledPoints points = Points(4);
  const Matrix lambda = WeightsFor(points, {}).lambda;
  LossOptions options;
  options.output_weights = {1, 3};
  WeighLabels(options, points);
  EXPECT_THAT(points.Y_weight, IsNearMatrix(Vector{{0.5, 1.5}}.replicate(1, 4), 1e-15));
  EXPECT_THAT(WeightsFor(points, options).lambda, IsNearMatrix(lambda, 1e-11));

  LabelledPoints entries = Points(4);
  options.output_weights.clear();
  options.derivative_weights = {1, 2, 0, 4, 5, 6};
  WeighLabels(options, entries);
  for (Index s = 0; s < 4; ++s) {
    EXPECT_EQ(entries.ValueWeight(0, s), 1);
    EXPECT_EQ(entries.ValueWeight(1, s), 1);
  }
  EXPECT_EQ(entries.J_weight.leftCols(2), (Matrix{{1, 4}, {2, 5}, {0, 6}}));
  EXPECT_EQ(entries.J_weight.leftCols(2), entries.J_weight.rightCols(2));
}

// λ comes from the sizes of gradients, of which a few gross errors say nothing.
TEST(LossWeightsTest, OutliersDoNotShrinkLambda) {
  LabelledPoints points = Points(100);
  LossOptions options;
  options.huber = 1.345;
  const Matrix lambda = WeightsFor(points, options).lambda;
  for (Index column = 0; column < 10; ++column) points.J(0, column) = 1e6;
  EXPECT_GT(WeightsFor(points, options).lambda.minCoeff(), 0.3 * lambda.minCoeff());
  EXPECT_LT(WeightsFor(points, {}).lambda.maxCoeff(), 1e-4 * lambda.minCoeff());
}

std::string MessageOf(const LossOptions& options) {
  try {
    CheckLoss(options);
    CheckLabelWeights(options, 3, 2);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.field() + ": " + error.what();
  }
  return "";
}

TEST(LossWeightsTest, SomeDerivativeHasAWeight) {
  LossOptions options;
  options.derivative_weights = {0, 0, 1, 0, 0, 0};
  EXPECT_EQ(MessageOf(options), "");
  options.derivative_weights[2] = 0;
  EXPECT_THAT(MessageOf(options), testing::StartsWith("spec.derivative_weights: "));
}

TEST(LossWeightsTest, BadOptionsAreNamed) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  LossOptions options;
  EXPECT_EQ(MessageOf(options), "");
  options.output_weights = {1};
  EXPECT_THAT(MessageOf(options), HasSubstr("spec.output_weights: expected no weights or 2"));
  for (const double bad : {0.0, -1.0, nan, 1e7}) {
    options.output_weights = {1, bad};
    EXPECT_THAT(MessageOf(options), HasSubstr("spec.output_weights"));
  }
  options.output_weights = {1, 2};
  options.derivative_weights = {1, 2, 3, 0, 5};
  EXPECT_THAT(MessageOf(options), HasSubstr("spec.derivative_weights: expected no weights or 6"));
  options.derivative_weights.push_back(-1);
  EXPECT_THAT(MessageOf(options), HasSubstr("spec.derivative_weights"));
  options.derivative_weights.back() = 6;
  EXPECT_EQ(MessageOf(options), "");
  for (const double bad : {0.0, -1.0, nan, 1e3}) {
    options.huber = bad;
    EXPECT_THAT(MessageOf(options), HasSubstr("spec.huber"));
  }
}

}  // namespace
}  // namespace sobolev::train
