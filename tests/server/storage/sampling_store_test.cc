#include "server/storage/sampling_store.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "engine/base/rng.h"
#include "tests/server/storage/store_testing.h"

namespace sobolev::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum SamplingPointState;

constexpr std::int64_t kLeaseMicros = 1000;
constexpr std::int64_t kMaxAttempts = 3;

SamplingLeaseTerms At(std::int64_t now) {
  return {.now_micros = now, .expire_micros = now + kLeaseMicros, .max_attempts = kMaxAttempts};
}

// Where point `id` is.
std::vector<double> PlaceOf(std::int64_t id) {
  return {static_cast<double>(id), -0.5, 1e-7 * static_cast<double>(id)};
}

SamplingResult ResultOf(std::int64_t id, std::string result = "result") {
  return {.point = id, .x = PlaceOf(id), .result = std::move(result)};
}

std::vector<std::int64_t> Ids(const std::vector<SamplingPointRecord>& points) {
  std::vector<std::int64_t> ids;
  ids.reserve(points.size());
  for (const SamplingPointRecord& point : points) ids.push_back(point.id);
  return ids;
}

class SamplingStoreTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    lease_ = NewJob();
  }

  StoreOptions Options() override {
    StoreOptions options = StoreTest::Options();
    options.max_job_crashes = 1000;  // Crashes are what some tests are about.
    return options;
  }

  // A running sampling job.
  Lease NewJob() {
    store().CreateJob({.kind = JobKind::kSample, .model_id = "m", .spec = "spec"});
    return Claim();
  }
  Lease Claim() {
    const std::optional<JobRecord> job = store().ClaimJob(JobPool::kSampling);
    EXPECT_TRUE(job);
    return {.job_id = job->id, .epoch = job->lease_epoch};
  }

  const std::string& job() const { return lease_.job_id; }

  // Appends points, which come after those that `num_points_` tells, at their places.
  void Add(std::int64_t count, const std::string& state = "state") {
    std::vector<NewSamplingPoint> points;
    points.reserve(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
      points.push_back(
          {.x = PlaceOf(++num_points_), .space_filling = num_points_ % 2 == 1, .round = 4});
    }
    store().AddSamplingPoints(lease_, points, state);
  }
  std::vector<std::int64_t> Ask(const std::string& worker, std::int64_t count, std::int64_t now) {
    return Ids(store().AskSamplingPoints(job(), worker, count, At(now)));
  }
  std::vector<TellOutcome> Tell(const std::string& worker,
                                const std::vector<SamplingResult>& results,
                                const std::vector<SamplingFailure>& failures = {},
                                std::int64_t now = 0) {
    return store().TellSamplingPoints(job(), worker, results, failures, At(now));
  }
  TellOutcome TellFailure(const std::string& worker, const SamplingFailure& failure) {
    return Tell(worker, {}, {failure}).at(0);
  }
  SamplingPointRecord Point(std::int64_t id) {
    return store().ListSamplingPoints(job(), id - 1, 1).at(0);
  }
  void ReopenAfterCrash() {
    CrashAndOpen();
    lease_ = Claim();
  }

  Lease lease_;
  std::int64_t num_points_ = 0;
};

// ---- The job -----------------------------------------------------------------------------------

TEST_F(SamplingStoreTest, ANewJobHasNoPointsAndGoesOn) {
  const SamplingRecord record = store().GetSampling(job());
  EXPECT_FALSE(record.paused);
  EXPECT_FALSE(record.stop_requested);
  EXPECT_EQ(record.state, "");
  EXPECT_EQ(store().CountSamplingPoints(job()), SamplingPointCounts());
  EXPECT_THAT(store().ListSamplingPoints(job(), 0, 10), IsEmpty());
  EXPECT_THAT(Ask("w", 5, 0), IsEmpty());
}

TEST_F(SamplingStoreTest, PausingAndStoppingAreDurable) {
  store().SetSamplingPaused(job(), true);
  store().SetSamplingPaused(job(), true);
  CrashAndOpen();
  EXPECT_TRUE(store().GetSampling(job()).paused);
  EXPECT_FALSE(store().GetSampling(job()).stop_requested);
  store().SetSamplingPaused(job(), false);
  store().RequestSamplingStop(job());
  CrashAndOpen();
  EXPECT_FALSE(store().GetSampling(job()).paused);
  EXPECT_TRUE(store().GetSampling(job()).stop_requested);
}

TEST_F(SamplingStoreTest, UpdatesOfARunningJobChangeTheSpecAlone) {
  Add(1, "state");
  const JobRecord after =
      store().UpdateSampling(job(), [](const JobRecord& record, SamplingRecord& sampling) {
        EXPECT_EQ(record.state, JobState::kRunning);
        EXPECT_EQ(sampling.state, "state");
        EXPECT_EQ(sampling.spec, "");
        sampling = {.paused = true, .stop_requested = true, .state = "mine", .spec = "new"};
        return false;
      });
  EXPECT_EQ(after.state, JobState::kRunning);
  ReopenAfterCrash();
  const SamplingRecord record = store().GetSampling(job());
  EXPECT_EQ(record.spec, "new");
  EXPECT_EQ(record.state, "state");
  EXPECT_FALSE(record.paused);
  EXPECT_FALSE(record.stop_requested);
}

TEST_F(SamplingStoreTest, AnUpdateThatThrowsChangesNothing) {
  EXPECT_THROW(store().UpdateSampling(job(),
                                      [](const JobRecord&, SamplingRecord& sampling) -> bool {
                                        sampling.spec = "new";
                                        throw InvalidArgument("BAD", "spec", "expected another");
                                      }),
               Error);
  EXPECT_EQ(store().GetSampling(job()).spec, "");
}

TEST_F(SamplingStoreTest, AJobThatSucceededIsQueuedAgain) {
  Add(1, "over");
  store().RequestSamplingStop(job());
  store().CompleteJob(lease_, "weights",
                      [](std::int64_t, const ModelVersionRecord*) { return std::string("v"); });
  EXPECT_GT(store().GetJob(job()).end_micros, 0);
  const JobRecord after =
      store().UpdateSampling(job(), [](const JobRecord& record, SamplingRecord& sampling) {
        EXPECT_EQ(record.state, JobState::kSucceeded);
        EXPECT_EQ(record.model_version, 1);
        sampling = {.state = "goes on", .spec = "new"};
        return true;
      });
  EXPECT_EQ(after.state, JobState::kQueued);
  EXPECT_EQ(after.model_version, 0);
  EXPECT_EQ(after.end_micros, 0);
  CrashAndOpen();
  const Lease before = lease_;
  lease_ = Claim();
  EXPECT_EQ(lease_.job_id, before.job_id);
  EXPECT_EQ(lease_.epoch, before.epoch + 1);
  EXPECT_THROW(store().AddSamplingPoints(before, {}, ""), Error);
  EXPECT_EQ(store().GetSampling(job()).state, "goes on");
  EXPECT_FALSE(store().GetSampling(job()).stop_requested);
  EXPECT_EQ(store().CountSamplingPoints(job()).queued, 1);
  // Events go on from those before.
  std::vector<JobState> states;
  for (const JobEventRecord& event : store().ListEvents(job(), 0, 100)) {
    states.push_back(event.state);
  }
  EXPECT_THAT(states, ElementsAre(JobState::kQueued, JobState::kRunning, JobState::kSucceeded,
                                  JobState::kQueued, JobState::kRunning));
}

TEST_F(SamplingStoreTest, AJobCompletesWithAVersionThatIsThere) {
  store().CompleteJobWith(lease_, 3);
  EXPECT_EQ(store().GetJob(job()).state, JobState::kSucceeded);
  EXPECT_EQ(store().GetJob(job()).model_version, 3);
  EXPECT_THROW(store().CompleteJobWith(lease_, 3), Error);
}

TEST_F(SamplingStoreTest, BoxesAreKept) {
  EXPECT_EQ(store().GetSamplingBoxes(job()), "");
  store().SetSamplingBoxes(lease_, std::string("b\0x", 3));
  Add(1, "state");
  const Lease stale = lease_;
  ReopenAfterCrash();
  EXPECT_EQ(store().GetSamplingBoxes(job()), std::string("b\0x", 3));
  EXPECT_EQ(store().GetSampling(job()).state, "state");
  EXPECT_THROW(store().SetSamplingBoxes(stale, "late"), Error);
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

TEST_F(SamplingStoreTest, PointsAreNumberedAndKeptWithTheState) {
  Add(2, std::string("st\0te", 5));
  Add(1, "later");
  ReopenAfterCrash();
  EXPECT_EQ(store().GetSampling(job()).state, "later");
  const std::vector<SamplingPointRecord> points = store().ListSamplingPoints(job(), 0, 10);
  ASSERT_THAT(Ids(points), ElementsAre(1, 2, 3));
  for (const SamplingPointRecord& point : points) {
    EXPECT_EQ(point.x, PlaceOf(point.id));
    EXPECT_EQ(point.state, kQueued);
    EXPECT_EQ(point.space_filling, point.id % 2 == 1);
    EXPECT_EQ(point.round, 4);
    EXPECT_EQ(point.attempt, 0);
    EXPECT_EQ(point.upload, 0);
  }
  EXPECT_EQ(store().CountSamplingPoints(job()), (SamplingPointCounts{.queued = 3}));
}

TEST_F(SamplingStoreTest, PointsAreListedInPages) {
  Add(5);
  EXPECT_THAT(Ids(store().ListSamplingPoints(job(), 0, 2)), ElementsAre(1, 2));
  EXPECT_THAT(Ids(store().ListSamplingPoints(job(), 2, 2)), ElementsAre(3, 4));
  EXPECT_THAT(Ids(store().ListSamplingPoints(job(), 4, 2)), ElementsAre(5));
  EXPECT_THAT(Ids(store().ListSamplingPoints(job(), 5, 2)), IsEmpty());
}

TEST_F(SamplingStoreTest, JobsDoNotSeeEachOthersPoints) {
  Add(3);
  const Lease other = NewJob();
  store().AddSamplingPoints(other, {{.x = {7.0}}}, "");
  EXPECT_EQ(store().CountSamplingPoints(job()).queued, 3);
  EXPECT_EQ(store().CountSamplingPoints(other.job_id).queued, 1);
  EXPECT_THAT(Ids(store().AskSamplingPoints(other.job_id, "w", 9, At(0))), ElementsAre(1));
  EXPECT_THAT(Ask("w", 9, 0), ElementsAre(1, 2, 3));
  ExpectError(ErrorCode::kNotFound, "POINT_NOT_FOUND",
              [&] { store().TellSamplingPoints(other.job_id, "w", {ResultOf(2)}, {}, At(0)); });
}

TEST_F(SamplingStoreTest, UnknownJobsAreNotFound) {
  const auto expect_unknown = [](const auto& work) {
    ExpectError(ErrorCode::kNotFound, "NOT_FOUND", work);
  };
  expect_unknown([&] { store().GetSampling("j"); });
  expect_unknown([&] { store().SetSamplingPaused("j", true); });
  expect_unknown([&] { store().RequestSamplingStop("j"); });
  expect_unknown([&] { store().AddSamplingPoints({"j", 1}, {}, ""); });
  expect_unknown([&] { store().CountSamplingPoints("j"); });
  expect_unknown([&] { store().ListSamplingPoints("j", 0, 1); });
  expect_unknown([&] { store().AskSamplingPoints("j", "w", 1, At(0)); });
  expect_unknown([&] { store().RenewSamplingPoints("j", "w", At(0)); });
  expect_unknown([&] { store().TellSamplingPoints("j", "w", {}, {}, At(0)); });
  expect_unknown([&] { store().TakeSamplingUpload({"j", 1}, 1); });
}

// Nobody but the thread that works on the job places points and takes results.
TEST_F(SamplingStoreTest, AStaleLeaseIsRefused) {
  Add(1);
  Ask("w", 1, 0);
  Tell("w", {ResultOf(1)});
  const Lease stale = std::exchange(lease_, {});
  const auto expect_refused = [&] {
    const auto expect_lost = [](const auto& work) {
      ExpectError(ErrorCode::kFailedPrecondition, "LEASE_LOST", work);
    };
    expect_lost([&] { store().AddSamplingPoints(stale, {{.x = PlaceOf(2)}}, "stale"); });
    expect_lost([&] { store().TakeSamplingUpload(stale, 1); });
  };
  store().ReleaseJob(stale);
  expect_refused();  // Queued again.
  lease_ = Claim();
  expect_refused();  // Running under another lease.
  EXPECT_EQ(store().GetSampling(job()).state, "state");
  EXPECT_EQ(store().CountSamplingPoints(job()), (SamplingPointCounts{.done = 1, .attempts = 1}));
  store().FailJob(lease_, {});
  expect_refused();  // Over.
}

// ---- Leases ------------------------------------------------------------------------------------

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

// ---- Results -----------------------------------------------------------------------------------

TEST_F(SamplingStoreTest, WhatWasToldIsDurable) {
  Add(2);
  Ask("w", 2, 0);
  const std::string result("re\0ult", 6);
  EXPECT_THAT(Tell("w", {ResultOf(2, result)}), ElementsAre(TellOutcome::kTaken));
  ReopenAfterCrash();
  EXPECT_EQ(Point(2).state, kDone);
  EXPECT_EQ(Point(2).result, result);
  EXPECT_EQ(Point(2).worker, "w");
  EXPECT_EQ(store().CountSamplingPoints(job()),
            (SamplingPointCounts{.leased = 1, .done = 1, .attempts = 2}));
}

TEST_F(SamplingStoreTest, TellingAgainChangesNothing) {
  Add(1);
  Ask("w", 1, 0);
  EXPECT_THAT(Tell("w", {ResultOf(1, "a"), ResultOf(1, "a"), ResultOf(1, "b")}),
              ElementsAre(TellOutcome::kTaken, TellOutcome::kKnown, TellOutcome::kLate));
  EXPECT_THAT(Tell("w", {ResultOf(1, "a")}), ElementsAre(TellOutcome::kKnown));
  EXPECT_THAT(Tell("v", {ResultOf(1, "b")}), ElementsAre(TellOutcome::kLate));
  EXPECT_EQ(TellFailure("w", {.point = 1}), TellOutcome::kLate);
  EXPECT_EQ(TellFailure("w", {.point = 1, .infeasible = true}), TellOutcome::kLate);
  EXPECT_EQ(Point(1).result, "a");
  EXPECT_EQ(Point(1).worker, "w");
}

TEST_F(SamplingStoreTest, LateResultsAreTakenIfNobodyWasFaster) {
  Add(3);
  Ask("v", 3, 0);
  EXPECT_THAT(Ask("w", 1, kLeaseMicros), ElementsAre(1));  // The others are in the queue.
  EXPECT_THAT(Tell("v", {ResultOf(1, "slow"), ResultOf(2, "slow")}),
              ElementsAre(TellOutcome::kTaken, TellOutcome::kTaken));
  EXPECT_THAT(Tell("w", {ResultOf(1, "other")}), ElementsAre(TellOutcome::kLate));
  EXPECT_EQ(Point(1).result, "slow");
  EXPECT_THAT(Ask("w", 9, kLeaseMicros), ElementsAre(3));
}

TEST_F(SamplingStoreTest, AResultRevivesAPointThatWasGivenUp) {
  Add(1);
  for (std::int64_t attempt = 0; attempt < kMaxAttempts; ++attempt) {
    Ask("w", 1, 0);
    TellFailure("w", {.point = 1});
  }
  EXPECT_EQ(Point(1).state, kFailed);
  EXPECT_THAT(Tell("v", {ResultOf(1)}), ElementsAre(TellOutcome::kTaken));
  EXPECT_EQ(Point(1).state, kDone);
}

TEST_F(SamplingStoreTest, ResultsAreTakenAfterTheEndOfTheJob) {
  Add(1);
  Ask("w", 1, 0);
  store().FailJob(lease_, {});
  EXPECT_THAT(Tell("w", {ResultOf(1)}), ElementsAre(TellOutcome::kTaken));
}

TEST_F(SamplingStoreTest, AFailureIsTriedAgainByAnyoneUntilTheAttemptsAreUsedUp) {
  Add(2);
  for (std::int64_t attempt = 1; attempt < kMaxAttempts; ++attempt) {
    EXPECT_THAT(Ask("w", 1, 0), ElementsAre(1));
    EXPECT_EQ(TellFailure("w", {.point = 1, .attempt = attempt, .reason = "no licence"}),
              TellOutcome::kRetry);
    EXPECT_EQ(Point(1).state, kQueued);
    EXPECT_EQ(Point(1).reason, "no licence");
  }
  EXPECT_THAT(Ask("v", 1, 0), ElementsAre(1));
  EXPECT_EQ(TellFailure("v", {.point = 1, .reason = "crashed"}), TellOutcome::kTaken);
  EXPECT_EQ(TellFailure("v", {.point = 1, .reason = "crashed"}), TellOutcome::kKnown);
  EXPECT_EQ(Point(1).state, kFailed);
  EXPECT_EQ(Point(1).reason, "crashed");
  EXPECT_THAT(Ask("v", 9, 0), ElementsAre(2));
}

TEST_F(SamplingStoreTest, RepeatingAFailureDoesNotCountTwice) {
  Add(1);
  Ask("w", 1, 0);
  EXPECT_EQ(TellFailure("w", {.point = 1, .attempt = 1}), TellOutcome::kRetry);
  EXPECT_EQ(TellFailure("w", {.point = 1, .attempt = 1}), TellOutcome::kRetry);
  EXPECT_EQ(Point(1).attempt, 1);
  Ask("w", 1, 0);  // The same worker is at it again.
  EXPECT_EQ(TellFailure("w", {.point = 1, .attempt = 1}), TellOutcome::kRetry);
  EXPECT_EQ(Point(1).state, kLeased);
  // Nor does a failure of a worker whose lease went to another one.
  EXPECT_THAT(Ask("v", 1, kLeaseMicros), ElementsAre(1));
  EXPECT_EQ(TellFailure("w", {.point = 1}), TellOutcome::kRetry);
  EXPECT_EQ(Point(1).state, kLeased);
  EXPECT_EQ(Point(1).worker, "v");
}

TEST_F(SamplingStoreTest, InfeasiblePointsAreNotTriedAgain) {
  Add(1);
  Ask("w", 1, 0);
  EXPECT_EQ(TellFailure("w", {.point = 1, .infeasible = true, .reason = "separated flow"}),
            TellOutcome::kTaken);
  EXPECT_EQ(TellFailure("w", {.point = 1, .infeasible = true}), TellOutcome::kKnown);
  EXPECT_EQ(TellFailure("w", {.point = 1}), TellOutcome::kLate);
  EXPECT_THAT(Tell("w", {ResultOf(1)}), ElementsAre(TellOutcome::kLate));
  EXPECT_EQ(Point(1).state, kInfeasible);
  EXPECT_EQ(Point(1).reason, "separated flow");
  EXPECT_THAT(Ask("w", 1, kLeaseMicros), IsEmpty());
  EXPECT_EQ(store().CountSamplingPoints(job()),
            (SamplingPointCounts{.infeasible = 1, .attempts = 1}));
}

TEST_F(SamplingStoreTest, PointsThatNobodyKnowsOrAskedForAreRefused) {
  Add(3);
  Ask("w", 2, 0);
  for (const std::int64_t id : {0, -1, 4}) {
    EXPECT_THAT(ExpectError(ErrorCode::kNotFound, "POINT_NOT_FOUND",
                            [&] {
                              Tell("w", {ResultOf(1), ResultOf(id)});
                            }),
                HasSubstr("points[1]"));
    EXPECT_THAT(ExpectError(ErrorCode::kNotFound, "POINT_NOT_FOUND",
                            [&] { TellFailure("w", {.point = id}); }),
                HasSubstr("failures[0].point"));
  }
  EXPECT_THAT(ExpectError(ErrorCode::kFailedPrecondition, "POINT_NOT_ASKED",
                          [&] { Tell("w", {ResultOf(3)}); }),
              HasSubstr("points[0]"));
  EXPECT_THAT(ExpectError(ErrorCode::kFailedPrecondition, "POINT_NOT_ASKED",
                          [&] { TellFailure("w", {.point = 3}); }),
              HasSubstr("failures[0].point"));
}

TEST_F(SamplingStoreTest, AResultThatCannotBeTakenTakesNoneOfItsCall) {
  Add(4);
  Ask("w", 3, 0);
  const SamplingFailure infeasible{.point = 2, .infeasible = true};
  ExpectError(ErrorCode::kNotFound, "POINT_NOT_FOUND", [&] {
    Tell("w", {ResultOf(1)}, {infeasible, {.point = 9}});
  });
  ExpectError(ErrorCode::kFailedPrecondition, "POINT_NOT_ASKED", [&] {
    Tell("w", {ResultOf(1), ResultOf(4)}, {infeasible});
  });
  SamplingResult elsewhere = ResultOf(3);
  elsewhere.x[1] = 0.5;
  ExpectError(ErrorCode::kInvalidArgument, "WRONG_PLACE", [&] {
    Tell("w", {ResultOf(1), elsewhere}, {infeasible});
  });
  EXPECT_EQ(store().CountSamplingPoints(job()),
            (SamplingPointCounts{.queued = 1, .leased = 3, .attempts = 3}));
}

TEST_F(SamplingStoreTest, ResultsAtOtherPlacesAreRefused) {
  Add(2);
  Ask("w", 2, 0);
  SamplingResult swapped = ResultOf(2);
  swapped.x = PlaceOf(1);
  EXPECT_THAT(ExpectError(ErrorCode::kInvalidArgument, "WRONG_PLACE",
                          [&] {
                            Tell("w", {ResultOf(1), swapped});
                          }),
              HasSubstr("block.x[1][0]"));
  SamplingResult off = ResultOf(1);
  off.x[2] *= 1.001;
  EXPECT_THAT(ExpectError(ErrorCode::kInvalidArgument, "WRONG_PLACE", [&] { Tell("w", {off}); }),
              HasSubstr("block.x[0][2]"));
  // As of a dataset that was made anew, with fewer inputs.
  SamplingResult narrow = ResultOf(1);
  narrow.x.pop_back();
  EXPECT_THAT(ExpectError(ErrorCode::kInvalidArgument, "WRONG_PLACE", [&] { Tell("w", {narrow}); }),
              HasSubstr("block.x"));
  SamplingResult rounded = ResultOf(1);
  for (double& x : rounded.x) x = static_cast<double>(static_cast<float>(x));
  EXPECT_THAT(Tell("w", {rounded}), ElementsAre(TellOutcome::kTaken));
}

// ---- Uploads -----------------------------------------------------------------------------------

TEST_F(SamplingStoreTest, AnUploadTakesWhatIsDoneAndInNoOtherOne) {
  Add(5);
  Ask("w", 5, 0);
  Tell("w", {ResultOf(4, "d"), ResultOf(2, "b")}, {{.point = 3, .infeasible = true}});
  const std::vector<SamplingPointRecord> first = store().TakeSamplingUpload(lease_, 1);
  ASSERT_THAT(Ids(first), ElementsAre(2, 4));
  EXPECT_EQ(first[0].result, "b");
  EXPECT_EQ(first[1].upload, 1);
  Tell("w", {ResultOf(1, "a")});
  EXPECT_THAT(Ids(store().TakeSamplingUpload(lease_, 2)), ElementsAre(1));
  EXPECT_EQ(store().CountSamplingPoints(job()).uploads, 2);
  // Nothing new: there is no third one.
  EXPECT_THAT(store().TakeSamplingUpload(lease_, 3), IsEmpty());
  EXPECT_EQ(store().CountSamplingPoints(job()).uploads, 2);
}

// The job may be killed between taking an upload and appending it to the dataset.
TEST_F(SamplingStoreTest, AnUploadIsTheSameHoweverOftenItIsTaken) {
  Add(3);
  Ask("w", 3, 0);
  Tell("w", {ResultOf(1)});
  EXPECT_THAT(Ids(store().TakeSamplingUpload(lease_, 1)), ElementsAre(1));
  Tell("w", {ResultOf(2)});
  ReopenAfterCrash();
  EXPECT_THAT(Ids(store().TakeSamplingUpload(lease_, 1)), ElementsAre(1));
  EXPECT_THAT(Ids(store().TakeSamplingUpload(lease_, 2)), ElementsAre(2));
}

// ---- Many workers ------------------------------------------------------------------------------

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

// What the calls of the store are to do, said once more in the plainest way: points in a map.
class Reference {
 public:
  void Add(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t id = std::ssize(points_) + 1;
      points_[id] = {.id = id};
    }
  }

  std::vector<std::int64_t> Ask(const std::string& worker, std::int64_t count, std::int64_t now) {
    Expire(now);
    std::vector<std::int64_t> ids;
    for (auto& [id, point] : points_) {
      if (std::ssize(ids) == count) break;
      if (point.state != kLeased || point.worker != worker) continue;
      point.expire_micros = now + kLeaseMicros;
      ids.push_back(id);
    }
    for (auto& [id, point] : points_) {
      if (std::ssize(ids) == count) break;
      if (point.state != kQueued) continue;
      point.state = kLeased;
      point.worker = worker;
      point.expire_micros = now + kLeaseMicros;
      ++point.attempt;
      ids.push_back(id);
    }
    return ids;
  }

  std::vector<std::int64_t> Renew(const std::string& worker, std::int64_t now) {
    Expire(now);
    std::vector<std::int64_t> ids;
    for (auto& [id, point] : points_) {
      if (point.state != kLeased || point.worker != worker) continue;
      point.expire_micros = now + kLeaseMicros;
      ids.push_back(id);
    }
    return ids;
  }

  // No value if the call must be refused.
  std::optional<std::vector<TellOutcome>> Tell(const std::string& worker,
                                               const std::vector<SamplingResult>& results,
                                               const std::vector<SamplingFailure>& failures) {
    const auto is_bad = [&](std::int64_t id) {
      return !points_.contains(id) || points_[id].attempt == 0;
    };
    for (const SamplingResult& result : results) {
      if (is_bad(result.point)) return std::nullopt;
    }
    for (const SamplingFailure& failure : failures) {
      if (is_bad(failure.point)) return std::nullopt;
    }
    std::vector<TellOutcome> outcomes;
    for (const SamplingResult& told : results) {
      SamplingPointRecord& point = points_[told.point];
      if (point.state == kDone || point.state == kInfeasible) {
        const bool same = point.state == kDone && point.result == told.result;
        outcomes.push_back(same ? TellOutcome::kKnown : TellOutcome::kLate);
        continue;
      }
      point.state = kDone;
      point.worker = worker;
      point.result = told.result;
      outcomes.push_back(TellOutcome::kTaken);
    }
    for (const SamplingFailure& told : failures) outcomes.push_back(Fail(worker, told));
    return outcomes;
  }

  std::vector<std::int64_t> Take(std::int64_t upload) {
    std::vector<std::int64_t> ids;
    for (auto& [id, point] : points_) {
      if (point.upload == upload) ids.push_back(id);
    }
    if (!ids.empty()) return ids;
    for (auto& [id, point] : points_) {
      if (point.state != kDone || point.upload != 0) continue;
      point.upload = upload;
      ids.push_back(id);
    }
    return ids;
  }

  SamplingPointCounts Count() const {
    SamplingPointCounts counts;
    for (const auto& [id, point] : points_) {
      counts.queued += point.state == kQueued ? 1 : 0;
      counts.leased += point.state == kLeased ? 1 : 0;
      counts.done += point.state == kDone ? 1 : 0;
      counts.infeasible += point.state == kInfeasible ? 1 : 0;
      counts.failed += point.state == kFailed ? 1 : 0;
      counts.attempts += point.attempt;
      counts.uploads = std::max(counts.uploads, point.upload);
    }
    return counts;
  }

  const std::map<std::int64_t, SamplingPointRecord>& points() const { return points_; }

 private:
  void Expire(std::int64_t now) {
    for (auto& [id, point] : points_) {
      if (point.state != kLeased || point.expire_micros > now) continue;
      point.state = point.attempt < kMaxAttempts ? kQueued : kFailed;
    }
  }

  TellOutcome Fail(const std::string& worker, const SamplingFailure& told) {
    SamplingPointRecord& point = points_[told.point];
    if (point.state == kDone) return TellOutcome::kLate;
    if (point.state == kInfeasible) {
      return told.infeasible ? TellOutcome::kKnown : TellOutcome::kLate;
    }
    if (told.infeasible) {
      point.state = kInfeasible;
      point.worker = worker;
      return TellOutcome::kTaken;
    }
    if (point.state == kFailed) return TellOutcome::kKnown;
    const bool is_its_own = point.state == kLeased && point.worker == worker &&
                            (told.attempt == 0 || told.attempt == point.attempt);
    if (!is_its_own) return TellOutcome::kRetry;
    point.state = point.attempt < kMaxAttempts ? kQueued : kFailed;
    return point.state == kFailed ? TellOutcome::kTaken : TellOutcome::kRetry;
  }

  std::map<std::int64_t, SamplingPointRecord> points_;
};

class SamplingStoreModelTest : public SamplingStoreTest,
                               public testing::WithParamInterface<std::uint64_t> {
 protected:
  void Compare() {
    ASSERT_EQ(store().CountSamplingPoints(job()), reference_.Count());
    const std::vector<SamplingPointRecord> points = store().ListSamplingPoints(job(), 0, 1'000'000);
    ASSERT_EQ(points.size(), reference_.points().size());
    for (const SamplingPointRecord& point : points) {
      const SamplingPointRecord& expected = reference_.points().at(point.id);
      ASSERT_EQ(point.state, expected.state) << point.id;
      ASSERT_EQ(point.worker, expected.worker) << point.id;
      ASSERT_EQ(point.attempt, expected.attempt) << point.id;
      ASSERT_EQ(point.result, expected.result) << point.id;
      ASSERT_EQ(point.upload, expected.upload) << point.id;
      if (point.state == kLeased) {
        ASSERT_EQ(point.expire_micros, expected.expire_micros) << point.id;
      }
    }
  }

  void TellSomething(Rng& rng, const std::string& worker) {
    std::vector<SamplingResult> results;
    std::vector<SamplingFailure> failures;
    const auto any_point = [&] {  // Or the one after the last.
      return static_cast<std::int64_t>(1 + rng.Below(static_cast<std::uint64_t>(num_points_) + 1));
    };
    for (std::uint64_t i = rng.Below(4); i > 0; --i) {
      results.push_back(ResultOf(any_point(), "r" + std::to_string(rng.Below(2))));
    }
    for (std::uint64_t i = rng.Below(3); i > 0; --i) {
      failures.push_back({.point = any_point(),
                          .attempt = static_cast<std::int64_t>(rng.Below(kMaxAttempts + 1)),
                          .infeasible = rng.Uniform() < 0.2});
    }
    const auto expected = reference_.Tell(worker, results, failures);
    if (expected) {
      ASSERT_EQ(Tell(worker, results, failures), *expected);
    } else {
      ASSERT_THROW(Tell(worker, results, failures), Error);
    }
  }

  Reference reference_;
};

TEST_P(SamplingStoreModelTest, AnySequenceOfCallsDoesWhatAMapOfPointsWould) {
  constexpr std::array kNames = {"u", "v", "w"};
  Rng rng(GetParam());
  std::int64_t now = 0;
  for (int step = 0; step < 400; ++step) {
    const std::string worker = kNames[rng.Below(kNames.size())];
    now += static_cast<std::int64_t>(rng.Below(kLeaseMicros / 2));
    switch (rng.Below(8)) {
      case 0: {
        const auto count = static_cast<std::int64_t>(rng.Below(4));
        Add(count);
        reference_.Add(count);
        break;
      }
      case 1:
      case 2: {
        const auto count = static_cast<std::int64_t>(1 + rng.Below(4));
        ASSERT_EQ(Ask(worker, count, now), reference_.Ask(worker, count, now));
        break;
      }
      case 3:
        ASSERT_EQ(store().RenewSamplingPoints(job(), worker, At(now)),
                  reference_.Renew(worker, now));
        break;
      case 4: {
        const auto upload = reference_.Count().uploads + static_cast<std::int64_t>(rng.Below(2));
        if (upload == 0) break;
        ASSERT_EQ(Ids(store().TakeSamplingUpload(lease_, upload)), reference_.Take(upload));
        break;
      }
      case 5:
        if (rng.Uniform() < 0.1) ReopenAfterCrash();
        break;
      default:
        TellSomething(rng, worker);
    }
    if (HasFatalFailure()) FAIL() << "in step " << step;
    Compare();
    if (HasFatalFailure()) FAIL() << "after step " << step;
  }
  EXPECT_GT(reference_.Count().done, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SamplingStoreModelTest, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace sobolev::server
