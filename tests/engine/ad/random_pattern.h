// Random sparsity patterns for the tests of sparsity, colouring and compression.

#ifndef SOBOLEV_TESTS_ENGINE_AD_RANDOM_PATTERN_H_
#define SOBOLEV_TESTS_ENGINE_AD_RANDOM_PATTERN_H_

#include <cstdint>
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

}  // namespace sobolev::ad

#endif  // SOBOLEV_TESTS_ENGINE_AD_RANDOM_PATTERN_H_
