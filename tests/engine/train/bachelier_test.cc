// The basket option of the quickstart: its closed form, and what training makes of its samples.

#include "client/examples/bachelier.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/train/options.h"
#include "engine/train/trainer.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

using examples::Bachelier;
using examples::LabelledPoints;

OwnedSamples ToSamples(const LabelledPoints& points) {
  const auto N = static_cast<Index>(points.count);
  const Index n = static_cast<Index>(points.x.size()) / N;
  return {.X = ConstMatrixMap(points.x.data(), n, N),
          .Y = ConstMatrixMap(points.y.data(), 1, N),
          .J = ConstMatrixMap(points.jacobian.data(), n, N),
          .weight = {}};
}

TEST(BachelierTest, DeltasAreTheDerivativesOfThePrice) {
  const Bachelier problem(5, 3);
  const LabelledPoints points = problem.ExactPoints(20, 1);
  constexpr double kStep = 1e-5;  // Central differences err by about 1e-10 here.
  for (std::size_t s = 0; s < points.count; ++s) {
    for (std::size_t j = 0; j < 5; ++j) {
      std::vector<double> up(points.x.begin() + static_cast<std::ptrdiff_t>(5 * s),
                             points.x.begin() + static_cast<std::ptrdiff_t>(5 * s + 5));
      std::vector<double> down = up;
      up[j] += kStep;
      down[j] -= kStep;
      EXPECT_NEAR(points.jacobian[5 * s + j],
                  (problem.Price(up) - problem.Price(down)) / (2 * kStep), 1e-8);
    }
  }
}

TEST(BachelierTest, AtTheMoneyThePriceIsTheKnownOne) {
  const Bachelier problem;
  EXPECT_NEAR(problem.Price(std::vector<double>(7, 1.1)), 0.2 / std::sqrt(2 * std::numbers::pi),
              1e-15);
  EXPECT_NEAR(problem.Price(std::vector<double>(7, 10)), 10 - 1.1, 1e-12);
}

// Over samples of similar price the mean label must be the mean price within four standard errors,
// and so must the mean differential.
TEST(BachelierTest, SimulatedLabelsAreUnbiased) {
  const Bachelier problem;
  const LabelledPoints samples = problem.Simulate(100'000, 1);
  struct Bin {
    double count = 0;
    double excess = 0;
    double excess_square = 0;
    double delta_excess = 0;
  };
  std::vector<Bin> bins(4);  // Of prices from 0.02, in steps of 0.05.
  for (std::size_t s = 0; s < samples.count; ++s) {
    const std::span<const double> spots = std::span(samples.x).subspan(7 * s, 7);
    const double price = problem.Price(spots);
    if (price < 0.02 || price >= 0.22) continue;
    Bin& bin = bins[static_cast<std::size_t>((price - 0.02) / 0.05)];
    const double excess = samples.y[s] - price;
    bin.count += 1;
    bin.excess += excess;
    bin.excess_square += excess * excess;
    const std::vector<double> deltas = problem.Deltas(spots);
    for (std::size_t j = 0; j < 7; ++j) {
      bin.delta_excess += samples.jacobian[7 * s + j] - deltas[j];
    }
  }
  for (const Bin& bin : bins) {
    ASSERT_GT(bin.count, 1000);
    EXPECT_LT(std::abs(bin.excess), 4 * std::sqrt(bin.excess_square));
    // A sample's deltas sum to 0, 1/2 or 1, so that their standard deviation is at most 1/2.
    EXPECT_LT(std::abs(bin.delta_excess), 4 * 0.5 * std::sqrt(bin.count));
  }
}

TEST(BachelierTest, SeedsDecide) {
  const Bachelier problem;
  EXPECT_EQ(problem.Simulate(10, 1).y, problem.Simulate(10, 1).y);
  EXPECT_NE(problem.Simulate(10, 1).x, problem.Simulate(10, 2).x);
  EXPECT_NE(Bachelier(7, 1).Deltas(std::vector<double>(7, 1)),
            Bachelier(7, 2).Deltas(std::vector<double>(7, 1)));
}

class BachelierTrainingTest : public ::testing::TestWithParam<std::uint64_t> {};

// Both trainings see the same samples and differ in the gradient loss only.
TEST_P(BachelierTrainingTest, GradientsCutBothErrorsByTheirPublishedFactors) {
  const Bachelier problem;
  const OwnedSamples samples = ToSamples(problem.Simulate(8192, GetParam()));
  const OwnedSamples points = ToSamples(problem.ExactPoints(4096, 1));
  Trainer differential(samples.View(), {.seed = GetParam()});
  Trainer value_only(samples.View(), {.beta = 0, .seed = GetParam()});
  EXPECT_EQ(RunToEnd(differential), Status::kMaxEpochs);
  RunToEnd(value_only);
  const TrueErrors with = ErrorsOn(differential.MakeSurrogate(), points);
  const TrueErrors without = ErrorsOn(value_only.MakeSurrogate(), points);
  RecordProperty("value_ratio", std::to_string(without.value / with.value));
  RecordProperty("jacobian_ratio", std::to_string(without.jacobian / with.jacobian));
  EXPECT_LT(with.value, 0.0025);
  EXPECT_LT(with.jacobian, 0.0035);
  EXPECT_GT(without.value / with.value, 2.5);
  EXPECT_GT(without.jacobian / with.jacobian, 3);
}

INSTANTIATE_TEST_SUITE_P(Seeds, BachelierTrainingTest, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace sobolev::train
