// Numbers of multiply-adds, exact up to 2¹²⁸ − 2.
//
// Sums and products that would be larger stay at 2¹²⁸ − 1, which means "at least that": they never
// wrap around, so that a plan never looks cheap because its cost did not fit.

#ifndef SOBOLEV_ENGINE_CHAIN_COST_H_
#define SOBOLEV_ENGINE_CHAIN_COST_H_

#include <algorithm>
#include <compare>
#include <concepts>
#include <cstdint>
#include <string>

namespace sobolev::chain {

class Cost {
 public:
  constexpr Cost() = default;
  // Not negative. NOLINTNEXTLINE(google-explicit-constructor): whole numbers are costs.
  constexpr Cost(std::integral auto value) : value_(static_cast<Bits>(value)) {}
  static constexpr Cost Saturated() { return OfBits(~Bits{0}); }

  constexpr bool saturated() const { return value_ == ~Bits{0}; }
  // Whether To64 gives the whole value.
  constexpr bool Fits64() const { return value_ <= UINT64_MAX; }
  constexpr std::uint64_t To64() const { return static_cast<std::uint64_t>(value_); }
  constexpr double ToDouble() const { return static_cast<double>(value_); }
  // Decimal; of a saturated cost 2¹²⁸ − 1.
  std::string ToString() const;

  friend constexpr Cost operator+(Cost a, Cost b) {
    Bits sum = 0;
    return __builtin_add_overflow(a.value_, b.value_, &sum) ? Saturated() : OfBits(sum);
  }
  // Zero times a saturated cost is zero.
  friend constexpr Cost operator*(Cost a, Cost b) {
    Bits product = 0;
    return __builtin_mul_overflow(a.value_, b.value_, &product) ? Saturated() : OfBits(product);
  }
  // Whole numbers of times; a saturated cost stays saturated. Not by zero.
  friend constexpr Cost operator/(Cost a, Cost b) {
    return a.saturated() ? a : OfBits(a.value_ / b.value_);
  }
  Cost& operator+=(Cost other) { return *this = *this + other; }
  // NOLINTNEXTLINE(modernize-use-nullptr): the check mistakes the 0 of a defaulted <=>.
  friend constexpr auto operator<=>(Cost, Cost) = default;

 private:
  __extension__ using Bits = unsigned __int128;

  static constexpr Cost OfBits(Bits bits) {
    Cost cost;
    cost.value_ = bits;
    return cost;
  }

  Bits value_ = 0;
};

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_COST_H_
