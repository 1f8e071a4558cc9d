#include "engine/train/sample_checks.h"

#include <cmath>
#include <limits>
#include <stop_token>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/train/label_checks.h"
#include "engine/train/samples.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

using testing::IsEmpty;

// In units of all sizes: pressures of 1e5 and lengths of 1e-3. y = p² l + l.
OwnedSamples InOddUnits(Index count) {
  Rng rng(4);
  OwnedSamples samples{
      .X = Matrix(2, count), .Y = Matrix(1, count), .J = Matrix(2, count), .weight = {}};
  for (Index s = 0; s < count; ++s) {
    const double p = 1e5 * (1 + rng.Uniform());
    const double l = 1e-3 * (1 + rng.Uniform());
    samples.X.col(s) << p, l;
    samples.Y(0, s) = p * p * l + l;
    samples.J.col(s) << 2 * p * l, p * p + 1;
  }
  return samples;
}

std::vector<SuspectLabel> Check(const OwnedSamples& samples) {
  return CheckLabels(samples.View(), samples.X.cols());
}

TEST(SampleChecksTest, MistakesAreFoundInTheUsersUnits) {
  EXPECT_THAT(Check(InOddUnits(20)), IsEmpty());
  OwnedSamples wrong = InOddUnits(20);
  wrong.J.row(0) *= -1;
  std::vector<SuspectLabel> suspects = Check(wrong);
  ASSERT_EQ(suspects.size(), 1U);
  EXPECT_EQ(suspects[0].input, 0);
  EXPECT_EQ(suspects[0].kind, SuspectLabel::Kind::kSign);

  wrong = InOddUnits(20);
  wrong.J.row(0).swap(wrong.J.row(1));
  suspects = Check(wrong);
  ASSERT_EQ(suspects.size(), 2U);
  EXPECT_EQ(suspects[0].kind, SuspectLabel::Kind::kSwapped);
}

// A part of a large set tells as much.
TEST(SampleChecksTest, LargeSetsAreThinned) {
  OwnedSamples samples = InOddUnits(50'000);
  EXPECT_THAT(Check(samples), IsEmpty());
  samples.J.row(1) *= 1000;
  const std::vector<SuspectLabel> suspects = Check(samples);
  ASSERT_EQ(suspects.size(), 1U);
  EXPECT_EQ(suspects[0].input, 1);
  EXPECT_NEAR(suspects[0].factor, 1e-3, 1e-4);
}

// What came before is another matter.
TEST(SampleChecksTest, OnlyTheLastSamplesAreJudged) {
  OwnedSamples samples = InOddUnits(1000);
  samples.J.leftCols(700) *= -1;
  EXPECT_THAT(CheckLabels(samples.View(), 300), IsEmpty());
  samples.J *= -1;
  EXPECT_EQ(CheckLabels(samples.View(), 300).size(), 2U);
}

// One sample tells nothing without those before it.
TEST(SampleChecksTest, AFewSamplesAreJudgedWithThoseBefore) {
  OwnedSamples samples = InOddUnits(100);
  EXPECT_THAT(CheckLabels(samples.View(), 1), IsEmpty());
  samples.J *= -1;
  EXPECT_EQ(CheckLabels(samples.View(), 1).size(), 2U);
}

TEST(SampleChecksTest, NothingIsSaidOfWhatCannotBeJudged) {
  EXPECT_THAT(CheckLabels({.n = 2, .m = 1, .blocks = {}}, 10), IsEmpty());
  OwnedSamples samples = InOddUnits(30);
  samples.X.setOnes();
  EXPECT_THAT(Check(samples), IsEmpty());
  samples = InOddUnits(30);
  samples.Y.setConstant(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(Check(samples), IsEmpty());
  samples = InOddUnits(30);
  samples.J.resize(2, 0);
  EXPECT_THAT(Check(samples), IsEmpty());
}

TEST(SampleChecksTest, StopsWhenTold) {
  std::stop_source source;
  source.request_stop();
  const OwnedSamples samples = InOddUnits(1000);
  EXPECT_THROW(CheckLabels(samples.View(), 1000, source.get_token()), Error);
}

}  // namespace
}  // namespace sobolev::train
