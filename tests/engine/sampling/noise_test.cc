#include "engine/sampling/noise.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/sobol.h"

namespace sobolev::sampling {
namespace {

// y₁ = sin 3a + b², y₂ = a b, whose noise has these standard deviations.
Evidence Sample(Index count, double first, double second, std::uint64_t seed = 1) {
  Rng rng(seed);
  Evidence evidence{
      .X = SobolPoints(2, 0, count, seed), .Y = Matrix(2, count), .J = Matrix(2, 2 * count)};
  for (Index s = 0; s < count; ++s) {
    const double a = evidence.X(0, s);
    const double b = evidence.X(1, s);
    evidence.Y.col(s) << std::sin(3 * a) + b * b, a * b;
    evidence.Y(0, s) += first * rng.Normal();
    evidence.Y(1, s) += second * rng.Normal();
    evidence.J.col(2 * s) << 3 * std::cos(3 * a), 2 * b;
    evidence.J.col(2 * s + 1) << b, a;
  }
  return evidence;
}

TEST(NoiseTest, SmoothValuesShowNone) {
  for (const Index count : {1, 2, 12, 50, 300, 2000}) {
    EXPECT_EQ(EstimateNoise(Sample(count, 0, 0)), Vector::Zero(2)) << count;
  }
}

// The standard error of a median over n pairs is about 1.2/√n of the deviation.
TEST(NoiseTest, NoiseOfEachOutputIsMeasured) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const Vector noise = EstimateNoise(Sample(300, 0.05, 0, seed));
    EXPECT_NEAR(noise(0), 0.05, 0.02) << seed;
    EXPECT_EQ(noise(1), 0) << seed;
  }
  EXPECT_GT(EstimateNoise(Sample(40, 0.2, 0.2))(1), 0.08);
}

// A step of height 1 is between few neighbours.
TEST(NoiseTest, ADiscontinuityIsNotNoise) {
  for (const Index count : {40, 200, 1000}) {
    Evidence evidence = Sample(count, 0, 0);
    for (Index s = 0; s < count; ++s) {
      if (evidence.X.col(s).sum() > 1) evidence.Y.col(s).array() += 1;
    }
    EXPECT_EQ(EstimateNoise(evidence), Vector::Zero(2)) << count;
  }
}

TEST(NoiseTest, ConstantsAndMissingLabelsShowNone) {
  Evidence evidence = Sample(50, 0.1, 0.1);
  evidence.Y.setConstant(3);
  evidence.J.setZero();
  EXPECT_EQ(EstimateNoise(evidence), Vector::Zero(2));
  evidence = Sample(50, 0.1, 0.1);
  evidence.Y.row(0).setConstant(std::numeric_limits<double>::quiet_NaN());
  const Vector noise = EstimateNoise(evidence);
  EXPECT_EQ(noise(0), 0);
  EXPECT_GT(noise(1), 0);
}

// Without derivatives, values at the same point tell.
TEST(NoiseTest, RepeatedPointsThatDifferAreNoise) {
  Evidence evidence = Sample(100, 0.3, 0);
  evidence.X.rightCols(50) = evidence.X.leftCols(50);
  evidence.Y.rightCols(50) = Sample(50, 0.3, 0, 9).Y;
  for (Index s = 50; s < 100; ++s) {
    const Evidence exact = Sample(100, 0, 0);
    evidence.Y.col(s) += exact.Y.col(s - 50) - Sample(50, 0, 0, 9).Y.col(s - 50);
  }
  evidence.J.resize(2, 0);
  const Vector noise = EstimateNoise(evidence);
  EXPECT_NEAR(noise(0), 0.3, 0.1);
  EXPECT_EQ(noise(1), 0);
  // Points that are not repeated tell nothing then.
  Evidence alone = Sample(100, 0.3, 0.3);
  alone.J.resize(2, 0);
  EXPECT_EQ(EstimateNoise(alone), Vector::Zero(2));
}

}  // namespace
}  // namespace sobolev::sampling
