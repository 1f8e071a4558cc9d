#include "engine/sampling/model_error.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/error_estimate.h"
#include "engine/sampling/evidence.h"
#include "engine/surrogate/held_out_sample.h"

namespace sobolev::sampling {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// All constants below are from rounds_bench.
// Folds are fitted to 3/4 of the samples; errors are believed to be those of this share.
constexpr double kJudgedShare = 0.85;
// Rounds that tell the rate at which errors fall.
constexpr std::size_t kTellingRounds = 4;
// The rate of n inputs is about this, divided by n, until rounds tell, with the weight of rounds
// whose logarithms of numbers of samples have this sum of squares about their mean.
constexpr double kUsualRate = 10;
constexpr double kUsualWeight = 0.2;
constexpr double kMaxRate = 4;

// p of errors N^−p.
double RateOf(std::span<const JudgedRound> rounds, Index n) {
  std::vector<double> log_sizes;
  std::vector<double> log_errors;
  for (const JudgedRound& round : rounds.last(std::min(rounds.size(), kTellingRounds))) {
    if (!(round.held_out > 0 && round.num_samples > 0)) continue;
    log_sizes.push_back(std::log(static_cast<double>(round.num_samples)));
    log_errors.push_back(std::log(round.held_out));
  }
  const auto count = static_cast<Index>(log_sizes.size());
  if (count == 0) return 0;
  const Eigen::Map<const Vector> sizes(log_sizes.data(), count);
  const Eigen::Map<const Vector> errors(log_errors.data(), count);
  const Vector centred = sizes.array() - sizes.mean();
  const double usual = kUsualRate / static_cast<double>(n);
  const double rate =
      (kUsualWeight * usual - centred.dot(errors)) / (kUsualWeight + centred.squaredNorm());
  return std::clamp(rate, 0.0, kMaxRate);
}

}  // namespace

RelativeErrors JudgeByHeldOut(const std::vector<HeldOutSample>& held_out, const Evidence& evidence,
                              const std::vector<Index>& columns, const ErrorOptions& options,
                              const std::stop_token& stop) {
  std::vector<Index> samples;
  std::vector<const HeldOutSample*> inside;
  for (const HeldOutSample& sample : held_out) {
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
    const HeldOutSample& sample = *inside[static_cast<std::size_t>(k)];
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

double ErrorOfLastModel(std::span<const JudgedRound> rounds, Index n, double noise) {
  const double held_out = rounds.back().held_out;
  if (!(held_out > noise)) return held_out;
  const double above_noise = std::sqrt((held_out - noise) * (held_out + noise));
  return std::hypot(noise, above_noise * std::pow(kJudgedShare, RateOf(rounds, n)));
}

}  // namespace sobolev::sampling
