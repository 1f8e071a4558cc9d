#include "engine/sampling/model_error.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"
#include "engine/train/selection_data.h"

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
  std::vector<train::HeldOutSample> held_out;
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
  const std::vector<train::HeldOutSample> held_out = {
      {.number = 9, .value = 4, .jacobian = 0, .labels = kNaN},
      {.number = 10, .value = 100, .jacobian = 100, .labels = 1}};
  const RelativeErrors errors = JudgeByHeldOut(held_out, evidence, columns, {});
  EXPECT_NEAR(errors.value, 2, 1e-12);
  EXPECT_TRUE(std::isnan(errors.gradient));
  EXPECT_TRUE(std::isnan(JudgeByHeldOut({}, evidence, columns, {}).value));
}

// A constant function is known as soon as it is predicted.
TEST(ModelErrorTest, WithoutSlopesErrorsOfGradientsAreAbsolute) {
  const std::vector<train::HeldOutSample> held_out = {{.number = 0}, {.number = 9}};
  EXPECT_EQ(JudgeByHeldOut(held_out, Crowd(), Columns(10), {}).gradient, 0);
}

}  // namespace
}  // namespace sobolev::sampling
