#include "engine/chain/memory_remainder.h"

#include <algorithm>
#include <utility>

namespace sobolev::chain {

MemoryRemainder::MemoryRemainder(const MemorySizes& sizes, std::vector<Block> blocks)
    : sizes_(&sizes), blocks_(std::move(blocks)), costs_(blocks_.size() * blocks_.size()) {
  for (std::size_t last = 0; last < blocks_.size(); ++last) {
    for (std::size_t first = last + 1; first-- > 0;) At(last, first) = Best(last, first);
  }
}

std::uint64_t MemoryRemainder::Best(std::size_t last, std::size_t first) const {
  const int i = blocks_[first].first;
  const int j = blocks_[last].last;
  if (first == last) {
    return blocks_[first].made
               ? 0
               : std::min(sizes_->AccumulateByTangents(i), sizes_->AccumulateByAdjoints(i));
  }
  std::uint64_t best = UINT64_MAX;
  for (std::size_t k = first; k < last; ++k) {
    best = std::min(best, At(last, k + 1) + At(k, first) + sizes_->Product(j, blocks_[k].last, i));
  }
  if (!blocks_[last].made) {
    best = std::min(best, At(last - 1, first) + sizes_->n(i) * sizes_->Tangent(j));
  }
  if (!blocks_[first].made) {
    best = std::min(best, At(last, first + 1) + sizes_->m(j) * sizes_->Adjoint(i));
  }
  return best;
}

PlannedMove MemoryRemainder::NextStep(bool later_first) const {
  std::size_t first = 0;
  std::size_t last = blocks_.size() - 1;
  const auto is_made = [this](std::size_t l, std::size_t f) { return l == f && blocks_[l].made; };
  while (true) {
    const int i = blocks_[first].first;
    const int j = blocks_[last].last;
    const auto step = [i, j](StepKind kind, int split = 0) {
      return PlannedMove{
          .kind = MemoryMove::Kind::kStep, .step = kind, .first = i, .last = j, .split = split};
    };
    if (first == last) {
      const bool tangents = sizes_->AccumulateByTangents(i) <= sizes_->AccumulateByAdjoints(i);
      return step(tangents ? StepKind::kAccumulateTangent : StepKind::kAccumulateAdjoint);
    }
    std::size_t k = first;
    while (k < last && At(last, k + 1) + At(k, first) + sizes_->Product(j, blocks_[k].last, i) !=
                           At(last, first)) {
      ++k;
    }
    if (k < last) {
      const bool has_later = is_made(last, k + 1);
      const bool has_earlier = is_made(k, first);
      if (has_later && has_earlier) return step(StepKind::kProduct, blocks_[k].last);
      if (has_earlier || (later_first && !has_later)) {
        first = k + 1;
      } else {
        last = k;
      }
    } else if (!blocks_[first].made &&
               At(last, first + 1) + sizes_->m(j) * sizes_->Adjoint(i) == At(last, first)) {
      if (is_made(last, first + 1)) return step(StepKind::kAdjoint);
      ++first;
    } else {
      if (is_made(last - 1, first)) return step(StepKind::kTangent);
      --last;
    }
  }
}

}  // namespace sobolev::chain
