// Blocks with labels of every kind, and stores from before there were any but Jacobians.

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "server/storage/schema.h"
#include "server/storage/segment_file.h"
#include "server/storage/sqlite.h"
#include "tests/server/storage/store_testing.h"

namespace sobolev::server {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class LabelsTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    CreateDataset("d");
  }

  // The first bytes of the file, as 32-bit words.
  static std::array<std::uint32_t, 16> Header(const fs::path& segment, std::int64_t offset = 0) {
    std::array<std::uint32_t, 16> words{};
    std::ifstream file(segment, std::ios::binary);
    file.seekg(offset);
    file.read(reinterpret_cast<char*>(words.data()), sizeof(words));
    return words;
  }
};

TEST_F(LabelsTest, EveryKindIsReadBackAlone) {
  std::vector<SampleBlockData> blocks = {
      MakeBlock(0, 5, 1, kAllKinds),
      MakeBlock(1, 3, 2, {.y = false, .jacobian = true}),
      MakeBlock(2, 7, 3, {.y = false, .jacobian = false, .tangents = 64}),
      MakeBlock(3, 4, 4, {.y = false, .jacobian = false, .adjoints = 2}),
      MakeBlock(4, 4, 5, {.y = true, .jacobian = false, .hvps = 1}),
      MakeBlock(5, 6, 6, {.jacobian = false, .variances = true}),
      MakeBlock(6, 1, 7),
  };
  // With one output, adjoints of Hessian-vector products may be left out; the store takes any.
  SampleBlockData bare = MakeBlock(7, 9, 8, {.hvps = 2});
  bare.hvp_adjoints = {};
  bare.payload_crc32c = 0;
  for (const auto& part : bare.Arrays()) bare.payload_crc32c = Crc32c(part, bare.payload_crc32c);
  bare.wire_crc32c = bare.payload_crc32c;
  blocks.push_back(bare);
  Upload(store(), "d", "u", blocks);
  for (int reopened = 0; reopened < 2; ++reopened) {
    const std::shared_ptr<const Snapshot> snapshot = store().OpenSnapshot("d", 0);
    ASSERT_EQ(snapshot->samples().blocks.size(), blocks.size());
    for (std::size_t i = 0; i < blocks.size(); ++i) ExpectBlock(*snapshot, i, blocks[i]);
    if (reopened == 0) Open();
  }
}

TEST_F(LabelsTest, CountsAreAddedUpAndOldSnapshotsKeepTheirs) {
  SampleBlockData a = MakeBlock(0, 5, 1, kAllKinds);
  a.counts.missing_derivatives = 11;
  SampleBlockData b = MakeBlock(1, 3, 2, {.y = false, .jacobian = false, .tangents = 4});
  b.counts.tangents = 10;  // Of 12: two have no known entry.
  b.counts.missing_derivatives = 4;
  Upload(store(), "d", "u", {a});
  Upload(store(), "d", "v", {b});
  Open();
  const LabelCounts first = store().OpenSnapshot("d", 1)->statistics().labels;
  const LabelCounts second = store().GetDataset("d").statistics.labels;
  EXPECT_EQ(first.jacobians, 5);
  EXPECT_EQ(first.weights, 5);
  EXPECT_EQ(first.tangents, 10);
  EXPECT_EQ(first.adjoints, 5);
  EXPECT_EQ(first.hvps, 15);
  EXPECT_EQ(first.y_variances, 5);
  EXPECT_EQ(first.jacobian_variances, 5);
  EXPECT_EQ(first.missing_values, 0);
  EXPECT_EQ(first.missing_derivatives, 11);
  EXPECT_EQ(second.jacobians, 5);
  EXPECT_EQ(second.tangents, 20);
  EXPECT_EQ(second.adjoints, 5);
  EXPECT_EQ(second.missing_values, 6);
  EXPECT_EQ(second.missing_derivatives, 15);
}

TEST_F(LabelsTest, EachCountIsInTheColumnOfItsName) {
  SampleBlockData block = MakeBlock(0, 30, 1);
  block.counts = {.jacobians = 1,
                  .tangents = 2,
                  .adjoints = 3,
                  .hvps = 4,
                  .weights = 5,
                  .y_variances = 6,
                  .jacobian_variances = 7,
                  .missing_values = 8,
                  .missing_derivatives = 9};
  Upload(store(), "d", "u", {block});
  store_.reset();
  Database db(data_dir_ + "/metadata.sqlite", Database::Mode::kReadWrite);
  const std::string columns =
      "sample_count, jacobian_count, tangent_count, adjoint_count, hvp_count, weight_count,"
      " y_variance_count, jacobian_variance_count, missing_value_count, missing_derivative_count ";
  for (const char* from : {"FROM uploads", "FROM dataset_versions WHERE version = 1"}) {
    Rows rows = db.Query("SELECT " + columns + from);
    ASSERT_TRUE(rows.Next());
    EXPECT_EQ(rows.Int(0), 30) << from;
    for (int column = 1; column < 10; ++column) EXPECT_EQ(rows.Int(column), column) << from;
  }
}

TEST_F(LabelsTest, OutputsWithoutValuesDoNotWidenTheRanges) {
  const SampleBlockData without = MakeBlock(0, 3, 1, {.y = false});
  const SampleBlockData with = MakeBlock(0, 4, 2);
  Upload(store(), "d", "u", {without});
  const std::vector<ValueRange> unknown = store().GetDataset("d").statistics.outputs;
  ASSERT_EQ(unknown.size(), 2U);
  EXPECT_GT(unknown[0].min, unknown[0].max);
  Upload(store(), "d", "v", {with});
  const std::vector<ValueRange> known = store().GetDataset("d").statistics.outputs;
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(known[i].min, with.outputs[i].min);
    EXPECT_EQ(known[i].max, with.outputs[i].max);
  }
}

// One Jacobian of 2·3 numbers, and one Hessian-vector product of 3 with its direction of 3.
TEST_F(LabelsTest, TheSameBytesAsLabelsOfAnotherKindAreOtherSamples) {
  const SampleBlockData jacobian = MakeBlock(0, 5, 1);
  SampleBlockData hvp = jacobian;
  hvp.hvp_tangents = jacobian.jacobian.first(jacobian.jacobian.size() / 2);
  hvp.hvp = jacobian.jacobian.subspan(jacobian.jacobian.size() / 2);
  hvp.jacobian = {};
  hvp.num_hvps = 1;
  const std::string token = store().OpenUpload("d", "u").token;
  EXPECT_FALSE(Append(store(), token, jacobian));
  EXPECT_THAT(ExpectError(ErrorCode::kAlreadyExists, "BLOCK_ALREADY_EXISTS",
                          [&] { Append(store(), token, hvp); }),
              HasSubstr("labels of other kinds"));
  EXPECT_TRUE(Append(store(), token, jacobian));

  store().CommitUpload(token, 1, 5, UploadChecksum({jacobian}));
  CreateDataset("e");
  Upload(store(), "e", "u", {hvp});
  EXPECT_NE(store().GetDataset("d").statistics.fingerprint,
            store().GetDataset("e").statistics.fingerprint);
}

TEST_F(LabelsTest, HeadersSayWhatIsThere) {
  Upload(store(), "d", "u", {MakeBlock(3, 1, 1, true, true), MakeBlock(4, 1, 2, kAllKinds)});
  const fs::path segment = Segments().at(0);
  const std::array<std::uint32_t, 16> old = Header(segment);
  EXPECT_EQ(old[1], 1U);  // Version.
  EXPECT_EQ(old[2], 3U);  // Block id.
  EXPECT_EQ(old[8], 3U);  // Jacobian, weight.
  EXPECT_EQ(old[9], 0U);
  EXPECT_EQ(old[13], 0U);
  EXPECT_EQ(old[14], 0U);
  const std::array<std::uint32_t, 16> all = Header(segment, 4096);
  EXPECT_EQ(all[1], 2U);
  EXPECT_EQ(all[2], 4U);
  EXPECT_EQ(all[8], (1U << 13) - 1);
  EXPECT_EQ(all[9], 2U);   // Tangents.
  EXPECT_EQ(all[13], 1U);  // Adjoints.
  EXPECT_EQ(all[14], 3U);  // Hessian-vector products.
}

TEST_F(LabelsTest, EveryFlippedBitOfAHeaderAndEveryDamagedArrayIsDetected) {
  const SampleBlockData block = MakeBlock(0, 10, 1, kAllKinds);
  Upload(store(), "d", "u", {block});
  const fs::path segment = Segments().at(0);
  const auto flip = [&](std::int64_t offset, int bit) {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(offset);
    const int byte = file.get();
    ASSERT_NE(byte, EOF);
    file.seekp(offset);
    file.put(static_cast<char>(byte ^ (1 << bit)));
  };
  const std::shared_ptr<const Snapshot> snapshot = store().OpenSnapshot("d", 0);
  const auto expect_detected = [&](std::int64_t offset, int bit) {
    flip(offset, bit);
    ExpectError(ErrorCode::kDataLoss, "DATASET_DAMAGED", [&] { snapshot->Verify(0); });
    flip(offset, bit);
  };
  snapshot->Verify(0);
  for (std::int64_t byte = 0; byte < kBlockHeaderBytes; ++byte) {
    for (int bit = 0; bit < 8; ++bit) expect_detected(byte, bit);
  }
  std::int64_t end = kBlockHeaderBytes;
  for (const auto& array : block.Arrays()) {
    ASSERT_FALSE(array.empty());
    expect_detected(end, 3);
    end += static_cast<std::int64_t>(array.size());
    expect_detected(end - 1, 7);
  }
  snapshot->Verify(0);
}

// Blocks without new kinds of labels are written as they always were, so that only the metadata of
// the old store has to be made up.
TEST_F(LabelsTest, AStoreOfTheVersionBeforeKeepsItsSamples) {
  const std::vector<SampleBlockData> blocks = {MakeBlock(0, 5, 1, true, true),
                                               MakeBlock(1, 3, 2, false, false),
                                               MakeBlock(2, 2, 3, true, false)};
  Upload(store(), "d", "u", blocks);
  const DatasetRecord before = store().GetDataset("d");
  const std::string open = store().OpenUpload("d", "open").token;
  Append(store(), open, blocks[0]);
  store_.reset();
  const std::string old = data_dir_ + "/old.sqlite";
  {
    Database db(old, Database::Mode::kReadWrite);
    MigrateSchema(db, 2);
  }
  {
    Database db(data_dir_ + "/metadata.sqlite", Database::Mode::kReadWrite);
    db.Execute("ATTACH '" + old +
               "' AS old;"
               "INSERT INTO old.datasets SELECT * FROM main.datasets;"
               "INSERT INTO old.dataset_versions SELECT dataset_uid, version, sample_count,"
               "  jacobian_count, weight_count, size_bytes, ranges, fingerprint"
               "  FROM main.dataset_versions;"
               "INSERT INTO old.uploads SELECT uid, dataset_uid, upload_id, committed_version,"
               "  sample_count, jacobian_count, weight_count, ranges, segment_bytes, touch_micros"
               "  FROM main.uploads;"
               "INSERT INTO old.blocks SELECT upload_uid, block_id, row_count, arrays & 4 <> 0,"
               "  arrays & 8 <> 0, segment_offset, wire_crc32c, payload_crc32c FROM main.blocks;");
  }
  for (const char* file : {"metadata.sqlite", "metadata.sqlite-wal", "metadata.sqlite-shm"}) {
    fs::remove(data_dir_ + "/" + file);
  }
  fs::rename(old, data_dir_ + "/metadata.sqlite");
  for (const char* file : {"-wal", "-shm"}) {
    if (fs::exists(old + file)) fs::rename(old + file, data_dir_ + "/metadata.sqlite" + file);
  }
  Open();
  const std::shared_ptr<const Snapshot> snapshot = store().OpenSnapshot("d", 0);
  ASSERT_EQ(snapshot->samples().blocks.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) ExpectBlock(*snapshot, i, blocks[i]);
  const DatasetRecord after = store().GetDataset("d");
  EXPECT_EQ(after.statistics.fingerprint, before.statistics.fingerprint);
  EXPECT_EQ(after.statistics.labels.jacobians, 7);
  EXPECT_EQ(after.statistics.labels.weights, 5);
  EXPECT_EQ(after.statistics.labels.missing_values, 0);

  // The upload that was open goes on, with blocks of the new kinds.
  const SampleBlockData more = MakeBlock(1, 4, 9, kAllKinds);
  EXPECT_TRUE(Append(store(), open, blocks[0]));
  EXPECT_FALSE(Append(store(), open, more));
  EXPECT_EQ(store().CommitUpload(open, 2, 9, UploadChecksum({blocks[0], more})), 2);
  ExpectBlock(*store().OpenSnapshot("d", 0), 4, more);
}

}  // namespace
}  // namespace sobolev::server
