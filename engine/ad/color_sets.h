// Sets of colours as bits, and the first colour that a union of them leaves.
//
// The heart of near-linear colouring: a row remembers which colours it holds, so that a column need
// not walk the other columns of its rows (coloring.h).

#ifndef SOBOLEV_ENGINE_AD_COLOR_SETS_H_
#define SOBOLEV_ENGINE_AD_COLOR_SETS_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/ad/pair_table.h"

namespace sobolev::ad {

// A set of colours for each of a number of owners, as blocks of 64 bits. The first block of an
// owner is an array element, further ones are hashed, since few owners have any.
class ColorSets {
 public:
  explicit ColorSets(std::int32_t owners)
      : first_(static_cast<std::size_t>(owners), 0), full_(static_cast<std::size_t>(owners), 0) {}

  void Add(std::int32_t owner, std::int32_t color) {
    const std::int32_t block = color / 64;
    std::uint64_t& bits = block == 0 ? first_[owner] : others_.At(owner, block);
    bits |= std::uint64_t{1} << (color % 64);
    while (~Block(owner, full_[owner]) == 0) ++full_[owner];
  }

  std::uint64_t Block(std::int32_t owner, std::int32_t block) const {
    return block == 0 ? first_[owner] : others_.Get(owner, block);
  }

  // The number of leading blocks that have no colour left. Without it, a dense row would be
  // searched from its first colour for each of its columns.
  std::int32_t FullBlocks(std::int32_t owner) const { return full_[owner]; }

 private:
  std::vector<std::uint64_t> first_;
  std::vector<std::int32_t> full_;
  PairTable<std::uint64_t> others_;
};

// The union of sets of colours, to ask for the first colour that is in none of them.
class ForbiddenColors {
 public:
  void Clear() {
    members_.clear();
    start_ = 0;
  }

  void Include(const ColorSets& sets, std::int32_t owner) {
    members_.push_back({&sets, owner});
    start_ = std::max(start_, sets.FullBlocks(owner));
  }

  std::int32_t FirstAllowed() const {
    for (std::int32_t block = start_;; ++block) {
      std::uint64_t bits = 0;
      for (const Member& member : members_) bits |= member.sets->Block(member.owner, block);
      if (~bits != 0) return 64 * block + std::countr_one(bits);
    }
  }

 private:
  struct Member {
    const ColorSets* sets;
    std::int32_t owner;
  };
  std::vector<Member> members_;
  std::int32_t start_ = 0;
};

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_COLOR_SETS_H_
