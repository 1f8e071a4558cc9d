#include "engine/train/column_checks.h"

#include <cmath>
#include <limits>
#include <stop_token>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/label_checks.h"

namespace sobolev::train {
namespace {

using testing::IsEmpty;

constexpr Index kInputs = 8;
constexpr double kWork = 2e9;

// y₁ = Σ_j (1 + j) x_j + x₁ x₂ + 3 x₃² and y₂ = sin x₁ + Σ_j x_j² of 8 inputs.
LabelledPoints Sample(Index count, double noise = 0) {
  Rng rng(6);
  LabelledPoints points{.X = Matrix(kInputs, count),
                        .Y = Matrix(2, count),
                        .J = Matrix(kInputs, 2 * count),
                        .weight = Vector::Ones(count)};
  const Vector slopes = Vector::LinSpaced(kInputs, 1, kInputs);
  for (Index s = 0; s < count; ++s) {
    for (Index j = 0; j < kInputs; ++j) points.X(j, s) = 2 * rng.Uniform() - 1;
    const Vector x = points.X.col(s);
    points.Y.col(s) << slopes.dot(x) + x[0] * x[1] + 3 * x[2] * x[2], std::sin(x[0]) + x.dot(x);
    Vector first = slopes;
    first[0] += x[1];
    first[1] += x[0];
    first[2] += 6 * x[2];
    Vector second = 2 * x;
    second[0] += std::cos(x[0]);
    points.J.col(2 * s) = first;
    points.J.col(2 * s + 1) = second;
  }
  for (double& y : points.Y.reshaped()) y += noise * rng.Normal();
  for (double& slope : points.J.reshaped()) slope += noise * rng.Normal();
  return points;
}

nn::Scaling NoScaling() {
  return {.x_mean = Vector::Zero(kInputs),
          .x_scale = Vector::Ones(kInputs),
          .y_mean = Vector::Zero(2),
          .y_scale = Vector::Ones(2)};
}

std::vector<SuspectLabel> Suspects(const LabelledPoints& points, double work = kWork) {
  return CompareWithFits(points, NoScaling(), work);
}

TEST(ColumnChecksTest, RightLabelsAreNotSuspect) {
  for (const Index count : {3, 10, 20, 60, 300}) {
    for (const double noise : {0.0, 0.1, 3.0}) {
      EXPECT_THAT(Suspects(Sample(count, noise)), IsEmpty()) << count << ", " << noise;
    }
  }
}

// Too few for neighbours in 8 inputs.
TEST(ColumnChecksTest, AWrongSignAndAWrongUnitAreFoundAtTwentyPoints) {
  for (const double factor : {-1.0, 100.0, 0.01}) {
    for (const Index j : {0, 2, 7}) {
      LabelledPoints points = Sample(20);
      points.J.row(j) *= factor;
      for (Index s = 0; s < 20; ++s) points.J(j, 2 * s) /= factor;  // Those of y₁ are right.
      const std::vector<SuspectLabel> suspects = Suspects(points);
      ASSERT_EQ(suspects.size(), 1U) << factor << ", " << j;
      EXPECT_EQ(suspects[0].output, 1);
      EXPECT_EQ(suspects[0].input, j);
      EXPECT_EQ(suspects[0].kind,
                factor < 0 ? SuspectLabel::Kind::kSign : SuspectLabel::Kind::kScale);
      EXPECT_NEAR(suspects[0].factor * factor, 1, 0.2);
      EXPECT_GT(suspects[0].disputed, 0);
    }
  }
}

TEST(ColumnChecksTest, ExchangedColumnsAreFoundInTheUsersUnits) {
  nn::Scaling scaling = NoScaling();
  scaling.x_scale[4] = 1000;
  LabelledPoints points = Sample(30);
  for (Index s = 0; s < 30; ++s) {
    // ∂y/∂x̂ = ∂y/∂x · scale: what is exchanged are derivatives by x.
    const double of_third = points.J(2, 2 * s);
    points.J(2, 2 * s) = points.J(4, 2 * s) / 1000;
    points.J(4, 2 * s) = of_third * 1000;
  }
  const std::vector<SuspectLabel> suspects = CompareWithFits(points, scaling, kWork);
  ASSERT_EQ(suspects.size(), 2U);
  for (const SuspectLabel& suspect : suspects) {
    EXPECT_EQ(suspect.kind, SuspectLabel::Kind::kSwapped);
    EXPECT_EQ(suspect.input + suspect.other, 2 + 4);
    EXPECT_EQ(suspect.output, 0);
  }
}

// A repeated point that is left out is still there.
TEST(ColumnChecksTest, RepeatedPointsAreNotEvidence) {
  LabelledPoints points = Sample(10);
  points.X = points.X.replicate(1, 6).eval();
  points.Y = points.Y.replicate(1, 6).eval();
  points.J = points.J.replicate(1, 6).eval();
  points.weight = Vector::Ones(60);
  EXPECT_THAT(Suspects(points), IsEmpty());
}

TEST(ColumnChecksTest, NothingIsSaidOfWhatCannotBeJudged) {
  LabelledPoints points = Sample(20);
  points.J.row(2) *= -1;
  EXPECT_THAT(Suspects(points, 1e5), IsEmpty());
  points.J.row(2).setConstant(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(Suspects(points), IsEmpty());
  points.Y.setConstant(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(Suspects(points), IsEmpty());
  points.J.resize(kInputs, 0);
  EXPECT_THAT(Suspects(points), IsEmpty());
}

// Of outputs that are known at some points only, those points are looked at.
TEST(ColumnChecksTest, ValuesMayBeMissing) {
  LabelledPoints points = Sample(400);
  points.J.row(5) *= -1;
  for (Index s = 0; s < 400; s += 2) points.Y(0, s) = std::numeric_limits<double>::quiet_NaN();
  for (Index s = 2; s < 400; ++s) points.Y(1, s) = std::numeric_limits<double>::quiet_NaN();
  const std::vector<SuspectLabel> suspects = Suspects(points);
  ASSERT_EQ(suspects.size(), 1U);
  EXPECT_EQ(suspects[0].output, 0);
  EXPECT_EQ(suspects[0].input, 5);
}

TEST(ColumnChecksTest, StopsWhenTold) {
  std::stop_source source;
  source.request_stop();
  EXPECT_THROW(CompareWithFits(Sample(20), NoScaling(), kWork, source.get_token()), Error);
}

}  // namespace
}  // namespace sobolev::train
