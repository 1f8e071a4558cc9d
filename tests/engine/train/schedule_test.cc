#include "engine/train/schedule.h"

#include <gtest/gtest.h>

namespace sobolev::train {
namespace {

// Huge and Savine 2020: (progress, rate) = (0, 1e-8), (0.2, 0.1), (0.6, 0.01), (0.9, 1e-6),
// (1, 1e-8).
TEST(ScheduleTest, PassesThroughThePublishedRates) {
  EXPECT_NEAR(OneCycleRate(0, 0.1), 1e-8, 1e-20);
  EXPECT_NEAR(OneCycleRate(0.2, 0.1), 0.1, 1e-15);
  EXPECT_NEAR(OneCycleRate(0.6, 0.1), 0.01, 1e-15);
  EXPECT_NEAR(OneCycleRate(0.9, 0.1), 1e-6, 1e-15);
  EXPECT_NEAR(OneCycleRate(1, 0.1), 1e-8, 1e-15);
}

TEST(ScheduleTest, IsLinearInBetween) {
  EXPECT_NEAR(OneCycleRate(0.1, 0.1), (1e-8 + 0.1) / 2, 1e-15);
  EXPECT_NEAR(OneCycleRate(0.3, 0.1), 0.1 - 0.25 * 0.09, 1e-15);
  EXPECT_NEAR(OneCycleRate(0.95, 0.1), (1e-6 + 1e-8) / 2, 1e-15);
}

TEST(ScheduleTest, ScalesWithThePeak) {
  for (const double progress : {0.0, 0.1, 0.35, 0.7, 1.0}) {
    EXPECT_DOUBLE_EQ(OneCycleRate(progress, 4), 8 * OneCycleRate(progress, 0.5));
  }
}

}  // namespace
}  // namespace sobolev::train
