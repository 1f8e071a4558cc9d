#include "client/cli/design.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;

// The standard fixes the generator's bits but not those of its distributions, so these are our own.
class UniformStream {
 public:
  explicit UniformStream(std::uint64_t seed) : generator_(seed) {}
  // In [0, 1), with 53 random bits.
  double Uniform() { return static_cast<double>(generator_() >> 11) * 0x1p-53; }
  // In 0 .. bound − 1. The bias is below bound / 2^53.
  Index Below(Index bound) { return static_cast<Index>(Uniform() * static_cast<double>(bound)); }

 private:
  std::mt19937_64 generator_;
};

// In [0, 1), as all of these.
Matrix Random(Index n, Index count, std::uint64_t seed) {
  UniformStream stream(seed);
  Matrix U(n, count);
  for (double& u : U.reshaped()) u = stream.Uniform();
  return U;
}

Matrix LatinHypercube(Index n, Index count, std::uint64_t seed) {
  UniformStream stream(seed);
  Matrix U(n, count);
  std::vector<Index> slices(static_cast<std::size_t>(count));
  for (Index j = 0; j < n; ++j) {
    for (Index s = 0; s < count; ++s) slices[static_cast<std::size_t>(s)] = s;
    for (Index s = count - 1; s > 0; --s) {  // Fisher and Yates.
      std::swap(slices[static_cast<std::size_t>(s)],
                slices[static_cast<std::size_t>(stream.Below(s + 1))]);
    }
    for (Index s = 0; s < count; ++s) {
      const auto slice = static_cast<double>(slices[static_cast<std::size_t>(s)]);
      U(j, s) = (slice + stream.Uniform()) / static_cast<double>(count);
    }
  }
  return U;
}

// In [0, 1].
Matrix Grid(Index n, Index count) {
  const auto side = std::lround(std::pow(static_cast<double>(count), 1 / static_cast<double>(n)));
  double points = 1;
  for (Index j = 0; j < n; ++j) points *= static_cast<double>(side);
  if (side < 2 || points != static_cast<double>(count)) {
    throw UsageError("--count: expected k^" + std::to_string(n) +
                     " points with k at least 2 for a grid of " + std::to_string(n) +
                     " inputs, got " + std::to_string(count));
  }
  Matrix U(n, count);
  for (Index s = 0; s < count; ++s) {
    Index rest = s;
    for (Index j = n; j-- > 0; rest /= side) {
      U(j, s) = static_cast<double>(rest % side) / static_cast<double>(side - 1);
    }
  }
  return U;
}

}  // namespace

const std::map<std::string, Design>& Designs() {
  static const std::map<std::string, Design> kDesigns = {
      {"lhs", Design::kLatinHypercube}, {"random", Design::kRandom}, {"grid", Design::kGrid}};
  return kDesigns;
}

std::string_view Name(Design design) {
  return std::ranges::find(Designs(), design, [](const auto& entry) { return entry.second; })
      ->first;
}

Matrix MakeDesign(Design design, const Box& box, Index count, std::uint64_t seed) {
  const Index n = box.low.size();
  Matrix X = design == Design::kGrid             ? Grid(n, count)
             : design == Design::kLatinHypercube ? LatinHypercube(n, count, seed)
                                                 : Random(n, count, seed);
  for (Index s = 0; s < count; ++s) {
    // Both ends are met exactly, and rounding leads nowhere outside.
    X.col(s) = ((1 - X.col(s).array()) * box.low.array() + X.col(s).array() * box.high.array())
                   .max(box.low.array())
                   .min(box.high.array());
  }
  return X;
}

}  // namespace sobolev::cli
