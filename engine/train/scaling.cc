#include "engine/train/scaling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/surrogate.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"

namespace sobolev::train {

namespace {

using ConstVectorMap = Eigen::Map<const Vector>;

// Sums over one part of the split. The weights are divided by the largest one first, so that no sum
// of them overflows.
struct WeightSums {
  double all = 0;
  double with_jacobian = 0;
  Index count = 0;

  WeightFactors Factors(double largest_weight) const {
    const double scale = static_cast<double>(count) / largest_weight;
    return {.value = scale / all, .gradient = with_jacobian > 0 ? scale / with_jacobian : 0};
  }
};

// Mean and standard deviation of each column, gathered in two passes over the samples: first Add to
// the mean and range, then to the spread. Deviations are squared in units of the range, because the
// squares of raw ones may overflow or vanish.
struct Columns {
  explicit Columns(Index size)
      : mean(Vector::Zero(size)),
        lowest(Vector::Constant(size, std::numeric_limits<double>::infinity())),
        highest(-lowest),
        square(Vector::Zero(size)) {}

  void AddToMean(const ConstVectorMap& column, double share) {
    mean += share * column;
    lowest = lowest.cwiseMin(column);
    highest = highest.cwiseMax(column);
  }

  // To be called between the passes. A column that varies by rounding only is constant.
  void FinishMean() {
    const Vector magnitude = lowest.cwiseAbs().cwiseMax(highest.cwiseAbs());
    range = highest - lowest;
    for (Index i = 0; i < range.size(); ++i) {
      if (range[i] <= 8 * std::numeric_limits<double>::epsilon() * magnitude[i]) range[i] = 0;
    }
    mean = mean.cwiseMax(lowest).cwiseMin(highest);
  }

  void AddToSpread(const ConstVectorMap& column, double share) {
    for (Index i = 0; i < range.size(); ++i) {
      if (IsConstant(i)) continue;
      const double deviation = (column[i] - mean[i]) / range[i];
      square[i] += share * deviation * deviation;
    }
  }

  bool IsConstant(Index i) const { return range[i] == 0; }

  // The standard deviation, or 1 for a constant column.
  Vector Scale() const {
    Vector scale(range.size());
    for (Index i = 0; i < range.size(); ++i) {
      scale[i] = IsConstant(i) ? 1 : range[i] * std::sqrt(square[i]);
    }
    return scale;
  }

  Vector mean;
  Vector lowest;
  Vector highest;
  Vector range;
  Vector square;
};

// λ from the RMS over samples of Ĵ, n×m.
std::vector<double> Lambda(const Matrix& rms, DerivativeScale derivative_scale) {
  constexpr double kDead = 1e-7;
  std::vector<double> lambda;
  for (Index i = 0; i < rms.cols(); ++i) {
    const double over_inputs =
        std::sqrt(rms.col(i).squaredNorm() / static_cast<double>(rms.rows()));
    const double largest = rms.col(i).maxCoeff();
    for (Index j = 0; j < rms.rows(); ++j) {
      if (largest == 0) {
        lambda.push_back(1);
      } else if (derivative_scale == DerivativeScale::kPerOutput) {
        lambda.push_back(1 / over_inputs);
      } else {
        lambda.push_back(rms(j, i) > kDead * largest ? 1 / rms(j, i) : 0);
      }
    }
  }
  return lambda;
}

}  // namespace

Standardisation Standardise(const SampleSet& samples, const Split& split,
                            DerivativeScale derivative_scale, const std::stop_token& stop) {
  const Index n = samples.n;
  const Index m = samples.m;
  const auto visit_training = [&](const auto& visit) {
    ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
      if (!split.held_out[static_cast<std::size_t>(number)]) visit(sample);
    });
  };

  double largest_weight = 0;
  ForEachSample(samples, stop, [&](Index, const Sample& sample) {
    largest_weight = std::max(largest_weight, sample.weight);
  });
  WeightSums training;
  WeightSums validation;
  ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
    WeightSums& sums = split.held_out[static_cast<std::size_t>(number)] ? validation : training;
    const double weight = sample.weight / largest_weight;
    sums.all += weight;
    sums.with_jacobian += sample.jacobian != nullptr ? weight : 0;
    ++sums.count;
  });
  Standardisation result;
  result.training = training.Factors(largest_weight);
  result.validation = validation.Factors(largest_weight);

  // Shares sum to 1 over the training samples, or over those with a Jacobian.
  const auto num_training = static_cast<double>(training.count);
  Columns x(n);
  Columns y(m);
  visit_training([&](const Sample& sample) {
    const double share = sample.weight * result.training.value / num_training;
    x.AddToMean(ConstVectorMap(sample.x, n), share);
    y.AddToMean(ConstVectorMap(sample.y, m), share);
  });
  x.FinishMean();
  y.FinishMean();
  visit_training([&](const Sample& sample) {
    const double share = sample.weight * result.training.value / num_training;
    x.AddToSpread(ConstVectorMap(sample.x, n), share);
    y.AddToSpread(ConstVectorMap(sample.y, m), share);
  });
  Vector x_scale = x.Scale();
  const Vector y_scale = y.Scale();

  Matrix square = Matrix::Zero(n, m);  // Mean over samples of Ĵ².
  visit_training([&](const Sample& sample) {
    if (sample.jacobian == nullptr) return;
    const double share = sample.weight * result.training.gradient / num_training;
    for (Index i = 0; i < m; ++i) {
      for (Index j = 0; j < n; ++j) {
        const double scaled = sample.jacobian[i * n + j] * (x_scale[j] / y_scale[i]);
        square(j, i) += share * scaled * scaled;
      }
    }
  });
  Matrix rms = square.cwiseSqrt();
  for (Index j = 0; j < n; ++j) {
    const double over_outputs = std::sqrt(square.row(j).mean());
    if (!x.IsConstant(j) || over_outputs == 0) continue;
    x_scale[j] = 1 / over_outputs;
    rms.row(j) /= over_outputs;
  }

  result.scaling = {.x_mean = x.mean, .x_scale = x_scale, .y_mean = y.mean, .y_scale = y_scale};
  result.lambda = Lambda(rms, derivative_scale);
  return result;
}

}  // namespace sobolev::train
