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

#include "proto/wire/crc32c.h"

namespace sobolev::server {
namespace {

static_assert(std::endian::native == std::endian::little, "segments are written as they lie");

constexpr std::int64_t kAlignment = 4096;  // Of blocks: what direct writes ask for.

struct BlockHeader {
  std::array<char, 4> magic = {'S', 'B', 'L', 'K'};
  std::uint32_t format_version = 0;
  std::int64_t block_id = 0;
  std::int64_t rows = 0;
  std::uint32_t n = 0;
  std::uint32_t m = 0;
  std::uint32_t arrays = 0;
  std::uint32_t num_tangents = 0;
  std::uint64_t payload_bytes = 0;
  std::uint32_t payload_crc32c = 0;
  std::uint32_t num_adjoints = 0;
  std::uint32_t num_hvps = 0;
  std::uint32_t header_crc32c = 0;
};
static_assert(sizeof(BlockHeader) == kBlockHeaderBytes && alignof(BlockHeader) == 8);

constexpr std::uint32_t Bit(SampleArray array) { return 1U << static_cast<int>(array); }

// Fills in the version and what depends on it.
void SetLayout(const BlockLayout& layout, BlockHeader& header) {
  constexpr std::uint32_t kAlwaysInVersion1 = Bit(SampleArray::kX) | Bit(SampleArray::kY);
  constexpr std::uint32_t kKnownToVersion1 =
      kAlwaysInVersion1 | Bit(SampleArray::kJacobian) | Bit(SampleArray::kWeight);
  if ((layout.arrays & kAlwaysInVersion1) == kAlwaysInVersion1 &&
      (layout.arrays & ~kKnownToVersion1) == 0) {
    header.format_version = 1;
    header.arrays = layout.arrays >> static_cast<int>(SampleArray::kJacobian);
    return;
  }
  header.format_version = 2;
  header.arrays = layout.arrays;
  header.num_tangents = layout.num_tangents;
  header.num_adjoints = layout.num_adjoints;
  header.num_hvps = layout.num_hvps;
}

BlockHeader MakeHeader(const BlockLocation& location, std::int64_t n, std::int64_t m) {
  BlockHeader header{
      .block_id = location.block_id,
      .rows = location.rows,
      .n = static_cast<std::uint32_t>(n),
      .m = static_cast<std::uint32_t>(m),
      .payload_bytes = static_cast<std::uint64_t>(location.PayloadBytes(n, m)),
      .payload_crc32c = location.payload_crc32c,
  };
  SetLayout(location.layout, header);
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

}  // namespace

std::int64_t BlockLocation::PayloadBytes(std::int64_t n, std::int64_t m) const {
  return rows * layout.RowWidth(n, m) * static_cast<std::int64_t>(sizeof(double));
}

std::int64_t BlockLocation::StoredBytes(std::int64_t n, std::int64_t m) const {
  const std::int64_t bytes = kBlockHeaderBytes + PayloadBytes(n, m);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
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
    for (const auto& array : blocks[i]->Arrays()) writer.Append(array);
    writer.Pad();
  }
  writer.Flush();
}

SegmentView::SegmentView(IoEnv& env, const FileDescriptor& file, std::int64_t size, std::int64_t n,
                         std::int64_t m)
    : bytes_(env.Map(file, static_cast<std::size_t>(size))), n_(n), m_(m) {}

train::SampleBlock SegmentView::Samples(const BlockLocation& location) const {
  const BlockLayout& layout = location.layout;
  const auto* next =
      reinterpret_cast<const double*>(bytes_.get() + location.offset + kBlockHeaderBytes);
  const auto take = [&](SampleArray array) -> const double* {
    if (!layout.Has(array)) return nullptr;
    const double* numbers = next;
    next += location.rows * layout.Width(array, n_, m_);
    return numbers;
  };
  // The members are initialised one after another, in the order of the file.
  return {.rows = location.rows,
          .num_tangents = layout.num_tangents,
          .num_adjoints = layout.num_adjoints,
          .num_hvps = layout.num_hvps,
          .x = take(SampleArray::kX),
          .y = take(SampleArray::kY),
          .jacobian = take(SampleArray::kJacobian),
          .weight = take(SampleArray::kWeight),
          .tangents = take(SampleArray::kTangents),
          .jvp = take(SampleArray::kJvp),
          .adjoints = take(SampleArray::kAdjoints),
          .vjp = take(SampleArray::kVjp),
          .hvp_adjoints = take(SampleArray::kHvpAdjoints),
          .hvp_tangents = take(SampleArray::kHvpTangents),
          .hvp = take(SampleArray::kHvp),
          .y_variance = take(SampleArray::kYVariance),
          .jacobian_variance = take(SampleArray::kJacobianVariance)};
}

bool SegmentView::IsIntact(const BlockLocation& location) const {
  const BlockHeader expected = MakeHeader(location, n_, m_);
  const std::byte* header = bytes_.get() + location.offset;
  if (std::memcmp(header, &expected, sizeof(expected)) != 0) return false;
  const auto payload_bytes = static_cast<std::size_t>(location.PayloadBytes(n_, m_));
  return Crc32c({header + kBlockHeaderBytes, payload_bytes}) == location.payload_crc32c;
}

}  // namespace sobolev::server
