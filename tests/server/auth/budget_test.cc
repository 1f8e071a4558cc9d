#include "server/auth/budget.h"

#include <chrono>

#include <gtest/gtest.h>

namespace sobolev::server {
namespace {

using std::chrono::milliseconds;

const Budget::Time kStart = Budget::Time() + std::chrono::hours(1);

TEST(BudgetTest, ASecondsWorthGoesAtOnceAndThenAtTheRate) {
  Budget budget(10);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(budget.Take(1, kStart), 0) << i;
  EXPECT_NEAR(budget.Take(1, kStart), 0.1, 1e-6);
  EXPECT_EQ(budget.Take(1, kStart + milliseconds(100)), 0);
  EXPECT_GT(budget.Take(1, kStart + milliseconds(150)), 0);
  int taken = 0;
  for (int ms = 200; ms <= 10'200; ++ms) {
    if (budget.Take(1, kStart + milliseconds(ms)) == 0) ++taken;
  }
  EXPECT_NEAR(taken, 100, 1);
}

TEST(BudgetTest, NothingIsSavedUpBeyondASecond) {
  Budget budget(10);
  EXPECT_EQ(budget.Take(1, kStart), 0);
  int taken = 0;
  while (budget.Take(1, kStart + std::chrono::hours(1)) == 0) ++taken;
  EXPECT_EQ(taken, 10);
}

TEST(BudgetTest, WhatIsLargerThanTheRateLeavesADebt) {
  Budget budget(100);
  EXPECT_EQ(budget.Take(350, kStart), 0);
  EXPECT_NEAR(budget.Take(1, kStart), 2.51, 1e-6);
  EXPECT_GT(budget.Take(1, kStart + milliseconds(2500)), 0);
  EXPECT_EQ(budget.Take(1, kStart + milliseconds(2511)), 0);
}

TEST(BudgetTest, AChargeIsTakenAndTellsHowLongTheDebtLasts) {
  Budget budget(100);
  EXPECT_EQ(budget.Charge(100, kStart), 0);
  EXPECT_NEAR(budget.Charge(50, kStart), 0.5, 1e-9);
  EXPECT_NEAR(budget.Charge(0, kStart + milliseconds(200)), 0.3, 1e-9);
}

TEST(BudgetTest, LessThanOneASecondIsOneNowAndThen) {
  Budget budget(0.5);
  EXPECT_EQ(budget.Take(1, kStart), 0);
  EXPECT_NEAR(budget.Take(1, kStart), 2, 1e-6);
  EXPECT_EQ(budget.Take(1, kStart + milliseconds(2000)), 0);
}

TEST(BudgetTest, ZeroIsNoLimit) {
  Budget budget(0);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(budget.Take(1e9, kStart), 0);
}

}  // namespace
}  // namespace sobolev::server
