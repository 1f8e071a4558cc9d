#include "server/convert/wire_arrays.h"

#include <span>

#include "proto/wire/crc32c.h"

namespace sobolev::server {

const std::array<WireArray, kNumSampleArrays>& WireArrays() {
  using Block = v1::SampleBlock;
  static constexpr std::array<WireArray, kNumSampleArrays> kArrays = {{
      {.array = SampleArray::kX,
       .has = &Block::has_x,
       .get = &Block::x,
       .mutable_get = &Block::mutable_x,
       .numbers = &train::SampleBlock::x,
       .explanation = "one row per sample, one column per input"},
      {.array = SampleArray::kY,
       .has = &Block::has_y,
       .get = &Block::y,
       .mutable_get = &Block::mutable_y,
       .numbers = &train::SampleBlock::y,
       .explanation = "one row per row of x, one column per output"},
      {.array = SampleArray::kJacobian,
       .has = &Block::has_jacobian,
       .get = &Block::jacobian,
       .mutable_get = &Block::mutable_jacobian,
       .numbers = &train::SampleBlock::jacobian,
       .explanation = "rows of x, outputs, inputs"},
      {.array = SampleArray::kWeight,
       .has = &Block::has_weight,
       .get = &Block::weight,
       .mutable_get = &Block::mutable_weight,
       .numbers = &train::SampleBlock::weight,
       .explanation = "one weight per row of x"},
      {.array = SampleArray::kTangents,
       .has = &Block::has_tangents,
       .get = &Block::tangents,
       .mutable_get = &Block::mutable_tangents,
       .numbers = &train::SampleBlock::tangents,
       .explanation = "rows of x, tangents of each, inputs"},
      {.array = SampleArray::kJvp,
       .has = &Block::has_jvp,
       .get = &Block::jvp,
       .mutable_get = &Block::mutable_jvp,
       .numbers = &train::SampleBlock::jvp,
       .explanation = "rows of x, tangents of each, outputs"},
      {.array = SampleArray::kAdjoints,
       .has = &Block::has_adjoints,
       .get = &Block::adjoints,
       .mutable_get = &Block::mutable_adjoints,
       .numbers = &train::SampleBlock::adjoints,
       .explanation = "rows of x, adjoints of each, outputs"},
      {.array = SampleArray::kVjp,
       .has = &Block::has_vjp,
       .get = &Block::vjp,
       .mutable_get = &Block::mutable_vjp,
       .numbers = &train::SampleBlock::vjp,
       .explanation = "rows of x, adjoints of each, inputs"},
      {.array = SampleArray::kHvpAdjoints,
       .has = &Block::has_hvp_adjoints,
       .get = &Block::hvp_adjoints,
       .mutable_get = &Block::mutable_hvp_adjoints,
       .numbers = &train::SampleBlock::hvp_adjoints,
       .explanation = "rows of x, products of each, outputs"},
      {.array = SampleArray::kHvpTangents,
       .has = &Block::has_hvp_tangents,
       .get = &Block::hvp_tangents,
       .mutable_get = &Block::mutable_hvp_tangents,
       .numbers = &train::SampleBlock::hvp_tangents,
       .explanation = "rows of x, products of each, inputs"},
      {.array = SampleArray::kHvp,
       .has = &Block::has_hvp,
       .get = &Block::hvp,
       .mutable_get = &Block::mutable_hvp,
       .numbers = &train::SampleBlock::hvp,
       .explanation = "rows of x, products of each, inputs"},
      {.array = SampleArray::kYVariance,
       .has = &Block::has_y_variance,
       .get = &Block::y_variance,
       .mutable_get = &Block::mutable_y_variance,
       .numbers = &train::SampleBlock::y_variance,
       .explanation = "one row per row of x, one column per output"},
      {.array = SampleArray::kJacobianVariance,
       .has = &Block::has_jacobian_variance,
       .get = &Block::jacobian_variance,
       .mutable_get = &Block::mutable_jacobian_variance,
       .numbers = &train::SampleBlock::jacobian_variance,
       .explanation = "rows of x, outputs, inputs"},
  }};
  return kArrays;
}

std::vector<std::int64_t> ShapeOf(SampleArray array, const BlockLayout& layout, std::int64_t rows,
                                  std::int64_t n, std::int64_t m) {
  switch (array) {
    case SampleArray::kX:
      return {rows, n};
    case SampleArray::kY:
    case SampleArray::kYVariance:
      return {rows, m};
    case SampleArray::kJacobian:
    case SampleArray::kJacobianVariance:
      return {rows, m, n};
    case SampleArray::kWeight:
      return {rows};
    case SampleArray::kTangents:
      return {rows, layout.num_tangents, n};
    case SampleArray::kJvp:
      return {rows, layout.num_tangents, m};
    case SampleArray::kAdjoints:
      return {rows, layout.num_adjoints, m};
    case SampleArray::kVjp:
      return {rows, layout.num_adjoints, n};
    case SampleArray::kHvpAdjoints:
      return {rows, layout.num_hvps, m};
    case SampleArray::kHvpTangents:
    case SampleArray::kHvp:
      return {rows, layout.num_hvps, n};
  }
  return {};
}

std::uint32_t Checksum(const v1::SampleBlock& block) {
  std::uint32_t crc = 0;
  for (const WireArray& array : WireArrays()) {
    crc = Crc32c(std::as_bytes(std::span(array.In(block).data())), crc);
  }
  return crc;
}

}  // namespace sobolev::server
