#include "server/auth/memory_budget.h"

#include <cstddef>
#include <limits>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sobolev::server {
namespace {

using Reservation = MemoryBudget::Reservation;

TEST(MemoryBudgetTest, GivesWhatThereIsAndNoMore) {
  MemoryBudget budget(100);
  std::optional<Reservation> most = budget.Reserve(60);
  ASSERT_TRUE(most);
  EXPECT_FALSE(budget.Reserve(41));
  EXPECT_FALSE(budget.Reserve(std::numeric_limits<std::size_t>::max()));
  EXPECT_EQ(budget.used(), 60U);
  const std::optional<Reservation> rest = budget.Reserve(40);
  EXPECT_TRUE(rest);
  most.reset();
  EXPECT_EQ(budget.used(), 40U);
  EXPECT_TRUE(budget.Reserve(60));
}

TEST(MemoryBudgetTest, AReservationThatMovesIsGivenBackOnce) {
  MemoryBudget budget(100);
  {
    Reservation kept;
    {
      Reservation made = *budget.Reserve(30);
      kept = std::move(made);
    }
    EXPECT_EQ(budget.used(), 30U);
    kept = *budget.Reserve(50);
    EXPECT_EQ(budget.used(), 50U);
    kept.Release();
    kept.Release();
    EXPECT_EQ(budget.used(), 0U);
  }
  EXPECT_EQ(budget.used(), 0U);
}

TEST(MemoryBudgetTest, ThreadsNeverHoldMoreThanThereIsTogether) {
  constexpr std::size_t kLimit = 10;
  MemoryBudget budget(kLimit);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&budget, limit = kLimit] {
      for (int i = 0; i < 20'000; ++i) {
        const std::optional<Reservation> held = budget.Reserve(4);
        ASSERT_LE(budget.used(), limit);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace sobolev::server
