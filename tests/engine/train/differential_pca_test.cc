#include "engine/train/differential_pca.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/surrogate/labelled_points.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::train {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// y = sin(2 a·x) + (b·x)²/20 with orthonormal a and b in ℝ⁶.
struct Ridge {
  Ridge() : a(Vector::Zero(6)), b(Vector::Zero(6)) {
    a << 1, 2, 0, -1, 0, 1;
    a.normalize();
    b << 0, 0, 1, 1, 3, 1;
    b -= a.dot(b) * a;
    b.normalize();
  }

  LabelledPoints Sample(Index count) const {
    Rng rng(5);
    LabelledPoints points{.X = Matrix(6, count),
                          .Y = Matrix(1, count),
                          .J = Matrix(6, count),
                          .weight = Vector::Ones(count)};
    for (Index s = 0; s < count; ++s) {
      for (Index j = 0; j < 6; ++j) points.X(j, s) = 2 * rng.Uniform() - 1;
      const double u = a.dot(points.X.col(s));
      const double v = b.dot(points.X.col(s));
      points.Y(0, s) = std::sin(2 * u) + v * v / 20;
      points.J.col(s) = 2 * std::cos(2 * u) * a + v / 10 * b;
    }
    return points;
  }

  Vector a;
  Vector b;
};

TEST(DifferentialPcaTest, FindsTheDirectionsOfARidgeFunction) {
  const Ridge ridge;
  const DifferentialPca pca = AnalyseGradients(ridge.Sample(200));
  EXPECT_NEAR(std::abs(pca.directions.col(0).dot(ridge.a)), 1, 1e-3);
  EXPECT_NEAR(std::abs(pca.directions.col(1).dot(ridge.b)), 1, 1e-3);
  EXPECT_GT(pca.Dropped(1), 1e-4);
  EXPECT_LT(pca.Dropped(2), 1e-14);
  EXPECT_NEAR(pca.share.sum(), 1, 1e-14);
  EXPECT_THAT(PromisingRanks(pca), ElementsAre(1, 2));
}

TEST(DifferentialPcaTest, AFunctionOfAllInputsOffersNoRank) {
  DifferentialPca pca{.directions = Matrix::Identity(4, 4), .share = Vector::Constant(4, 0.25)};
  EXPECT_THAT(PromisingRanks(pca), IsEmpty());
}

TEST(DifferentialPcaTest, WithoutGradientsThereIsNothingToFind) {
  LabelledPoints points = Ridge().Sample(3);
  points.J.setConstant(kMissing);
  EXPECT_EQ(AnalyseGradients(points).share, Vector::Zero(6));
  EXPECT_THAT(PromisingRanks(AnalyseGradients(points)), IsEmpty());
}

// The outputs count alike, whatever their scale.
TEST(DifferentialPcaTest, ASmallOutputIsNotDrownedByALargeOne) {
  LabelledPoints points{.X = Matrix::Random(2, 50),
                        .Y = Matrix::Zero(2, 50),
                        .J = Matrix(2, 100),
                        .weight = Vector::Ones(50)};
  for (Index s = 0; s < 50; ++s) {
    points.J.col(2 * s) << 1e6, 0;
    points.J.col(2 * s + 1) << 0, 1e-6;
  }
  const DifferentialPca pca = AnalyseGradients(points);
  EXPECT_NEAR(pca.share[0], 0.5, 1e-12);
  EXPECT_NEAR(pca.share[1], 0.5, 1e-12);
}

// A function of u = B x keeps all its labels under the projection: J ẋ, Jᵀ ȳ and H v.
TEST(DifferentialPcaTest, LabelsOfARidgeFunctionSurviveTheProjection) {
  const Ridge ridge;
  LabelledPoints points = ridge.Sample(40);
  const Vector direction = ridge.a + 3 * ridge.b;
  points.tangents = {
      .point = {7}, .X_dot = direction, .Y_dot = points.J.col(7).transpose() * direction};
  points.adjoints = {
      .point = {9}, .Y_bar = Matrix::Constant(1, 1, 2.0), .X_bar = 2 * points.J.col(9)};
  const double u = ridge.a.dot(points.X.col(4));
  const Matrix H =
      -4 * std::sin(2 * u) * ridge.a * ridge.a.transpose() + 0.1 * ridge.b * ridge.b.transpose();
  points.curvatures = {
      .point = {4}, .Y_bar = Matrix::Ones(1, 1), .V = direction, .H_v = H * direction};
  const Projection projection = MakeProjection(AnalyseGradients(points), 2, points.X);
  EXPECT_THAT(projection.B * projection.L, IsNearMatrix(Matrix::Identity(2, 2), 1e-13));
  const LabelledPoints projected = Project(points, projection);
  EXPECT_THAT(projection.B.transpose() * projected.J, IsNearMatrix(points.J, 1e-12));
  EXPECT_NEAR(projected.J.col(7).dot(projected.tangents.X_dot.col(0)),
              projected.tangents.Y_dot(0, 0), 1e-12);
  EXPECT_THAT(projected.adjoints.X_bar, IsNearMatrix(2 * projected.J.col(9), 1e-12));
  const Matrix H_u = projection.L.transpose() * H * projection.L;
  EXPECT_THAT(projected.curvatures.H_v, IsNearMatrix(H_u * projected.curvatures.V, 1e-12));
}

}  // namespace
}  // namespace sobolev::train
