#include "proto/wire/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sobolev {
namespace {

// Bit i of a reflected 32-bit register is the coefficient of x^(31-i).
constexpr std::uint32_t kPolynomial = 0x82F63B78;

constexpr std::uint32_t TimesX(std::uint32_t a) {
  return (a >> 1) ^ ((a & 1) != 0 ? kPolynomial : 0);
}

// table[k][b] is the register that byte b leaves after k more zero bytes.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables MakeTables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = TimesX(crc);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[k - 1][byte];
      tables[k][byte] = (crc >> 8) ^ tables[0][crc & 255];
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

std::uint64_t LoadWord(const std::byte* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

#if defined(__x86_64__)

// x^e modulo the polynomial.
constexpr std::uint32_t PowerOfX(std::ptrdiff_t e) {
  std::uint32_t power = 0x80000000;  // 1
  for (std::ptrdiff_t i = 0; i < e; ++i) power = TimesX(power);
  return power;
}

// Three chains of the crc32 instruction hide its latency of three cycles: each runs over a third of
// a stretch, and the thirds are joined by crc(A‖B) = crc(A) x^(8|B|) + crc(B). The carry-less
// product of two reflected registers lacks a factor x, and the crc32 instruction that reduces it
// modulo the polynomial multiplies by x³²: hence the constants x^(8L-33).
template <std::ptrdiff_t kLaneBytes>
__attribute__((target("sse4.2,pclmul"))) std::uint64_t ThreeLanes(const std::byte* bytes,
                                                                  std::uint64_t crc) {
  constexpr std::uint32_t kOneLane = PowerOfX(8 * kLaneBytes - 33);
  constexpr std::uint32_t kTwoLanes = PowerOfX(16 * kLaneBytes - 33);
  std::uint64_t a = crc;
  std::uint64_t b = 0;
  std::uint64_t c = 0;
  for (std::ptrdiff_t i = 0; i < kLaneBytes; i += 8) {
    a = _mm_crc32_u64(a, LoadWord(bytes + i));
    b = _mm_crc32_u64(b, LoadWord(bytes + kLaneBytes + i));
    c = _mm_crc32_u64(c, LoadWord(bytes + 2 * kLaneBytes + i));
  }
  const __m128i shifted_a =
      _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<std::int64_t>(a)),
                           _mm_cvtsi64_si128(static_cast<std::int64_t>(kTwoLanes)), 0);
  const __m128i shifted_b =
      _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<std::int64_t>(b)),
                           _mm_cvtsi64_si128(static_cast<std::int64_t>(kOneLane)), 0);
  const std::int64_t both = _mm_cvtsi128_si64(_mm_xor_si128(shifted_a, shifted_b));
  return _mm_crc32_u64(0, static_cast<std::uint64_t>(both)) ^ c;
}

__attribute__((target("sse4.2,pclmul"))) std::uint32_t Crc32cSse42(std::span<const std::byte> bytes,
                                                                   std::uint32_t start) {
  constexpr std::ptrdiff_t kLongLane = 4096;
  constexpr std::ptrdiff_t kShortLane = 256;
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  std::uint64_t crc = ~start;
  for (; end - at >= 3 * kLongLane; at += 3 * kLongLane) crc = ThreeLanes<kLongLane>(at, crc);
  for (; end - at >= 3 * kShortLane; at += 3 * kShortLane) crc = ThreeLanes<kShortLane>(at, crc);
  for (; end - at >= 8; at += 8) crc = _mm_crc32_u64(crc, LoadWord(at));
  auto narrow = static_cast<std::uint32_t>(crc);
  for (; at != end; ++at) narrow = _mm_crc32_u8(narrow, static_cast<unsigned char>(*at));
  return ~narrow;
}

#endif

}  // namespace

std::uint32_t Crc32cPortable(std::span<const std::byte> bytes, std::uint32_t start) {
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  std::uint32_t crc = ~start;
  for (; end - at >= 8; at += 8) {
    const std::uint64_t word = LoadWord(at) ^ crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= kTables[7 - k][(word >> (8 * k)) & 255];
  }
  for (; at != end; ++at) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<std::uint32_t>(*at)) & 255];
  }
  return ~crc;
}

std::uint32_t Crc32c(std::span<const std::byte> bytes, std::uint32_t crc) {
#if defined(__x86_64__)
  static const bool has_instructions =
      __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
  if (has_instructions) return Crc32cSse42(bytes, crc);
#endif
  return Crc32cPortable(bytes, crc);
}

}  // namespace sobolev
