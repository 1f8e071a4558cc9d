#include "engine/regression/labels.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/regression/cross_validation.h"
#include "engine/surrogate/labelled_points.h"
#include "tests/engine/regression/problems.h"

namespace sobolev::regression {
namespace {

using testing::ElementsAre;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<Second> TwoOutputs(const std::vector<Second>& x) {
  return {sin(x[0]) + x[1] * x[1], x[0] * x[1] * 2.0};
}

TEST(LabelsTest, MissingLabelsAndThoseOfWeightZeroAreLeftOut) {
  LabelledPoints points = PointsOf(TwoOutputs, UniformMatrix(2, 3, 1));
  points.Y(1, 2) = kNaN;
  points.J(0, 0) = kNaN;
  LossWeights weights = AllWeights(points);
  weights.lambda(1, 0) = 0;  // ∂y_0/∂x_1 does not count.

  const Labels labels = MakeLabels(points, weights);

  ASSERT_EQ(labels.groups.size(), 2u);
  // Output 0: 3 values, 2 of ∂_0. Output 1: 2 values, 6 derivatives.
  EXPECT_EQ(labels.groups[0].NumLabels(), 5);
  EXPECT_EQ(labels.groups[1].NumLabels(), 8);
  EXPECT_THAT(labels.groups[0].first, ElementsAre(0, 1, 3, 5));
  EXPECT_EQ(FitSizes::Of(points, weights).num_labels, 13);
}

TEST(LabelsTest, AnAdjointOfTwoOutputsCouplesThemAndOneOfASingleOutputDoesNot) {
  const Matrix X = UniformMatrix(2, 2, 2);
  LabelledPoints points = PointsOf(TwoOutputs, X);
  points.adjoints = AdjointsOf(TwoOutputs, X, 3);
  points.adjoints.Y_bar.row(0).setZero();
  points.adjoints.Y_bar.row(1).setConstant(-2);
  EXPECT_EQ(MakeLabels(points, AllWeights(points)).groups.size(), 2u);

  points.adjoints.Y_bar(0, 1) = 0.5;
  const Labels labels = MakeLabels(points, AllWeights(points));
  ASSERT_EQ(labels.groups.size(), 1u);
  EXPECT_THAT(labels.groups[0].outputs, ElementsAre(0, 1));
  EXPECT_EQ(labels.groups[0].NumLabels(), 2 * 2 + 2 * 4 + 2 * 2);
}

// e_j as a tangent, e_i as an adjoint and ∂y_i/∂x_j itself are the same label, in whatever unit.
TEST(LabelsTest, DirectionalLabelsWeighAsTheEntriesThatTheyEqual) {
  const Matrix X = UniformMatrix(2, 1, 4);
  LabelledPoints points = Unlabelled(X, 1);
  points.J = Matrix::Constant(2, 1, kNaN);
  points.J(1, 0) = 0.7;
  points.tangents = {.point = {0}, .X_dot = Matrix(2, 1), .Y_dot = Matrix::Constant(1, 1, 2.1)};
  points.tangents.X_dot << 0, 3;
  points.adjoints = {.point = {0}, .Y_bar = Matrix::Constant(1, 1, -5), .X_bar = Matrix(2, 1)};
  points.adjoints.X_bar << kNaN, -3.5;
  LossWeights weights = AllWeights(points);
  weights.lambda << 0.2, 1.5;

  const Labels labels = MakeLabels(points, weights);

  const LabelGroup& group = labels.groups[0];
  ASSERT_EQ(group.NumLabels(), 3);
  EXPECT_NEAR(group[1].weight * 9, group[0].weight, 1e-15);  // Of a residual three times as large.
  EXPECT_NEAR(group[2].weight, group[0].weight, 1e-15);
  EXPECT_NEAR(group[2].target, 0.7, 1e-15);
}

TEST(LabelsTest, WrongSizesAndPointNumbersAreRefused) {
  LabelledPoints points = PointsOf(TwoOutputs, UniformMatrix(2, 3, 5));
  points.tangents = {.point = {3}, .X_dot = Matrix::Ones(2, 1), .Y_dot = Matrix::Ones(2, 1)};
  EXPECT_THROW(MakeLabels(points, AllWeights(points)), Error);
  points.tangents.point = {2};
  EXPECT_NO_THROW(MakeLabels(points, AllWeights(points)));
  points.J.conservativeResize(2, 5);
  EXPECT_THROW(MakeLabels(points, AllWeights(points)), Error);
  const LabelledPoints none = Unlabelled(UniformMatrix(2, 3, 5), 2);
  EXPECT_THROW(MakeLabels(none, AllWeights(none)), Error);
}

TEST(CrossValidationTest, ErrorsAreRelativeToTheSpreadOfValuesAndTheSizeOfDerivatives) {
  LabelGroup group{.outputs = {0}};
  CrossValidator validator(2);
  for (const double target : {4.0, 6.0}) {
    validator.Add(group, {.target = target, .weight = 1}, 0.1);
    validator.Add(group, {.kind = LabelKind::kPartial, .target = target, .weight = 1}, 0.1);
    validator.Add(group, {.kind = LabelKind::kCurvature, .target = target, .weight = 1}, 100);
  }
  const CrossValidation result = validator.Finish(2);
  EXPECT_NEAR(result.value_nrmse(0), 0.1, 1e-15);
  EXPECT_NEAR(result.gradient_nrmse(0), std::sqrt(0.02 / 52), 1e-15);
  EXPECT_TRUE(std::isnan(result.value_nrmse(1)));
  EXPECT_NEAR(result.Value(), 0.1, 1e-15);  // Over the outputs that have labels.
}

}  // namespace
}  // namespace sobolev::regression
