#include "engine/train/label_checks.h"

#include <cmath>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

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

// The points are as the user has them.
std::vector<SuspectLabel> Suspects(const LabelledPoints& points) {
  const Index n = points.n();
  const Index m = points.m();
  return CompareWithNeighbours(points, {.x_mean = Vector::Zero(n),
                                        .x_scale = Vector::Ones(n),
                                        .y_mean = Vector::Zero(m),
                                        .y_scale = Vector::Ones(m)});
}

TEST(LabelChecksTest, RightLabelsAreNotSuspect) {
  for (const Index count : {2, 5, 20, 100, 1000}) {
    EXPECT_THAT(Suspects(Sample(count)), IsEmpty()) << count;
  }
}

TEST(LabelChecksTest, NoisyLabelsAreNotSuspect) {
  for (const double noise : {0.1, 1.0, 10.0}) {
    EXPECT_THAT(Suspects(Sample(2000, noise)), IsEmpty()) << noise;
  }
}

// A factor of −1 is a sign, other factors are units, at 20 points already.
TEST(LabelChecksTest, AWrongSignAndAWrongUnitAreNamedWithTheirInput) {
  for (const Index count : {20, 200}) {
    LabelledPoints points = Sample(count);
    points.J.row(1) *= -1;
    std::vector<SuspectLabel> suspects = Suspects(points);
    ASSERT_EQ(suspects.size(), 1U) << count;
    EXPECT_EQ(suspects[0].input, 1);
    EXPECT_EQ(suspects[0].kind, SuspectLabel::Kind::kSign);

    points.J.row(1) *= -1;
    points.J.row(0) *= 100;
    suspects = Suspects(points);
    ASSERT_EQ(suspects.size(), 1U) << count;
    EXPECT_EQ(suspects[0].input, 0);
    EXPECT_EQ(suspects[0].kind, SuspectLabel::Kind::kScale);
    EXPECT_NEAR(suspects[0].factor, 0.01, 0.003);
  }
}

// At 20 points already; and each column of a rotation of all three.
TEST(LabelChecksTest, ColumnsInTheWrongOrderAreNamedWithTheirInputs) {
  const auto order = [](const LabelledPoints& points) {
    std::vector<std::pair<Index, Index>> found;
    for (const SuspectLabel& suspect : Suspects(points)) {
      EXPECT_EQ(suspect.kind, SuspectLabel::Kind::kSwapped);
      found.emplace_back(suspect.input, suspect.other);
    }
    return found;
  };
  for (const Index count : {20, 200}) {
    LabelledPoints points = Sample(count);
    points.J.row(0).swap(points.J.row(1));
    EXPECT_THAT(order(points), ElementsAre(Pair(0, 1), Pair(1, 0))) << count;
    points.J.row(1).swap(points.J.row(2));
    EXPECT_THAT(order(points), ElementsAre(Pair(0, 1), Pair(1, 2), Pair(2, 0))) << count;
  }
}

// The columns are in the wrong order in the user's units: x₁ is in thousandths.
TEST(LabelChecksTest, SwappedColumnsOfInputsWithOtherUnitsAreFound) {
  LabelledPoints points = Sample(40);
  const double unit = 1000;
  // In units of x₁/1000 and x₂ the labels are ∂₂ and ∂₁/1000.
  const Matrix first = points.J.row(0);
  points.J.row(0) = unit * points.J.row(1);
  points.J.row(1) = first / unit;
  const std::vector<SuspectLabel> suspects =
      CompareWithNeighbours(points, {.x_mean = Vector::Zero(3),
                                     .x_scale = Vector{{unit, 1, 1}},
                                     .y_mean = Vector::Zero(1),
                                     .y_scale = Vector::Ones(1)});
  ASSERT_EQ(suspects.size(), 2U);
  EXPECT_EQ(suspects[0].kind, SuspectLabel::Kind::kSwapped);
  EXPECT_EQ(suspects[0].other, 1);
}

// Opposite slopes: a wrong sign of both looks as if they were swapped, but is said as it is.
TEST(LabelChecksTest, WrongSignsAreNotTakenForSwappedColumns) {
  LabelledPoints points = Sample(40);
  for (Index s = 0; s < 40; ++s) {
    const double t = points.X(0, s) - points.X(1, s);
    points.Y(0, s) = std::sin(t);
    points.J.col(s) << -std::cos(t), std::cos(t), 0;
  }
  const std::vector<SuspectLabel> suspects = Suspects(points);
  ASSERT_EQ(suspects.size(), 2U);
  for (const SuspectLabel& suspect : suspects) {
    EXPECT_EQ(suspect.kind, SuspectLabel::Kind::kSign);
  }
}

TEST(LabelChecksTest, DuplicatesAndConstantsAreNoTrouble) {
  LabelledPoints points = Sample(40);
  points.X.rightCols(20) = points.X.leftCols(20);
  points.Y.rightCols(20) = points.Y.leftCols(20);
  points.J.rightCols(20) = points.J.leftCols(20);
  EXPECT_THAT(Suspects(points), IsEmpty());
  points.X.setZero();
  EXPECT_THAT(Suspects(points), IsEmpty());
}

}  // namespace
}  // namespace sobolev::train
