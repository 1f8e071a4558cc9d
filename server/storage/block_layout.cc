#include "server/storage/block_layout.h"

#include <string>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

void RequireBytes(const char* field, std::size_t actual, std::int64_t doubles) {
  if (actual == static_cast<std::size_t>(doubles) * sizeof(double)) return;
  throw InvalidArgument(
      "SHAPE_MISMATCH", field,
      "expected " + std::to_string(doubles * 8) + " bytes, got " + std::to_string(actual));
}

}  // namespace

const char* FieldName(SampleArray array) {
  constexpr std::array<const char*, kNumSampleArrays> kNames = {"block.x",
                                                                "block.y",
                                                                "block.jacobian",
                                                                "block.weight",
                                                                "block.tangents",
                                                                "block.jvp",
                                                                "block.adjoints",
                                                                "block.vjp",
                                                                "block.hvp_adjoints",
                                                                "block.hvp_tangents",
                                                                "block.hvp",
                                                                "block.y_variance",
                                                                "block.jacobian_variance"};
  return kNames[static_cast<std::size_t>(array)];
}

std::int64_t BlockLayout::Width(SampleArray array, std::int64_t n, std::int64_t m) const {
  switch (array) {
    case SampleArray::kX:
      return n;
    case SampleArray::kY:
    case SampleArray::kYVariance:
      return m;
    case SampleArray::kJacobian:
    case SampleArray::kJacobianVariance:
      return m * n;
    case SampleArray::kWeight:
      return 1;
    case SampleArray::kTangents:
      return num_tangents * n;
    case SampleArray::kJvp:
      return num_tangents * m;
    case SampleArray::kAdjoints:
      return num_adjoints * m;
    case SampleArray::kVjp:
      return num_adjoints * n;
    case SampleArray::kHvpAdjoints:
      return num_hvps * m;
    case SampleArray::kHvpTangents:
    case SampleArray::kHvp:
      return num_hvps * n;
  }
  return 0;
}

std::int64_t BlockLayout::RowWidth(std::int64_t n, std::int64_t m) const {
  std::int64_t width = 0;
  for (std::size_t i = 0; i < kNumSampleArrays; ++i) {
    const auto array = static_cast<SampleArray>(i);
    if (Has(array)) width += Width(array, n, m);
  }
  return width;
}

BlockLayout SampleBlockData::Layout() const {
  BlockLayout layout{
      .num_tangents = num_tangents, .num_adjoints = num_adjoints, .num_hvps = num_hvps};
  const auto arrays = Arrays();
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    if (!arrays[i].empty()) layout.arrays |= 1U << i;
  }
  return layout;
}

std::size_t SampleBlockData::PayloadBytes() const {
  std::size_t bytes = 0;
  for (const auto& array : Arrays()) bytes += array.size();
  return bytes;
}

void RequireBlockSizes(const SampleBlockData& block, std::int64_t n, std::int64_t m) {
  const BlockLayout layout = block.Layout();
  const auto arrays = block.Arrays();
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const auto array = static_cast<SampleArray>(i);
    if (array != SampleArray::kX && !layout.Has(array)) continue;
    RequireBytes(FieldName(array), arrays[i].size(), block.rows * layout.Width(array, n, m));
  }
  RequireSize("block.inputs", static_cast<std::ptrdiff_t>(block.inputs.size()), n);
  RequireSize("block.outputs", static_cast<std::ptrdiff_t>(block.outputs.size()), m);
}

}  // namespace sobolev::server
