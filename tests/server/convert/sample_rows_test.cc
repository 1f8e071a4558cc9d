#include "server/convert/sample_rows.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/rng.h"
#include "server/convert/sample_block.h"
#include "server/convert/tensor.h"
#include "server/convert/wire_arrays.h"

namespace sobolev::server {
namespace {

using testing::UnorderedElementsAreArray;

constexpr Index kInputs = 3;
constexpr Index kOutputs = 2;
constexpr std::int64_t kMaxRows = 65536;

v1::Schema MakeSchema() {
  v1::Schema schema;
  for (const char* name : {"a", "b", "c"}) schema.add_inputs()->set_name(name);
  for (const char* name : {"u", "v"}) {
    v1::Variable& output = *schema.add_outputs();
    output.set_name(name);
    output.set_allow_missing(true);
  }
  schema.set_allow_missing_derivatives(true);
  return schema;
}

// Which labels the rows of a block carry.
struct Kinds {
  bool y = true;
  bool jacobian = false;
  bool weight = false;
  std::int64_t tangents = 0;
  std::int64_t hvps = 0;
};

// Random numbers in (0, 1), which are good for labels of every kind.
std::shared_ptr<v1::SampleBlock> MakeBlock(std::int64_t rows, const Kinds& kinds, Rng& rng) {
  const auto fill = [&](const std::vector<std::int64_t>& shape, v1::Tensor* tensor) {
    double* numbers = PrepareTensor(shape, *tensor);
    std::int64_t size = 1;
    for (const std::int64_t extent : shape) size *= extent;
    for (std::int64_t i = 0; i < size; ++i) numbers[i] = rng.Uniform() + 1e-9;
  };
  auto block = std::make_shared<v1::SampleBlock>();
  fill({rows, kInputs}, block->mutable_x());
  if (kinds.y) fill({rows, kOutputs}, block->mutable_y());
  if (kinds.jacobian) fill({rows, kOutputs, kInputs}, block->mutable_jacobian());
  if (kinds.weight) fill({rows}, block->mutable_weight());
  if (kinds.tangents > 0) {
    fill({rows, kinds.tangents, kInputs}, block->mutable_tangents());
    fill({rows, kinds.tangents, kOutputs}, block->mutable_jvp());
  }
  if (kinds.hvps > 0) {
    fill({rows, kinds.hvps, kOutputs}, block->mutable_hvp_adjoints());
    fill({rows, kinds.hvps, kInputs}, block->mutable_hvp_tangents());
    fill({rows, kinds.hvps, kInputs}, block->mutable_hvp());
  }
  block->set_crc32c(Checksum(*block));
  return block;
}

std::vector<SampleRow> Split(const std::shared_ptr<const v1::SampleBlock>& block) {
  return SplitRows(CheckBlock(block, MakeSchema(), kMaxRows), kInputs, kOutputs);
}

// The bytes of row `row` of an array.
std::string RowBytes(const v1::Tensor& tensor, std::int64_t row) {
  const std::size_t width = tensor.data().size() / static_cast<std::size_t>(tensor.shape(0));
  return tensor.data().substr(static_cast<std::size_t>(row) * width, width);
}

TEST(SampleRowsTest, ARowHasWhatItsSampleHadInTheBlock) {
  Rng rng(1);
  const auto block =
      MakeBlock(5, {.jacobian = true, .weight = true, .tangents = 2, .hvps = 1}, rng);
  const std::vector<SampleRow> rows = Split(block);
  ASSERT_EQ(rows.size(), 5U);
  for (std::int64_t i = 0; i < 5; ++i) {
    const v1::SampleBlock row = ParseRow(rows[static_cast<std::size_t>(i)]);
    for (const WireArray& array : WireArrays()) {
      ASSERT_EQ(array.IsIn(row), array.IsIn(*block)) << FieldName(array.array);
      if (!array.IsIn(row)) continue;
      EXPECT_EQ(array.In(row).shape(0), 1);
      EXPECT_EQ(array.In(row).data(), RowBytes(array.In(*block), i)) << FieldName(array.array);
    }
    EXPECT_EQ(row.crc32c(), Checksum(row));
  }
}

TEST(SampleRowsTest, EqualSamplesHaveEqualBytesWhereverTheyStood) {
  Rng rng(2);
  const auto block = MakeBlock(3, {.jacobian = true}, rng);
  const SampleRow second = Split(block)[1];
  const std::shared_ptr<const v1::SampleBlock> alone = JoinRows({second}).at(0);
  EXPECT_EQ(Split(alone).at(0), second);
}

// Float32 numbers become the same float64 numbers.
TEST(SampleRowsTest, RowsOfSinglePrecisionAreRowsOfDoublePrecision) {
  const std::vector<float> numbers = {0.5F, -2.25F, 1.0F / 3};
  auto block = std::make_shared<v1::SampleBlock>();
  const auto set = [](const float* values, int count, v1::Tensor* tensor) {
    tensor->set_data_type(v1::Tensor::DATA_TYPE_FLOAT32);
    tensor->add_shape(1);
    tensor->add_shape(count);
    tensor->set_data(values, static_cast<std::size_t>(count) * sizeof(float));
  };
  set(numbers.data(), 3, block->mutable_x());
  set(numbers.data() + 1, 2, block->mutable_y());
  block->set_crc32c(Checksum(*block));
  Vector x(3);
  x << 0.5, -2.25, static_cast<double>(1.0F / 3);
  const std::vector<double> y = {-2.25, static_cast<double>(1.0F / 3)};
  EXPECT_EQ(Split(block).at(0), MakeRow(x, y.data(), 2, nullptr));
}

TEST(SampleRowsTest, ARowOfAFunctionIsThatOfItsBlock) {
  Rng rng(3);
  const auto block = MakeBlock(1, {.jacobian = true}, rng);
  const auto numbers = [](const v1::Tensor& tensor) {
    return reinterpret_cast<const double*>(tensor.data().data());
  };
  const Vector x = Eigen::Map<const Vector>(numbers(block->x()), kInputs);
  EXPECT_EQ(MakeRow(x, numbers(block->y()), kOutputs, numbers(block->jacobian())),
            Split(block).at(0));
  const v1::SampleBlock bare = ParseRow(MakeRow(x, numbers(block->y()), kOutputs, nullptr));
  EXPECT_FALSE(bare.has_jacobian());
  EXPECT_EQ(bare.y().data(), block->y().data());
}

TEST(SampleRowsTest, DamagedBytesAreNoRow) {
  try {
    ParseRow("\xff\xff not a message");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDataLoss);
    EXPECT_EQ(error.reason(), "CORRUPT_RESULT");
  }
}

TEST(SampleRowsTest, JoinedRowsAreTheBlockAgain) {
  Rng rng(4);
  const auto block = MakeBlock(7, {.jacobian = true, .weight = true, .tangents = 3}, rng);
  const auto joined = JoinRows(Split(block));
  ASSERT_EQ(joined.size(), 1U);
  EXPECT_EQ(joined[0]->SerializeAsString(), block->SerializeAsString());
}

TEST(SampleRowsTest, NoRowsAreNoBlocks) { EXPECT_TRUE(JoinRows({}).empty()); }

// In any order, whatever labels they carry: no sample is lost, and none gets labels of another.
TEST(SampleRowsTest, MixedRowsComeBackInBlocksOfTheirKind) {
  const std::vector<Kinds> kinds = {{},
                                    {.jacobian = true},
                                    {.y = false, .jacobian = true},
                                    {.tangents = 1},
                                    {.tangents = 2},
                                    {.weight = true, .hvps = 2}};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed);
    std::vector<SampleRow> rows;
    for (const Kinds& kind : kinds) {
      const auto count = static_cast<std::int64_t>(1 + rng.Below(6));
      for (const SampleRow& row : Split(MakeBlock(count, kind, rng))) rows.push_back(row);
    }
    for (std::size_t i = rows.size() - 1; i > 0; --i) std::swap(rows[i], rows[rng.Below(i + 1)]);
    const auto blocks = JoinRows(rows);
    EXPECT_EQ(blocks.size(), kinds.size());
    std::vector<SampleRow> back;
    std::int64_t id = 0;
    for (const auto& block : blocks) {
      EXPECT_EQ(block->block_id(), id++);
      for (const SampleRow& row : Split(block)) back.push_back(row);  // Checks the checksum, too.
    }
    EXPECT_THAT(back, UnorderedElementsAreArray(rows));
    // Rows of a kind keep their order.
    std::vector<SampleRow> first_kind;
    for (const SampleRow& row : rows) {
      if (ParseRow(row).has_hvp() == ParseRow(rows[0]).has_hvp() && row.size() == rows[0].size()) {
        first_kind.push_back(row);
      }
    }
    back.resize(first_kind.size());
    EXPECT_EQ(back, first_kind);
  }
}

// The store takes blocks of a limited size.
TEST(SampleRowsTest, ManyRowsBecomeSeveralBlocks) {
  Rng rng(5);
  const std::vector<SampleRow> rows = Split(MakeBlock(10'000, {.jacobian = true}, rng));
  const auto blocks = JoinRows(rows);
  EXPECT_GT(blocks.size(), 1U);
  std::vector<SampleRow> back;
  for (const auto& block : blocks) {
    EXPECT_LE(block->x().shape(0), kMaxRows);
    for (const SampleRow& row : Split(block)) back.push_back(row);
  }
  EXPECT_EQ(back, rows);
}

}  // namespace
}  // namespace sobolev::server
