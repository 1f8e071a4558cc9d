#include "engine/sampling/lola_voronoi.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stop_token>
#include <utility>
#include <vector>

#include <oneapi/tbb/parallel_for.h>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/evidence.h"

namespace sobolev::sampling {

namespace {

// How far values at the neighbours of a sample are from its tangent.
double Nonlinearity(const Evidence& evidence, Index sample, const Vector& weights) {
  const Index n = evidence.n();
  const Index m = evidence.m();
  std::vector<std::pair<double, Index>> near;
  near.reserve(static_cast<std::size_t>(evidence.NumSamples()));
  for (Index s = 0; s < evidence.NumSamples(); ++s) {
    if (s == sample) continue;
    near.emplace_back((evidence.X.col(s) - evidence.X.col(sample)).squaredNorm(), s);
  }
  const std::size_t count = std::min(near.size(), static_cast<std::size_t>(2 * n));
  std::partial_sort(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(count), near.end());
  double sum = 0;
  for (std::size_t k = 0; k < count; ++k) {
    const Vector step = evidence.X.col(near[k].second) - evidence.X.col(sample);
    for (Index i = 0; i < m; ++i) {
      const double tangent = evidence.Y(i, sample) + evidence.J.col(sample * m + i).dot(step);
      const double miss = evidence.Y(i, near[k].second) - tangent;
      if (!std::isnan(miss)) sum += weights(i) * std::abs(miss);
    }
  }
  return sum;
}

}  // namespace

Vector LolaVoronoiScores(const Evidence& evidence, const Candidates& candidates,
                         const Vector& weights, const std::stop_token& stop) {
  const Index num_samples = evidence.NumSamples();
  const Index num_candidates = candidates.X.cols();
  Vector nonlinearity = Vector::Zero(num_samples);
  if (evidence.HasDerivatives()) {
    oneapi::tbb::parallel_for(Index{0}, num_samples, [&](Index s) {
      if (!stop.stop_requested()) nonlinearity(s) = Nonlinearity(evidence, s, weights);
    });
  }
  std::vector<Index> cell(static_cast<std::size_t>(num_candidates));
  oneapi::tbb::parallel_for(Index{0}, num_candidates, [&](Index q) {
    if (stop.stop_requested()) return;
    (evidence.X.colwise() - candidates.X.col(q))
        .colwise()
        .squaredNorm()
        .minCoeff(&cell[static_cast<std::size_t>(q)]);
  });
  ThrowIfStopped(stop);

  Vector volume = Vector::Zero(num_samples);
  Vector reach = Vector::Zero(num_samples);  // Of the farthest candidate in the cell.
  for (Index q = 0; q < num_candidates; ++q) {
    const Index s = cell[static_cast<std::size_t>(q)];
    volume(s) += 1 / static_cast<double>(num_candidates);
    reach(s) = std::max(reach(s), candidates.distance(q));
  }
  const double total = nonlinearity.sum();
  Vector scores(num_candidates);
  for (Index q = 0; q < num_candidates; ++q) {
    const Index s = cell[static_cast<std::size_t>(q)];
    const double share = total > 0 ? nonlinearity(s) / total : 0;
    const double place = reach(s) > 0 ? candidates.distance(q) / reach(s) : 0;
    scores(q) = 0.5 * (volume(s) + share) * place;
  }
  return scores;
}

}  // namespace sobolev::sampling
