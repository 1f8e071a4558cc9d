#include "server/storage/block_writer.h"

#include <atomic>
#include <filesystem>
#include <future>
#include <latch>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "tests/server/storage/store_testing.h"

namespace sobolev::server {
namespace {

using testing::HasSubstr;

class BlockWriterTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    CreateDataset("d");
    token_ = store().OpenUpload("d", "u").token;
  }

  std::string token_;
};

TEST_F(BlockWriterTest, AnAcknowledgedBlockSurvivesAKill) {
  const SampleBlockData block = MakeBlock(0, 100, 1);
  EXPECT_FALSE(Append(store(), token_, block));
  CrashAndOpen();
  EXPECT_EQ(store().OpenUpload("d", "u").sample_count, 100);
  store().CommitUpload(token_, 1, 100, UploadChecksum({block}));
  CrashAndOpen();
  ExpectBlock(*store().OpenSnapshot("d", 0), 0, block);
}

TEST_F(BlockWriterTest, SendingAStoredBlockAgainIsANoOp) {
  const SampleBlockData block = MakeBlock(4, 100, 1);
  EXPECT_FALSE(Append(store(), token_, block));
  EXPECT_TRUE(Append(store(), token_, block));
  Open();
  EXPECT_TRUE(Append(store(), token_, block));
  store().CommitUpload(token_, 1, 100, UploadChecksum({block}));
  EXPECT_TRUE(Append(store(), token_, block));
  EXPECT_EQ(store().OpenSnapshot("d", 0)->samples().blocks.size(), 1U);
}

TEST_F(BlockWriterTest, ABlockIdStandsForOneContent) {
  Append(store(), token_, MakeBlock(4, 100, 1));
  EXPECT_THAT(ExpectError(ErrorCode::kAlreadyExists, "BLOCK_ALREADY_EXISTS",
                          [&] { Append(store(), token_, MakeBlock(4, 100, 2)); }),
              HasSubstr("block 4"));
  const std::string other = store().OpenUpload("d", "v").token;
  EXPECT_FALSE(Append(store(), other, MakeBlock(4, 100, 2)));
}

// The first block keeps the thread busy while the rest gathers into one group.
TEST_F(BlockWriterTest, RepetitionsWithinAGroupAreRecognised) {
  const SampleBlockData large = MakeBlock(0, 50'000, 1);
  const SampleBlockData block = MakeBlock(1, 10, 2);
  const SampleBlockData impostor = MakeBlock(1, 10, 3);
  std::latch done(4);
  std::vector<int> outcomes(4);
  const auto append = [&](std::size_t i, const SampleBlockData& data) {
    store().AppendBlock(token_, data, [&, i](const std::exception_ptr& error, bool already) {
      outcomes[i] = error ? 2 : (already ? 1 : 0);
      done.count_down();
    });
  };
  append(0, large);
  append(1, block);
  append(2, block);
  append(3, impostor);
  done.wait();
  EXPECT_THAT(outcomes, testing::ElementsAre(0, 0, 1, 2));
  EXPECT_EQ(store().OpenUpload("d", "u").sample_count, 50'010);
}

TEST_F(BlockWriterTest, NewBlocksAreRefusedAfterTheCommit) {
  const SampleBlockData block = MakeBlock(0, 10, 1);
  Append(store(), token_, block);
  store().CommitUpload(token_, 1, 10, UploadChecksum({block}));
  ExpectError(ErrorCode::kFailedPrecondition, "UPLOAD_COMMITTED",
              [&] { Append(store(), token_, MakeBlock(1, 10, 2)); });
  EXPECT_EQ(store().OpenSnapshot("d", 0)->samples().NumSamples(), 10);
}

TEST_F(BlockWriterTest, SpansOfTheWrongSizeAreRefusedByName) {
  const auto expect_refused = [&](const SampleBlockData& block, const std::string& field) {
    EXPECT_THAT(ExpectError(ErrorCode::kInvalidArgument, "SHAPE_MISMATCH",
                            [&] { Append(store(), token_, block); }),
                HasSubstr(field + ": expected"));
  };
  const SampleBlockData good = MakeBlock(0, 10, 1, kAllKinds);
  SampleBlockData bad = good;
  bad.rows = 11;
  expect_refused(bad, "block.x");
  bad = good;
  bad.y = bad.y.first(8);
  expect_refused(bad, "block.y");
  const std::vector<std::pair<std::span<const std::byte> SampleBlockData::*, std::string>> others =
      {{&SampleBlockData::jacobian, "jacobian"},
       {&SampleBlockData::weight, "weight"},
       {&SampleBlockData::tangents, "tangents"},
       {&SampleBlockData::jvp, "jvp"},
       {&SampleBlockData::adjoints, "adjoints"},
       {&SampleBlockData::vjp, "vjp"},
       {&SampleBlockData::hvp_adjoints, "hvp_adjoints"},
       {&SampleBlockData::hvp_tangents, "hvp_tangents"},
       {&SampleBlockData::hvp, "hvp"},
       {&SampleBlockData::y_variance, "y_variance"},
       {&SampleBlockData::jacobian_variance, "jacobian_variance"}};
  for (const auto& [span, name] : others) {
    bad = good;
    bad.*span = (bad.*span).first(8);
    expect_refused(bad, "block." + name);
  }
  bad = good;
  bad.inputs.clear();
  expect_refused(bad, "block.inputs");
  EXPECT_FALSE(Append(store(), token_, good));
}

TEST_F(BlockWriterTest, ManyUploadsAtOnceKeepTheirBlocksApart) {
  constexpr std::int64_t kThreads = 4;
  constexpr std::int64_t kBlocks = 50;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (std::int64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const std::string token = store().OpenUpload("d", "u" + std::to_string(t)).token;
      std::latch stored(kBlocks);
      std::vector<SampleBlockData> blocks;
      std::int64_t sample_count = 0;
      for (std::int64_t i = 0; i < kBlocks; ++i) {
        const auto seed = static_cast<std::uint64_t>(1000 * t + i);
        blocks.push_back(MakeBlock(i, 1 + (7 * i + t) % 40, seed, i % 2 == 0, i % 3 == 0));
        sample_count += blocks.back().rows;
        store().AppendBlock(token, blocks.back(), [&](const std::exception_ptr& error, bool) {
          EXPECT_FALSE(error);
          stored.count_down();
        });
      }
      stored.wait();
      store().CommitUpload(token, kBlocks, sample_count, UploadChecksum(blocks));
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(store().GetDataset("d").version, kThreads);
  const std::shared_ptr<const Snapshot> snapshot = store().OpenSnapshot("d", 0);
  ASSERT_EQ(snapshot->samples().blocks.size(), static_cast<std::size_t>(kThreads * kBlocks));
  std::vector<bool> seen(kThreads, false);
  for (std::int64_t upload = 0; upload < kThreads; ++upload) {
    const auto first = static_cast<std::size_t>(upload * kBlocks);
    // The first block has t + 1 rows.
    const std::int64_t t = snapshot->samples().blocks[first].rows - 1;
    seen.at(static_cast<std::size_t>(t)) = true;
    for (std::int64_t i = 0; i < kBlocks; ++i) {
      const auto seed = static_cast<std::uint64_t>(1000 * t + i);
      ExpectBlock(*snapshot, first + static_cast<std::size_t>(i),
                  MakeBlock(i, 1 + (7 * i + t) % 40, seed, i % 2 == 0, i % 3 == 0));
    }
  }
  EXPECT_EQ(seen, std::vector<bool>(kThreads, true));
}

TEST_F(BlockWriterTest, ClosingTheStoreFinishesWhatIsQueued) {
  std::atomic<int> stored{0};
  for (int i = 0; i < 20; ++i) {
    store().AppendBlock(token_, MakeBlock(i, 1000, 1), [&](const std::exception_ptr& error, bool) {
      if (!error) ++stored;
    });
  }
  Open();
  EXPECT_EQ(stored, 20);
  EXPECT_EQ(store().OpenUpload("d", "u").sample_count, 20'000);
}

// Deletes against appends, in any order that comes: a block is stored or refused, never in between.
TEST_F(BlockWriterTest, DeletingADatasetUnderWayRefusesItsBlocks) {
  for (int round = 0; round < 10; ++round) {
    CreateDataset("victim");
    const std::string token = store().OpenUpload("victim", "u").token;
    constexpr int kBlocks = 20;
    std::latch done(kBlocks);
    std::atomic<int> unexpected{0};
    for (int i = 0; i < kBlocks; ++i) {
      store().AppendBlock(token, MakeBlock(i, 200, 1), [&](const std::exception_ptr& error, bool) {
        try {
          if (error) std::rethrow_exception(error);
        } catch (const Error& refusal) {
          if (refusal.code() != ErrorCode::kNotFound && refusal.reason() != "UPLOAD_CLOSED") {
            ++unexpected;
          }
        }
        done.count_down();
      });
    }
    store().DeleteDataset("victim");
    done.wait();
    EXPECT_EQ(unexpected, 0);
  }
}

}  // namespace
}  // namespace sobolev::server
