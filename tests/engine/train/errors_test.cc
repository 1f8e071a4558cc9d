#include "engine/train/errors.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

Matrix Normal(Index rows, Index cols, std::uint64_t seed) {
  Rng rng(seed);
  Matrix matrix(rows, cols);
  for (double& entry : matrix.reshaped()) entry = rng.Normal();
  return matrix;
}

// A network of three inputs and two outputs in wild units, and points to judge it on.
struct Judged {
  nn::Scaling scaling{.x_mean = Vector::Constant(3, 5),
                      .x_scale = Eigen::Vector3d(1e-3, 2, 70),
                      .y_mean = Vector::Constant(2, -1),
                      .y_scale = Eigen::Vector2d(1e4, 0.1)};
  nn::Architecture architecture{.n = 3, .m = 2, .hidden = {6, 5}};
  nn::NetworkSurrogate surrogate{architecture, scaling, nn::InitialParameters(architecture, 3)};
  LabelledPoints points{.X = Normal(3, 20, 4), .Y = Normal(2, 20, 5), .weight = Vector::Ones(20)};

  // Ĵ at x̂ in standardised coordinates, n×m.
  Matrix JacobianAt(const Vector& x_hat) const {
    const Vector x = scaling.x_mean + scaling.x_scale.cwiseProduct(x_hat);
    Matrix J(3, 2);
    surrogate.Predict(ConstMatrixMap(x.data(), 3, 1), std::nullopt, std::nullopt, {.J = J.data()});
    return scaling.x_scale.asDiagonal() * J * scaling.y_scale.cwiseInverse().asDiagonal();
  }

  // The network's own curvatures as labels, by differences of its Jacobians: with this step they
  // are good to about 1e-8.
  void LabelCurvatures(const std::vector<Index>& at) {
    constexpr double kStep = 1e-5;
    const auto count = static_cast<Index>(at.size());
    points.curvatures = {at, Normal(2, count, 6), Normal(3, count, 7), Matrix(3, count)};
    for (Index k = 0; k < count; ++k) {
      const Vector x = points.X.col(at[static_cast<std::size_t>(k)]);
      const Vector v = points.curvatures.V.col(k);
      points.curvatures.H_v.col(k) = (JacobianAt(x + kStep * v) - JacobianAt(x - kStep * v)) /
                                     (2 * kStep) * points.curvatures.Y_bar.col(k);
    }
  }
};

TEST(ErrorsTest, CurvaturesAreComparedInStandardisedUnits) {
  Judged judged;
  judged.LabelCurvatures({0, 0, 3, 7, 19});
  const auto error = [&] {
    return ErrorsOn(judged.surrogate, judged.points, judged.scaling, nullptr).curvature_relative;
  };
  ASSERT_TRUE(error().has_value());
  EXPECT_LT(*error(), 1e-7);
  // Labels that are too large by a quarter are missed by a fifth of them.
  judged.points.curvatures.H_v *= 1.25;
  EXPECT_NEAR(*error(), 0.2, 1e-7);
  judged.points.curvatures.H_v.row(1).setConstant(kMissing);
  EXPECT_NEAR(*error(), 0.2, 1e-7);
  judged.points.curvatures.H_v.setConstant(kMissing);
  EXPECT_FALSE(error().has_value());
}

TEST(ErrorsTest, CurvaturesChangeNeitherTheOtherErrorsNorTheScore) {
  Judged judged;
  const Errors without = ErrorsOn(judged.surrogate, judged.points, judged.scaling, nullptr);
  EXPECT_FALSE(without.curvature_relative.has_value());
  judged.LabelCurvatures({2});
  const Errors with = ErrorsOn(judged.surrogate, judged.points, judged.scaling, nullptr);
  EXPECT_EQ(with.value_rmse, without.value_rmse);
  EXPECT_EQ(Score(with), Score(without));
  EXPECT_EQ(ScoreOn(judged.surrogate, judged.points, judged.scaling), Score(with));
}

TEST(ErrorsTest, TheMeanIsOverTheSetsWithCurvatures) {
  const Errors none{.value_rmse = Vector::Ones(1), .value_relative = 1};
  Errors small = none;
  small.curvature_relative = 0.1;
  Errors large = none;
  large.curvature_relative = 0.3;
  EXPECT_FALSE(MeanOf({none, none}).curvature_relative.has_value());
  EXPECT_DOUBLE_EQ(*MeanOf({none, small, large}).curvature_relative, 0.2);
}

// An output that never has a value has no error, and does not make the others look better.
TEST(ErrorsTest, WhatNoLabelTellsIsUnknown) {
  Judged judged;
  const auto errors = [&] {
    return ErrorsOn(judged.surrogate, judged.points, judged.scaling, nullptr);
  };
  const Errors all = errors();
  EXPECT_TRUE(std::isnan(all.jacobian_relative));
  judged.points.Y.row(0).setConstant(kMissing);
  const Errors second = errors();
  ASSERT_EQ(second.value_rmse.size(), 2);
  EXPECT_TRUE(std::isnan(second.value_rmse[0]));
  EXPECT_EQ(second.value_rmse[1], all.value_rmse[1]);
  EXPECT_DOUBLE_EQ(second.value_relative, all.value_rmse[1] / judged.scaling.y_scale[1]);
  EXPECT_DOUBLE_EQ(Score(second), second.value_relative);

  judged.points.Y.setConstant(kMissing);
  const Errors none = errors();
  EXPECT_EQ(none.value_rmse.size(), 0);
  EXPECT_TRUE(std::isnan(none.value_relative));
  EXPECT_FALSE(none.IsKnown());
  EXPECT_EQ(Score(none), 1);

  const Errors mean = MeanOf({none, second, all});
  EXPECT_EQ(mean.value_rmse[0], all.value_rmse[0]);
  EXPECT_EQ(mean.value_rmse[1], all.value_rmse[1]);
  EXPECT_DOUBLE_EQ(mean.value_relative, (all.value_relative + second.value_relative) / 2);
}

// NaN says unknown, so that a model that diverged must not have it for an error.
TEST(ErrorsTest, ErrorsThatAreNotFiniteAreInfinite) {
  Judged judged;
  Vector theta = nn::InitialParameters(judged.architecture, 3);
  theta.setConstant(kMissing);
  const nn::NetworkSurrogate diverged(judged.architecture, judged.scaling, theta);
  const Errors errors = ErrorsOn(diverged, judged.points, judged.scaling, nullptr);
  EXPECT_EQ(errors.value_relative, std::numeric_limits<double>::infinity());
  EXPECT_EQ(
      Score(MeanOf({errors, ErrorsOn(judged.surrogate, judged.points, judged.scaling, nullptr)})),
      std::numeric_limits<double>::infinity());
}

TEST(ErrorsTest, CurvaturesRankWhereNothingElseIsKnown) {
  Judged judged;
  judged.points.Y.setConstant(kMissing);
  judged.LabelCurvatures({0, 4});
  judged.points.curvatures.H_v *= 1.25;
  EXPECT_NEAR(Score(ErrorsOn(judged.surrogate, judged.points, judged.scaling, nullptr)), 0.2, 1e-7);
}

}  // namespace
}  // namespace sobolev::train
