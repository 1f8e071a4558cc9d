#include "server/storage/segment_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <new>
#include <span>
#include <system_error>

#include <fcntl.h>

#include "engine/base/error.h"
#include "proto/wire/crc32c.h"

namespace sobolev::server {
namespace {

static_assert(std::endian::native == std::endian::little, "segments are written as they lie");

constexpr std::int64_t kAlignment = 4096;  // Of blocks: what direct writes ask for.
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::uint32_t kHasJacobian = 1;
constexpr std::uint32_t kHasWeight = 2;

struct BlockHeader {
  std::array<char, 4> magic = {'S', 'B', 'L', 'K'};
  std::uint32_t format_version = kFormatVersion;
  std::int64_t block_id = 0;
  std::int64_t rows = 0;
  std::uint32_t n = 0;
  std::uint32_t m = 0;
  std::uint32_t flags = 0;
  std::uint32_t reserved_0 = 0;
  std::uint64_t payload_bytes = 0;
  std::uint32_t payload_crc32c = 0;
  std::uint32_t reserved_1 = 0;
  std::uint32_t reserved_2 = 0;
  std::uint32_t header_crc32c = 0;
};
static_assert(sizeof(BlockHeader) == kBlockHeaderBytes && alignof(BlockHeader) == 8);

BlockHeader MakeHeader(const BlockLocation& location, std::int64_t n, std::int64_t m) {
  BlockHeader header{
      .block_id = location.block_id,
      .rows = location.rows,
      .n = static_cast<std::uint32_t>(n),
      .m = static_cast<std::uint32_t>(m),
      .flags = (location.has_jacobian ? kHasJacobian : 0) | (location.has_weight ? kHasWeight : 0),
      .payload_bytes = static_cast<std::uint64_t>(location.PayloadBytes(n, m)),
      .payload_crc32c = location.payload_crc32c,
  };
  header.header_crc32c =
      Crc32c(std::as_bytes(std::span(&header, 1)).first(offsetof(BlockHeader, header_crc32c)));
  return header;
}

// Gathers bytes and writes them in large aligned pieces.
class StagedWriter {
 public:
  StagedWriter(IoEnv& env, const FileDescriptor& file, std::int64_t offset,
               const StagingBuffer& staging)
      : env_(env), file_(file), offset_(offset), staging_(staging) {}

  void Append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const std::size_t count = std::min(bytes.size(), staging_.capacity() - used_);
      std::memcpy(staging_.data() + used_, bytes.data(), count);
      Advance(count);
      bytes = bytes.subspan(count);
    }
  }

  // Zeros up to the next multiple of the alignment.
  void Pad() {
    const std::size_t count = -used_ & (kAlignment - 1);
    std::memset(staging_.data() + used_, 0, count);
    Advance(count);
  }

  void Flush() {
    if (used_ == 0) return;
    WriteFully(env_, file_, {{.iov_base = staging_.data(), .iov_len = used_}}, offset_);
    offset_ += static_cast<std::int64_t>(used_);
    used_ = 0;
  }

 private:
  void Advance(std::size_t count) {
    used_ += count;
    if (used_ == staging_.capacity()) Flush();
  }

  IoEnv& env_;
  const FileDescriptor& file_;
  std::int64_t offset_;  // In the file, of the first staged byte.
  const StagingBuffer& staging_;
  std::size_t used_ = 0;
};

void RequireBytes(const char* field, std::size_t actual, std::int64_t doubles) {
  if (actual == static_cast<std::size_t>(doubles) * sizeof(double)) return;
  throw InvalidArgument(
      "SHAPE_MISMATCH", field,
      "expected " + std::to_string(doubles * 8) + " bytes, got " + std::to_string(actual));
}

}  // namespace

std::int64_t BlockLocation::PayloadBytes(std::int64_t n, std::int64_t m) const {
  const std::int64_t doubles = n + m + (has_jacobian ? n * m : 0) + (has_weight ? 1 : 0);
  return rows * doubles * static_cast<std::int64_t>(sizeof(double));
}

std::int64_t BlockLocation::StoredBytes(std::int64_t n, std::int64_t m) const {
  const std::int64_t bytes = kBlockHeaderBytes + PayloadBytes(n, m);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

void RequireBlockSizes(const SampleBlockData& block, std::int64_t n, std::int64_t m) {
  RequireBytes("block.x", block.x.size(), block.rows * n);
  RequireBytes("block.y", block.y.size(), block.rows * m);
  if (!block.jacobian.empty()) {
    RequireBytes("block.jacobian", block.jacobian.size(), block.rows * m * n);
  }
  if (!block.weight.empty()) RequireBytes("block.weight", block.weight.size(), block.rows);
  RequireSize("block.inputs", static_cast<std::ptrdiff_t>(block.inputs.size()), n);
  RequireSize("block.outputs", static_cast<std::ptrdiff_t>(block.outputs.size()), m);
}

FileDescriptor OpenSegmentForWriting(IoEnv& env, const std::string& path) {
  constexpr int kFlags = O_WRONLY | O_CREAT;
  try {
    return env.Open(path, kFlags | O_DIRECT);
  } catch (const std::system_error& error) {
    if (error.code().value() != EINVAL) throw;
    return env.Open(path, kFlags);  // A file system without direct writes.
  }
}

StagingBuffer::StagingBuffer(std::size_t capacity)
    : capacity_(capacity),
      bytes_(static_cast<std::byte*>(std::aligned_alloc(kAlignment, capacity))) {
  if (bytes_ == nullptr) throw std::bad_alloc();
}

void WriteBlocks(IoEnv& env, const FileDescriptor& file, std::int64_t n, std::int64_t m,
                 const std::vector<BlockLocation>& locations,
                 const std::vector<const SampleBlockData*>& blocks, const StagingBuffer& staging) {
  if (locations.empty()) return;
  StagedWriter writer(env, file, locations.front().offset, staging);
  for (std::size_t i = 0; i < locations.size(); ++i) {
    const BlockHeader header = MakeHeader(locations[i], n, m);
    writer.Append(std::as_bytes(std::span(&header, 1)));
    for (const auto& span : {blocks[i]->x, blocks[i]->y, blocks[i]->jacobian, blocks[i]->weight}) {
      writer.Append(span);
    }
    writer.Pad();
  }
  writer.Flush();
}

SegmentView::SegmentView(IoEnv& env, const FileDescriptor& file, std::int64_t size, std::int64_t n,
                         std::int64_t m)
    : bytes_(env.Map(file, static_cast<std::size_t>(size))), n_(n), m_(m) {}

train::SampleBlock SegmentView::Samples(const BlockLocation& location) const {
  const auto* x =
      reinterpret_cast<const double*>(bytes_.get() + location.offset + kBlockHeaderBytes);
  const double* y = x + location.rows * n_;
  const double* jacobian = y + location.rows * m_;
  const double* weight = jacobian + (location.has_jacobian ? location.rows * m_ * n_ : 0);
  return {.rows = location.rows,
          .x = x,
          .y = y,
          .jacobian = location.has_jacobian ? jacobian : nullptr,
          .weight = location.has_weight ? weight : nullptr};
}

bool SegmentView::IsIntact(const BlockLocation& location) const {
  const BlockHeader expected = MakeHeader(location, n_, m_);
  const std::byte* header = bytes_.get() + location.offset;
  if (std::memcmp(header, &expected, sizeof(expected)) != 0) return false;
  const auto payload_bytes = static_cast<std::size_t>(location.PayloadBytes(n_, m_));
  return Crc32c({header + kBlockHeaderBytes, payload_bytes}) == location.payload_crc32c;
}

}  // namespace sobolev::server
