#include "engine/sampling/failures.h"

#include <algorithm>
#include <cstddef>
#include <stop_token>
#include <utility>
#include <vector>

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/sampling/evidence.h"

namespace sobolev::sampling {

namespace {

constexpr Index kBlock = 64;

}  // namespace

Vector FailureChances(const Evidence& evidence, const Matrix& X, const std::stop_token& stop) {
  Vector chances = Vector::Zero(X.cols());
  const Index num_failed = evidence.failed.cols();
  if (num_failed == 0) return chances;
  const Index num_known = evidence.NumSamples();
  const std::size_t num_neighbours =
      static_cast<std::size_t>(std::min(num_known + num_failed, 2 * evidence.n() + 1));
  oneapi::tbb::parallel_for(
      oneapi::tbb::blocked_range<Index>(0, X.cols(), kBlock),
      [&](const oneapi::tbb::blocked_range<Index>& points) {
        std::vector<std::pair<double, Index>> near(
            static_cast<std::size_t>(num_known + num_failed));
        for (Index q = points.begin(); q < points.end(); ++q) {
          if (stop.stop_requested()) return;
          for (Index s = 0; s < num_known + num_failed; ++s) {
            const auto point =
                s < num_known ? evidence.X.col(s) : evidence.failed.col(s - num_known);
            near[static_cast<std::size_t>(s)] = {(X.col(q) - point).squaredNorm(), s};
          }
          const auto last = near.begin() + static_cast<std::ptrdiff_t>(num_neighbours);
          std::partial_sort(near.begin(), last, near.end());
          double total = 0;
          double failed = 0;
          for (auto neighbour = near.begin(); neighbour != last; ++neighbour) {
            const double weight = 1 / (neighbour->first + 1e-12);
            total += weight;
            if (neighbour->second >= num_known) failed += weight;
          }
          chances(q) = failed / total;
        }
      });
  ThrowIfStopped(stop);
  return chances;
}

}  // namespace sobolev::sampling
