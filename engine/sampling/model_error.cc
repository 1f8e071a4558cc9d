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
constexpr double kMostOfUsual = 1.5;
// Errors that are estimated from few samples may be so many times as large.
constexpr double kDoubt = 10;

// Models with such errors are the function, up to rounding.
constexpr double kExact = 1e-9;

// p of errors N^−p.
double RateOf(std::span<const JudgedRound> rounds, double RelativeErrors::*of, Index n) {
  std::vector<double> log_sizes;
  std::vector<double> log_errors;
  for (const JudgedRound& round : rounds.last(std::min(rounds.size(), kTellingRounds))) {
    const double error = round.held_out.*of;
    if (!(error > 0 && round.num_samples > 0)) continue;
    log_sizes.push_back(std::log(static_cast<double>(round.num_samples)));
    log_errors.push_back(std::log(error));
  }
  const auto count = static_cast<Index>(log_sizes.size());
  if (count == 0) return 0;
  const Eigen::Map<const Vector> sizes(log_sizes.data(), count);
  const Eigen::Map<const Vector> errors(log_errors.data(), count);
  const Vector centred = sizes.array() - sizes.mean();
  const double usual = kUsualRate / static_cast<double>(n);
  const double rate =
      (kUsualWeight * usual - centred.dot(errors)) / (kUsualWeight + centred.squaredNorm());
  return std::clamp(rate, 0.0, std::min(kMaxRate, kMostOfUsual * usual));
}

double ErrorOfLastModel(std::span<const JudgedRound> rounds, double RelativeErrors::*of, Index n,
                        double noise) {
  const double error = rounds.back().held_out.*of;
  if (!(error > noise)) return error;
  const double above_noise = std::sqrt((error - noise) * (error + noise));
  return std::hypot(noise, above_noise * std::pow(kJudgedShare, RateOf(rounds, of, n)));
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
  // The gradients themselves come second.
  HeldOutSquares squares{.value = Matrix::Constant(2, count, kUnknown),
                         .gradient = Matrix::Constant(2, count, kUnknown),
                         .distance = {}};
  for (Index k = 0; k < count; ++k) {
    const Index s = samples[static_cast<std::size_t>(k)];
    const HeldOutSample& sample = *inside[static_cast<std::size_t>(k)];
    const auto num_values = static_cast<double>(m - evidence.Y.col(s).array().isNaN().count());
    if (num_values > 0) squares.value(0, k) = sample.value / num_values;
    if (std::isnan(sample.labels)) continue;
    squares.gradient(0, k) = sample.jacobian;
    squares.gradient(1, k) = sample.labels;
  }
  const ErrorEstimate estimate = EstimateError(evidence, samples, squares, options, stop);
  // Of a function without slopes there is nothing to be relative to.
  const double slope = estimate.gradient(1) > 0 ? estimate.gradient(1) : 1;
  return {.value = estimate.value(0), .gradient = estimate.gradient(0) / slope};
}

RelativeErrors ErrorsOfLastModel(std::span<const JudgedRound> rounds, Index n, double value_noise) {
  return {.value = ErrorOfLastModel(rounds, &RelativeErrors::value, n, value_noise),
          .gradient = ErrorOfLastModel(rounds, &RelativeErrors::gradient, n, 0)};
}

double BelievedError(double error, double before, bool few_samples) {
  if (!few_samples) return error;
  if (error <= kExact) return kDoubt * error;
  return std::isnan(before) ? before : kDoubt * std::max(error, before);
}

}  // namespace sobolev::sampling
