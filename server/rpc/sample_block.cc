#include "server/rpc/sample_block.h"

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "proto/wire/crc32c.h"
#include "server/convert/tensor.h"

namespace sobolev::server {
namespace {

std::uint32_t Checksum(const v1::SampleBlock& block) {
  std::uint32_t crc = 0;
  for (const std::string* data :
       {&block.x().data(), &block.y().data(), &block.jacobian().data(), &block.weight().data()}) {
    crc = Crc32c(std::as_bytes(std::span(*data)), crc);
  }
  return crc;
}

void RequireChecksum(const v1::SampleBlock& block) {
  const std::uint32_t actual = Checksum(block);
  if (actual == block.crc32c()) return;
  throw InvalidArgument("CHECKSUM_MISMATCH", "block.crc32c",
                        "expected " + std::to_string(actual) +
                            ", the CRC-32C of x, y, jacobian and weight as they came, got " +
                            std::to_string(block.crc32c()) + "; send block " +
                            std::to_string(block.block_id()) + " again");
}

// The schema's bounds against the block's ranges; the row is looked up only when there is one to
// blame.
void RequireBounds(const google::protobuf::RepeatedPtrField<v1::Variable>& variables,
                   const std::vector<ValueRange>& ranges, const TensorView& tensor) {
  for (int j = 0; j < variables.size(); ++j) {
    const v1::Variable& variable = variables[j];
    const ValueRange& range = ranges[static_cast<std::size_t>(j)];
    const bool below = variable.has_lower() && range.min < variable.lower();
    const bool above = variable.has_upper() && range.max > variable.upper();
    if (!below && !above) continue;
    const double value = below ? range.min : range.max;
    std::int64_t row = 0;
    while (tensor.data()[row * variables.size() + j] != value) ++row;
    throw InvalidArgument(
        "OUT_OF_BOUNDS",
        tensor.field() + "[" + std::to_string(row) + "][" + std::to_string(j) + "]",
        "expected " + variable.name() + (below ? " >= " : " <= ") +
            Text(below ? variable.lower() : variable.upper()) + ", got " + Text(value) + " (row " +
            std::to_string(row) + ", column " + std::to_string(j) +
            "); the dataset's schema sets this bound");
  }
}

void RequirePositive(const TensorView& weight) {
  for (std::int64_t row = 0; row < weight.size(); ++row) {
    if (weight.data()[row] > 0) continue;
    throw InvalidArgument("OUT_OF_RANGE", weight.field() + "[" + std::to_string(row) + "]",
                          "expected a weight > 0, got " + Text(weight.data()[row]));
  }
}

}  // namespace

SampleBlockData CheckBlock(const std::shared_ptr<const v1::SampleBlock>& block,
                           const v1::Schema& schema, std::int64_t max_rows) {
  // Holds the message and, for float32, the converted tensors for as long as the store needs them.
  struct Parts {
    std::shared_ptr<const v1::SampleBlock> block;
    std::vector<TensorView> tensors;
  };
  if (block->block_id() < 0) {
    throw InvalidArgument("OUT_OF_RANGE", "block.block_id",
                          "expected 0 or more, got " + std::to_string(block->block_id()));
  }
  const std::int64_t n = schema.inputs_size();
  const std::int64_t m = schema.outputs_size();
  const auto parts = std::make_shared<Parts>();
  parts->block = block;
  parts->tensors.reserve(4);
  const auto add = [&](const v1::Tensor& tensor, const char* field,
                       const std::vector<std::int64_t>& shape,
                       const char* explanation) -> const TensorView& {
    return parts->tensors.emplace_back(tensor, field, shape, explanation);
  };
  const TensorView& x =
      add(block->x(), "block.x", {-1, n}, "one row per sample, one column per input");
  const std::int64_t rows = x.shape()[0];
  if (rows < 1 || rows > max_rows) {
    throw InvalidArgument("OUT_OF_RANGE", "block.x",
                          "expected 1 to " + std::to_string(max_rows) + " rows, got " +
                              std::to_string(rows) + "; cut the samples into smaller blocks");
  }
  const TensorView& y =
      add(block->y(), "block.y", {rows, m}, "one row per row of x, one column per output");
  SampleBlockData data{.block_id = block->block_id(),
                       .rows = rows,
                       .x = x.bytes(),
                       .y = y.bytes(),
                       .wire_crc32c = block->crc32c(),
                       .payload_crc32c = block->crc32c(),
                       .owner = parts};
  if (block->has_jacobian()) {
    data.jacobian =
        add(block->jacobian(), "block.jacobian", {rows, m, n}, "rows of x, outputs, inputs")
            .bytes();
  }
  if (block->has_weight()) {
    const TensorView& weight =
        add(block->weight(), "block.weight", {rows}, "one weight per row of x");
    data.weight = weight.bytes();
  }
  RequireChecksum(*block);
  bool is_converted = false;
  for (const TensorView& tensor : parts->tensors) {
    tensor.RequireFinite();
    is_converted |= tensor.is_converted();
  }
  if (block->has_weight()) RequirePositive(parts->tensors.back());
  data.inputs = ColumnRanges(x, n);
  data.outputs = ColumnRanges(y, m);
  RequireBounds(schema.inputs(), data.inputs, x);
  RequireBounds(schema.outputs(), data.outputs, y);
  if (is_converted) {
    data.payload_crc32c = 0;
    for (const auto& part : {data.x, data.y, data.jacobian, data.weight}) {
      data.payload_crc32c = Crc32c(part, data.payload_crc32c);
    }
  }
  return data;
}

void FillBlock(const train::SampleBlock& samples, Index n, Index m, Index first, Index count,
               v1::Tensor::DataType data_type, v1::SampleBlock& block) {
  SetTensor({count, n}, samples.x + first * n, data_type, *block.mutable_x());
  SetTensor({count, m}, samples.y + first * m, data_type, *block.mutable_y());
  if (samples.jacobian != nullptr) {
    SetTensor({count, m, n}, samples.jacobian + first * m * n, data_type,
              *block.mutable_jacobian());
  }
  if (samples.weight != nullptr) {
    SetTensor({count}, samples.weight + first, data_type, *block.mutable_weight());
  }
  block.set_crc32c(Checksum(block));
}

}  // namespace sobolev::server
