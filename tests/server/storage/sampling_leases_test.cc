// Who is given which points, and for how long.

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "engine/base/rng.h"
#include "tests/server/storage/sampling_store_testing.h"

namespace sobolev::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum SamplingPointState;

TEST_F(SamplingStoreTest, AskingHandsOutTheFirstOfTheQueue) {
  Add(5);
  const std::vector<SamplingPointRecord> points = store().AskSamplingPoints(job(), "v", 2, At(50));
  ASSERT_THAT(Ids(points), ElementsAre(1, 2));
  for (const SamplingPointRecord& point : points) {
    EXPECT_EQ(point.x, PlaceOf(point.id));
    EXPECT_EQ(point.state, kLeased);
    EXPECT_EQ(point.worker, "v");
    EXPECT_EQ(point.attempt, 1);
    EXPECT_EQ(point.expire_micros, 50 + kLeaseMicros);
  }
  EXPECT_THAT(Ask("w", 2, 50), ElementsAre(3, 4));
  EXPECT_THAT(Ask("u", 2, 50), ElementsAre(5));
  EXPECT_THAT(Ask("t", 2, 50), IsEmpty());
  EXPECT_EQ(store().CountSamplingPoints(job()), (SamplingPointCounts{.leased = 5, .attempts = 5}));
}

// As after an answer that was lost.
TEST_F(SamplingStoreTest, AskingAgainGivesTheSamePointsWithNewLeases) {
  Add(5);
  EXPECT_THAT(Ask("w", 2, 0), ElementsAre(1, 2));
  const std::vector<SamplingPointRecord> again = store().AskSamplingPoints(job(), "w", 2, At(10));
  ASSERT_THAT(Ids(again), ElementsAre(1, 2));
  EXPECT_EQ(again[0].attempt, 1);
  EXPECT_EQ(again[0].expire_micros, 10 + kLeaseMicros);
  EXPECT_THAT(Ask("w", 4, 20), ElementsAre(1, 2, 3, 4));  // So many in all.
  EXPECT_THAT(Ask("w", 1, 30), ElementsAre(1));
  EXPECT_EQ(store().CountSamplingPoints(job()).attempts, 4);
}

TEST_F(SamplingStoreTest, ALeaseThatRanOutGoesToWhoeverAsks) {
  Add(1);
  EXPECT_THAT(Ask("v", 1, 0), ElementsAre(1));
  EXPECT_THAT(Ask("w", 1, kLeaseMicros - 1), IsEmpty());
  EXPECT_THAT(Ask("w", 1, kLeaseMicros), ElementsAre(1));
  EXPECT_EQ(Point(1).worker, "w");
  EXPECT_EQ(Point(1).attempt, 2);
  EXPECT_THAT(Point(1).reason, HasSubstr("\"v\" ran out"));
}

TEST_F(SamplingStoreTest, LeasesOutliveACrash) {
  Add(2);
  Ask("v", 1, 0);
  ReopenAfterCrash();
  EXPECT_THAT(Ask("w", 2, kLeaseMicros - 1), ElementsAre(2));
  EXPECT_THAT(Ask("v", 1, kLeaseMicros - 1), ElementsAre(1));
}

TEST_F(SamplingStoreTest, RenewingKeepsPoints) {
  Add(3);
  Ask("v", 2, 0);
  Ask("w", 1, 0);
  EXPECT_THAT(store().RenewSamplingPoints(job(), "v", At(900)), ElementsAre(1, 2));
  EXPECT_THAT(Ask("w", 3, 900 + kLeaseMicros - 1), ElementsAre(3));
  EXPECT_EQ(Point(1).attempt, 1);
}

TEST_F(SamplingStoreTest, RenewingTooLateTellsThatThePointsAreGone) {
  Add(2);
  Ask("v", 2, 0);
  EXPECT_THAT(Ask("w", 1, kLeaseMicros), ElementsAre(1));
  EXPECT_THAT(store().RenewSamplingPoints(job(), "v", At(kLeaseMicros)), IsEmpty());
  EXPECT_THAT(store().RenewSamplingPoints(job(), "w", At(kLeaseMicros)), ElementsAre(1));
  EXPECT_EQ(Point(2).state, kQueued);
}

TEST_F(SamplingStoreTest, AWorkerThatVanishesTooOftenFailsThePoint) {
  Add(1);
  for (std::int64_t attempt = 0; attempt < kMaxAttempts; ++attempt) {
    EXPECT_THAT(Ask("w", 1, attempt * kLeaseMicros), ElementsAre(1));
  }
  EXPECT_THAT(Ask("w", 1, kMaxAttempts * kLeaseMicros), IsEmpty());
  EXPECT_EQ(Point(1).state, kFailed);
  EXPECT_EQ(Point(1).attempt, kMaxAttempts);
  EXPECT_THAT(Point(1).reason, HasSubstr("\"w\" ran out"));
}

TEST_F(SamplingStoreTest, LeasesExpireWithoutAnAsk) {
  Add(2);
  Ask("w", 2, 0);
  const SamplingLeaseTerms before = At(0);
  store().ExpireSamplingLeases(job(), before);
  EXPECT_EQ(store().CountSamplingPoints(job()).leased, 2);
  store().ExpireSamplingLeases(job(), At(before.expire_micros));
  EXPECT_EQ(store().CountSamplingPoints(job()).queued, 2);
  EXPECT_THAT(Point(1).reason, HasSubstr("\"w\" ran out"));
}

// Every thread is a worker, and leases are long: whoever is given a point has it alone.
TEST_F(SamplingStoreTest, TwoWorkersNeverHoldTheSamePoint) {
  constexpr std::int64_t kPoints = 400;
  constexpr int kWorkers = 8;
  Add(kPoints);
  std::vector<std::atomic<int>> holders(kPoints + 1);
  std::atomic<int> taken = 0;
  const auto work = [&](int worker) {
    const std::string name = "w" + std::to_string(worker);
    Rng rng(static_cast<std::uint64_t>(worker));
    for (;;) {
      const std::vector<std::int64_t> ids = Ask(name, 3, 0);
      if (ids.empty()) return;
      for (const std::int64_t id : ids) {
        const int before = holders[static_cast<std::size_t>(id)].exchange(worker);
        ASSERT_TRUE(before == 0 || before == worker) << id;
      }
      const std::int64_t id = ids[rng.Below(ids.size())];
      if (rng.Uniform() < 0.2 && Point(id).attempt < kMaxAttempts) {
        holders[static_cast<std::size_t>(id)] = 0;
        EXPECT_EQ(TellFailure(name, {.point = id}), TellOutcome::kRetry);
      } else {
        EXPECT_THAT(Tell(name, {ResultOf(id, name)}), ElementsAre(TellOutcome::kTaken));
        ++taken;
      }
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(kWorkers);
  for (int worker = 1; worker <= kWorkers; ++worker) threads.emplace_back(work, worker);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kPoints);
  EXPECT_EQ(store().CountSamplingPoints(job()).done, kPoints);
  for (const SamplingPointRecord& point : store().ListSamplingPoints(job(), 0, kPoints)) {
    EXPECT_EQ(point.result, "w" + std::to_string(holders[static_cast<std::size_t>(point.id)]));
  }
}

}  // namespace
}  // namespace sobolev::server
