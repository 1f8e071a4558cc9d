#include "engine/sampling/error_estimate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stop_token>
#include <string>
#include <vector>

#include <oneapi/tbb/parallel_for.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/disagreement.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/failures.h"
#include "engine/sampling/taylor_model.h"

namespace sobolev::sampling {

namespace {

// Errors of values are scaled by the square of the ratio of distances, those of gradients by the
// ratio. Divided by these the estimates are true in the median: tests/bench/sampling_bench.cc.
constexpr double kValueExcess = 1.75;
constexpr double kGradientExcess = 1.3;
constexpr double kLikelyFailure = 0.5;
constexpr Index kMaxHeldOut = 4000;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

void RequireSamples(const Evidence& evidence, const std::vector<Index>& samples) {
  RequireEvidence(evidence);
  if (samples.empty()) {
    throw InvalidArgument("REQUIRED", "samples", "expected at least one held-out sample");
  }
  for (const Index s : samples) {
    if (s >= 0 && s < evidence.NumSamples()) continue;
    throw InvalidArgument("OUT_OF_RANGE", "samples", "there is no sample " + std::to_string(s));
  }
}

// The number of the column of X that is nearest to q.
Index Nearest(const Matrix& X, const Vector& q, double& distance) {
  Index nearest = 0;
  distance = std::sqrt((X.colwise() - q).colwise().squaredNorm().minCoeff(&nearest));
  return nearest;
}

}  // namespace

Index LeastSamplesToJudge(Index n) { return std::min<Index>(100, 20 + 10 * n); }

ErrorEstimate EstimateError(const Evidence& evidence, const std::vector<Index>& samples,
                            const TaylorPrediction& held_out, const ErrorOptions& options,
                            const std::stop_token& stop) {
  RequireSamples(evidence, samples);
  const auto count = static_cast<Index>(samples.size());
  const Index m = evidence.m();
  RequireSize("held_out values", held_out.Y.size(), m * count);
  RequireSize("held_out derivatives", held_out.J.size(), evidence.n() * m * count);
  HeldOutSquares squares{.value = Matrix(m, count),
                         .gradient = Matrix::Constant(m, count, kUnknown),
                         .distance = held_out.distance};
  for (Index k = 0; k < count; ++k) {
    const Index s = samples[static_cast<std::size_t>(k)];
    squares.value.col(k) = (held_out.Y.col(k) - evidence.Y.col(s)).cwiseAbs2();
    for (Index i = 0; i < m && evidence.HasDerivatives(); ++i) {
      squares.gradient(i, k) =
          (held_out.J.col(k * m + i) - evidence.J.col(s * m + i)).squaredNorm();
    }
  }
  return EstimateError(evidence, samples, squares, options, stop);
}

ErrorEstimate EstimateError(const Evidence& evidence, const std::vector<Index>& samples,
                            const HeldOutSquares& held_out, const ErrorOptions& options,
                            const std::stop_token& stop) {
  RequireSamples(evidence, samples);
  const Index m = held_out.value.rows();
  Matrix X(evidence.n(), static_cast<Index>(samples.size()));
  RequireSize("held_out values", held_out.value.cols(), X.cols());
  RequireSize("held_out derivatives", held_out.gradient.size(), held_out.value.size());
  const bool is_scaled = held_out.distance.size() > 0;
  if (is_scaled) RequireSize("held_out distances", held_out.distance.size(), X.cols());
  if (options.num_points < 1) {
    throw InvalidArgument("OUT_OF_RANGE", "num_points", "expected at least one point");
  }
  for (std::size_t k = 0; k < samples.size(); ++k) {
    X.col(static_cast<Index>(k)) = evidence.X.col(samples[k]);
  }
  const Matrix points =
      FreshPoints(evidence, options.feasible, 0, options.num_points, options.seed, stop);
  const Vector failure = FailureChances(evidence, points, stop);
  std::vector<Index> nearest(static_cast<std::size_t>(points.cols()));
  Vector distance(points.cols());
  oneapi::tbb::parallel_for(Index{0}, points.cols(), [&](Index q) {
    if (stop.stop_requested()) return;
    nearest[static_cast<std::size_t>(q)] = Nearest(X, points.col(q), distance(q));
  });
  ThrowIfStopped(stop);

  ErrorEstimate estimate{.value = Vector::Zero(m), .gradient = Vector::Zero(m)};
  Vector num_values = Vector::Zero(m);
  Vector num_gradients = Vector::Zero(m);
  const auto add = [](double square, double& sum, double& number) {
    if (std::isnan(square)) return;
    sum += square;
    number += 1;
  };
  for (Index q = 0; q < points.cols(); ++q) {
    if (failure(q) > kLikelyFailure) continue;
    const Index k = nearest[static_cast<std::size_t>(q)];
    double square = 1;  // Of the ratio of distances.
    if (is_scaled) {
      const double held_out_distance = held_out.distance(k);
      if (std::isnan(held_out_distance)) continue;
      if (distance(q) < held_out_distance) square = std::pow(distance(q) / held_out_distance, 2);
    }
    for (Index i = 0; i < m; ++i) {
      add(held_out.value(i, k) * square * square, estimate.value(i), num_values(i));
      add(held_out.gradient(i, k) * square, estimate.gradient(i), num_gradients(i));
    }
  }
  // 0/0 is the NaN of what is not known.
  estimate.value = (estimate.value.array() / num_values.array()).sqrt();
  estimate.gradient = (estimate.gradient.array() / num_gradients.array()).sqrt();
  if (is_scaled) {
    estimate.value /= kValueExcess;
    estimate.gradient /= kGradientExcess;
  }
  return estimate;
}

ErrorEstimate EstimateTaylorError(const Evidence& evidence, const ErrorOptions& options,
                                  const std::stop_token& stop) {
  const TaylorModel model(evidence);
  const int order = evidence.n() <= kMaxTaylorInputs ? TaylorModel::kMaxOrder : 2;
  std::vector<Index> samples(
      static_cast<std::size_t>(std::min(evidence.NumSamples(), kMaxHeldOut)));
  for (std::size_t k = 0; k < samples.size(); ++k) {
    samples[k] = static_cast<Index>(k) * evidence.NumSamples() / static_cast<Index>(samples.size());
  }
  const TaylorPrediction held_out = model.PredictHeldOut(samples, order, HeldOut::kItself, stop);
  return EstimateError(evidence, samples, held_out, options, stop);
}

}  // namespace sobolev::sampling
