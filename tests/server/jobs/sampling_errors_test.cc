#include "server/jobs/sampling_errors.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/chain/program_surrogate.h"
#include "server/convert/sample_rows.h"

namespace sobolev::server {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The model: u = a + 2 b, v = 10 a.
const chain::ProgramSurrogate& Model() {
  static const chain::ProgramSurrogate model(
      "input a\ninput b\noutput u = a + 2 * b\noutput v = 10 * a");
  return model;
}

// A point that was told: y = (u, v), its Jacobian by rows or none.
SamplingPointRecord Told(double a, double b, const std::vector<double>& y,
                         const std::vector<double>& jacobian = {}, bool space_filling = true) {
  Vector x(2);
  x << a, b;
  return {.x = {a, b},
          .state = SamplingPointState::kDone,
          .space_filling = space_filling,
          .result = MakeRow(x, y.empty() ? nullptr : y.data(), 2,
                            jacobian.empty() ? nullptr : jacobian.data())};
}

// What is known of the function: values whose outputs have standard deviations 1 and 5.
class SamplingErrorsTest : public testing::Test {
 protected:
  ModelErrors Judge(const std::vector<SamplingPointRecord>& added) const {
    const train::SampleSet samples{
        .n = 2, .m = 2, .blocks = {{.rows = 4, .x = x_.data(), .y = y_.data()}}};
    const sampling::Domain domain(
        {{.name = "a", .min = 0, .max = 1}, {.name = "b", .min = 0, .max = 4}});
    return JudgeByNews(Model(), added, samples, domain);
  }

  const std::vector<double> x_ = {0, 0, 1, 0, 0, 1, 1, 1};
  std::vector<double> y_ = {-1, 5, 1, 15, -1, 5, 1, 15};
};

TEST_F(SamplingErrorsTest, NothingNewTellsNothing) {
  EXPECT_TRUE(std::isnan(Judge({}).value));
  EXPECT_TRUE(std::isnan(Judge({}).gradient));
}

TEST_F(SamplingErrorsTest, AnExactModelHasNoErrors) {
  const ModelErrors errors = Judge({Told(1, 2, {5, 10}, {1, 2, 10, 0})});
  EXPECT_EQ(errors.value, 0);
  EXPECT_EQ(errors.gradient, 0);
}

// Errors of 0.3 and 2 in units of 1 and 5: the root mean square of 0.3 and 0.4.
TEST_F(SamplingErrorsTest, ErrorsOfValuesAreInStandardDeviations) {
  const ModelErrors errors = Judge({Told(1, 2, {5.3, 8})});
  EXPECT_NEAR(errors.value, std::sqrt((0.09 + 0.16) / 2), 1e-12);
  EXPECT_TRUE(std::isnan(errors.gradient));
  // Over all points and outputs.
  EXPECT_NEAR(Judge({Told(1, 2, {5.3, 8}), Told(0, 0, {0, 0})}).value, std::sqrt((0.09 + 0.16) / 4),
              1e-12);
}

// Scaled Jacobians: told (1, 2·4; 10/5, 0) against a model of the same but for 0.5 in dv/db, which
// is 0.5·4/5.
TEST_F(SamplingErrorsTest, ErrorsOfJacobiansAreRelativeToThem) {
  const double labels = 1 + 8 * 8 + 2 * 2 + 0.4 * 0.4;
  EXPECT_NEAR(Judge({Told(1, 2, {5, 10}, {1, 2, 10, 0.5})}).gradient, std::sqrt(0.4 * 0.4 / labels),
              1e-12);
  // Values may be missing.
  EXPECT_NEAR(Judge({Told(1, 2, {}, {1, 2, 10, 0.5})}).gradient, std::sqrt(0.4 * 0.4 / labels),
              1e-12);
  EXPECT_TRUE(std::isnan(Judge({Told(1, 2, {}, {1, 2, 10, 0.5})}).value));
}

TEST_F(SamplingErrorsTest, OnlyPointsThatFillSpaceCount) {
  const SamplingPointRecord exact = Told(1, 2, {5, 10});
  const SamplingPointRecord chosen = Told(1, 2, {100, 100}, {9, 9, 9, 9}, false);
  EXPECT_EQ(Judge({exact, chosen}).value, 0);
  EXPECT_TRUE(std::isnan(Judge({chosen}).value));
}

TEST_F(SamplingErrorsTest, MissingLabelsDoNotCount) {
  EXPECT_NEAR(Judge({Told(1, 2, {5.3, kNan})}).value, 0.3, 1e-12);
  EXPECT_TRUE(std::isnan(Judge({Told(1, 2, {kNan, kNan})}).value));
  EXPECT_NEAR(Judge({Told(1, 2, {5, 10}, {kNan, 4, kNan, kNan})}).gradient, 0.5, 1e-12);
}

TEST_F(SamplingErrorsTest, ScalesComeFromTheValuesThatAreKnown) {
  y_ = {-1, kNan, 1, kNan, -1, kNan, 1, kNan};  // No scale of v: 1.
  EXPECT_NEAR(Judge({Told(1, 2, {5.3, 10.4})}).value, std::sqrt((0.09 + 0.16) / 2), 1e-12);
  y_ = {1e9 - 1, 7, 1e9 + 1, 7, 1e9 - 1, 7, 1e9 + 1, 7};  // A constant v, a large mean of u.
  EXPECT_NEAR(Judge({Told(1, 2, {5.3, 10.4})}).value, std::sqrt((0.09 + 0.16) / 2), 1e-6);
}

// Where the function is flat there is nothing to be relative to.
TEST_F(SamplingErrorsTest, JacobiansThatAreZeroTellNoRelativeError) {
  EXPECT_TRUE(std::isnan(Judge({Told(1, 2, {5, 10}, {0, 0, 0, 0})}).gradient));
}

}  // namespace
}  // namespace sobolev::server
