// Any sequence of calls, against a second implementation.

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "engine/base/rng.h"
#include "tests/server/storage/sampling_store_testing.h"

namespace sobolev::server {
namespace {

using enum SamplingPointState;

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
