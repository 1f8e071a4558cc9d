#include "engine/sampling/candidates.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/sobol.h"

namespace sobolev::sampling {

namespace {

constexpr Index kBlock = 256;

// The points that need no evaluation any more.
class KnownPoints {
 public:
  explicit KnownPoints(const Evidence& evidence) {
    Insert(evidence.X);
    Insert(evidence.pending);
    Insert(evidence.failed);
  }

  bool Contain(const Vector& x) const {
    return points_.contains(Coordinates(x.data(), x.data() + x.size()));
  }

 private:
  using Coordinates = std::vector<double>;

  void Insert(const Matrix& points) {
    for (Index s = 0; s < points.cols(); ++s) {
      const double* x = points.col(s).data();
      points_.emplace(x, x + points.rows());
    }
  }

  std::set<Coordinates> points_;
};

}  // namespace

Matrix FreshPoints(const Evidence& evidence, const Feasible& feasible, Index first, Index count,
                   std::uint64_t seed, const std::stop_token& stop) {
  const KnownPoints known(evidence);
  const Index effort = std::max(kLeastEffort, kEffort * count);
  const SobolSequence sequence(evidence.n(), seed);
  Matrix fresh(evidence.n(), count);
  Index found = 0;
  for (Index tried = 0; tried < effort && found < count; tried += kBlock) {
    ThrowIfStopped(stop);
    const Matrix points = sequence.Points(first + tried, kBlock);
    for (Index s = 0; s < kBlock && found < count; ++s) {
      const Vector x = points.col(s);
      if ((!feasible || feasible(x)) && !known.Contain(x)) fresh.col(found++) = x;
    }
  }
  if (found == 0) {
    throw FailedPrecondition("NO_FEASIBLE_POINT", "constraints",
                             "none of " + std::to_string(effort) +
                                 " points of the domain meets the constraints; widen the bounds or "
                                 "drop a constraint");
  }
  fresh.conservativeResize(Eigen::NoChange, found);
  return fresh;
}

Matrix FreshColumns(const Evidence& evidence, const Feasible& feasible, const Matrix& X) {
  const KnownPoints known(evidence);
  Matrix fresh(X.rows(), X.cols());
  Index found = 0;
  for (Index s = 0; s < X.cols(); ++s) {
    const Vector x = X.col(s);
    if ((!feasible || feasible(x)) && !known.Contain(x)) fresh.col(found++) = x;
  }
  fresh.conservativeResize(Eigen::NoChange, found);
  return fresh;
}

Candidates MakeCandidates(const Evidence& evidence, Matrix X, const std::stop_token& stop) {
  Candidates candidates{.X = std::move(X)};
  candidates.distance = NearestDistances(candidates.X, evidence.X, stop)
                            .cwiseMin(NearestDistances(candidates.X, evidence.failed, stop));
  return candidates;
}

Vector NearestDistances(const Matrix& X, const Matrix& others, const std::stop_token& stop) {
  Vector distances = Vector::Constant(X.cols(), std::numeric_limits<double>::infinity());
  if (others.size() == 0) return distances;
  oneapi::tbb::parallel_for(
      oneapi::tbb::blocked_range<Index>(0, X.cols(), kBlock),
      [&](const oneapi::tbb::blocked_range<Index>& points) {
        for (Index q = points.begin(); q < points.end(); ++q) {
          if (stop.stop_requested()) return;
          distances(q) =
              std::sqrt((others.colwise() - X.col(q)).colwise().squaredNorm().minCoeff());
        }
      });
  ThrowIfStopped(stop);
  return distances;
}

}  // namespace sobolev::sampling
