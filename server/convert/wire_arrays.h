// The arrays of a v1::SampleBlock by number, so that what holds for all is written once.

#ifndef SOBOLEV_SERVER_CONVERT_WIRE_ARRAYS_H_
#define SOBOLEV_SERVER_CONVERT_WIRE_ARRAYS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "engine/train/samples.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "server/storage/block_layout.h"

namespace sobolev::server {

// One array, on the wire and in the engine.
struct WireArray {
  SampleArray array;
  bool (v1::SampleBlock::*has)() const;
  const v1::Tensor& (v1::SampleBlock::*get)() const;
  v1::Tensor* (v1::SampleBlock::*mutable_get)();
  const double* train::SampleBlock::*numbers;
  const char* explanation;  // Of its dimensions.

  bool IsIn(const v1::SampleBlock& block) const { return (block.*has)(); }
  const v1::Tensor& In(const v1::SampleBlock& block) const { return (block.*get)(); }
};

// In the order of their numbers, which is that of the checksum.
const std::array<WireArray, kNumSampleArrays>& WireArrays();

// The shape of an array of `rows` samples; `layout` tells the numbers of directions.
std::vector<std::int64_t> ShapeOf(SampleArray array, const BlockLayout& layout, std::int64_t rows,
                                  std::int64_t n, std::int64_t m);

// CRC-32C of the data of all arrays, one after another.
std::uint32_t Checksum(const v1::SampleBlock& block);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_WIRE_ARRAYS_H_
