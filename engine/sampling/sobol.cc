#include "engine/sampling/sobol.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/sampling/hash.h"
#include "engine/sampling/sobol_directions.h"

namespace sobolev::sampling {

namespace {

// Binary digits of a coordinate before scrambling.
constexpr int kDigits = 36;
static_assert(kMaxSobolPoints == Index{1} << kDigits);

// Digits whose flips come from the bits of one hash: a tree of 6 levels has 63 nodes.
constexpr int kLevels = 6;
static_assert(kDigits % kLevels == 0);

// The directions of one dimension as integers of kDigits bits (Joe and Kuo 2008, eqs. 2 and 3);
// `row` begins with the degree.
std::array<std::uint64_t, kDigits> Directions(std::span<const std::uint16_t> row) {
  std::array<std::uint64_t, kDigits> v{};
  const auto degree = static_cast<std::size_t>(row[0]);
  const std::uint64_t coefficients = row[1];
  for (std::size_t k = 0; k < kDigits; ++k) {
    if (k < degree) {
      v[k] = std::uint64_t{row[2 + k]} << (kDigits - 1 - k);
      continue;
    }
    v[k] = v[k - degree] ^ (v[k - degree] >> degree);
    for (std::size_t l = 1; l < degree; ++l) {
      if (((coefficients >> (degree - 1 - l)) & 1) != 0) v[k] ^= v[k - l];
    }
  }
  return v;
}

// kDigits digits, scrambled, and random ones after them.
std::uint64_t Scramble(std::uint64_t digits, std::uint64_t key) {
  digits |= std::uint64_t{1} << kDigits;  // So that what is before a digit tells their number too.
  std::uint64_t flips = 0;
  for (int shift = kDigits - kLevels; shift >= 0; shift -= kLevels) {
    const std::uint64_t tree = Hash(key, digits >> (shift + kLevels));
    const std::uint64_t chunk = (digits >> shift) & ((1U << kLevels) - 1);
    for (int level = 0; level < kLevels; ++level) {
      const std::uint64_t node = 1U << level | chunk >> (kLevels - level);
      flips = flips << 1 | ((tree >> node) & 1);
    }
  }
  return (digits ^ flips) << (64 - kDigits) | Hash(key, digits) >> kDigits;
}

}  // namespace

SobolSequence::SobolSequence(Index dimensions, std::optional<std::uint64_t> seed)
    : dimensions_(dimensions) {
  if (dimensions < 1 || dimensions > kMaxSobolDimensions) {
    throw InvalidArgument("INVALID_DIMENSION", "inputs",
                          "expected 1 to " + std::to_string(kMaxSobolDimensions) +
                              " for a Sobol sequence, got " + std::to_string(dimensions) +
                              "; a Latin hypercube, Halton and random points have no such limit");
  }
  const auto n = static_cast<std::size_t>(dimensions);
  directions_.resize(n * kDigits);
  std::span<const std::uint16_t> rows = SobolDirections();
  for (std::size_t j = 0; j < n; ++j) {
    std::array<std::uint64_t, kDigits> v{};
    if (j == 0) {
      for (std::size_t k = 0; k < kDigits; ++k) v[k] = std::uint64_t{1} << (kDigits - 1 - k);
    } else {
      v = Directions(rows);
      rows = rows.subspan(2 + std::size_t{rows[0]});
    }
    for (std::size_t k = 0; k < kDigits; ++k) directions_[k * n + j] = v[k];
  }
  if (!seed) return;
  Rng rng(*seed);
  keys_.resize(n);
  for (std::uint64_t& key : keys_) key = rng.Next();
}

Matrix SobolSequence::Points(Index first, Index count) const {
  if (first < 0 || count < 0 || first > kMaxSobolPoints || count > kMaxSobolPoints - first) {
    throw InvalidArgument("INVALID_COUNT", "count",
                          "a Sobol sequence has points 0 to 2^36 - 1, got " +
                              std::to_string(count) + " from number " + std::to_string(first));
  }
  const auto n = static_cast<std::size_t>(dimensions_);
  Matrix U(dimensions_, count);
  std::vector<std::uint64_t> digits(n);
  const auto add = [&](int digit) {
    const std::uint64_t* const v = directions_.data() + static_cast<std::size_t>(digit) * n;
    for (std::size_t j = 0; j < n; ++j) digits[j] ^= v[j];
  };
  const auto begin = static_cast<std::uint64_t>(first);
  for (std::uint64_t gray = begin ^ begin >> 1; gray != 0; gray &= gray - 1) {
    add(std::countr_zero(gray));
  }
  for (Index s = 0; s < count; ++s) {
    if (s > 0) add(std::countr_zero(static_cast<std::uint64_t>(first + s)));
    for (std::size_t j = 0; j < n; ++j) {
      U(static_cast<Index>(j), s) = keys_.empty() ? static_cast<double>(digits[j]) * 0x1p-36
                                                  : UnitPoint(Scramble(digits[j], keys_[j]));
    }
  }
  return U;
}

Matrix SobolPoints(Index dimensions, Index first, Index count, std::uint64_t seed) {
  return SobolSequence(dimensions, seed).Points(first, count);
}

}  // namespace sobolev::sampling
