#include "server/storage/sampling_store.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "tests/server/storage/sampling_store_testing.h"

namespace sobolev::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using enum SamplingPointState;

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

TEST_F(SamplingStoreTest, AQueueIsTrimmedToTheOldestAndToThoseHandedOutBefore) {
  Add(8);
  Ask("w", 3, 0);
  EXPECT_EQ(TellFailure("w", {.point = 2, .reason = "disk full"}), TellOutcome::kRetry);
  EXPECT_EQ(TellFailure("w", {.point = 3, .reason = "disk full"}), TellOutcome::kRetry);
  store().TrimSamplingQueue(lease_, 10);
  EXPECT_EQ(store().CountSamplingPoints(job()).queued, 7);
  store().TrimSamplingQueue(lease_, 4);
  ReopenAfterCrash();
  // 1 is leased; 2 and 3 come before those that nobody has seen.
  EXPECT_THAT(Ids(store().ListSamplingPoints(job(), 0, 10)), ElementsAre(1, 2, 3, 4, 5));
  store().TrimSamplingQueue(lease_, 1);
  EXPECT_THAT(Ids(store().ListSamplingPoints(job(), 0, 10)), ElementsAre(1, 2, 3));
  EXPECT_EQ(Point(2).state, SamplingPointState::kQueued);
  // What was handed out is not forgotten.
  EXPECT_EQ(Point(3).state, SamplingPointState::kFailed);
  EXPECT_EQ(Point(3).reason, "disk full");
  store().TrimSamplingQueue(lease_, 0);
  const SamplingPointCounts counts = store().CountSamplingPoints(job());
  EXPECT_EQ(counts, (SamplingPointCounts{.leased = 1, .failed = 2, .attempts = 3}));
  const Lease stale = lease_;
  ReopenAfterCrash();
  EXPECT_THROW(store().TrimSamplingQueue(stale, 0), Error);
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

}  // namespace
}  // namespace sobolev::server
