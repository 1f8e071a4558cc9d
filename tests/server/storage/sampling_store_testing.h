// What the tests of sampling in the store share: a running job, its points, and workers' calls.

#ifndef SOBOLEV_TESTS_SERVER_STORAGE_SAMPLING_STORE_TESTING_H_
#define SOBOLEV_TESTS_SERVER_STORAGE_SAMPLING_STORE_TESTING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "server/storage/sampling_store.h"
#include "tests/server/storage/store_testing.h"

namespace sobolev::server {

inline constexpr std::int64_t kLeaseMicros = 1000;
inline constexpr std::int64_t kMaxAttempts = 3;

inline SamplingLeaseTerms At(std::int64_t now) {
  return {.now_micros = now, .expire_micros = now + kLeaseMicros, .max_attempts = kMaxAttempts};
}

// Where point `id` is.
inline std::vector<double> PlaceOf(std::int64_t id) {
  return {static_cast<double>(id), -0.5, 1e-7 * static_cast<double>(id)};
}

inline SamplingResult ResultOf(std::int64_t id, std::string result = "result") {
  return {.point = id, .x = PlaceOf(id), .result = std::move(result)};
}

inline std::vector<std::int64_t> Ids(const std::vector<SamplingPointRecord>& points) {
  std::vector<std::int64_t> ids;
  ids.reserve(points.size());
  for (const SamplingPointRecord& point : points) ids.push_back(point.id);
  return ids;
}

// A running sampling job in a store of its own.
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

}  // namespace sobolev::server

#endif  // SOBOLEV_TESTS_SERVER_STORAGE_SAMPLING_STORE_TESTING_H_
