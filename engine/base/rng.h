// Seeded random streams. The same seed and stream give the same numbers on every machine, which
// the distributions of <random> do not promise.

#ifndef SOBOLEV_ENGINE_BASE_RNG_H_
#define SOBOLEV_ENGINE_BASE_RNG_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>

namespace sobolev {

// SplitMix64 (Steele, Lea and Flood 2014): a counter pushed through a mixing function.
//
// Streams of one seed are independent for practical purposes, so a purpose or an epoch number makes
// a good stream: the numbers of epoch 7 need no replay of epochs 1 … 6. A value type; not
// thread-safe.
class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0)
      : counter_(Mix(Mix(seed + kStep) ^ (stream * kStep + 1))) {}

  // 64 uniform bits.
  std::uint64_t Next() { return Mix(counter_ += kStep); }

  // Uniform on [0, 1), 53 bits.
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

  // Uniform on {0, …, bound − 1}, bound >= 1, without bias.
  std::uint64_t Below(std::uint64_t bound) {
    const std::uint64_t rejected = -bound % bound;  // 2⁶⁴ mod bound
    std::uint64_t bits = Next();
    while (bits < rejected) bits = Next();
    return bits % bound;
  }

  // Standard normal (Box and Muller 1958; the second value is not kept, so that every draw consumes
  // two words of the stream).
  double Normal() {
    const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;  // 2⁶⁴ / golden ratio, odd.

  static std::uint64_t Mix(std::uint64_t bits) {
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return bits ^ (bits >> 31);
  }

  std::uint64_t counter_;
};

// A uniformly random order of `items` (Fisher and Yates).
template <class T>
void Shuffle(std::span<T> items, Rng& rng) {
  for (std::size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[static_cast<std::size_t>(rng.Below(i))]);
  }
}

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_BASE_RNG_H_
