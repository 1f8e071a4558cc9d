#include "server/storage/job_store.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "server/storage/schema.h"
#include "server/storage/sqlite.h"
#include "tests/server/storage/store_testing.h"

namespace sobolev::server {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class JobStoreTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    dataset_uid_ = store().CreateDataset("d", "schema", kInputs, kOutputs).uid;
    Upload(store(), "d", "u", {MakeBlock(0, 10, 1)});
  }

  StoreOptions Options() override {
    StoreOptions options = StoreTest::Options();
    options.max_job_events = 40;
    options.max_job_crashes = 3;
    // Only what the tests do makes events durable.
    options.event_flush_interval = std::chrono::hours(1);
    return options;
  }

  JobRecord Submit(const std::string& spec = "spec", const std::string& request_id = "") {
    return store().CreateJob({.dataset_id = "d",
                              .dataset_uid = dataset_uid_,
                              .dataset_version = 1,
                              .model_id = "m",
                              .spec = spec,
                              .request_id = request_id});
  }
  Lease Claim() {
    const std::optional<JobRecord> job = store().ClaimJob(JobPool::kCompute);
    EXPECT_TRUE(job);
    return {.job_id = job->id, .epoch = job->lease_epoch};
  }
  std::vector<JobState> States(const std::string& job_id) {
    std::vector<JobState> states;
    for (const JobEventRecord& event : store().ListEvents(job_id, 0, 1000)) {
      states.push_back(event.state);
    }
    return states;
  }
  std::size_t NumBlobs() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(data_dir_ + "/blobs"), fs::directory_iterator()));
  }

  std::string dataset_uid_;
};

std::string Describe(std::int64_t version, const ModelVersionRecord* /*newest*/) {
  return "version " + std::to_string(version);
}

TEST_F(JobStoreTest, ANewJobIsQueuedWithItsFirstEvent) {
  const JobRecord job = Submit("spec");
  EXPECT_EQ(job.id.size(), 16U);
  EXPECT_EQ(job.state, JobState::kQueued);
  EXPECT_GT(job.create_micros, 0);
  EXPECT_EQ(job.attempt, 0);
  const std::vector<JobEventRecord> events = store().ListEvents(job.id, 0, 10);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].number, 1);
  EXPECT_EQ(events[0].state, JobState::kQueued);
  CrashAndOpen();
  const JobRecord found = store().GetJob(job.id);
  EXPECT_EQ(found.state, JobState::kQueued);
  EXPECT_EQ(found.spec, "spec");
  EXPECT_EQ(found.dataset_id, "d");
  EXPECT_EQ(found.dataset_uid, dataset_uid_);
  EXPECT_EQ(found.dataset_version, 1);
  EXPECT_EQ(found.model_id, "m");
}

TEST_F(JobStoreTest, ARequestIdStandsForOneJob) {
  const JobRecord job = Submit("spec", "r");
  CrashAndOpen();
  EXPECT_EQ(Submit("spec", "r").id, job.id);
  ExpectError(ErrorCode::kInvalidArgument, "REQUEST_ID_REUSED", [&] { Submit("other", "r"); });
  EXPECT_NE(Submit("spec", "s").id, job.id);
  EXPECT_NE(Submit("spec").id, Submit("spec").id);
}

TEST_F(JobStoreTest, AJobNeedsItsDataset) {
  dataset_uid_ = "gone";
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { Submit(); });
}

TEST_F(JobStoreTest, AJobMayStartFromAModelVersionAndReadNoDataset) {
  const JobRecord job = store().CreateJob(
      {.source_model_id = "large", .source_model_version = 7, .model_id = "small", .spec = "spec"});
  CrashAndOpen();
  const JobRecord found = store().GetJob(job.id);
  EXPECT_EQ(found.kind, JobKind::kTrain);
  EXPECT_EQ(found.source_model_id, "large");
  EXPECT_EQ(found.source_model_version, 7);
  EXPECT_EQ(found.dataset_id, "");
}

// A store as it was before jobs had kinds: its jobs are trainings, and go on.
TEST_F(JobStoreTest, JobsOfAnOldStoreAreTrainings) {
  store_.reset();
  for (const char* file : {"metadata.sqlite", "metadata.sqlite-wal", "metadata.sqlite-shm"}) {
    fs::remove(data_dir_ + "/" + file);
  }
  {
    Database db(data_dir_ + "/metadata.sqlite", Database::Mode::kReadWrite);
    MigrateSchema(db, 3);
    db.Execute(
        "INSERT INTO jobs (id, state, dataset_id, dataset_uid, dataset_version, model_id, spec,"
        "                  request_id, create_micros) "
        "VALUES ('old', 0, 'd', 'uid', 3, 'm', x'00', 'r', 1)");
  }
  Open();
  const std::optional<JobRecord> job = store().ClaimJob(JobPool::kCompute);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->id, "old");
  EXPECT_EQ(job->kind, JobKind::kTrain);
  EXPECT_EQ(job->dataset_version, 3);
  EXPECT_EQ(job->source_model_id, "");
  EXPECT_EQ(job->source_model_version, 0);
}

TEST_F(JobStoreTest, UnknownJobsAreNotFound) {
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().GetJob("j"); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().RequestCancel("j"); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().ListEvents("j", 0, 1); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().LoadCheckpoint("j"); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().FailJob({"j", 1}, {}); });
}

TEST_F(JobStoreTest, JobsAreClaimedOldestFirstAndListedNewestFirst) {
  const std::string a = Submit().id;
  const std::string b = Submit().id;
  const std::string c = Submit().id;
  EXPECT_EQ(store().ClaimJob(JobPool::kCompute)->id, a);
  EXPECT_EQ(store().ClaimJob(JobPool::kCompute)->id, b);
  const auto ids = [&](const std::string& before) {
    std::vector<std::string> result;
    for (const JobRecord& job : store().ListJobs(before, 2)) result.push_back(job.id);
    return result;
  };
  EXPECT_THAT(ids(""), ElementsAre(c, b));
  EXPECT_THAT(ids(b), ElementsAre(a));
  EXPECT_THAT(ids(a), ElementsAre());
  std::vector<std::int64_t> counts;
  for (const auto& [state, count] : store().CountJobs()) counts.push_back(count);
  EXPECT_THAT(counts, ElementsAre(1, 2, 0, 0, 0));
  EXPECT_EQ(store().ClaimJob(JobPool::kCompute)->id, c);
  EXPECT_FALSE(store().ClaimJob(JobPool::kCompute));
}

TEST_F(JobStoreTest, AClaimStartsTheJobUnderANewLease) {
  Submit();
  const std::optional<JobRecord> job = store().ClaimJob(JobPool::kCompute);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->state, JobState::kRunning);
  EXPECT_EQ(job->attempt, 1);
  EXPECT_EQ(job->lease_epoch, 1);
  EXPECT_GT(job->start_micros, 0);
  store().ReleaseJob({.job_id = job->id, .epoch = 1});
  EXPECT_EQ(store().GetJob(job->id).state, JobState::kQueued);
  const std::optional<JobRecord> again = store().ClaimJob(JobPool::kCompute);
  EXPECT_EQ(again->id, job->id);
  EXPECT_EQ(again->attempt, 2);
  EXPECT_EQ(again->lease_epoch, 2);
  EXPECT_EQ(again->start_micros, job->start_micros);
  EXPECT_THAT(States(job->id), ElementsAre(JobState::kQueued, JobState::kRunning, JobState::kQueued,
                                           JobState::kRunning));
}

TEST_F(JobStoreTest, AStaleLeaseIsRefusedEverywhere) {
  Submit();
  const Lease stale = Claim();
  store().ReleaseJob(stale);
  const auto expect_refused = [&] {
    const auto expect_lost = [](const auto& work) {
      ExpectError(ErrorCode::kFailedPrecondition, "LEASE_LOST", work);
    };
    expect_lost([&] { store().ReleaseJob(stale); });
    expect_lost([&] { store().SaveCheckpoint(stale, "state", 1); });
    expect_lost([&] { store().AppendProgress(stale, "p"); });
    expect_lost([&] { store().CompleteJob(stale, "weights", Describe); });
    expect_lost([&] { store().FailJob(stale, {}); });
    expect_lost([&] { store().FinishCancelledJob(stale); });
  };
  expect_refused();  // Queued again.
  const Lease fresh = Claim();
  expect_refused();  // Running under another lease.
  store().FailJob(fresh, {});
  expect_refused();  // Over.
  EXPECT_EQ(NumBlobs(), 0U);
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().GetModel("m"); });
}

TEST_F(JobStoreTest, CancellingAQueuedJobEndsItAtOnce) {
  const std::string id = Submit().id;
  const JobRecord job = store().RequestCancel(id);
  EXPECT_EQ(job.state, JobState::kCancelled);
  EXPECT_TRUE(job.cancel_requested);
  EXPECT_GT(job.end_micros, 0);
  EXPECT_FALSE(store().ClaimJob(JobPool::kCompute));
  EXPECT_THAT(States(id), ElementsAre(JobState::kQueued, JobState::kCancelled));
}

TEST_F(JobStoreTest, CancellingARunningJobAsksItsWorker) {
  Submit();
  const Lease lease = Claim();
  store().SaveCheckpoint(lease, "state", 1);
  EXPECT_EQ(store().RequestCancel(lease.job_id).state, JobState::kRunning);
  CrashAndOpen();
  EXPECT_TRUE(store().GetJob(lease.job_id).cancel_requested);
  EXPECT_EQ(store().GetJob(lease.job_id).state, JobState::kCancelled);
  EXPECT_EQ(NumBlobs(), 0U);
}

TEST_F(JobStoreTest, AWorkerEndsACancelledJob) {
  Submit();
  const Lease lease = Claim();
  store().SaveCheckpoint(lease, "state", 1);
  store().RequestCancel(lease.job_id);
  store().FinishCancelledJob(lease);
  EXPECT_EQ(store().GetJob(lease.job_id).state, JobState::kCancelled);
  EXPECT_EQ(NumBlobs(), 0U);
}

TEST_F(JobStoreTest, ReleasingAJobThatWasCancelledMeanwhileCancelsIt) {
  Submit();
  const Lease lease = Claim();
  store().RequestCancel(lease.job_id);
  store().ReleaseJob(lease);
  EXPECT_EQ(store().GetJob(lease.job_id).state, JobState::kCancelled);
}

TEST_F(JobStoreTest, CancellingAFinishedJobChangesNothing) {
  Submit();
  const Lease lease = Claim();
  store().FailJob(lease, {.code = 9, .reason = "DIVERGED", .message = "sorry"});
  const JobRecord before = store().GetJob(lease.job_id);
  const JobRecord after = store().RequestCancel(lease.job_id);
  EXPECT_EQ(after.state, JobState::kFailed);
  EXPECT_FALSE(after.cancel_requested);
  EXPECT_EQ(after.end_micros, before.end_micros);
  EXPECT_EQ(after.failure.code, 9);
  EXPECT_EQ(after.failure.reason, "DIVERGED");
  EXPECT_EQ(after.failure.message, "sorry");
}

TEST_F(JobStoreTest, ACheckpointReplacesTheOneBefore) {
  const std::string id = Submit().id;
  EXPECT_EQ(store().LoadCheckpoint(id), "");
  const Lease lease = Claim();
  store().SaveCheckpoint(lease, "first", 1.5);
  store().SaveCheckpoint(lease, std::string("sec\0nd", 6), 2.5);
  EXPECT_EQ(NumBlobs(), 1U);
  CrashAndOpen();
  EXPECT_EQ(store().LoadCheckpoint(id), std::string("sec\0nd", 6));
  EXPECT_EQ(store().GetJob(id).compute_seconds, 2.5);
  store().CompleteJob(Claim(), "weights", Describe);
  EXPECT_EQ(store().LoadCheckpoint(id), "");
  EXPECT_EQ(NumBlobs(), 1U);  // The weights.
}

TEST_F(JobStoreTest, ADamagedCheckpointIsDetected) {
  const std::string id = Submit().id;
  store().SaveCheckpoint(Claim(), "state", 1);
  const fs::path blob = fs::directory_iterator(data_dir_ + "/blobs")->path();
  for (const std::string& content : {std::string("stale"), std::string("stat"), std::string()}) {
    std::ofstream(blob) << content;
    EXPECT_THAT(
        ExpectError(ErrorCode::kDataLoss, "CORRUPT_BLOB", [&] { store().LoadCheckpoint(id); }),
        HasSubstr(id));
  }
  fs::remove(blob);
  ExpectError(ErrorCode::kDataLoss, "CORRUPT_BLOB", [&] { store().LoadCheckpoint(id); });
}

TEST_F(JobStoreTest, ProgressIsSeenAtOnce) {
  Submit();
  const Lease lease = Claim();
  const JobEventRecord first = store().AppendProgress(lease, "10 %");
  const JobEventRecord second = store().AppendProgress(lease, "20 %");
  EXPECT_GT(second.number, first.number);
  EXPECT_EQ(first.state, JobState::kRunning);
  EXPECT_EQ(store().GetJob(lease.job_id).progress, "20 %");
  EXPECT_EQ(store().ListJobs("", 1).at(0).progress, "20 %");
  EXPECT_EQ(store().RequestCancel(lease.job_id).progress, "20 %");
  const std::vector<JobEventRecord> events = store().ListEvents(lease.job_id, 0, 10);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[2].progress, "10 %");
  EXPECT_EQ(events[3].number, second.number);
  EXPECT_EQ(store().ListEvents(lease.job_id, first.number, 10).size(), 1U);
  EXPECT_EQ(store().ListEvents(lease.job_id, second.number, 10).size(), 0U);
  EXPECT_EQ(store().ListEvents(lease.job_id, 0, 3).back().number, first.number);
}

TEST_F(JobStoreTest, ProgressIsDurableWithTheNextCheckpoint) {
  Submit();
  const Lease lease = Claim();
  store().AppendProgress(lease, "10 %");
  store().SaveCheckpoint(lease, "state", 1);
  store().AppendProgress(lease, "20 %");
  CrashAndOpen();
  EXPECT_EQ(store().GetJob(lease.job_id).progress, "10 %");
  EXPECT_THAT(States(lease.job_id), ElementsAre(JobState::kQueued, JobState::kRunning,
                                                JobState::kRunning, JobState::kQueued));
}

TEST_F(JobStoreTest, ProgressIsDurableAfterAnOrderlyEnd) {
  Submit();
  const Lease lease = Claim();
  store().AppendProgress(lease, "10 %");
  Open();
  EXPECT_EQ(store().GetJob(lease.job_id).progress, "10 %");
}

TEST_F(JobStoreTest, EventNumbersAreNeverUsedAgainAfterACrash) {
  const std::string id = Submit().id;
  std::int64_t highest = 0;
  for (int crash = 0; crash < 2; ++crash) {
    const Lease lease = Claim();
    for (int i = 0; i < 700; ++i) {  // More than are reserved at a time.
      const std::int64_t number = store().AppendProgress(lease, "p").number;
      ASSERT_GT(number, highest);
      highest = number;
    }
    CrashAndOpen();
    const std::vector<JobEventRecord> events = store().ListEvents(id, 0, 10000);
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(events.back().state, JobState::kQueued);
    EXPECT_GT(events.back().number, highest);
    highest = events.back().number;
  }
}

TEST_F(JobStoreTest, EventNumbersHaveNoGapsWithoutACrash) {
  Submit();
  std::int64_t expected = 1;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const Lease lease = Claim();
    for (int i = 0; i < 3; ++i) store().AppendProgress(lease, "p");
    store().ReleaseJob(lease);
    Open();
    for (const JobEventRecord& event : store().ListEvents(lease.job_id, expected - 1, 1000)) {
      EXPECT_EQ(event.number, expected++);
    }
  }
  EXPECT_EQ(expected, 17);
}

TEST_F(JobStoreTest, OldProgressEventsAreThinnedAndStatesAreKept) {
  Submit();
  Lease lease = Claim();
  for (int i = 0; i < 500; ++i) {
    store().AppendProgress(lease, std::to_string(i));
    if (i % 10 == 0) store().SaveCheckpoint(lease, "s", 1);  // Writes the events.
    if (i == 250) {
      store().ReleaseJob(lease);
      lease = Claim();
    }
  }
  store().FailJob(lease, {});
  const std::vector<JobEventRecord> events = store().ListEvents(lease.job_id, 0, 10000);
  EXPECT_LE(events.size(), 60U);
  EXPECT_GE(events.size(), 20U);
  EXPECT_EQ(events[events.size() - 2].progress, "499");
  EXPECT_EQ(events[events.size() - 3].progress, "498");
  std::size_t states = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    states += events[i].progress.empty() ? 1 : 0;
    if (i > 0) {
      EXPECT_GT(events[i].number, events[i - 1].number);
    }
  }
  EXPECT_EQ(states, 5U);  // Queued, running, queued, running, failed.
}

TEST_F(JobStoreTest, SuccessPublishesTheModelVersionInTheSameStep) {
  Submit();
  const Lease lease = Claim();
  store().AppendProgress(lease, "100 %");
  const ModelVersionRecord version = store().CompleteJob(lease, "weights", Describe);
  EXPECT_EQ(version.model_id, "m");
  EXPECT_EQ(version.version, 1);
  EXPECT_EQ(version.description, "version 1");
  CrashAndOpen();
  const JobRecord job = store().GetJob(lease.job_id);
  EXPECT_EQ(job.state, JobState::kSucceeded);
  EXPECT_EQ(job.model_version, 1);
  EXPECT_EQ(job.progress, "100 %");
  EXPECT_EQ(store().LoadWeights(store().GetModelVersion("m", 1)), "weights");
}

TEST_F(JobStoreTest, AFailureToDescribeTheModelPublishesNothing) {
  Submit();
  const Lease lease = Claim();
  EXPECT_THROW(store().CompleteJob(lease, "weights",
                                   [](std::int64_t, const ModelVersionRecord*) -> std::string {
                                     throw std::runtime_error("no");
                                   }),
               std::runtime_error);
  EXPECT_EQ(NumBlobs(), 0U);
  EXPECT_EQ(store().GetJob(lease.job_id).state, JobState::kRunning);
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().GetModel("m"); });
  store().AppendProgress(lease, "the lease is as good as before");
}

TEST_F(JobStoreTest, AJobThatWasRunningInACrashIsQueuedAgain) {
  Submit();
  const Lease lease = Claim();
  CrashAndOpen();
  EXPECT_EQ(store().GetJob(lease.job_id).state, JobState::kQueued);
  ExpectError(ErrorCode::kFailedPrecondition, "LEASE_LOST",
              [&] { store().SaveCheckpoint(lease, "s", 1); });
  EXPECT_EQ(store().ClaimJob(JobPool::kCompute)->attempt, 2);
}

TEST_F(JobStoreTest, AJobThatIsRunningInEveryCrashFails) {
  const std::string id = Submit().id;
  for (int crash = 0; crash < 2; ++crash) {
    Claim();
    CrashAndOpen();
    EXPECT_EQ(store().GetJob(id).state, JobState::kQueued);
  }
  store().SaveCheckpoint(Claim(), "state", 1);  // It gets on, so it is not to blame.
  for (int crash = 0; crash < 2; ++crash) {
    CrashAndOpen();
    EXPECT_EQ(store().GetJob(id).state, JobState::kQueued);
    Claim();
  }
  CrashAndOpen();
  const JobRecord job = store().GetJob(id);
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.failure.reason, "CRASH_LOOP");
  EXPECT_GT(job.end_micros, 0);
}

class EventFlushTest : public JobStoreTest {
 protected:
  StoreOptions Options() override {
    StoreOptions options = JobStoreTest::Options();
    options.event_flush_interval = std::chrono::milliseconds(1);
    return options;
  }
};

TEST_F(EventFlushTest, ProgressBecomesDurableByItself) {
  Submit();
  const Lease lease = Claim();
  store().AppendProgress(lease, "10 %");
  Database db(data_dir_ + "/metadata.sqlite", Database::Mode::kReadOnly);
  std::string progress;
  while (progress != "10 %") {  // The test's time limit is the bound.
    Rows rows = db.Query("SELECT progress FROM jobs");
    ASSERT_TRUE(rows.Next());
    progress = rows.Text(0);
  }
}

}  // namespace
}  // namespace sobolev::server
