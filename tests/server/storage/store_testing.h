// What the tests of the store share: a directory, a clock, blocks of samples.

#ifndef SOBOLEV_TESTS_SERVER_STORAGE_STORE_TESTING_H_
#define SOBOLEV_TESTS_SERVER_STORAGE_STORE_TESTING_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <future>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/rng.h"
#include "proto/wire/crc32c.h"
#include "server/base/clock.h"
#include "server/storage/sqlite_store.h"

namespace sobolev::server {

// Removed with everything in it at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    path_ = (std::filesystem::temp_directory_path() / "sobolev-store-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Wall time moves by a second with each look.
class SteppingClock final : public Clock {
 public:
  std::int64_t WallMicros() const override { return wall_micros_ += 1'000'000; }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::now();
  }

 private:
  mutable std::atomic<std::int64_t> wall_micros_{1'700'000'000'000'000};
};

constexpr std::int64_t kInputs = 3;
constexpr std::int64_t kOutputs = 2;

inline std::span<const std::byte> Bytes(const std::vector<double>& values) {
  return std::as_bytes(std::span(values));
}

// Which labels the samples of a block carry.
struct LabelKinds {
  bool y = true;
  bool jacobian = true;
  bool weight = false;
  std::uint32_t tangents = 0;
  std::uint32_t adjoints = 0;
  std::uint32_t hvps = 0;
  bool variances = false;
};

inline constexpr LabelKinds kAllKinds{
    .weight = true, .tangents = 2, .adjoints = 1, .hvps = 3, .variances = true};

// A block with numbers drawn by `seed`, from [-1, 1), or weights and variances from (0, 1].
inline SampleBlockData MakeBlock(std::int64_t block_id, std::int64_t rows, std::uint64_t seed,
                                 const LabelKinds& kinds) {
  Rng rng(seed);
  const auto values = std::make_shared<std::vector<std::vector<double>>>();
  const auto draw = [&](bool is_there, std::int64_t width) -> std::span<const std::byte> {
    if (!is_there) return {};
    std::vector<double>& drawn = values->emplace_back(static_cast<std::size_t>(rows * width));
    for (double& value : drawn) value = 2 * rng.Uniform() - 1;
    return Bytes(drawn);
  };
  const auto draw_positive = [&](bool is_there, std::int64_t width) -> std::span<const std::byte> {
    if (!is_there) return {};
    draw(true, width);
    for (double& value : values->back()) value = 1 - std::abs(value) / 2;
    return Bytes(values->back());
  };
  const auto ranges = [](std::span<const std::byte> bytes, std::int64_t columns) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const auto* table = reinterpret_cast<const double*>(bytes.data());
    std::vector<ValueRange> result(static_cast<std::size_t>(columns),
                                   {.min = kInfinity, .max = -kInfinity});
    for (std::size_t i = 0; i < bytes.size() / sizeof(double); ++i) {
      ValueRange& range = result[i % result.size()];
      range = {.min = std::min(range.min, table[i]), .max = std::max(range.max, table[i])};
    }
    return result;
  };
  SampleBlockData block{.block_id = block_id,
                        .rows = rows,
                        .num_tangents = kinds.tangents,
                        .num_adjoints = kinds.adjoints,
                        .num_hvps = kinds.hvps};
  const std::int64_t p = kinds.tangents;
  const std::int64_t q = kinds.adjoints;
  const std::int64_t h = kinds.hvps;
  block.x = draw(true, kInputs);
  block.y = draw(kinds.y, kOutputs);
  block.jacobian = draw(kinds.jacobian, kInputs * kOutputs);
  block.weight = draw_positive(kinds.weight, 1);
  block.tangents = draw(p > 0, p * kInputs);
  block.jvp = draw(p > 0, p * kOutputs);
  block.adjoints = draw(q > 0, q * kOutputs);
  block.vjp = draw(q > 0, q * kInputs);
  block.hvp_adjoints = draw(h > 0, h * kOutputs);
  block.hvp_tangents = draw(h > 0, h * kInputs);
  block.hvp = draw(h > 0, h * kInputs);
  block.y_variance = draw_positive(kinds.variances && kinds.y, kOutputs);
  block.jacobian_variance = draw_positive(kinds.variances && kinds.jacobian, kInputs * kOutputs);
  block.counts = {.jacobians = kinds.jacobian ? rows : 0,
                  .tangents = rows * p,
                  .adjoints = rows * q,
                  .hvps = rows * h,
                  .weights = kinds.weight ? rows : 0,
                  .y_variances = kinds.variances && kinds.y ? rows : 0,
                  .jacobian_variances = kinds.variances && kinds.jacobian ? rows : 0,
                  .missing_values = kinds.y ? 0 : rows * kOutputs};
  block.inputs = ranges(block.x, kInputs);
  block.outputs = ranges(block.y, kOutputs);
  block.owner = values;
  for (const auto& part : block.Arrays()) block.payload_crc32c = Crc32c(part, block.payload_crc32c);
  block.wire_crc32c = block.payload_crc32c;
  return block;
}

inline SampleBlockData MakeBlock(std::int64_t block_id, std::int64_t rows, std::uint64_t seed,
                                 bool has_jacobian = true, bool has_weight = false) {
  return MakeBlock(block_id, rows, seed, {.jacobian = has_jacobian, .weight = has_weight});
}

// Appends and waits: whether the block was there already. Throws what the store reports.
inline bool Append(Store& store, const std::string& token, SampleBlockData block) {
  const auto stored = std::make_shared<std::promise<bool>>();
  store.AppendBlock(token, std::move(block),
                    [stored](const std::exception_ptr& error, bool already_stored) {
                      if (error) {
                        stored->set_exception(error);
                      } else {
                        stored->set_value(already_stored);
                      }
                    });
  return stored->get_future().get();
}

// The checksum of an upload with these blocks, ascending by id.
inline std::uint32_t UploadChecksum(const std::vector<SampleBlockData>& blocks) {
  std::uint32_t crc = 0;
  for (const SampleBlockData& block : blocks) {
    crc = Crc32c(std::as_bytes(std::span(&block.wire_crc32c, 1)), crc);
  }
  return crc;
}

// Uploads the blocks, which are ascending by id, and commits them: the version.
inline std::int64_t Upload(Store& store, const std::string& dataset_id,
                           const std::string& upload_id,
                           const std::vector<SampleBlockData>& blocks) {
  const std::string token = store.OpenUpload(dataset_id, upload_id).token;
  std::int64_t sample_count = 0;
  for (const SampleBlockData& block : blocks) {
    Append(store, token, block);
    sample_count += block.rows;
  }
  return store.CommitUpload(token, std::ssize(blocks), sample_count, UploadChecksum(blocks));
}

// Whether block `index` of the snapshot, read back, is this one.
inline void ExpectBlock(const Snapshot& snapshot, std::size_t index,
                        const SampleBlockData& expected) {
  snapshot.Verify(index);
  const train::SampleBlock& block = snapshot.samples().blocks.at(index);
  ASSERT_EQ(block.rows, expected.rows);
  const auto expect_equal = [](const char* what, const double* values,
                               std::span<const std::byte> bytes) {
    ASSERT_EQ(values == nullptr, bytes.empty()) << what;
    if (values != nullptr) {
      EXPECT_EQ(std::memcmp(values, bytes.data(), bytes.size()), 0) << what;
    }
  };
  EXPECT_EQ(block.num_tangents, expected.num_tangents);
  EXPECT_EQ(block.num_adjoints, expected.num_adjoints);
  EXPECT_EQ(block.num_hvps, expected.num_hvps);
  expect_equal("x", block.x, expected.x);
  expect_equal("y", block.y, expected.y);
  expect_equal("jacobian", block.jacobian, expected.jacobian);
  expect_equal("weight", block.weight, expected.weight);
  expect_equal("tangents", block.tangents, expected.tangents);
  expect_equal("jvp", block.jvp, expected.jvp);
  expect_equal("adjoints", block.adjoints, expected.adjoints);
  expect_equal("vjp", block.vjp, expected.vjp);
  expect_equal("hvp_adjoints", block.hvp_adjoints, expected.hvp_adjoints);
  expect_equal("hvp_tangents", block.hvp_tangents, expected.hvp_tangents);
  expect_equal("hvp", block.hvp, expected.hvp);
  expect_equal("y_variance", block.y_variance, expected.y_variance);
  expect_equal("jacobian_variance", block.jacobian_variance, expected.jacobian_variance);
}

// Calls `work`, which must throw an Error with this code and reason; returns its message.
template <class Work>
std::string ExpectError(ErrorCode code, const std::string& reason, const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(error.reason(), reason) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an Error with reason " << reason << ", got none";
  return "";
}

// A store in a directory of its own.
class StoreTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }

  // Opens the store again, orderly.
  void Open() {
    store_.reset();
    store_ = OpenSqliteStore(Options());
  }
  // What a kill at this moment would leave, opened as a store of its own.
  void CrashAndOpen() {
    const std::string survivor = directory_.path() + "/after-crash-" + std::to_string(++crashes_);
    std::filesystem::copy(data_dir_, survivor, std::filesystem::copy_options::recursive);
    store_.reset();
    data_dir_ = survivor;
    store_ = OpenSqliteStore(Options());
  }
  virtual StoreOptions Options() {
    return {.directory = data_dir_,
            .clock = &clock_,
            .env = &io_,
            .min_free_bytes = 0,
            .ballast_bytes = 1 << 16};
  }

  Store& store() { return *store_; }
  void CreateDataset(const std::string& id) {
    store().CreateDataset(id, "schema", kInputs, kOutputs);
  }

  // All files of samples, in order of path.
  std::vector<std::filesystem::path> Segments() const {
    std::vector<std::filesystem::path> segments;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data_dir_)) {
      if (entry.path().extension() == ".seg") segments.push_back(entry.path());
    }
    std::sort(segments.begin(), segments.end());
    return segments;
  }

  TemporaryDirectory directory_;
  std::string data_dir_ = directory_.path() + "/data";
  SteppingClock clock_;
  PosixIoEnv io_;
  int crashes_ = 0;
  std::unique_ptr<Store> store_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_TESTS_SERVER_STORAGE_STORE_TESTING_H_
