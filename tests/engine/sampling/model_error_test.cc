#include "engine/sampling/model_error.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"
#include "engine/surrogate/held_out_sample.h"

namespace sobolev::sampling {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Nine samples crowd in the left tenth of [0, 1], one is in the rest.
Evidence Crowd() {
  Evidence evidence{.X = Matrix(1, 10), .Y = Matrix::Zero(2, 10), .J = Matrix::Zero(1, 20)};
  for (Index s = 0; s < 9; ++s) evidence.X(0, s) = 0.01 * static_cast<double>(s);
  evidence.X(0, 9) = 0.92;  // Half way between it and its neighbour is 0.5.
  return evidence;
}

std::vector<Index> Columns(Index count) {
  std::vector<Index> columns;
  for (Index s = 0; s < count; ++s) columns.push_back(s);
  return columns;
}

// Half of the cube is nearest to the lone sample, whose squared error of 4 is over two outputs, and
// half to one without error.
TEST(ModelErrorTest, SamplesCountForThePartOfTheCubeTheySpeakFor) {
  std::vector<HeldOutSample> held_out;
  for (Index s = 0; s < 10; ++s) {
    held_out.push_back(
        {.number = s, .value = s == 9 ? 4.0 : 0, .jacobian = s == 9 ? 8.0 : 0, .labels = 9});
  }
  const RelativeErrors errors = JudgeByHeldOut(held_out, Crowd(), Columns(10), {});
  EXPECT_NEAR(errors.value, 1, 0.01);
  EXPECT_NEAR(errors.gradient, 2.0 / 3, 0.01);
}

TEST(ModelErrorTest, MissingLabelsAndSamplesOutsideDoNotCount) {
  Evidence evidence = Crowd();
  evidence.Y(0, 9) = kNaN;  // One output left.
  std::vector<Index> columns = Columns(11);
  columns[10] = -1;
  const std::vector<HeldOutSample> held_out = {
      {.number = 9, .value = 4, .jacobian = 0, .labels = kNaN},
      {.number = 10, .value = 100, .jacobian = 100, .labels = 1}};
  const RelativeErrors errors = JudgeByHeldOut(held_out, evidence, columns, {});
  EXPECT_NEAR(errors.value, 2, 1e-12);
  EXPECT_TRUE(std::isnan(errors.gradient));
  EXPECT_TRUE(std::isnan(JudgeByHeldOut({}, evidence, columns, {}).value));
}

// Rounds with errors 10 N^−p of values, and of gradients with half the rate.
std::vector<JudgedRound> PowerLaw(double p) {
  std::vector<JudgedRound> rounds;
  for (const double size : {100, 1'000, 10'000, 100'000}) {
    rounds.push_back(
        {.num_samples = static_cast<Index>(size),
         .held_out = {.value = 10 * std::pow(size, -p), .gradient = 10 * std::pow(size, -p / 2)}});
  }
  return rounds;
}

// By how much the last model is better than those that were judged.
RelativeErrors GainOf(double p, Index n) {
  const std::vector<JudgedRound> rounds = PowerLaw(p);
  const RelativeErrors errors = ErrorsOfLastModel(rounds, n, 0);
  return {.value = errors.value / rounds.back().held_out.value,
          .gradient = errors.gradient / rounds.back().held_out.gradient};
}

// Of n inputs errors usually fall like N^(−10/n).
TEST(ModelErrorTest, TheLastModelIsBetterByWhatItKnowsMore) {
  EXPECT_NEAR(GainOf(2, 5).value, std::pow(0.85, 2), 1e-12);
  EXPECT_NEAR(GainOf(1, 10).value, 0.85, 1e-12);
  EXPECT_NEAR(GainOf(2, 10).gradient, 0.85, 1e-12);
  // Rounds tell more than what is usual.
  EXPECT_NEAR(GainOf(1.4, 10).value, std::pow(0.85, 1.4), 1e-2);
  EXPECT_NEAR(GainOf(0, 10).value, 1, 1e-2);
  EXPECT_EQ(GainOf(-3, 5).value, 1);
  // Not more than half as much again, and not more than 4.
  EXPECT_NEAR(GainOf(9, 5).value, std::pow(0.85, 3), 1e-12);
  EXPECT_NEAR(GainOf(9, 1).value, std::pow(0.85, 4), 1e-12);
}

TEST(ModelErrorTest, OneRoundTellsNoRate) {
  const JudgedRound round{.num_samples = 50, .held_out = {.value = 0.5}};
  EXPECT_NEAR(ErrorsOfLastModel({&round, 1}, 10, 0).value, 0.5 * 0.85, 1e-12);
  EXPECT_TRUE(std::isnan(ErrorsOfLastModel({&round, 1}, 10, 0).gradient));
  // As rounds that were written down without their samples.
  const std::vector<JudgedRound> rounds = {{}, {.held_out = {.value = 0}}, round};
  EXPECT_NEAR(ErrorsOfLastModel(rounds, 10, 0).value, 0.5 * 0.85, 1e-12);
}

TEST(ModelErrorTest, NoiseStays) {
  const JudgedRound round{.num_samples = 50, .held_out = {.value = 0.5}};
  EXPECT_EQ(ErrorsOfLastModel({&round, 1}, 2, 0.5).value, 0.5);
  EXPECT_EQ(ErrorsOfLastModel({&round, 1}, 2, 0.6).value, 0.5);
  const double reported = ErrorsOfLastModel({&round, 1}, 10, 0.3).value;
  EXPECT_NEAR(reported, std::hypot(0.3, 0.4 * 0.85), 1e-12);
}

// Slopes count for the part of the cube that samples speak for, too: half of it has none.
TEST(ModelErrorTest, GradientsAreRelativeToThoseOfTheCube) {
  std::vector<HeldOutSample> held_out;
  for (Index s = 0; s < 10; ++s) {
    held_out.push_back({.number = s, .value = 0, .jacobian = 1, .labels = s == 9 ? 0.0 : 9});
  }
  const RelativeErrors errors = JudgeByHeldOut(held_out, Crowd(), Columns(10), {});
  EXPECT_NEAR(errors.gradient, std::sqrt(2.0) / 3, 0.01);
}

// A constant function is known as soon as it is predicted.
TEST(ModelErrorTest, WithoutSlopesErrorsOfGradientsAreAbsolute) {
  const std::vector<HeldOutSample> held_out = {{.number = 0}, {.number = 9}};
  EXPECT_EQ(JudgeByHeldOut(held_out, Crowd(), Columns(10), {}).gradient, 0);
}

}  // namespace
}  // namespace sobolev::sampling
