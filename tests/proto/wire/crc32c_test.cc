#include "proto/wire/crc32c.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/rng.h"

namespace sobolev {
namespace {

std::vector<std::byte> RandomBytes(std::size_t size, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(rng.Next());
  return bytes;
}

// The definition: polynomial division bit by bit.
std::uint32_t Bitwise(std::span<const std::byte> bytes, std::uint32_t crc) {
  crc = ~crc;
  for (const std::byte byte : bytes) {
    crc ^= static_cast<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
  }
  return ~crc;
}

// RFC 3720, appendix B.4.
TEST(Crc32cTest, AgreesWithTheRfcsExamples) {
  for (const auto crc32c : {&Crc32c, &Crc32cPortable}) {
    EXPECT_EQ(crc32c(std::as_bytes(std::span(std::string_view("123456789"))), 0), 0xE3069283U);
    EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0}), 0), 0x8A9136AAU);
    EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0xFF}), 0), 0x62A8AB43U);
    std::vector<std::byte> ascending(32);
    for (std::size_t i = 0; i < 32; ++i) ascending[i] = static_cast<std::byte>(i);
    EXPECT_EQ(crc32c(ascending, 0), 0x46DD794EU);
    EXPECT_EQ(crc32c({}, 0), 0U);
  }
}

TEST(Crc32cTest, AgreesWithTheDefinitionAtEveryLengthAndAlignment) {
  const std::vector<std::byte> bytes = RandomBytes(14000, 1);
  const std::span<const std::byte> all(bytes);
  // Around the stretches of the interleaved loops: 8, 3·256 and 3·4096 bytes.
  std::vector<std::size_t> sizes = {767, 768, 769, 1535, 1536, 3000, 12287, 12288, 12289, 13064};
  for (std::size_t size = 0; size < 80; ++size) sizes.push_back(size);
  for (const std::size_t size : sizes) {
    for (std::size_t start = 0; start < 9; ++start) {
      const std::span<const std::byte> part = all.subspan(start, size);
      const std::uint32_t expected = Bitwise(part, 0x12345678);
      ASSERT_EQ(Crc32c(part, 0x12345678), expected) << size << " bytes from " << start;
      ASSERT_EQ(Crc32cPortable(part, 0x12345678), expected) << size << " bytes from " << start;
    }
  }
}

TEST(Crc32cTest, IsExtendedPieceByPiece) {
  const std::vector<std::byte> bytes = RandomBytes(50000, 2);
  const std::span<const std::byte> all(bytes);
  const std::uint32_t whole = Crc32c(all);
  EXPECT_EQ(whole, Bitwise(all, 0));
  Rng rng(3);
  for (int repeat = 0; repeat < 20; ++repeat) {
    std::uint32_t crc = 0;
    for (std::span<const std::byte> rest = all; !rest.empty();) {
      const std::size_t size = 1 + rng.Below(rest.size());
      crc = Crc32c(rest.first(size), crc);
      rest = rest.subspan(size);
    }
    EXPECT_EQ(crc, whole);
  }
}

}  // namespace
}  // namespace sobolev
