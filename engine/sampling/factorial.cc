// A set of factors whose columns sum to 0 over GF(2) is a word of the defining relation: their
// product is the same in all runs, and each is mixed up with the product of the others. A fraction
// of resolution R has no word of fewer than R factors. So a further column may be any that is no
// sum of up to R − 2 of those before: taking the smallest each time gives a lexicode (Conway and
// Sloane 1986), which for R = 3 and 4 is the best there is and for R = 5 has the lengths of the
// published tables up to 23 factors.

#include "engine/sampling/factorial.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"

namespace sobolev::sampling {

namespace {

constexpr Index kMaxCombinations = Index{1} << 62;
constexpr Index kMaxLetters = 26;
constexpr Index kMaxBaseFactors = 24;
constexpr Index kMaxSearchedBaseFactors = 16;

std::size_t At(Index i) { return static_cast<std::size_t>(i); }

Error BadGenerator(std::size_t i, const std::string& generator, const std::string& what) {
  return InvalidArgument("INVALID_GENERATOR", "generators[" + std::to_string(i) + "]",
                         "\"" + generator + "\": " + what);
}

// The number of a factor, or −1.
Index FactorOf(char letter, Index d) {
  const Index factor = letter - 'A';
  return factor >= 0 && factor < d ? factor : -1;
}

// Columns for k base factors: as many as there are up to d.
std::vector<std::uint64_t> Columns(Index k, Index d, int resolution) {
  std::vector<std::uint64_t> columns;
  const std::uint64_t end = std::uint64_t{1} << k;
  // Sums of up to `size` columns.
  std::vector<std::vector<bool>> sums(static_cast<std::size_t>(resolution - 1),
                                      std::vector<bool>(end));
  for (std::vector<bool>& of_size : sums) of_size[0] = true;
  const auto add = [&](std::uint64_t column) {
    columns.push_back(column);
    for (std::size_t size = sums.size() - 1; size > 0; --size) {
      for (std::uint64_t sum = 0; sum < end; ++sum) {
        if (sums[size - 1][sum ^ column]) sums[size][sum] = true;
      }
    }
  };
  for (Index j = 0; j < k; ++j) add(std::uint64_t{1} << j);
  for (std::uint64_t column = 1; column < end && static_cast<Index>(columns.size()) < d; ++column) {
    if (!sums.back()[column]) add(column);
  }
  return columns;
}

}  // namespace

Index NumCombinations(const std::vector<Index>& levels) {
  Index count = 1;
  for (const Index level : levels) {
    count = count > kMaxCombinations / level ? kMaxCombinations : count * level;
  }
  return count;
}

Matrix Combinations(const std::vector<Index>& levels, Index first, Index count) {
  Matrix result(static_cast<Index>(levels.size()), count);
  for (Index s = 0; s < count; ++s) {
    Index rest = first + s;
    for (Index j = result.rows(); j-- > 0;) {
      result(j, s) = static_cast<double>(rest % levels[At(j)]);
      rest /= levels[At(j)];
    }
  }
  return result;
}

Matrix TwoLevelFraction::Runs(Index first, Index count) const {
  Matrix runs(static_cast<Index>(columns.size()), count);
  for (Index s = 0; s < count; ++s) {
    const auto run = static_cast<std::uint64_t>(first + s);
    for (Index j = 0; j < runs.rows(); ++j) {
      const bool is_odd = std::popcount(columns[At(j)] & run) % 2 == 1;
      runs(j, s) = is_odd != is_reversed[At(j)] ? 1 : 0;
    }
  }
  return runs;
}

TwoLevelFraction FractionOf(Index d, const std::vector<std::string>& generators) {
  if (d > kMaxLetters) {
    throw InvalidArgument("INVALID_GENERATOR", "generators",
                          "name the factors A to Z, and there are " + std::to_string(d) +
                              "; give a resolution instead");
  }
  std::vector<bool> is_generated(At(d));
  for (std::size_t i = 0; i < generators.size(); ++i) {
    const std::string& generator = generators[i];
    const Index factor = generator.empty() ? -1 : FactorOf(generator[0], d);
    if (factor < 0 || generator.size() < 3 || generator[1] != '=') {
      throw BadGenerator(i, generator,
                         "expected a factor, =, and others, as in D=ABC or D=-ABC, of A to " +
                             std::string(1, static_cast<char>('A' + d - 1)));
    }
    if (is_generated[At(factor)]) throw BadGenerator(i, generator, "has a second generator");
    is_generated[At(factor)] = true;
  }
  TwoLevelFraction fraction{.columns = std::vector<std::uint64_t>(At(d)),
                            .is_reversed = std::vector<bool>(At(d))};
  for (Index j = 0; j < d; ++j) {
    if (!is_generated[At(j)]) fraction.columns[At(j)] = std::uint64_t{1} << fraction.k++;
  }
  for (std::size_t i = 0; i < generators.size(); ++i) {
    const std::string& generator = generators[i];
    const Index factor = FactorOf(generator[0], d);
    const bool is_negative = generator[2] == '-';
    std::uint64_t column = 0;
    std::size_t length = 0;
    for (const char letter : generator.substr(is_negative ? 3 : 2)) {
      const Index base = FactorOf(letter, d);
      if (base < 0 || is_generated[At(base)]) {
        throw BadGenerator(i, generator,
                           std::string("expected factors without a generator of their own behind "
                                       "the =, got ") +
                               letter);
      }
      if ((column & fraction.columns[At(base)]) != 0) {
        throw BadGenerator(i, generator, "expected each factor at most once behind the =");
      }
      column |= fraction.columns[At(base)];
      ++length;
    }
    if (column == 0) throw BadGenerator(i, generator, "expected factors behind the =");
    // With levels −1 and 1, a product of an even number of factors is 1 where all are at the lower.
    fraction.columns[At(factor)] = column;
    fraction.is_reversed[At(factor)] = is_negative != (length % 2 == 0);
  }
  if (fraction.k > kMaxBaseFactors) {
    throw InvalidArgument("INVALID_GENERATOR", "generators",
                          "leave " + std::to_string(fraction.k) +
                              " base factors, which is more than 2^24 runs; give more generators");
  }
  return fraction;
}

TwoLevelFraction FractionOfResolution(Index d, int resolution) {
  if (resolution < 3 || resolution > 5) {
    throw InvalidArgument("INVALID_RESOLUTION", "resolution",
                          "expected 3, 4 or 5, got " + std::to_string(resolution));
  }
  for (Index k = 1; k <= kMaxSearchedBaseFactors; ++k) {
    std::vector<std::uint64_t> columns = Columns(k, d, resolution);
    if (static_cast<Index>(columns.size()) < d) continue;
    columns.resize(At(d));
    TwoLevelFraction fraction{.k = k, .columns = std::move(columns)};
    for (const std::uint64_t column : fraction.columns) {
      fraction.is_reversed.push_back(std::popcount(column) % 2 == 0);
    }
    return fraction;
  }
  throw InvalidArgument("INVALID_RESOLUTION", "resolution",
                        std::to_string(resolution) + " takes more than 2^16 runs for " +
                            std::to_string(d) + " factors; take a lower one");
}

}  // namespace sobolev::sampling
