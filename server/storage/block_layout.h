// The arrays of a block of samples: their order, their sizes, and blocks on their way to the disk.
//
// Checksums, segment files and views of them all go through the arrays in this one order.

#ifndef SOBOLEV_SERVER_STORAGE_BLOCK_LAYOUT_H_
#define SOBOLEV_SERVER_STORAGE_BLOCK_LAYOUT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace sobolev::server {

// Never renumbered: segment files and the metadata store hold the numbers.
enum class SampleArray : std::uint8_t {
  kX,
  kY,
  kJacobian,
  kWeight,
  kTangents,
  kJvp,
  kAdjoints,
  kVjp,
  kHvpAdjoints,
  kHvpTangents,
  kHvp,
  kYVariance,
  kJacobianVariance,
};
inline constexpr std::size_t kNumSampleArrays = 13;

// As on the wire: "block.x", "block.y", ...
const char* FieldName(SampleArray array);

// Which arrays a block has, and how many directions each of its samples.
struct BlockLayout {
  std::uint32_t arrays = 0;  // Bit SampleArray: it is there.
  std::uint32_t num_tangents = 0;
  std::uint32_t num_adjoints = 0;
  std::uint32_t num_hvps = 0;

  bool Has(SampleArray array) const { return (arrays >> static_cast<int>(array) & 1U) != 0; }
  // Numbers of one sample in `array` if it is there.
  std::int64_t Width(SampleArray array, std::int64_t n, std::int64_t m) const;
  // Numbers of one sample in all arrays that are there.
  std::int64_t RowWidth(std::int64_t n, std::int64_t m) const;

  bool operator==(const BlockLayout&) const = default;
};

struct ValueRange {
  double min = 0;
  double max = 0;
};

// How many labels samples have, and how many they miss.
struct LabelCounts {
  std::int64_t jacobians = 0;  // Of these four, those with at least one known entry.
  std::int64_t tangents = 0;
  std::int64_t adjoints = 0;
  std::int64_t hvps = 0;
  std::int64_t weights = 0;
  std::int64_t y_variances = 0;
  std::int64_t jacobian_variances = 0;
  std::int64_t missing_values = 0;       // NaN in y; where there is no y, m for each sample.
  std::int64_t missing_derivatives = 0;  // NaN in jacobian, jvp, vjp and hvp.
};

// The samples of one block, little-endian float64, laid out as on the wire. The spans stay valid
// while `owner` lives; those of arrays that are not there are empty.
struct SampleBlockData {
  std::int64_t block_id = 0;
  std::int64_t rows = 0;
  std::uint32_t num_tangents = 0;  // p, of each sample.
  std::uint32_t num_adjoints = 0;  // q
  std::uint32_t num_hvps = 0;      // h

  std::span<const std::byte> x = {};                  // rows × n
  std::span<const std::byte> y = {};                  // rows × m
  std::span<const std::byte> jacobian = {};           // rows × m × n
  std::span<const std::byte> weight = {};             // rows
  std::span<const std::byte> tangents = {};           // rows × p × n
  std::span<const std::byte> jvp = {};                // rows × p × m
  std::span<const std::byte> adjoints = {};           // rows × q × m
  std::span<const std::byte> vjp = {};                // rows × q × n
  std::span<const std::byte> hvp_adjoints = {};       // rows × h × m
  std::span<const std::byte> hvp_tangents = {};       // rows × h × n
  std::span<const std::byte> hvp = {};                // rows × h × n
  std::span<const std::byte> y_variance = {};         // rows × m
  std::span<const std::byte> jacobian_variance = {};  // rows × m × n

  std::uint32_t wire_crc32c = 0;     // As the client sent it.
  std::uint32_t payload_crc32c = 0;  // Of the arrays as they are here, in order.
  LabelCounts counts = {};
  std::vector<ValueRange> inputs = {};   // Ranges over the block.
  std::vector<ValueRange> outputs = {};  // Of what is known: min > max if nothing is.
  std::shared_ptr<const void> owner = {};

  // All, by number.
  std::array<std::span<const std::byte>, kNumSampleArrays> Arrays() const {
    return {x,
            y,
            jacobian,
            weight,
            tangents,
            jvp,
            adjoints,
            vjp,
            hvp_adjoints,
            hvp_tangents,
            hvp,
            y_variance,
            jacobian_variance};
  }
  BlockLayout Layout() const;
  std::size_t PayloadBytes() const;
};

// Throws kInvalidArgument naming "block.x" and the like unless the spans are as long as the numbers
// of rows and directions ask for.
void RequireBlockSizes(const SampleBlockData& block, std::int64_t n, std::int64_t m);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_BLOCK_LAYOUT_H_
