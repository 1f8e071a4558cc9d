#include "engine/sampling/model_error.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/sampling/error_estimate.h"
#include "engine/sampling/evidence.h"
#include "engine/train/selection.h"

namespace sobolev::sampling {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// From sample s to the nearest of another fold. NaN: there is none.
double DistanceToSeen(const Matrix& X, const std::vector<Index>& fold_of, Index s) {
  double least = std::numeric_limits<double>::infinity();
  for (Index other = 0; other < X.cols(); ++other) {
    if (fold_of[static_cast<std::size_t>(other)] == fold_of[static_cast<std::size_t>(s)]) continue;
    least = std::min(least, (X.col(other) - X.col(s)).squaredNorm());
  }
  return std::isinf(least) ? kUnknown : std::sqrt(least);
}

}  // namespace

ErrorDecay ModelDecay(bool is_noisy) {
  // In between global models, whose errors hardly depend on it, and local ones:
  // tests/bench/rounds_bench.cc.
  const double power = is_noisy ? 0 : 0.5;
  return {.value_power = power,
          .value_excess = 1,
          .gradient_power = power,
          .gradient_excess = 1};
}

RelativeErrors JudgeByHeldOut(const std::vector<train::HeldOutSample>& held_out,
                              const Evidence& evidence, const std::vector<Index>& columns,
                              const ErrorOptions& options, const std::stop_token& stop) {
  // Samples that were never held out are of a fold of their own.
  std::vector<Index> fold_of(static_cast<std::size_t>(evidence.NumSamples()), -1);
  std::vector<Index> samples;
  std::vector<const train::HeldOutSample*> inside;
  for (const train::HeldOutSample& sample : held_out) {
    const Index column = columns[static_cast<std::size_t>(sample.number)];
    if (column < 0) continue;
    fold_of[static_cast<std::size_t>(column)] = sample.fold;
    samples.push_back(column);
    inside.push_back(&sample);
  }
  if (samples.empty()) return {};
  const auto count = static_cast<Index>(samples.size());
  const Index m = evidence.m();
  HeldOutSquares squares{.value = Matrix(1, count),
                         .gradient = Matrix::Constant(1, count, kUnknown),
                         .distance = Vector(count)};
  double labels = 0;
  double num_labels = 0;
  for (Index k = 0; k < count; ++k) {
    if (k % 64 == 0) ThrowIfStopped(stop);
    const Index s = samples[static_cast<std::size_t>(k)];
    const train::HeldOutSample& sample = *inside[static_cast<std::size_t>(k)];
    const auto num_values = static_cast<double>(m - evidence.Y.col(s).array().isNaN().count());
    squares.value(k) = num_values > 0 ? sample.value / num_values : kUnknown;
    squares.distance(k) = DistanceToSeen(evidence.X, fold_of, s);
    if (std::isnan(sample.labels)) continue;
    squares.gradient(k) = sample.jacobian;
    labels += sample.labels;
    num_labels += 1;
  }
  const ErrorEstimate estimate = EstimateError(evidence, samples, squares, options, stop);
  // Of a function without slopes there is nothing to be relative to.
  const double slope = labels > 0 ? std::sqrt(labels / num_labels) : 1;
  return {.value = estimate.value(0), .gradient = estimate.gradient(0) / slope};
}

}  // namespace sobolev::sampling
