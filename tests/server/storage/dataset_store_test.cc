#include "server/storage/dataset_store.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/server/storage/store_testing.h"

namespace sobolev::server {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class DatasetStoreTest : public StoreTest {};

TEST_F(DatasetStoreTest, ANewDatasetIsEmptyAndIsFoundAgain) {
  const DatasetRecord created = store().CreateDataset("d", "schema", 3, 2);
  EXPECT_EQ(created.id, "d");
  EXPECT_EQ(created.uid.size(), 32U);
  EXPECT_EQ(created.version, 0);
  EXPECT_EQ(created.statistics.sample_count, 0);
  EXPECT_EQ(created.create_micros, created.update_micros);
  Open();
  const DatasetRecord found = store().GetDataset("d");
  EXPECT_EQ(found.uid, created.uid);
  EXPECT_EQ(found.schema, "schema");
  EXPECT_EQ(found.n, 3);
  EXPECT_EQ(found.m, 2);
  EXPECT_EQ(found.create_micros, created.create_micros);
}

TEST_F(DatasetStoreTest, CreatingTheSameDatasetTwiceGivesTheFirst) {
  const DatasetRecord first = store().CreateDataset("d", std::string("a\0b", 3), 3, 2);
  EXPECT_EQ(store().CreateDataset("d", std::string("a\0b", 3), 3, 2).uid, first.uid);
  ExpectError(ErrorCode::kAlreadyExists, "DATASET_ALREADY_EXISTS",
              [&] { store().CreateDataset("d", std::string("a\0c", 3), 3, 2); });
}

TEST_F(DatasetStoreTest, UnknownNamesAreNotFound) {
  EXPECT_EQ(ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().GetDataset("d"); }),
            "dataset: \"d\" does not exist");
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().DeleteDataset("d"); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().OpenUpload("d", "u"); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().OpenSnapshot("d", 0); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().CommitUpload("t", 0, 0, 0); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { Append(store(), "t", MakeBlock(0, 1, 1)); });
  CreateDataset("d");
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().OpenSnapshot("d", 1); });
}

TEST_F(DatasetStoreTest, DatasetsAreListedInPagesInOrderOfId) {
  for (const char* id : {"b", "d", "a", "c"}) CreateDataset(id);
  const auto ids = [&](const std::string& after) {
    std::vector<std::string> result;
    for (const DatasetRecord& dataset : store().ListDatasets(after, 3)) {
      result.push_back(dataset.id);
    }
    return result;
  };
  EXPECT_THAT(ids(""), ElementsAre("a", "b", "c"));
  EXPECT_THAT(ids("c"), ElementsAre("d"));
  EXPECT_THAT(ids("d"), ElementsAre());
}

TEST_F(DatasetStoreTest, CommittedSamplesAreReadBackInOrderOfCommitAndBlockId) {
  CreateDataset("d");
  const std::vector<SampleBlockData> first = {MakeBlock(2, 5, 1), MakeBlock(7, 1, 2, false),
                                              MakeBlock(9, 64, 3, true, true)};
  const std::string token = store().OpenUpload("d", "u1").token;
  for (const std::size_t i : {2, 0, 1}) Append(store(), token, first[i]);
  const std::vector<SampleBlockData> second = {MakeBlock(0, 3, 4, false, true)};
  EXPECT_EQ(Upload(store(), "d", "u2", second), 1);
  EXPECT_EQ(store().CommitUpload(token, 3, 70, UploadChecksum(first)), 2);
  for (int reopened = 0; reopened < 2; ++reopened) {
    const std::shared_ptr<const Snapshot> snapshot = store().OpenSnapshot("d", 0);
    ASSERT_EQ(snapshot->samples().blocks.size(), 4U);
    EXPECT_EQ(snapshot->version(), 2);
    EXPECT_EQ(snapshot->samples().n, kInputs);
    EXPECT_EQ(snapshot->samples().m, kOutputs);
    ExpectBlock(*snapshot, 0, second[0]);
    for (std::size_t i = 0; i < 3; ++i) ExpectBlock(*snapshot, i + 1, first[i]);
    if (reopened == 0) Open();
  }
}

TEST_F(DatasetStoreTest, MappedColumnsAreAlignedForDoubles) {
  CreateDataset("d");
  Upload(store(), "d", "u", {MakeBlock(0, 1, 1, false, true), MakeBlock(1, 3, 2)});
  const std::shared_ptr<const Snapshot> snapshot = store().OpenSnapshot("d", 0);
  for (const train::SampleBlock& block : snapshot->samples().blocks) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.x) % 64, 0U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.y) % alignof(double), 0U);
  }
}

TEST_F(DatasetStoreTest, AnOpenUploadIsInvisible) {
  CreateDataset("d");
  const std::string token = store().OpenUpload("d", "u").token;
  Append(store(), token, MakeBlock(0, 5, 1));
  EXPECT_EQ(store().GetDataset("d").statistics.sample_count, 0);
  EXPECT_TRUE(store().OpenSnapshot("d", 0)->samples().blocks.empty());
}

TEST_F(DatasetStoreTest, AnUploadTellsWhichBlocksItHolds) {
  CreateDataset("d");
  const std::string token = store().OpenUpload("d", "u").token;
  for (const std::int64_t id : {0, 1, 2, 5, 7, 6}) Append(store(), token, MakeBlock(id, 2, 1));
  Open();
  const UploadState upload = store().OpenUpload("d", "u");
  EXPECT_EQ(upload.token, token);
  EXPECT_EQ(upload.sample_count, 12);
  EXPECT_EQ(upload.committed_version, 0);
  ASSERT_EQ(upload.stored_blocks.size(), 2U);
  EXPECT_EQ(upload.stored_blocks[0].first, 0);
  EXPECT_EQ(upload.stored_blocks[0].last, 2);
  EXPECT_EQ(upload.stored_blocks[1].first, 5);
  EXPECT_EQ(upload.stored_blocks[1].last, 7);
  EXPECT_NE(store().OpenUpload("d", "other").token, token);
}

TEST_F(DatasetStoreTest, ACommitThatDoesNotMatchChangesNothing) {
  CreateDataset("d");
  const std::vector<SampleBlockData> blocks = {MakeBlock(0, 5, 1), MakeBlock(1, 6, 2)};
  const std::string token = store().OpenUpload("d", "u").token;
  for (const SampleBlockData& block : blocks) Append(store(), token, block);
  const std::uint32_t crc = UploadChecksum(blocks);
  EXPECT_THAT(ExpectError(ErrorCode::kInvalidArgument, "COMMIT_MISMATCH",
                          [&] { store().CommitUpload(token, 3, 11, crc); }),
              HasSubstr("commit.block_count: expected 2 as stored, got 3"));
  EXPECT_THAT(ExpectError(ErrorCode::kInvalidArgument, "COMMIT_MISMATCH",
                          [&] { store().CommitUpload(token, 2, 12, crc); }),
              HasSubstr("commit.sample_count: expected 11 as stored, got 12"));
  ExpectError(ErrorCode::kInvalidArgument, "COMMIT_MISMATCH",
              [&] { store().CommitUpload(token, 2, 11, crc ^ 1); });
  EXPECT_EQ(store().GetDataset("d").version, 0);
  EXPECT_EQ(store().CommitUpload(token, 2, 11, crc), 1);
  EXPECT_EQ(store().GetDataset("d").version, 1);
}

TEST_F(DatasetStoreTest, ACommitMayBeRepeated) {
  CreateDataset("d");
  const std::vector<SampleBlockData> blocks = {MakeBlock(0, 5, 1)};
  EXPECT_EQ(Upload(store(), "d", "u", blocks), 1);
  EXPECT_EQ(Upload(store(), "d", "v", blocks), 2);
  EXPECT_EQ(Upload(store(), "d", "u", blocks), 1);
  const UploadState upload = store().OpenUpload("d", "u");
  EXPECT_EQ(upload.committed_version, 1);
  EXPECT_EQ(upload.sample_count, 5);
  EXPECT_EQ(store().GetDataset("d").version, 2);
}

TEST_F(DatasetStoreTest, StatisticsAreMergedAndOldSnapshotsKeepTheirs) {
  CreateDataset("d");
  const SampleBlockData a = MakeBlock(0, 5, 1);
  const SampleBlockData b = MakeBlock(1, 7, 2, false, true);
  const SampleBlockData c = MakeBlock(0, 11, 3, true, true);
  Upload(store(), "d", "u1", {a, b});
  const DatasetStatistics first = store().GetDataset("d").statistics;
  Upload(store(), "d", "u2", {c});
  const DatasetStatistics second = store().GetDataset("d").statistics;

  EXPECT_EQ(first.sample_count, 12);
  EXPECT_EQ(first.labels.jacobians, 5);
  EXPECT_EQ(first.labels.weights, 7);
  EXPECT_EQ(second.sample_count, 23);
  EXPECT_EQ(second.labels.jacobians, 16);
  EXPECT_EQ(second.labels.weights, 18);
  EXPECT_GT(second.size_bytes, first.size_bytes);
  ASSERT_EQ(second.inputs.size(), 3U);
  ASSERT_EQ(second.outputs.size(), 2U);
  for (std::size_t j = 0; j < 3; ++j) {
    EXPECT_EQ(second.inputs[j].min, std::min({a.inputs[j].min, b.inputs[j].min, c.inputs[j].min}));
    EXPECT_EQ(second.inputs[j].max, std::max({a.inputs[j].max, b.inputs[j].max, c.inputs[j].max}));
    EXPECT_EQ(first.inputs[j].max, std::max(a.inputs[j].max, b.inputs[j].max));
  }
  const std::shared_ptr<const Snapshot> old = store().OpenSnapshot("d", 1);
  EXPECT_EQ(old->statistics().sample_count, 12);
  EXPECT_EQ(old->statistics().fingerprint, first.fingerprint);
  EXPECT_EQ(old->samples().blocks.size(), 2U);
}

TEST_F(DatasetStoreTest, TheFingerprintTellsContentAndOrderButNotUploadsApart) {
  const SampleBlockData a = MakeBlock(0, 5, 1);
  const SampleBlockData b = MakeBlock(1, 5, 2);
  SampleBlockData b_first = b;
  b_first.block_id = 0;
  SampleBlockData a_second = a;
  a_second.block_id = 1;
  for (const char* id : {"one", "two", "swapped", "half"}) CreateDataset(id);
  Upload(store(), "one", "u", {a, b});
  Upload(store(), "two", "u", {a});
  Upload(store(), "two", "v", {b});
  Upload(store(), "swapped", "u", {b_first, a_second});
  Upload(store(), "half", "u", {a});
  const auto fingerprint = [&](const char* id) {
    return store().GetDataset(id).statistics.fingerprint;
  };
  EXPECT_EQ(fingerprint("one").size(), 64U);
  EXPECT_EQ(fingerprint("one"), fingerprint("two"));
  EXPECT_NE(fingerprint("one"), fingerprint("swapped"));
  EXPECT_NE(fingerprint("one"), fingerprint("half"));
  const DatasetRecord other_schema = store().CreateDataset("schema", "another", 3, 2);
  const DatasetRecord same_schema = store().CreateDataset("empty", "schema", 3, 2);
  EXPECT_NE(other_schema.statistics.fingerprint, same_schema.statistics.fingerprint);
}

TEST_F(DatasetStoreTest, DeletingADatasetGivesItsBytesBack) {
  CreateDataset("d");
  Upload(store(), "d", "u", {MakeBlock(0, 100, 1)});
  const std::string token = store().OpenUpload("d", "open").token;
  Append(store(), token, MakeBlock(0, 100, 2));
  ASSERT_EQ(Segments().size(), 2U);
  store().DeleteDataset("d");
  EXPECT_EQ(Segments().size(), 0U);
  EXPECT_TRUE(fs::is_empty(data_dir_ + "/datasets"));
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().GetDataset("d"); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND",
              [&] { Append(store(), token, MakeBlock(1, 1, 1)); });
  CreateDataset("d");
  EXPECT_EQ(store().GetDataset("d").version, 0);
}

TEST_F(DatasetStoreTest, ASnapshotStaysReadableAfterTheDatasetIsDeleted) {
  CreateDataset("d");
  const SampleBlockData block = MakeBlock(0, 1000, 1);
  Upload(store(), "d", "u", {block});
  const std::shared_ptr<const Snapshot> snapshot = store().OpenSnapshot("d", 0);
  store().DeleteDataset("d");
  ExpectBlock(*snapshot, 0, block);
}

TEST_F(DatasetStoreTest, ASnapshotIgnoresLaterCommits) {
  CreateDataset("d");
  Upload(store(), "d", "u", {MakeBlock(0, 10, 1)});
  const std::shared_ptr<const Snapshot> snapshot = store().OpenSnapshot("d", 0);
  Upload(store(), "d", "v", {MakeBlock(0, 10, 2)});
  EXPECT_EQ(snapshot->samples().blocks.size(), 1U);
  EXPECT_EQ(snapshot->version(), 1);
}

TEST_F(DatasetStoreTest, ADatasetThatAnUnfinishedJobReadsIsNotDeleted) {
  const DatasetRecord dataset = store().CreateDataset("d", "schema", kInputs, kOutputs);
  Upload(store(), "d", "u", {MakeBlock(0, 10, 1)});
  const JobRecord job = store().CreateJob({.dataset_id = "d",
                                           .dataset_uid = dataset.uid,
                                           .dataset_version = 1,
                                           .model_id = "m",
                                           .spec = "spec"});
  EXPECT_THAT(ExpectError(ErrorCode::kFailedPrecondition, "DATASET_IN_USE",
                          [&] { store().DeleteDataset("d"); }),
              HasSubstr(job.id));
  store().ClaimJob(JobPool::kCompute);
  ExpectError(ErrorCode::kFailedPrecondition, "DATASET_IN_USE",
              [&] { store().DeleteDataset("d"); });
  store().FailJob({.job_id = job.id, .epoch = 1}, {});
  store().DeleteDataset("d");
}

TEST_F(DatasetStoreTest, StaleUploadsAreDroppedWithTheirBytesAndFreshOnesAreNot) {
  CreateDataset("d");
  Append(store(), store().OpenUpload("d", "stale").token, MakeBlock(0, 10, 1));
  Upload(store(), "d", "committed", {MakeBlock(0, 10, 2)});
  const std::int64_t now = clock_.WallMicros();
  Append(store(), store().OpenUpload("d", "fresh").token, MakeBlock(0, 10, 3));
  ASSERT_EQ(Segments().size(), 3U);
  store().DropStaleUploads(now);
  EXPECT_EQ(Segments().size(), 2U);
  EXPECT_EQ(store().OpenUpload("d", "stale").sample_count, 0);
  EXPECT_EQ(store().OpenUpload("d", "fresh").sample_count, 10);
  EXPECT_EQ(store().OpenUpload("d", "committed").committed_version, 1);
}

TEST_F(DatasetStoreTest, AppendingToAStaleUploadKeepsIt) {
  CreateDataset("d");
  const std::string token = store().OpenUpload("d", "u").token;
  const std::int64_t now = clock_.WallMicros();
  Append(store(), token, MakeBlock(0, 10, 1));
  store().DropStaleUploads(now);
  EXPECT_EQ(store().OpenUpload("d", "u").token, token);
}

TEST_F(DatasetStoreTest, FilesOfNobodyAreRemovedAtTheStart) {
  CreateDataset("d");
  const SampleBlockData block = MakeBlock(0, 10, 1);
  Upload(store(), "d", "u", {block});
  const fs::path segment = Segments().at(0);
  std::ofstream(segment.parent_path() / "stray.seg") << "x";
  fs::create_directories(data_dir_ + "/datasets/stray");
  std::ofstream(data_dir_ + "/datasets/stray/stray.seg") << "x";
  std::ofstream(data_dir_ + "/blobs/stray") << "x";
  std::ofstream(segment, std::ios::app) << "left by a crash";
  const auto size_before = fs::file_size(segment);
  Open();
  EXPECT_THAT(Segments(), ElementsAre(segment));
  EXPECT_EQ(fs::file_size(segment), size_before - 15);
  EXPECT_FALSE(fs::exists(data_dir_ + "/datasets/stray"));
  EXPECT_TRUE(fs::is_empty(data_dir_ + "/blobs"));
  ExpectBlock(*store().OpenSnapshot("d", 0), 0, block);
}

}  // namespace
}  // namespace sobolev::server
