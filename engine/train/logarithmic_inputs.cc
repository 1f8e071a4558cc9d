#include "engine/train/logarithmic_inputs.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stop_token>
#include <vector>

#include <Eigen/QR>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/train/samples.h"

namespace sobolev::train {

namespace {

// Samples that are looked at, evenly spread over their numbers.
constexpr Index kMostSamples = 1000;
// An input keeps off zero by more than so many spacings of its smallest values, or if the lowest
// tenth of them takes less than this share of the range of their logarithms.
constexpr double kSpacings = 2;
constexpr double kEvenShare = 0.2;
// Squares of errors must fall by this factor for the logarithm of an input that does not, with so
// many samples per unknown; of more such inputs nothing is tried.
constexpr double kGain = 0.8;
constexpr Index kSamplesPerUnknown = 3;
constexpr std::size_t kMostNearZero = 64;

// Samples column by column, those with a value of every output in question.
struct Table {
  Matrix X;      // N×n
  Matrix log_Y;  // N×(number of the outputs in question)
};

Table TableOf(const SampleSet& samples, const std::vector<bool>& outputs,
              const std::stop_token& stop) {
  const Index num_samples = samples.NumSamples();
  const Index most = std::min(num_samples, kMostSamples);
  Table table{.X = Matrix(most, samples.n),
              .log_Y = Matrix(most, std::ranges::count(outputs, true))};
  Index rows = 0;
  Index next = 0;  // Of those to look at.
  ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
    if (next == most || number < next * num_samples / most) return;
    ++next;
    if (sample.y == nullptr) return;
    Index column = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i]) table.log_Y(rows, column++) = std::log(sample.y[i]);
    }
    table.X.row(rows) = Eigen::Map<const Eigen::RowVectorXd>(sample.x, samples.n);
    if (table.log_Y.row(rows).allFinite()) ++rows;
  });
  table.X.conservativeResize(rows, Eigen::NoChange);
  table.log_Y.conservativeResize(rows, Eigen::NoChange);
  return table;
}

bool KeepsOffZero(const Vector& input) {
  std::vector<double> x(input.begin(), input.end());
  std::ranges::sort(x);
  x.erase(std::unique(x.begin(), x.end()), x.end());
  if (x.size() == 1) return true;
  const std::size_t count = std::max<std::size_t>(1, x.size() / 10);
  const double spacing = (x[count] - x.front()) / static_cast<double>(count);
  return x.front() > kSpacings * spacing ||
         std::log(x[count] / x.front()) < kEvenShare * std::log(x.back() / x.front());
}

// What the best linear function of the features leaves of the targets.
double SquaresLeft(const Matrix& features, const Matrix& targets) {
  return (targets - features * features.colPivHouseholderQr().solve(targets)).squaredNorm();
}

Matrix Standardised(const Matrix& columns) {
  const Matrix centred = columns.rowwise() - columns.colwise().mean();
  return centred.array().rowwise() / centred.colwise().norm().array().max(1e-300);
}

}  // namespace

std::vector<bool> LogarithmicInputs(const SampleSet& samples, const std::vector<bool>& outputs,
                                    const std::stop_token& stop) {
  std::vector<bool> logarithmic(static_cast<std::size_t>(samples.n), true);
  ForEachSample(samples, stop, [&](Index, const Sample& sample) {
    for (std::size_t j = 0; j < logarithmic.size(); ++j) {
      if (!(sample.x[j] > 0)) logarithmic[j] = false;
    }
  });
  const Table table = TableOf(samples, outputs, stop);
  if (table.X.rows() == 0) return logarithmic;
  std::vector<Index> near_zero;
  Matrix features = table.X;
  for (Index j = 0; j < samples.n; ++j) {
    if (!logarithmic[static_cast<std::size_t>(j)]) continue;
    if (KeepsOffZero(table.X.col(j))) {
      features.col(j) = table.X.col(j).array().log();
    } else {
      near_zero.push_back(j);
    }
  }
  if (near_zero.size() > kMostNearZero || table.X.rows() < kSamplesPerUnknown * (samples.n + 1)) {
    for (const Index j : near_zero) logarithmic[static_cast<std::size_t>(j)] = false;
    return logarithmic;
  }
  const Matrix targets = Standardised(table.log_Y);
  features = Standardised(features);
  double left = near_zero.empty() ? 0 : SquaresLeft(features, targets);
  for (const Index j : near_zero) {
    ThrowIfStopped(stop);
    const Vector plain = features.col(j);
    features.col(j) = Standardised(table.X.col(j).array().log().matrix());
    const double with_logarithm = SquaresLeft(features, targets);
    if (with_logarithm < kGain * left) {
      left = with_logarithm;
    } else {
      features.col(j) = plain;
      logarithmic[static_cast<std::size_t>(j)] = false;
    }
  }
  return logarithmic;
}

}  // namespace sobolev::train
