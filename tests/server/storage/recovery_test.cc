// What is left after kills, damage, and the wrong directory.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/storage/schema.h"
#include "server/storage/segment_file.h"
#include "server/storage/sqlite.h"
#include "tests/server/storage/store_testing.h"

namespace sobolev::server {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// ---- Kills ------------------------------------------------------------------------------------

class KillTest : public StoreTest {
 protected:
  void SetUp() override {}  // The children open the store.
};

// One line of what a child did, as it goes through the pipe.
struct Acknowledgement {
  enum Kind : std::int64_t { kBlock, kCommit } kind;
  std::int64_t upload;
  std::int64_t block;  // Or the version.
};

std::uint64_t BlockSeed(std::int64_t upload, std::int64_t block) {
  return static_cast<std::uint64_t>(1'000'000 * upload + block);
}

// Large and small ones, with labels of every kind; all follows from the id.
SampleBlockData BlockOf(std::int64_t upload, std::int64_t block) {
  const std::uint64_t seed = BlockSeed(upload, block);
  return MakeBlock(block, 1 + static_cast<std::int64_t>(Rng(seed).Below(3000)), seed,
                   {.y = block % 5 != 1,
                    .jacobian = block % 2 == 0,
                    .weight = block % 3 == 0,
                    .tangents = block % 4 == 1 ? 2U : 0,
                    .adjoints = block % 6 == 5 ? 1U : 0,
                    .hvps = block == 11 ? 3U : 0,
                    .variances = block == 7});
}

// Resumes the newest upload, sends the missing blocks of 12, commits, goes on with the next one,
// and says what was acknowledged, until it is killed.
[[noreturn]] void AppendUntilKilled(const StoreOptions& options, int pipe) {
  const auto tell = [&](const Acknowledgement& acknowledgement) {
    if (write(pipe, &acknowledgement, sizeof(acknowledgement)) < 0) _exit(1);
  };
  try {
    const std::unique_ptr<Store> store = OpenSqliteStore(options);
    const DatasetRecord dataset = store->CreateDataset("d", "schema", kInputs, kOutputs);
    for (std::int64_t upload = dataset.version + 1;; ++upload) {
      constexpr std::int64_t kBlocks = 12;
      const std::string token = store->OpenUpload("d", "u" + std::to_string(upload)).token;
      std::vector<SampleBlockData> blocks;
      std::int64_t sample_count = 0;
      for (std::int64_t block = 0; block < kBlocks; ++block) {
        blocks.push_back(BlockOf(upload, block));
        sample_count += blocks.back().rows;
        store->AppendBlock(token, blocks.back(), [=](const std::exception_ptr& error, bool) {
          if (error) _exit(2);
          tell({.kind = Acknowledgement::kBlock, .upload = upload, .block = block});
        });
      }
      Append(*store, token, blocks.back());  // Comes after all the others.
      const std::int64_t version =
          store->CommitUpload(token, kBlocks, sample_count, UploadChecksum(blocks));
      tell({.kind = Acknowledgement::kCommit, .upload = upload, .block = version});
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    _exit(3);
  }
}

TEST_F(KillTest, EveryAcknowledgedBlockIsThereOnceAfterAnyKill) {
  constexpr int kCycles = 60;
  constexpr std::uint64_t kSeed = 20240607;
  Rng rng(kSeed);
  std::map<std::int64_t, std::int64_t> acknowledged_blocks;  // Upload -> how many.
  std::int64_t committed = 0;
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(ends[0]);
      AppendUntilKilled(Options(), ends[1]);
    }
    close(ends[1]);
    usleep(static_cast<useconds_t>(rng.Below(120'000)));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
    std::map<std::int64_t, std::int64_t> acknowledged;
    for (Acknowledgement line{};
         read(ends[0], &line, sizeof(line)) == static_cast<ssize_t>(sizeof(line));) {
      if (line.kind == Acknowledgement::kCommit) {
        EXPECT_EQ(line.block, line.upload);
        committed = line.block;
      } else {
        ++acknowledged[line.upload];
      }
    }
    close(ends[0]);
    for (const auto& [upload, count] : acknowledged) {
      acknowledged_blocks[upload] = std::max(acknowledged_blocks[upload], count);
    }

    Open();
    if (committed == 0 && store().ListDatasets("", 1).empty()) {
      store_.reset();
      continue;  // Killed before anything was promised.
    }
    const DatasetRecord dataset = store().GetDataset("d");
    ASSERT_GE(dataset.version, committed);
    ASSERT_LE(dataset.version, committed + 1);  // A commit may be durable and not yet told.
    committed = dataset.version;
    ASSERT_EQ(dataset.damage, "");
    // All commits, each block once, whole.
    const std::shared_ptr<const Snapshot> snapshot = store().OpenSnapshot("d", 0);
    ASSERT_EQ(std::ssize(snapshot->samples().blocks), 12 * committed);
    std::size_t index = 0;
    for (std::int64_t upload = 1; upload <= committed; ++upload) {
      for (std::int64_t block = 0; block < 12; ++block, ++index) {
        // Old ones do not change any more; their checksums are looked at in the last cycle.
        if (upload + 3 > committed || cycle + 1 == kCycles) {
          ExpectBlock(*snapshot, index, BlockOf(upload, block));
        }
      }
    }
    const UploadState open = store().OpenUpload("d", "u" + std::to_string(committed + 1));
    std::int64_t stored = 0;
    for (const BlockIdRange& range : open.stored_blocks) stored += range.last - range.first + 1;
    EXPECT_GE(stored, acknowledged_blocks[committed + 1]);
    store_.reset();
  }
  EXPECT_GT(committed, 20);  // The test did something.
}

// ---- Damage -----------------------------------------------------------------------------------

class DamageTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    CreateDataset("d");
    CreateDataset("other");
    Upload(store(), "d", "u", {MakeBlock(0, 10, 1), MakeBlock(7, 20, 2)});
    segment_ = Segments().at(0);
    Upload(store(), "other", "u", {MakeBlock(0, 10, 3)});
    store_.reset();
  }

  void FlipByte(std::int64_t offset, std::uint8_t mask) const {
    std::fstream file(segment_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(offset);
    const int byte = file.get();
    ASSERT_NE(byte, EOF);
    file.seekp(offset);
    file.put(static_cast<char>(byte ^ mask));
  }
  fs::path segment_;
};

TEST_F(DamageTest, EveryFlippedBitOfAHeaderIsDetected) {
  Open();
  const std::shared_ptr<const Snapshot> snapshot = store().OpenSnapshot("d", 0);
  snapshot->Verify(0);
  for (std::int64_t byte = 0; byte < 64; ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      FlipByte(byte, static_cast<std::uint8_t>(1 << bit));
      EXPECT_THAT(
          ExpectError(ErrorCode::kDataLoss, "DATASET_DAMAGED", [&] { snapshot->Verify(0); }),
          HasSubstr("dataset \"d\": block 0 of upload"));
      FlipByte(byte, static_cast<std::uint8_t>(1 << bit));
    }
  }
  snapshot->Verify(0);
  snapshot->Verify(1);
}

TEST_F(DamageTest, FlippedBitsOfThePayloadAreDetected) {
  const BlockLocation first{.rows = 10, .layout = MakeBlock(0, 10, 1).Layout()};
  const std::int64_t payload = first.PayloadBytes(kInputs, kOutputs);
  Open();
  const std::shared_ptr<const Snapshot> snapshot = store().OpenSnapshot("d", 0);
  Rng rng(5);
  for (int repeat = 0; repeat < 300; ++repeat) {
    const auto byte =
        64 + static_cast<std::int64_t>(rng.Below(static_cast<std::uint64_t>(payload)));
    const auto mask = static_cast<std::uint8_t>(1 << rng.Below(8));
    FlipByte(byte, mask);
    ExpectError(ErrorCode::kDataLoss, "DATASET_DAMAGED", [&] { snapshot->Verify(0); });
    snapshot->Verify(1);
    FlipByte(byte, mask);
  }
  snapshot->Verify(0);
}

TEST_F(DamageTest, ADamagedDatasetStaysMarkedAndTheOthersAreServed) {
  FlipByte(100, 1);
  Open();
  ExpectError(ErrorCode::kDataLoss, "DATASET_DAMAGED",
              [&] { store().OpenSnapshot("d", 0)->Verify(0); });
  FlipByte(100, 1);  // Even if the bytes come back: nobody knows what else was lost.
  Open();
  EXPECT_THAT(
      ExpectError(ErrorCode::kDataLoss, "DATASET_DAMAGED", [&] { store().OpenSnapshot("d", 0); }),
      HasSubstr("block 0"));
  EXPECT_THAT(store().GetDataset("d").damage, HasSubstr("block 0"));
  EXPECT_EQ(store().ListDatasets("", 10).size(), 2U);
  ExpectBlock(*store().OpenSnapshot("other", 0), 0, MakeBlock(0, 10, 3));
  store().DeleteDataset("d");
  CreateDataset("d");
  Upload(store(), "d", "u", {MakeBlock(0, 10, 1)});
  ExpectBlock(*store().OpenSnapshot("d", 0), 0, MakeBlock(0, 10, 1));
}

TEST_F(DamageTest, ATruncatedSegmentIsDetectedAtTheStartByItsFirstMissingBlock) {
  fs::resize_file(segment_, fs::file_size(segment_) - 65);
  Open();
  EXPECT_EQ(store().GetDataset("d").damage.find("dataset \"d\": block 7 of upload "), 0U);
  ExpectError(ErrorCode::kDataLoss, "DATASET_DAMAGED", [&] { store().OpenSnapshot("d", 0); });
  EXPECT_EQ(store().GetDataset("other").damage, "");
}

TEST_F(DamageTest, AMissingSegmentIsDetectedAtTheStart) {
  fs::remove(segment_);
  Open();
  EXPECT_EQ(store().GetDataset("d").damage.find("dataset \"d\": block 0 of upload "), 0U);
}

TEST_F(DamageTest, ASegmentThatShrinksUnderARunningServerIsDetectedWhenItIsOpened) {
  Open();
  fs::resize_file(segment_, 100);
  EXPECT_THAT(
      ExpectError(ErrorCode::kDataLoss, "DATASET_DAMAGED", [&] { store().OpenSnapshot("d", 0); }),
      HasSubstr("dataset \"d\": block 0"));
  EXPECT_NE(store().GetDataset("d").damage, "");
}

TEST_F(DamageTest, SwappedSegmentsAreDetected) {
  Open();
  CreateDataset("twin");
  Upload(store(), "twin", "u", {MakeBlock(0, 10, 4), MakeBlock(7, 20, 5)});
  fs::path twin;
  for (const fs::path& segment : Segments()) {
    if (segment != segment_ && fs::file_size(segment) == fs::file_size(segment_)) twin = segment;
  }
  fs::rename(twin, directory_.path() + "/swap");
  fs::rename(segment_, twin);
  fs::rename(directory_.path() + "/swap", segment_);
  for (const char* id : {"d", "twin"}) {
    ExpectError(ErrorCode::kDataLoss, "DATASET_DAMAGED",
                [&] { store().OpenSnapshot(id, 0)->Verify(0); });
  }
}

TEST_F(DamageTest, ADamagedMetadataStoreIsReported) {
  std::ofstream(data_dir_ + "/metadata.sqlite", std::ios::binary) << "this is no database";
  fs::remove(data_dir_ + "/metadata.sqlite-wal");
  ExpectError(ErrorCode::kDataLoss, "STORE_CORRUPT", [&] { Open(); });
}

// ---- The wrong directory ----------------------------------------------------------------------

class OpenTest : public StoreTest {};

TEST_F(OpenTest, ASecondServerIsLockedOut) {
  EXPECT_THAT(ExpectError(ErrorCode::kFailedPrecondition, "DATA_DIR_LOCKED",
                          [&] { OpenSqliteStore(Options()); }),
              HasSubstr("another server uses"));
  CreateDataset("d");  // The first is undisturbed.
  Open();
  EXPECT_EQ(store().GetDataset("d").id, "d");
}

TEST_F(OpenTest, AStoreOfANewerServerIsRefusedAndLeftAlone) {
  store_.reset();
  {
    Database db(data_dir_ + "/metadata.sqlite", Database::Mode::kReadWrite);
    db.Execute("PRAGMA user_version = 99");
  }
  const std::string message = ExpectError(ErrorCode::kFailedPrecondition, "STORE_TOO_NEW",
                                          [&] { OpenSqliteStore(Options()); });
  EXPECT_THAT(message, HasSubstr("expected schema version " + std::to_string(kSchemaVersion)));
  EXPECT_THAT(message, HasSubstr("got 99"));
  EXPECT_THAT(message, HasSubstr("upgrade this server"));
  Database db(data_dir_ + "/metadata.sqlite", Database::Mode::kReadWrite);
  Rows rows = db.Query("PRAGMA user_version");
  rows.Next();
  EXPECT_EQ(rows.Int(0), 99);
}

TEST_F(OpenTest, AnUnusableDirectoryIsReported) {
  std::ofstream(directory_.path() + "/file") << "x";
  StoreOptions options = Options();
  options.directory = directory_.path() + "/file/data";
  EXPECT_THAT(ExpectError(ErrorCode::kFailedPrecondition, "DATA_DIR_UNUSABLE",
                          [&] { OpenSqliteStore(options); }),
              HasSubstr("--data-dir"));
}

TEST_F(OpenTest, FilesAreForTheirOwnerAlone) {
  CreateDataset("d");
  Upload(store(), "d", "u", {MakeBlock(0, 10, 1)});
  EXPECT_EQ(fs::status(data_dir_).permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(Segments().at(0)).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

}  // namespace
}  // namespace sobolev::server
