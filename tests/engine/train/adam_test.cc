#include "engine/train/adam.h"

#include <cmath>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/rng.h"

namespace sobolev::train {
namespace {

// The first step has m̂ = g and v̂ = g², so θ moves by η g/(|g| + ε) whatever the size of g.
TEST(AdamTest, TheFirstStepIsTheLearningRateAgainstTheSignOfTheGradient) {
  Adam<double> adam(3);
  std::vector<double> theta = {1, 2, 3};
  const std::vector<double> gradient = {1e-3, -1e3, 0};
  adam.Step(theta, gradient, 0.1);
  EXPECT_NEAR(theta[0], 0.9, 1e-5);
  EXPECT_NEAR(theta[1], 2.1, 1e-11);
  EXPECT_EQ(theta[2], 3);
}

// By hand, for g = 2 and then g = −1 with η = 0.5:
//   t = 1: m = 0.2,  v = 0.004:     θ = 1 − 0.5·2/(2 + 1e-8) = 0.5000000025
//   t = 2: m = 0.08, v = 0.004996:  m̂ = 0.08/0.19 = 0.42105263, v̂ = 0.004996/0.001999 = 2.49924962,
//          √v̂ = 1.58090152, so θ falls by 0.5·0.26633704 = 0.13316852.
TEST(AdamTest, TwoStepsAgreeWithTheHandCalculation) {
  Adam<double> adam(1);
  std::vector<double> theta = {1};
  adam.Step(theta, std::vector<double>{2}, 0.5);
  EXPECT_NEAR(theta[0], 0.5000000025, 1e-15);
  adam.Step(theta, std::vector<double>{-1}, 0.5);
  EXPECT_NEAR(theta[0], 0.5000000025 - 0.13316852, 1e-8);
}

// Sizes that do not fill a register, against the formula written plainly.
TEST(AdamTest, EveryParameterFollowsTheFormulaWhateverTheirNumber) {
  for (std::size_t p = 1; p <= 9; ++p) {
    Adam<float> adam(p);
    Rng rng(p);
    std::vector<float> theta(p);
    std::vector<double> expected(p);
    std::vector<double> m(p);
    std::vector<double> v(p);
    for (int t = 1; t <= 20; ++t) {
      std::vector<float> gradient(p);
      for (float& g : gradient) g = static_cast<float>(rng.Normal());
      adam.Step(theta, gradient, 0.01);
      for (std::size_t i = 0; i < p; ++i) {
        const auto g = static_cast<double>(gradient[i]);
        m[i] = 0.9 * m[i] + 0.1 * g;
        v[i] = 0.999 * v[i] + 0.001 * g * g;
        const double m_hat = m[i] / (1 - std::pow(0.9, t));
        const double v_hat = v[i] / (1 - std::pow(0.999, t));
        expected[i] -= 0.01 * m_hat / (std::sqrt(v_hat) + 1e-8);
        EXPECT_NEAR(static_cast<double>(theta[i]), expected[i], 1e-6) << "p = " << p;
      }
    }
  }
}

TEST(AdamTest, RestoredStateContinuesToTheSameBits) {
  Adam<double> adam(5);
  std::vector<double> theta(5, 1);
  const std::vector<double> gradient = {1, -2, 3, -4, 5};
  adam.Step(theta, gradient, 0.1);
  Adam<double> restored(5);
  restored.Restore(adam.steps(), adam.first_moment(), adam.second_moment());
  std::vector<double> theta_of_restored = theta;
  adam.Step(theta, gradient, 0.1);
  restored.Step(theta_of_restored, gradient, 0.1);
  EXPECT_EQ(theta, theta_of_restored);
}

// A step with a finite gradient whose square overflows leaves θ finite, but never moves it again.
TEST(AdamTest, AMomentThatOverflowsIsNotFinite) {
  Adam<float> adam(2);
  std::vector<float> theta = {1, 1};
  adam.Step(theta, std::vector<float>{1, 1e18F}, 0.1);
  EXPECT_TRUE(adam.IsFinite());
  adam.Step(theta, std::vector<float>{1, 1e25F}, 0.1);
  EXPECT_TRUE(std::isfinite(theta[1]));
  EXPECT_FALSE(adam.IsFinite());
}

}  // namespace
}  // namespace sobolev::train
