#include "engine/sampling/noise.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/sampling/evidence.h"

namespace sobolev::sampling {

namespace {

constexpr Index kMostAnchors = 500;
constexpr Index kNeighbours = 2;
// Repetitions beyond the first of a point, and pairs of neighbours, below which nothing is said.
constexpr double kLeastRepetitions = 3;
constexpr std::size_t kLeastPairs = 12;
// Judged are the pairs whose bound is among the lowest of these,
constexpr double kShareOfPairs = 0.25;
// and noise is what breaks the bound of so many of them.
constexpr double kShareOfNoise = 0.6;
// Of the spread of an output: smaller differences are those of numerics.
constexpr double kLeastNoise = 1e-6;
// Of the spread of an output: more is a function that the samples do not resolve.
constexpr double kMostNoise = 0.5;
// The median size of a standard normal number.
constexpr double kMedianSize = 0.6745;

// Of values at the same point; none if too few points are repeated.
std::optional<double> NoiseOfRepetitions(const Evidence& evidence, Index i) {
  struct Group {
    double count = 0;
    double mean = 0;
    double squares = 0;  // Welford 1962.
  };
  std::map<std::vector<double>, Group> groups;
  for (Index s = 0; s < evidence.NumSamples(); ++s) {
    const double y = evidence.Y(i, s);
    if (std::isnan(y)) continue;
    Group& group = groups[{evidence.X.col(s).begin(), evidence.X.col(s).end()}];
    group.count += 1;
    const double before = y - group.mean;
    group.mean += before / group.count;
    group.squares += before * (y - group.mean);
  }
  double squares = 0;
  double freedom = 0;
  for (const auto& [point, group] : groups) {
    squares += group.squares;
    freedom += group.count - 1;
  }
  if (freedom < kLeastRepetitions) return std::nullopt;
  return std::sqrt(squares / freedom);
}

// Neighbours a and b, at different points.
std::vector<std::pair<Index, Index>> NeighbourPairs(const Matrix& X, const std::stop_token& stop) {
  const Index num_anchors = std::min(X.cols(), kMostAnchors);
  std::vector<std::pair<Index, Index>> pairs;
  pairs.reserve(static_cast<std::size_t>(num_anchors * kNeighbours));
  for (Index k = 0; k < num_anchors; ++k) {
    ThrowIfStopped(stop);
    const Index a = k * X.cols() / num_anchors;
    Vector distance = (X.colwise() - X.col(a)).colwise().squaredNorm();
    for (double& square : distance) square = square > 0 ? square : HUGE_VAL;
    for (Index next = 0; next < std::min(kNeighbours, X.cols() - 1); ++next) {
      Index b = 0;
      if (std::isinf(distance.minCoeff(&b))) break;
      pairs.emplace_back(a, b);
      distance[b] = HUGE_VAL;
    }
  }
  return pairs;
}

struct Miss {
  double bound;
  double error;
};

double NoiseOfNeighbours(const Evidence& evidence, Index i, double spread,
                         const std::vector<std::pair<Index, Index>>& pairs) {
  std::vector<Miss> misses;
  misses.reserve(pairs.size());
  for (const auto& [a, b] : pairs) {
    const Vector step = evidence.X.col(b) - evidence.X.col(a);
    const auto at_a = evidence.J.col(a * evidence.m() + i);
    const auto at_b = evidence.J.col(b * evidence.m() + i);
    const double change = evidence.Y(i, b) - evidence.Y(i, a);
    const Miss miss{.bound = (at_b - at_a).norm() * step.norm() / 2,
                    .error = std::abs(change - (at_a + at_b).dot(step) / 2)};
    if (!std::isnan(miss.bound + miss.error)) misses.push_back(miss);
  }
  if (misses.size() < kLeastPairs) return 0;
  std::ranges::sort(misses, {}, &Miss::bound);
  misses.resize(std::max(
      kLeastPairs, static_cast<std::size_t>(kShareOfPairs * static_cast<double>(misses.size()))));
  const double least = kLeastNoise * spread;
  const auto broken = std::ranges::count_if(
      misses, [&](const Miss& miss) { return miss.error > miss.bound + least; });
  if (static_cast<double>(broken) < kShareOfNoise * static_cast<double>(misses.size())) return 0;
  // The difference of two values has √2 times their noise.
  const auto middle = misses.begin() + std::ssize(misses) / 2;
  std::ranges::nth_element(misses, middle, {}, &Miss::error);
  return middle->error / kMedianSize / std::sqrt(2);
}

}  // namespace

Vector EstimateNoise(const Evidence& evidence, const std::stop_token& stop) {
  Vector noise = Vector::Zero(evidence.m());
  if (evidence.NumSamples() == 0) return noise;
  const Vector spread = OutputScales(evidence);
  std::vector<std::pair<Index, Index>> pairs;
  if (evidence.HasDerivatives()) pairs = NeighbourPairs(evidence.X, stop);
  for (Index i = 0; i < evidence.m(); ++i) {
    ThrowIfStopped(stop);
    const std::optional<double> repeated = NoiseOfRepetitions(evidence, i);
    noise(i) = repeated ? *repeated : NoiseOfNeighbours(evidence, i, spread(i), pairs);
    const double share = noise(i) / spread(i);
    if (share < kLeastNoise || (!repeated && share > kMostNoise)) noise(i) = 0;
  }
  return noise;
}

}  // namespace sobolev::sampling
