#include "engine/sampling/halton.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"

namespace sobolev::sampling {

namespace {

// Quotients of integers up to here are rounded once.
constexpr std::uint64_t kMaxCells = std::uint64_t{1} << 52;

std::vector<std::uint64_t> Primes(std::size_t count) {
  std::vector<std::uint64_t> primes;
  primes.reserve(count);
  for (std::uint64_t candidate = 2; primes.size() < count; ++candidate) {
    const bool is_prime = std::ranges::all_of(
        primes.begin(),
        std::ranges::find_if(primes, [&](std::uint64_t p) { return p * p > candidate; }),
        [&](std::uint64_t p) { return candidate % p != 0; });
    if (is_prime) primes.push_back(candidate);
  }
  return primes;
}

}  // namespace

HaltonSequence::HaltonSequence(Index dimensions, std::optional<std::uint64_t> seed)
    : is_scrambled_(seed.has_value()) {
  const std::vector<std::uint64_t> primes = Primes(static_cast<std::size_t>(dimensions));
  axes_.reserve(primes.size());
  for (std::size_t j = 0; j < primes.size(); ++j) {
    Axis axis{.base = primes[j]};
    Rng rng(seed.value_or(0), j);
    for (; axis.cells <= kMaxCells / axis.base; axis.cells *= axis.base) {
      axis.digits.emplace_back();
      if (!seed) continue;
      axis.digits.back().factor = 1 + rng.Below(axis.base - 1);
      axis.digits.back().shift = rng.Below(axis.base);
    }
    axes_.push_back(std::move(axis));
  }
}

Matrix HaltonSequence::Points(Index first, Index count) const {
  if (first < 0 || count < 0 || first > kMaxHaltonPoints || count > kMaxHaltonPoints - first) {
    throw InvalidArgument("INVALID_COUNT", "count",
                          "a Halton sequence has points 0 to 2^36 - 1, got " +
                              std::to_string(count) + " from number " + std::to_string(first));
  }
  Matrix U(static_cast<Index>(axes_.size()), count);
  for (Index s = 0; s < count; ++s) {
    for (std::size_t j = 0; j < axes_.size(); ++j) {
      const Axis& axis = axes_[j];
      auto rest = static_cast<std::uint64_t>(first + s);
      std::uint64_t cell = 0;
      for (const Digit& digit : axis.digits) {
        cell = cell * axis.base + (digit.factor * (rest % axis.base) + digit.shift) % axis.base;
        rest /= axis.base;
      }
      // The middle of the cell, but for the published points.
      const auto cells = static_cast<double>(axis.cells);
      U(static_cast<Index>(j), s) = is_scrambled_ ? static_cast<double>(2 * cell + 1) / (2 * cells)
                                                  : static_cast<double>(cell) / cells;
    }
  }
  return U;
}

}  // namespace sobolev::sampling
