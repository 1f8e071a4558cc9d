#include "server/storage/model_store.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "engine/base/error.h"
#include "server/storage/sha256.h"
#include "tests/server/storage/store_testing.h"

namespace sobolev::server {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class ModelStoreTest : public StoreTest {
 protected:
  // Trains, so to speak, the next version of the model.
  ModelVersionRecord Publish(const std::string& model_id, const std::string& weights) {
    const DatasetRecord dataset = store().CreateDataset("d", "schema", kInputs, kOutputs);
    store().CreateJob({.dataset_id = "d", .dataset_uid = dataset.uid, .model_id = model_id});
    const JobRecord job = *store().ClaimJob(JobPool::kCompute);
    return store().CompleteJob({.job_id = job.id, .epoch = job.lease_epoch}, weights,
                               [](std::int64_t version, const ModelVersionRecord* newest) {
                                 return (newest == nullptr ? "" : newest->description + ", ") +
                                        "version " + std::to_string(version);
                               });
  }

  std::ptrdiff_t NumBlobs() const {
    return std::distance(fs::directory_iterator(data_dir_ + "/blobs"), fs::directory_iterator());
  }
};

TEST_F(ModelStoreTest, VersionsCountUpAndTheNewestIsTheModels) {
  const ModelVersionRecord first = Publish("m", "weights 1");
  const ModelVersionRecord second = Publish("m", "weights 2");
  Open();
  const ModelRecord model = store().GetModel("m");
  EXPECT_EQ(model.id, "m");
  EXPECT_EQ(model.version_count, 2);
  EXPECT_EQ(model.create_micros, first.create_micros);
  EXPECT_EQ(model.update_micros, second.create_micros);
  EXPECT_EQ(model.latest.model_id, "m");
  EXPECT_EQ(model.latest.version, 2);
  EXPECT_EQ(model.latest.description, "version 1, version 2");
  EXPECT_EQ(model.latest.blob_sha256, Sha256Hex("weights 2"));
  EXPECT_EQ(store().GetModelVersion("m", 1).description, "version 1");
  EXPECT_EQ(store().LoadWeights(store().GetModelVersion("m", 1)), "weights 1");
  EXPECT_EQ(store().LoadWeights(model.latest), "weights 2");
}

TEST_F(ModelStoreTest, AVersionOfNoJobIsAddedOnce) {
  const auto add = [&](const std::string& weights) {
    return store().AddModelVersion(
        "m", weights, "of " + weights,
        [&](const ModelVersionRecord& newest) { return newest.blob_sha256 == Sha256Hex(weights); });
  };
  const ModelVersionRecord first = add("weights 1");
  EXPECT_EQ(first.version, 1);
  EXPECT_EQ(add("weights 1").version, 1);
  EXPECT_EQ(add("weights 2").version, 2);
  EXPECT_EQ(add("weights 1").version, 3);
  Open();
  EXPECT_EQ(store().GetModel("m").version_count, 3);
  EXPECT_EQ(store().GetModelVersion("m", 2).description, "of weights 2");
  EXPECT_EQ(store().LoadWeights(first), "weights 1");
  EXPECT_EQ(NumBlobs(), 3);
}

TEST_F(ModelStoreTest, ARefusedVersionLeavesNothing) {
  Publish("m", "weights");
  const auto refuse = [](const ModelVersionRecord& newest) -> bool {
    EXPECT_EQ(newest.description, "version 1");
    throw Error(ErrorCode::kAlreadyExists, "MODEL_ALREADY_EXISTS", "model_id", "it is another");
  };
  ExpectError(ErrorCode::kAlreadyExists, "MODEL_ALREADY_EXISTS",
              [&] { store().AddModelVersion("m", "others", "", refuse); });
  EXPECT_EQ(store().GetModel("m").version_count, 1);
  EXPECT_EQ(NumBlobs(), 1);
}

TEST_F(ModelStoreTest, UnknownNamesAreNotFound) {
  Publish("m", "weights");
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().GetModel("x"); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().DeleteModel("x"); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().ListModelVersions("x", 0, 1); });
  EXPECT_EQ(
      ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().GetModelVersion("m", 2); }),
      "model: \"m/versions/2\" does not exist");
}

TEST_F(ModelStoreTest, ModelsAndVersionsAreListedInPages) {
  for (const char* id : {"b", "a", "c", "b", "b"}) Publish(id, "weights");
  const auto ids = [&](const std::string& after) {
    std::vector<std::string> result;
    for (const ModelRecord& model : store().ListModels(after, 2)) result.push_back(model.id);
    return result;
  };
  EXPECT_THAT(ids(""), ElementsAre("a", "b"));
  EXPECT_THAT(ids("b"), ElementsAre("c"));
  const auto versions = [&](std::int64_t after) {
    std::vector<std::int64_t> result;
    for (const ModelVersionRecord& version : store().ListModelVersions("b", after, 2)) {
      result.push_back(version.version);
    }
    return result;
  };
  EXPECT_THAT(versions(0), ElementsAre(1, 2));
  EXPECT_THAT(versions(2), ElementsAre(3));
  EXPECT_THAT(versions(3), ElementsAre());
}

TEST_F(ModelStoreTest, DeletingAModelGivesItsBytesBackAndFreesItsName) {
  Publish("m", "weights 1");
  const ModelVersionRecord deleted = Publish("m", "weights 2");
  store().DeleteModel("m");
  EXPECT_TRUE(fs::is_empty(data_dir_ + "/blobs"));
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().GetModel("m"); });
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().LoadWeights(deleted); });
  EXPECT_EQ(Publish("m", "weights 3").version, 1);
  ExpectError(ErrorCode::kNotFound, "NOT_FOUND", [&] { store().LoadWeights(deleted); });
}

TEST_F(ModelStoreTest, EveryFlippedBitOfTheWeightsIsDetected) {
  const ModelVersionRecord version = Publish("m", "weights");
  const fs::path blob = fs::directory_iterator(data_dir_ + "/blobs")->path();
  for (int bit = 0; bit < 8 * 7; ++bit) {
    std::string bytes = "weights";
    char& byte = bytes[static_cast<std::size_t>(bit / 8)];
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    std::ofstream(blob) << bytes;
    EXPECT_THAT(
        ExpectError(ErrorCode::kDataLoss, "CORRUPT_BLOB", [&] { store().LoadWeights(version); }),
        HasSubstr("m/versions/1"));
  }
  std::ofstream(blob) << "weights";
  EXPECT_EQ(store().LoadWeights(version), "weights");
}

// FIPS 180-4's example messages.
TEST(Sha256Test, AgreesWithTheStandardsExamples) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace sobolev::server
