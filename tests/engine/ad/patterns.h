// Sparsity patterns and colours for the tests of sparsity, colouring and compression.

#ifndef SOBOLEV_TESTS_ENGINE_AD_PATTERNS_H_
#define SOBOLEV_TESTS_ENGINE_AD_PATTERNS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "engine/ad/sparsity.h"
#include "engine/base/rng.h"

namespace sobolev::ad {

// Each entry with that probability.
inline SparsityPattern RandomPattern(std::int32_t rows, std::int32_t columns, double density,
                                     Rng& rng) {
  std::vector<PatternEntry> entries;
  for (std::int32_t i = 0; i < rows; ++i) {
    for (std::int32_t j = 0; j < columns; ++j) {
      if (rng.Uniform() < density) entries.push_back({i, j});
    }
  }
  return SparsityPattern::FromEntries(rows, columns, std::move(entries));
}

// Symmetric; each pair off the diagonal with that probability, the diagonal with probability 0.8.
inline SparsityPattern RandomSymmetricPattern(std::int32_t n, double density, Rng& rng) {
  std::vector<PatternEntry> entries;
  for (std::int32_t i = 0; i < n; ++i) {
    if (rng.Uniform() < 0.8) entries.push_back({i, i});
    for (std::int32_t j = 0; j < i; ++j) {
      if (rng.Uniform() >= density) continue;
      entries.push_back({i, j});
      entries.push_back({j, i});
    }
  }
  return SparsityPattern::FromEntries(n, n, std::move(entries));
}

// |i − j| <= width.
inline SparsityPattern Band(std::int32_t n, std::int32_t width) {
  std::vector<PatternEntry> entries;
  for (std::int32_t i = 0; i < n; ++i) {
    for (std::int32_t j = std::max(0, i - width); j <= std::min(n - 1, i + width); ++j) {
      entries.push_back({i, j});
    }
  }
  return SparsityPattern::FromEntries(n, n, std::move(entries));
}

// First row, first column and diagonal.
inline SparsityPattern Arrow(std::int32_t n) {
  std::vector<PatternEntry> entries;
  for (std::int32_t i = 0; i < n; ++i) {
    entries.push_back({0, i});
    entries.push_back({i, 0});
    entries.push_back({i, i});
  }
  return SparsityPattern::FromEntries(n, n, std::move(entries));
}

using Colors = std::vector<std::int32_t>;

// No row has a colour twice.
inline bool IsColumnColoring(const SparsityPattern& pattern, const Colors& colors) {
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    std::set<std::int32_t> seen;
    for (const std::int32_t j : pattern.Row(i)) {
      if (colors[j] < 0 || !seen.insert(colors[j]).second) return false;
    }
  }
  return true;
}

// Calls visit(colors) for all vectors of that size over lowest, …, highest; ends when it is true.
template <class Visit>
bool AnyColors(std::size_t size, std::int32_t lowest, std::int32_t highest, const Visit& visit) {
  Colors colors(size, lowest);
  while (!visit(colors)) {
    std::size_t k = 0;
    while (k < size && colors[k] == highest) colors[k++] = lowest;
    if (k == size) return false;
    ++colors[k];
  }
  return true;
}

}  // namespace sobolev::ad

#endif  // SOBOLEV_TESTS_ENGINE_AD_PATTERNS_H_
