// The sample blocks of one upload, one after another in one file.
//
// A block is a header of 64 bytes and the payload, padded to a multiple of 4096 bytes: a mapped
// file is read in place as matrices, and blocks go to the disk directly, past the page cache, whose
// copying costs more than the rest of an upload together. All little-endian:
//
//   0  magic "SBLK"           24 n, m (u32 each)        48 CRC-32C of the payload (u32)
//   4  format version (u32)   32 arrays (u32)           52 adjoints per row (u32)
//   8  block id (i64)         36 tangents per row (u32) 56 hvps per row (u32)
//  16  rows (i64)             40 payload bytes (u64)    60 CRC-32C of bytes 0 … 59 (u32)
//
// Payload, float64: the arrays that are there, one after another in the order of SampleArray. In
// version 2, bit i of `arrays` says whether array i is there. Version 1 knows four arrays: x and y
// are always there, Jacobian if bit 0 is set, weight if bit 1 is, and it has no directions. A block
// is written in the lowest version that can say what it holds. The metadata store knows every
// header field too, and which bytes of the file count: the rest of the file is noise, left by a
// crash.

#ifndef SOBOLEV_SERVER_STORAGE_SEGMENT_FILE_H_
#define SOBOLEV_SERVER_STORAGE_SEGMENT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "engine/train/samples.h"
#include "server/storage/block_layout.h"
#include "server/storage/io_env.h"

namespace sobolev::server {

inline constexpr std::int64_t kBlockHeaderBytes = 64;

// What the metadata store records of a block.
struct BlockLocation {
  std::int64_t block_id = 0;
  std::int64_t rows = 0;
  BlockLayout layout;
  std::int64_t offset = 0;  // Of the header.
  std::uint32_t payload_crc32c = 0;

  std::int64_t PayloadBytes(std::int64_t n, std::int64_t m) const;
  // Header, payload and padding.
  std::int64_t StoredBytes(std::int64_t n, std::int64_t m) const;
};

// Opens the file for WriteBlocks, making it if it is missing: for direct writes where the file
// system can. Throws std::system_error.
FileDescriptor OpenSegmentForWriting(IoEnv& env, const std::string& path);

// Memory that the disk can read from directly. Used again and again by one writer.
class StagingBuffer {
 public:
  explicit StagingBuffer(std::size_t capacity);  // A multiple of 4096.

  std::byte* data() const { return bytes_.get(); }
  std::size_t capacity() const { return capacity_; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };
  std::size_t capacity_;
  std::unique_ptr<std::byte, Free> bytes_;
};

// Writes the blocks at their places: locations[i] is that of *blocks[i], and they follow each other
// without gaps. Not durable before the file is synced. Throws std::system_error.
void WriteBlocks(IoEnv& env, const FileDescriptor& file, std::int64_t n, std::int64_t m,
                 const std::vector<BlockLocation>& locations,
                 const std::vector<const SampleBlockData*>& blocks, const StagingBuffer& staging);

// A mapped segment file. Thread-safe.
class SegmentView {
 public:
  // `size` bytes of the file count. Throws std::system_error; the file must be at least that long.
  SegmentView(IoEnv& env, const FileDescriptor& file, std::int64_t size, std::int64_t n,
              std::int64_t m);

  // Valid while the view or a copy lives.
  train::SampleBlock Samples(const BlockLocation& location) const;
  // Whether header and payload are what was written. Reads every byte.
  bool IsIntact(const BlockLocation& location) const;

 private:
  MappedBytes bytes_;
  std::int64_t n_;
  std::int64_t m_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_SEGMENT_FILE_H_
