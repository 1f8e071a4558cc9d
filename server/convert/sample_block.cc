#include "server/convert/sample_block.h"

#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "proto/wire/crc32c.h"
#include "server/convert/sample_checks.h"
#include "server/convert/tensor.h"
#include "server/convert/wire_arrays.h"

namespace sobolev::server {
namespace {

// Holds the message and, for float32, the converted tensors for as long as the store needs them.
struct Parts {
  std::shared_ptr<const v1::SampleBlock> block;
  std::array<std::optional<TensorView>, kNumSampleArrays> tensors;

  BlockViews Views() const {
    BlockViews views;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      views.views[i] = tensors[i] ? &*tensors[i] : nullptr;
    }
    return views;
  }
};

void RequireChecksum(const v1::SampleBlock& block) {
  const std::uint32_t actual = Checksum(block);
  if (actual == block.crc32c()) return;
  throw InvalidArgument("CHECKSUM_MISMATCH", "block.crc32c",
                        "expected " + std::to_string(actual) +
                            ", the CRC-32C of x, y, jacobian, weight and whatever else is set, in "
                            "the order that SampleBlock.crc32c says, as they came, got " +
                            std::to_string(block.crc32c()) + "; send block " +
                            std::to_string(block.block_id()) + " again");
}

std::int64_t NumRows(const TensorView& x, std::int64_t max_rows) {
  const std::int64_t rows = x.shape()[0];
  if (rows >= 1 && rows <= max_rows) return rows;
  throw InvalidArgument("OUT_OF_RANGE", x.field(),
                        "expected 1 to " + std::to_string(max_rows) + " rows, got " +
                            std::to_string(rows) + "; cut the samples into smaller blocks");
}

// The second extent of a tensor of directions.
std::uint32_t NumDirections(const TensorView& directions) {
  const std::int64_t count = directions.shape()[1];
  if (count >= 1 && count <= kMaxDirections) return static_cast<std::uint32_t>(count);
  throw InvalidArgument("OUT_OF_RANGE", directions.field(),
                        "expected 1 to " + std::to_string(kMaxDirections) +
                            " directions in each row, got " + std::to_string(count) +
                            "; send the others in further rows with the same x");
}

// Checks the shapes of all tensors; returns how many directions each row has.
BlockLayout AddTensors(std::int64_t n, std::int64_t m, std::int64_t max_rows, Parts& parts) {
  const v1::SampleBlock& block = *parts.block;
  const auto& arrays = WireArrays();
  const auto add = [&](SampleArray array, const std::vector<std::int64_t>& shape) -> TensorView& {
    const auto i = static_cast<std::size_t>(array);
    return parts.tensors[i].emplace(arrays[i].In(block), FieldName(array), shape,
                                    arrays[i].explanation);
  };
  const std::int64_t rows = NumRows(add(SampleArray::kX, {-1, n}), max_rows);
  BlockLayout layout;
  if (block.has_tangents()) {
    layout.num_tangents = NumDirections(add(SampleArray::kTangents, {rows, -1, n}));
  }
  if (block.has_adjoints()) {
    layout.num_adjoints = NumDirections(add(SampleArray::kAdjoints, {rows, -1, m}));
  }
  if (block.has_hvp_tangents()) {
    layout.num_hvps = NumDirections(add(SampleArray::kHvpTangents, {rows, -1, n}));
  }
  for (const WireArray& array : arrays) {
    const auto& tensor = parts.tensors[static_cast<std::size_t>(array.array)];
    if (tensor || !array.IsIn(block)) continue;
    add(array.array, ShapeOf(array.array, layout, rows, n, m));
  }
  return layout;
}

}  // namespace

SampleBlockData CheckBlock(const std::shared_ptr<const v1::SampleBlock>& block,
                           const v1::Schema& schema, std::int64_t max_rows) {
  if (block->block_id() < 0) {
    throw InvalidArgument("OUT_OF_RANGE", "block.block_id",
                          "expected 0 or more, got " + std::to_string(block->block_id()));
  }
  const std::int64_t n = schema.inputs_size();
  const std::int64_t m = schema.outputs_size();
  const auto parts = std::make_shared<Parts>();
  parts->block = block;
  RequireWholeKinds(*block, schema);
  const BlockLayout layout = AddTensors(n, m, max_rows, *parts);
  RequireChecksum(*block);

  const BlockViews views = parts->Views();
  const auto bytes = [&](SampleArray array) {
    return views[array] == nullptr ? std::span<const std::byte>() : views[array]->bytes();
  };
  const TensorView& x = *views[SampleArray::kX];
  const TensorView* y = views[SampleArray::kY];
  SampleBlockData data{.block_id = block->block_id(),
                       .rows = x.shape()[0],
                       .num_tangents = layout.num_tangents,
                       .num_adjoints = layout.num_adjoints,
                       .num_hvps = layout.num_hvps,
                       .x = bytes(SampleArray::kX),
                       .y = bytes(SampleArray::kY),
                       .jacobian = bytes(SampleArray::kJacobian),
                       .weight = bytes(SampleArray::kWeight),
                       .tangents = bytes(SampleArray::kTangents),
                       .jvp = bytes(SampleArray::kJvp),
                       .adjoints = bytes(SampleArray::kAdjoints),
                       .vjp = bytes(SampleArray::kVjp),
                       .hvp_adjoints = bytes(SampleArray::kHvpAdjoints),
                       .hvp_tangents = bytes(SampleArray::kHvpTangents),
                       .hvp = bytes(SampleArray::kHvp),
                       .y_variance = bytes(SampleArray::kYVariance),
                       .jacobian_variance = bytes(SampleArray::kJacobianVariance),
                       .wire_crc32c = block->crc32c(),
                       .payload_crc32c = block->crc32c(),
                       .counts = CheckNumbers(views, schema),
                       .inputs = ColumnRanges(x, n),
                       .outputs = {},
                       .owner = parts};
  RequireBounds(schema.inputs(), data.inputs, x);
  if (y != nullptr) {
    data.outputs = ColumnRanges(*y, m);
    RequireBounds(schema.outputs(), data.outputs, *y);
  } else {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    data.outputs.assign(static_cast<std::size_t>(m), {.min = kInfinity, .max = -kInfinity});
  }
  for (const auto& tensor : parts->tensors) {
    if (!tensor || !tensor->is_converted()) continue;
    // What goes to the disk are not the bytes of the wire.
    data.payload_crc32c = 0;
    for (const auto& array : data.Arrays()) {
      data.payload_crc32c = Crc32c(array, data.payload_crc32c);
    }
    break;
  }
  return data;
}

BlockLayout LayoutOf(const train::SampleBlock& samples) {
  BlockLayout layout{.num_tangents = static_cast<std::uint32_t>(samples.num_tangents),
                     .num_adjoints = static_cast<std::uint32_t>(samples.num_adjoints),
                     .num_hvps = static_cast<std::uint32_t>(samples.num_hvps)};
  for (const WireArray& array : WireArrays()) {
    if (samples.*array.numbers != nullptr) layout.arrays |= 1U << static_cast<int>(array.array);
  }
  return layout;
}

void FillBlock(const train::SampleBlock& samples, Index n, Index m, Index first, Index count,
               v1::Tensor::DataType data_type, v1::SampleBlock& block) {
  const BlockLayout layout = LayoutOf(samples);
  for (const WireArray& array : WireArrays()) {
    if (!layout.Has(array.array)) continue;
    const double* numbers = samples.*array.numbers + first * layout.Width(array.array, n, m);
    SetTensor(ShapeOf(array.array, layout, count, n, m), numbers, data_type,
              *(block.*array.mutable_get)());
  }
  block.set_crc32c(Checksum(block));
}

}  // namespace sobolev::server
