#include "server/convert/sample_rows.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "engine/base/error.h"
#include "engine/train/samples.h"
#include "server/convert/resources.h"
#include "server/convert/sample_block.h"
#include "server/convert/wire_arrays.h"

namespace sobolev::server {
namespace {

// Of a joined block: enough for disks and memory to work well, far below the limits of the wire.
constexpr std::size_t kBlockBytes = std::size_t{32} << 20;
constexpr std::size_t kBlockRows = 4096;

train::SampleBlock ViewOf(const SampleBlockData& block) {
  train::SampleBlock view{.rows = block.rows,
                          .num_tangents = block.num_tangents,
                          .num_adjoints = block.num_adjoints,
                          .num_hvps = block.num_hvps};
  const auto arrays = block.Arrays();
  for (const WireArray& array : WireArrays()) {
    const auto& bytes = arrays.at(static_cast<std::size_t>(array.array));
    if (!bytes.empty()) view.*array.numbers = reinterpret_cast<const double*>(bytes.data());
  }
  return view;
}

SampleRow RowOf(const train::SampleBlock& samples, Index n, Index m, Index row) {
  v1::SampleBlock block;
  FillBlock(samples, n, m, row, 1, v1::Tensor::DATA_TYPE_FLOAT64, block);
  return SerializeDeterministic(block);
}

// Rows with equal kinds fit into one block: which tensors there are, and their shapes.
std::string KindsOf(const v1::SampleBlock& row) {
  std::string kinds;
  for (const WireArray& array : WireArrays()) {
    kinds += array.IsIn(row) ? std::to_string(array.In(row).data().size()) + "," : "-,";
  }
  return kinds;
}

void Append(const v1::SampleBlock& row, v1::SampleBlock& block) {
  for (const WireArray& array : WireArrays()) {
    if (!array.IsIn(row)) continue;
    v1::Tensor& joined = *(block.*array.mutable_get)();
    const v1::Tensor& tensor = array.In(row);
    if (joined.shape().empty()) {
      joined = tensor;
      continue;
    }
    joined.set_shape(0, joined.shape(0) + 1);
    joined.mutable_data()->append(tensor.data());
  }
}

}  // namespace

std::vector<SampleRow> SplitRows(const SampleBlockData& block, Index n, Index m) {
  const train::SampleBlock view = ViewOf(block);
  std::vector<SampleRow> rows;
  rows.reserve(static_cast<std::size_t>(block.rows));
  for (Index row = 0; row < view.rows; ++row) rows.push_back(RowOf(view, n, m, row));
  return rows;
}

SampleRow MakeRow(const Vector& x, const double* y, Index m, const double* jacobian) {
  return RowOf({.rows = 1, .x = x.data(), .y = y, .jacobian = jacobian}, x.size(), m, 0);
}

v1::SampleBlock ParseRow(const SampleRow& row) {
  v1::SampleBlock block;
  if (!block.ParseFromString(row)) {
    throw Error(ErrorCode::kDataLoss, "CORRUPT_RESULT", "job", "a stored result is damaged");
  }
  return block;
}

std::vector<std::shared_ptr<const v1::SampleBlock>> JoinRows(const std::vector<SampleRow>& rows) {
  // The last block of each kind, and how many rows it still has room for.
  struct Place {
    std::size_t block = 0;
    std::size_t room = 0;
  };
  std::map<std::string, Place> places;
  std::vector<std::shared_ptr<v1::SampleBlock>> blocks;
  for (const SampleRow& row : rows) {
    const v1::SampleBlock sample = ParseRow(row);
    Place& place = places[KindsOf(sample)];
    if (place.room == 0) {
      place = {.block = blocks.size(),
               .room = std::clamp(kBlockBytes / row.size(), std::size_t{1}, kBlockRows)};
      blocks.push_back(std::make_shared<v1::SampleBlock>());
    }
    --place.room;
    Append(sample, *blocks[place.block]);
  }
  std::int64_t id = 0;
  for (const std::shared_ptr<v1::SampleBlock>& block : blocks) {
    block->set_block_id(id++);
    block->set_crc32c(Checksum(*block));
  }
  return {blocks.begin(), blocks.end()};
}

}  // namespace sobolev::server
