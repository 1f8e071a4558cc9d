#include "engine/sampling/model_error.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/error_estimate.h"
#include "engine/sampling/evidence.h"
#include "engine/train/selection.h"

namespace sobolev::sampling {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

RelativeErrors JudgeByHeldOut(const std::vector<train::HeldOutSample>& held_out,
                              const Evidence& evidence, const std::vector<Index>& columns,
                              const ErrorOptions& options, const std::stop_token& stop) {
  std::vector<Index> samples;
  std::vector<const train::HeldOutSample*> inside;
  for (const train::HeldOutSample& sample : held_out) {
    const Index column = columns[static_cast<std::size_t>(sample.number)];
    if (column < 0) continue;
    samples.push_back(column);
    inside.push_back(&sample);
  }
  if (samples.empty()) return {};
  const auto count = static_cast<Index>(samples.size());
  const Index m = evidence.m();
  HeldOutSquares squares{
      .value = Matrix(1, count), .gradient = Matrix::Constant(1, count, kUnknown), .distance = {}};
  double labels = 0;
  double num_labels = 0;
  for (Index k = 0; k < count; ++k) {
    const Index s = samples[static_cast<std::size_t>(k)];
    const train::HeldOutSample& sample = *inside[static_cast<std::size_t>(k)];
    const auto num_values = static_cast<double>(m - evidence.Y.col(s).array().isNaN().count());
    squares.value(k) = num_values > 0 ? sample.value / num_values : kUnknown;
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
