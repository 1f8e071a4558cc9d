// Scores of goals against integrals.

#include "engine/sampling/goals.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"

namespace sobolev::sampling {
namespace {

TEST(GoalsTest, ExpectedImprovementIsItsIntegral) {
  for (const double mean : {-1.0, 0.3, 2.0}) {
    for (const double spread : {0.1, 1.0}) {
      const double least = 0.5;
      // The trapezoidal rule converges fast on what decays smoothly; the kink costs O(h²).
      double integral = 0;
      const double step = 1e-4;
      for (double z = -8; z < 8; z += step) {
        const double gain = std::max(0.0, least - (mean + spread * z));
        integral += step * gain * std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi);
      }
      EXPECT_NEAR(ExpectedImprovement(mean, spread, least), integral, 1e-7);
    }
  }
  EXPECT_EQ(ExpectedImprovement(0.2, 0, 0.5), 0.3);
  EXPECT_EQ(ExpectedImprovement(0.7, 0, 0.5), 0);
}

TEST(GoalsTest, DoubtOfALevelIsLargestAtIt) {
  EXPECT_GT(LevelDoubt(1, 0.5, 1), LevelDoubt(1.2, 0.5, 1));
  EXPECT_DOUBLE_EQ(LevelDoubt(1.2, 0.5, 1), LevelDoubt(0.8, 0.5, 1));
  EXPECT_GT(LevelDoubt(1, 0.5, 1), LevelDoubt(1, 0.1, 1));
  EXPECT_EQ(LevelDoubt(1, 0, 1), 0);
}

TEST(GoalsTest, PointsAroundLieInTheCubeOnManyScales) {
  const Vector centre{{0.1, 0.9}};
  const Vector slope{{1, 0}};
  const Matrix X = PointsAround(centre, slope, 0.2, 64, 5);
  EXPECT_GE(X.minCoeff(), 0);
  EXPECT_LE(X.maxCoeff(), 1);
  const Vector away = (X.colwise() - centre).colwise().norm();
  EXPECT_LT(away.minCoeff(), 0.2 / 100);
  EXPECT_GT(away.maxCoeff(), 0.1);
  EXPECT_EQ(X, PointsAround(centre, slope, 0.2, 64, 5));
  Index lower = 0;
  for (Index s = 0; s < 64; ++s) lower += X(0, s) <= centre(0) ? 1 : 0;
  EXPECT_GE(lower, 40);
}

}  // namespace
}  // namespace sobolev::sampling
