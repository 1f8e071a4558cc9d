// A hash table from pairs of numbers to small values, for planners that must stay near linear.
//
// Open addressing with linear probing: one array, no node per entry, and the same order of work on
// every machine. std::unordered_map allocates a node for each of the millions of pairs here.

#ifndef SOBOLEV_ENGINE_AD_PAIR_TABLE_H_
#define SOBOLEV_ENGINE_AD_PAIR_TABLE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sobolev::ad {

// Maps (a, b), both at least 0, to a T. Not thread-safe.
template <class T>
class PairTable {
 public:
  // The value at (a, b), or T() if there is none.
  T Get(std::int32_t a, std::int32_t b) const {
    if (slots_.empty()) return T();
    const Slot& slot = slots_[Probe(Key(a, b))];
    return slot.key == kFree ? T() : slot.value;
  }

  // The value at (a, b), made by T() if there was none. Valid until the next At.
  T& At(std::int32_t a, std::int32_t b) {
    if (2 * (size_ + 1) > slots_.size()) Grow();
    Slot& slot = slots_[Probe(Key(a, b))];
    if (slot.key == kFree) {
      slot.key = Key(a, b);
      ++size_;
    }
    return slot.value;
  }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};  // No key, since a >= 0.

  struct Slot {
    std::uint64_t key = kFree;
    T value{};
  };

  static std::uint64_t Key(std::int32_t a, std::int32_t b) {
    return (static_cast<std::uint64_t>(a) << 32) | static_cast<std::uint32_t>(b);
  }

  // The slot that holds the key, or the free one where it belongs. At least half of the slots are
  // free, so the search ends. The high bits of a product by 2⁶⁴ / golden ratio depend on all bits
  // of the key (Knuth, The Art of Computer Programming 3, section 6.4).
  std::size_t Probe(std::uint64_t key) const {
    auto at = static_cast<std::size_t>((key * 0x9e3779b97f4a7c15) >> shift_);
    while (slots_[at].key != kFree && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  void Grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : 2 * slots_.size());
    std::swap(old, slots_);
    shift_ = 64 - std::countr_zero(slots_.size());
    for (const Slot& slot : old) {
      if (slot.key != kFree) slots_[Probe(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;  // A power of two of them.
  std::size_t size_ = 0;
  int shift_ = 0;
};

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_PAIR_TABLE_H_
