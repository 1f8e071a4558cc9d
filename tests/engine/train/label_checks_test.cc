#include "engine/train/label_checks.h"

#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {
namespace {

using testing::IsEmpty;
using testing::Not;

// y = sin x₁ + x₁ x₂ + x₃²/2, with noise on y and J.
LabelledPoints Sample(Index count, double noise = 0, double reach = 1) {
  Rng rng(3);
  LabelledPoints points{.X = Matrix(3, count),
                        .Y = Matrix(1, count),
                        .J = Matrix(3, count),
                        .weight = Vector::Ones(count)};
  for (Index s = 0; s < count; ++s) {
    for (Index j = 0; j < 3; ++j) points.X(j, s) = reach * (2 * rng.Uniform() - 1);
    const auto x = points.X.col(s);
    points.Y(0, s) = std::sin(x[0]) + x[0] * x[1] + x[2] * x[2] / 2 + noise * rng.Normal();
    points.J.col(s) << std::cos(x[0]) + x[1], x[0], x[2];
    for (Index j = 0; j < 3; ++j) points.J(j, s) += noise * rng.Normal();
  }
  return points;
}

TEST(LabelChecksTest, RightLabelsAreNotSuspect) {
  for (const Index count : {2, 5, 20, 100, 1000}) {
    EXPECT_THAT(CompareWithNeighbours(Sample(count)), IsEmpty()) << count;
  }
}

TEST(LabelChecksTest, NoisyLabelsAreNotSuspect) {
  for (const double noise : {0.1, 1.0, 10.0}) {
    EXPECT_THAT(CompareWithNeighbours(Sample(2000, noise)), IsEmpty()) << noise;
  }
}

// A factor of −1 is a sign, other factors are units, at 20 points already.
TEST(LabelChecksTest, AWrongSignAndAWrongUnitAreNamedWithTheirInput) {
  for (const Index count : {20, 200}) {
    LabelledPoints points = Sample(count);
    points.J.row(1) *= -1;
    std::vector<SuspectLabel> suspects = CompareWithNeighbours(points);
    ASSERT_EQ(suspects.size(), 1U) << count;
    EXPECT_EQ(suspects[0].input, 1);
    EXPECT_EQ(suspects[0].kind, SuspectLabel::Kind::kSign);

    points.J.row(1) *= -1;
    points.J.row(0) *= 100;
    suspects = CompareWithNeighbours(points);
    ASSERT_EQ(suspects.size(), 1U) << count;
    EXPECT_EQ(suspects[0].input, 0);
    EXPECT_EQ(suspects[0].kind, SuspectLabel::Kind::kScale);
    EXPECT_NEAR(suspects[0].factor, 0.01, 0.003);
  }
}

TEST(LabelChecksTest, SwappedColumnsAreSuspect) {
  LabelledPoints points = Sample(200);
  points.J.row(0).swap(points.J.row(1));
  const std::vector<SuspectLabel> suspects = CompareWithNeighbours(points);
  EXPECT_THAT(suspects, Not(IsEmpty()));
  for (const SuspectLabel& suspect : suspects) EXPECT_LT(suspect.input, 2);
}

TEST(LabelChecksTest, DuplicatesAndConstantsAreNoTrouble) {
  LabelledPoints points = Sample(40);
  points.X.rightCols(20) = points.X.leftCols(20);
  points.Y.rightCols(20) = points.Y.leftCols(20);
  points.J.rightCols(20) = points.J.leftCols(20);
  EXPECT_THAT(CompareWithNeighbours(points), IsEmpty());
  points.X.setZero();
  EXPECT_THAT(CompareWithNeighbours(points), IsEmpty());
}

}  // namespace
}  // namespace sobolev::train
