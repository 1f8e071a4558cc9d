// The n-th file operation fails, for n = 1, 2, …: what was acknowledged is there, what was refused
// is not half there, and the store goes on.

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <gmock/gmock.h>
#include <sys/uio.h>

#include "tests/server/storage/store_testing.h"

namespace sobolev::server {
namespace {

// Fails the operations from number `first` to number `last`, counted from when it was armed.
class FaultyIoEnv final : public PosixIoEnv {
 public:
  enum class Fault {
    kDiskFull,
    kIoError,
    kShortWrite,         // Writes do half of their first part.
    kShortWriteThenFull  // The first does, the next ones find the disk full.
  };

  void Arm(Fault fault, int first, int last) {
    fault_ = fault;
    first_ = first;
    last_ = last;
    count_ = 0;
  }
  void Disarm() { first_ = 0; }
  // Whether the fault was reached.
  bool Fired() const { return count_ >= first_; }

  void set_free_bytes(std::optional<std::int64_t> bytes) { free_bytes_ = bytes; }
  int num_syncs() const { return num_syncs_; }

  FileDescriptor Open(const std::string& path, int flags) override {
    Step("open");
    return PosixIoEnv::Open(path, flags);
  }
  std::size_t Write(const FileDescriptor& file, std::span<const iovec> parts,
                    std::int64_t offset) override {
    const bool is_short = fault_ == Fault::kShortWrite ||
                          (fault_ == Fault::kShortWriteThenFull && count_ + 1 == first_);
    if (is_short && IsDue()) {
      const iovec some = {.iov_base = parts[0].iov_base, .iov_len = ShortLength(parts[0].iov_len)};
      return PosixIoEnv::Write(file, std::span(&some, 1), offset);
    }
    if (!is_short) Step("write");
    return PosixIoEnv::Write(file, parts, offset);
  }
  std::size_t Read(const FileDescriptor& file, std::span<std::byte> bytes,
                   std::int64_t offset) override {
    Step("read");
    return PosixIoEnv::Read(file, bytes, offset);
  }
  // A failed sync ends the process, unless the disk is full: see the death tests.
  void SyncData(const FileDescriptor& file) override {
    ++num_syncs_;
    if (fault_ == Fault::kDiskFull || fail_syncs_) Step("fdatasync");
    PosixIoEnv::SyncData(file);
  }
  void Sync(const FileDescriptor& file) override {
    if (fault_ == Fault::kDiskFull || fail_syncs_) Step("fsync");
    PosixIoEnv::Sync(file);
  }
  void Truncate(const FileDescriptor& file, std::int64_t size) override {
    Step("ftruncate");
    PosixIoEnv::Truncate(file, size);
  }
  MappedBytes Map(const FileDescriptor& file, std::size_t size) override {
    Step("mmap");
    return PosixIoEnv::Map(file, size);
  }
  void Rename(const std::string& from, const std::string& to) override {
    Step("rename");
    PosixIoEnv::Rename(from, to);
  }
  void Remove(const std::string& path) override {
    Step("remove");
    PosixIoEnv::Remove(path);
  }
  void MakeDirectory(const std::string& path) override {
    Step("mkdir");
    PosixIoEnv::MakeDirectory(path);
  }
  std::int64_t FreeBytes(const std::string& path) override {
    Step("statvfs");
    return free_bytes_.value_or(PosixIoEnv::FreeBytes(path));
  }

  void set_fail_syncs(bool fail) { fail_syncs_ = fail; }

 private:
  // About half; of whole pages, as direct writes are, whole pages.
  static std::size_t ShortLength(std::size_t length) {
    constexpr std::size_t kPage = 4096;
    if (length % kPage != 0) return (length + 1) / 2;
    return std::max(kPage, length / 2 / kPage * kPage);
  }
  bool IsDue() {
    const int number = ++count_;
    return first_ > 0 && number >= first_ && number <= last_;
  }
  void Step(const char* operation) {
    if (!IsDue()) return;
    if (fault_ == Fault::kShortWrite) return;
    throw std::system_error(fault_ == Fault::kIoError ? EIO : ENOSPC, std::generic_category(),
                            operation);
  }

  std::atomic<Fault> fault_{Fault::kIoError};
  std::atomic<int> first_{0};
  std::atomic<int> last_{0};
  std::atomic<int> count_{0};
  std::atomic<int> num_syncs_{0};
  std::atomic<bool> fail_syncs_{false};
  std::optional<std::int64_t> free_bytes_;
};

using Fault = FaultyIoEnv::Fault;

class FaultTest : public StoreTest {
 protected:
  StoreOptions Options() override {
    StoreOptions options = StoreTest::Options();
    options.env = &faulty_;
    return options;
  }

  // What a client does once: creates, uploads in two blocks, trains with a checkpoint. Every call
  // is idempotent but the last, so a client repeats it until it works.
  struct Outcome {
    std::vector<std::int64_t> acknowledged_blocks;
    bool committed = false;
    bool checkpointed = false;
    bool completed = false;
  };
  Outcome Work() {
    Outcome outcome;
    try {
      const DatasetRecord dataset = store().CreateDataset("d", "schema", kInputs, kOutputs);
      const std::string token = store().OpenUpload("d", "u").token;
      for (const std::int64_t id : {0, 1}) {
        Append(store(), token, MakeBlock(id, 40, Seed(id)));
        outcome.acknowledged_blocks.push_back(id);
      }
      store().CommitUpload(token, 2, 80,
                           UploadChecksum({MakeBlock(0, 40, Seed(0)), MakeBlock(1, 40, Seed(1))}));
      outcome.committed = true;
      store().OpenSnapshot("d", 0)->Verify(0);
      store().CreateJob({.dataset_id = "d",
                         .dataset_uid = dataset.uid,
                         .dataset_version = 1,
                         .model_id = "m",
                         .request_id = "r"});
      const std::optional<JobRecord> job = store().ClaimJob(JobPool::kCompute);
      if (!job) return outcome;
      const Lease lease{.job_id = job->id, .epoch = job->lease_epoch};
      running_ = lease;
      store().SaveCheckpoint(lease, "state", 1);
      outcome.checkpointed = true;
      store().CompleteJob(lease, "weights",
                          [](std::int64_t, const ModelVersionRecord*) { return "v"; });
      outcome.completed = true;
    } catch (const Error& error) {
      EXPECT_THAT(error.reason(), testing::AnyOf("DISK_FULL", "IO_ERROR")) << error.what();
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr(directory_.path())));
    }
    return outcome;
  }
  static std::uint64_t Seed(std::int64_t block_id) {
    return 100 + static_cast<std::uint64_t>(block_id);
  }

  // Everything acknowledged holds, in a store opened after a kill at this moment.
  void ExpectKept(const Outcome& outcome) {
    CrashAndOpen();
    if (!outcome.acknowledged_blocks.empty()) {
      EXPECT_GE(store().OpenUpload("d", "u").sample_count,
                40 * std::ssize(outcome.acknowledged_blocks));
    }
    if (outcome.committed) {
      const std::shared_ptr<const Snapshot> snapshot = store().OpenSnapshot("d", 0);
      ASSERT_EQ(snapshot->samples().blocks.size(), 2U);
      for (const std::int64_t id : {0, 1}) {
        ExpectBlock(*snapshot, static_cast<std::size_t>(id), MakeBlock(id, 40, Seed(id)));
      }
    }
    if (outcome.checkpointed && !outcome.completed) {
      EXPECT_EQ(store().LoadCheckpoint(running_.job_id), "state");
    }
    if (outcome.completed) {
      EXPECT_EQ(store().LoadWeights(store().GetModel("m").latest), "weights");
    }
  }

  // Runs the work with the fault at operation 1, 2, … until it is not reached any more; returns how
  // many there were.
  int FailEach(Fault fault, int length) {
    for (int first = 1;; ++first) {
      SCOPED_TRACE("operation " + std::to_string(first));
      store_.reset();
      data_dir_ = directory_.path() + "/data-" + std::to_string(++runs_);
      Open();
      faulty_.Arm(fault, first, first + length - 1);
      const Outcome outcome = Work();
      const bool fired = faulty_.Fired();
      faulty_.Disarm();
      ExpectKept(outcome);
      if (!outcome.completed) {
        Outcome again = Work();
        EXPECT_TRUE(again.completed) << "the store did not recover";
        ExpectKept(again);
      }
      if (!fired || HasFailure()) return first - 1;
    }
  }

  FaultyIoEnv faulty_;
  Lease running_;
  int runs_ = 0;
};

TEST_F(FaultTest, AFullDiskAtAnyOperationLosesNothing) {
  EXPECT_GT(FailEach(Fault::kDiskFull, 1), 15);
}

TEST_F(FaultTest, AnIoErrorAtAnyOperationLosesNothing) {
  EXPECT_GT(FailEach(Fault::kIoError, 1), 15);
}

TEST_F(FaultTest, ThreeErrorsInARowLoseNothing) { EXPECT_GT(FailEach(Fault::kDiskFull, 3), 15); }

TEST_F(FaultTest, ShortWritesAreContinued) {
  faulty_.Arm(Fault::kShortWrite, 1, 1'000'000);
  const Outcome outcome = Work();
  faulty_.Disarm();
  EXPECT_TRUE(outcome.completed);
  ExpectKept(outcome);
}

TEST_F(FaultTest, AShortWriteBeforeAFullDiskIsCutOffAgain) {
  CreateDataset("d");
  const std::string token = store().OpenUpload("d", "u").token;
  Append(store(), token, MakeBlock(0, 40, 1));
  const auto size = std::filesystem::file_size(Segments().at(0));
  // After RequireRoom and open: half the block, then nothing more.
  faulty_.Arm(Fault::kShortWriteThenFull, 3, 4);
  ExpectError(ErrorCode::kResourceExhausted, "DISK_FULL",
              [&] { Append(store(), token, MakeBlock(1, 400, 2)); });
  EXPECT_EQ(std::filesystem::file_size(Segments().at(0)), size);
  EXPECT_FALSE(Append(store(), token, MakeBlock(1, 400, 2)));
}

TEST_F(FaultTest, NewDataIsRefusedWhenTheDiskIsLowAndDeletingHelps) {
  StoreOptions options = Options();
  options.min_free_bytes = 1000;
  store_.reset();
  store_ = OpenSqliteStore(options);
  const DatasetRecord dataset = store().CreateDataset("d", "schema", kInputs, kOutputs);
  Upload(store(), "d", "u", {MakeBlock(0, 10, 1)});
  const std::string token = store().OpenUpload("d", "v").token;
  ASSERT_TRUE(std::filesystem::exists(data_dir_ + "/ballast"));

  faulty_.set_free_bytes(999);
  const auto expect_low = [](const auto& work) {
    EXPECT_THAT(ExpectError(ErrorCode::kResourceExhausted, "DISK_LOW", work),
                testing::HasSubstr("free some space"));
  };
  expect_low([&] { store().CreateDataset("e", "schema", 1, 1); });
  expect_low([&] { store().OpenUpload("d", "w"); });
  expect_low([&] { Append(store(), token, MakeBlock(0, 10, 2)); });
  expect_low([&] { store().CreateJob({.dataset_id = "d", .dataset_uid = dataset.uid}); });
  ExpectBlock(*store().OpenSnapshot("d", 0), 0, MakeBlock(0, 10, 1));
  store().DeleteDataset("d");
  EXPECT_FALSE(std::filesystem::exists(data_dir_ + "/ballast") &&
               std::filesystem::file_size(data_dir_ + "/ballast") > 0);

  faulty_.set_free_bytes(std::nullopt);
  CreateDataset("d");
  Upload(store(), "d", "u", {MakeBlock(0, 10, 1)});
  store().DeleteDataset("d");
  EXPECT_EQ(std::filesystem::file_size(data_dir_ + "/ballast"), std::size_t{1 << 16});
}

TEST_F(FaultTest, BlocksOfOneGroupShareASync) {
  CreateDataset("d");
  const std::string token = store().OpenUpload("d", "u").token;
  const int before = faulty_.num_syncs();
  for (int i = 0; i < 200; ++i) {
    store().AppendBlock(token, MakeBlock(i, 1, 1), [](const std::exception_ptr&, bool) {});
  }
  Append(store(), token, MakeBlock(200, 1, 1));
  EXPECT_LT(faulty_.num_syncs() - before, 200);
  EXPECT_GE(faulty_.num_syncs() - before, 1);
}

TEST_F(FaultTest, AFaultWhileOpeningIsReportedAndTheNextStartWorks) {
  CreateDataset("d");
  Upload(store(), "d", "u", {MakeBlock(0, 40, 1)});
  Append(store(), store().OpenUpload("d", "open").token, MakeBlock(0, 40, 2));
  int num_failures = 0;
  for (int first = 1;; ++first) {
    store_.reset();
    faulty_.Arm(Fault::kIoError, first, first);
    try {
      store_ = OpenSqliteStore(Options());
    } catch (const Error& error) {
      ++num_failures;
      EXPECT_THAT(error.reason(), testing::AnyOf("IO_ERROR", "DATA_DIR_UNUSABLE")) << error.what();
    }
    const bool fired = faulty_.Fired();
    faulty_.Disarm();
    Open();
    ExpectBlock(*store().OpenSnapshot("d", 0), 0, MakeBlock(0, 40, 1));
    EXPECT_EQ(store().OpenUpload("d", "open").sample_count, 40);
    if (!fired) break;
  }
  EXPECT_GT(num_failures, 5);
}

class FaultDeathTest : public FaultTest {
 protected:
  void SetUp() override {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    FaultTest::SetUp();
  }
};

TEST_F(FaultDeathTest, AFailedSyncStopsTheServer) {
  EXPECT_DEATH(
      {
        CreateDataset("d");
        const std::string token = store().OpenUpload("d", "u").token;
        faulty_.set_fail_syncs(true);
        // RequireRoom, open, the write, the sync.
        faulty_.Arm(Fault::kIoError, 4, 4);
        Append(store(), token, MakeBlock(0, 40, 1));
      },
      "stable storage failed");
}

// ---- Power cuts -------------------------------------------------------------------------------

// Knows which bytes and which directory entries are on stable storage.
class PowerCutIoEnv final : public PosixIoEnv {
 public:
  FileDescriptor Open(const std::string& path, int flags) override {
    FileDescriptor file = PosixIoEnv::Open(path, flags);
    const std::lock_guard lock(mutex_);
    paths_[file.get()] = path;
    return file;
  }
  void SyncData(const FileDescriptor& file) override {
    const std::lock_guard lock(mutex_);
    synced_bytes_[paths_.at(file.get())] = Size(file);
  }
  void Sync(const FileDescriptor& directory) override {
    const std::lock_guard lock(mutex_);
    const std::string& path = paths_.at(directory.get());
    for (const std::string& name : List(path)) {
      synced_entries_.insert(std::filesystem::path(path) / name);
    }
  }
  void Rename(const std::string& from, const std::string& to) override {
    PosixIoEnv::Rename(from, to);
    const std::lock_guard lock(mutex_);
    synced_bytes_[to] = synced_bytes_[from];
  }

  // Takes from `copy`, a copy of the directory `original`, what a power cut would take.
  void Cut(const std::string& original, const std::string& copy) {
    namespace fs = std::filesystem;
    const std::lock_guard lock(mutex_);
    for (const char* kind : {"/datasets", "/blobs"}) {
      std::vector<std::string> lost;
      for (const auto& entry : fs::recursive_directory_iterator(copy + kind)) {
        std::string path = original;
        path += entry.path().string().substr(copy.size());
        if (!synced_entries_.contains(path)) {
          lost.push_back(entry.path());
        } else if (entry.is_regular_file()) {
          fs::resize_file(entry.path(), std::min(static_cast<std::uintmax_t>(synced_bytes_[path]),
                                                 entry.file_size()));
        }
      }
      for (const std::string& path : lost) fs::remove_all(path);
    }
  }

 private:
  std::mutex mutex_;
  // All guarded by mutex_.
  std::map<int, std::string> paths_;
  std::map<std::string, std::int64_t> synced_bytes_;
  std::set<std::string> synced_entries_;
};

class PowerCutTest : public StoreTest {
 protected:
  StoreOptions Options() override {
    StoreOptions options = StoreTest::Options();
    options.env = &power_cut_;
    return options;
  }

  // The store as it comes back if the power goes now.
  std::unique_ptr<Store> AfterPowerCut() {
    StoreOptions options = Options();
    options.env = &io_;
    options.directory = directory_.path() + "/after-cut-" + std::to_string(++cuts_);
    std::filesystem::copy(data_dir_, options.directory, std::filesystem::copy_options::recursive);
    power_cut_.Cut(data_dir_, options.directory);
    return OpenSqliteStore(options);
  }

  PowerCutIoEnv power_cut_;
  int cuts_ = 0;
};

TEST_F(PowerCutTest, WhatWasAcknowledgedSurvivesAPowerCutAtOnce) {
  const DatasetRecord dataset = store().CreateDataset("d", "schema", kInputs, kOutputs);
  const std::string token = store().OpenUpload("d", "u").token;
  std::vector<SampleBlockData> blocks;
  for (std::int64_t id = 0; id < 5; ++id) {
    blocks.push_back(MakeBlock(id, 100 * (id + 1), static_cast<std::uint64_t>(id)));
    Append(store(), token, blocks.back());
    EXPECT_EQ(AfterPowerCut()->GetDataset("d").damage, "");
  }
  store().CommitUpload(token, 5, 1500, UploadChecksum(blocks));
  {
    const std::unique_ptr<Store> after = AfterPowerCut();
    const std::shared_ptr<const Snapshot> snapshot = after->OpenSnapshot("d", 0);
    ASSERT_EQ(snapshot->samples().blocks.size(), 5U);
    for (std::size_t i = 0; i < 5; ++i) ExpectBlock(*snapshot, i, blocks[i]);
  }
  store().CreateJob({.dataset_id = "d", .dataset_uid = dataset.uid, .model_id = "m"});
  const JobRecord job = *store().ClaimJob(JobPool::kCompute);
  const Lease lease{.job_id = job.id, .epoch = job.lease_epoch};
  for (const char* state : {"first", "second"}) {
    store().SaveCheckpoint(lease, state, 1);
    EXPECT_EQ(AfterPowerCut()->LoadCheckpoint(job.id), state);
  }
  store().CompleteJob(lease, "weights",
                      [](std::int64_t, const ModelVersionRecord*) { return "v"; });
  const std::unique_ptr<Store> after = AfterPowerCut();
  EXPECT_EQ(after->LoadWeights(after->GetModel("m").latest), "weights");
  // And the dataset can be written to again.
  Upload(*after, "d", "v", {MakeBlock(0, 10, 9)});
}

}  // namespace
}  // namespace sobolev::server
