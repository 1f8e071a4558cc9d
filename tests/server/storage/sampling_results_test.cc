// What workers tell of points, and which results the job takes up when.

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/server/storage/sampling_store_testing.h"

namespace sobolev::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum SamplingPointState;

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

}  // namespace
}  // namespace sobolev::server
