#include "engine/train/scaling.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/variance_scale.h"

namespace sobolev::train {

namespace {

using ConstVectorMap = Eigen::Map<const Vector>;

// Over one part of the split, with weights in units of the largest, so that no sum overflows.
struct WeightSums {
  double largest = 0;
  double all = 0;
  double with_derivatives = 0;
  Index count = 0;

  WeightFactors Factors() const {
    if (count == 0) return {};
    const double scale = static_cast<double>(count) / largest;
    return {.value = scale / all, .gradient = with_derivatives > 0 ? scale / with_derivatives : 0};
  }
};

// Mean and standard deviation of each column over the entries that are known, gathered in two
// passes over the samples: first Add to the mean and range, then to the spread. Deviations are
// squared in units of the range, because the squares of raw ones may overflow or vanish.
struct Columns {
  explicit Columns(Index size)
      : mean(Vector::Zero(size)),
        weight(Vector::Zero(size)),
        lowest(Vector::Constant(size, std::numeric_limits<double>::infinity())),
        highest(-lowest),
        square(Vector::Zero(size)) {}

  // `share` is a number, or one for each entry.
  void AddToMean(const double* column, const auto& share) {
    if (column == nullptr) return;
    for (Index i = 0; i < mean.size(); ++i) {
      if (std::isnan(column[i])) continue;
      mean[i] += Of(share, i) * column[i];
      weight[i] += Of(share, i);
      lowest[i] = std::min(lowest[i], column[i]);
      highest[i] = std::max(highest[i], column[i]);
    }
  }

  // To be called between the passes. A column that varies by rounding only is constant, and so is
  // one without known entries.
  void FinishMean() {
    range = Vector::Zero(mean.size());
    for (Index i = 0; i < mean.size(); ++i) {
      if (weight[i] <= 0) continue;
      const double magnitude = std::max(std::abs(lowest[i]), std::abs(highest[i]));
      range[i] = highest[i] - lowest[i];
      if (range[i] <= 8 * std::numeric_limits<double>::epsilon() * magnitude) range[i] = 0;
      mean[i] = std::clamp(mean[i] / weight[i], lowest[i], highest[i]);
    }
  }

  void AddToSpread(const double* column, const auto& share) {
    if (column == nullptr) return;
    for (Index i = 0; i < range.size(); ++i) {
      if (IsConstant(i) || std::isnan(column[i])) continue;
      const double deviation = (column[i] - mean[i]) / range[i];
      square[i] += Of(share, i) / weight[i] * deviation * deviation;
    }
  }

  static double Of(double share, Index /*entry*/) { return share; }
  static double Of(const Vector& shares, Index entry) { return shares[entry]; }

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
  Vector weight;
  Vector lowest;
  Vector highest;
  Vector range;
  Vector square;
};

// The mean over samples of Ĵ², n×m.
struct DerivativeSquares {
  DerivativeSquares(Index n, Index m) : sum(Matrix::Zero(n, m)), weight(Matrix::Zero(n, m)) {}

  void Add(const Sample& sample, double share, const Vector& x_scale, const Vector& y_scale) {
    const Index n = sum.rows();
    const Index m = sum.cols();
    directional = directional || sample.num_tangents + sample.num_adjoints > 0;
    for (Index i = 0; i < m && sample.jacobian != nullptr; ++i) {
      for (Index j = 0; j < n; ++j) {
        AddTo(j, i, share, sample.jacobian[i * n + j] * (x_scale[j] / y_scale[i]));
      }
    }
    for (Index k = 0; k < sample.num_tangents; ++k) {
      const double norm = ConstVectorMap(sample.tangents + k * n, n).cwiseQuotient(x_scale).norm();
      for (Index i = 0; i < m && norm > 0; ++i) {
        const double entry = sample.jvp[k * m + i] / y_scale[i] / norm;
        for (Index j = 0; j < n; ++j) AddTo(j, i, share, entry);
      }
    }
    for (Index k = 0; k < sample.num_adjoints; ++k) {
      const double* const seed = sample.adjoints + k * m;
      const double norm = ConstVectorMap(seed, m).cwiseProduct(y_scale).norm();
      for (Index i = 0; i < m; ++i) {
        for (Index j = 0; j < n && seed[i] != 0; ++j) {
          AddTo(j, i, share, sample.vjp[k * n + j] * x_scale[j] / norm);
        }
      }
    }
  }

  // Missing entries of Jacobians count as zeros, since shares of samples with derivatives sum to 1;
  // how many directional labels speak for an entry is only known by counting.
  Matrix Mean() const {
    if (!directional) return sum;
    return (weight.array() > 0).select(sum.cwiseQuotient(weight), sum);
  }

  void AddTo(Index j, Index i, double share, double entry) {
    if (std::isnan(entry)) return;
    sum(j, i) += share * entry * entry;
    weight(j, i) += share;
  }

  Matrix sum;
  Matrix weight;
  bool directional = false;
};

}  // namespace

Matrix InUserUnits(const Matrix& X, const nn::Scaling& scaling) {
  return (scaling.x_scale.asDiagonal() * X).colwise() + scaling.x_mean;
}

Vector Lambda(const Vector& r, DerivativeScale derivative_scale) {
  constexpr double kDead = 1e-7;
  constexpr double kBalance = 10;
  const double largest = r.maxCoeff();
  if (largest == 0) return Vector::Ones(r.size());
  switch (derivative_scale) {
    case DerivativeScale::kBalanced:
      return r.cwiseMax(largest / kBalance).cwiseInverse();
    case DerivativeScale::kPerOutput:
      return Vector::Constant(r.size(), std::sqrt(static_cast<double>(r.size())) / r.norm());
    case DerivativeScale::kPerInput:
      break;
  }
  return (r.array() < kDead * largest).select(0, r.cwiseInverse());
}

Standardisation Standardise(const SampleSet& samples, const Split& split,
                            DerivativeScale derivative_scale, const std::stop_token& stop) {
  const Index n = samples.n;
  const Index m = samples.m;
  const auto visit_training = [&](const auto& visit) {
    ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
      if (!split.held_out[static_cast<std::size_t>(number)]) visit(sample);
    });
  };

  WeightSums training;
  WeightSums validation;
  const auto sums_of = [&](Index number) -> WeightSums& {
    return split.held_out[static_cast<std::size_t>(number)] ? validation : training;
  };
  ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
    WeightSums& sums = sums_of(number);
    sums.largest = std::max(sums.largest, sample.weight);
    ++sums.count;
  });
  ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
    WeightSums& sums = sums_of(number);
    const double weight = sample.weight / sums.largest;
    sums.all += weight;
    sums.with_derivatives += HasDerivatives(sample) ? weight : 0;
  });
  Standardisation result;
  result.training = training.Factors();
  result.validation = validation.Factors();

  std::vector<VarianceScale> of_outputs(static_cast<std::size_t>(m));
  visit_training([&](const Sample& sample) {
    if (sample.y == nullptr || sample.y_variance == nullptr) return;
    for (Index i = 0; i < m; ++i) {
      if (!std::isnan(sample.y[i])) {
        of_outputs[static_cast<std::size_t>(i)].Add(sample.y_variance[i]);
      }
    }
  });
  Vector shares(m);
  const auto shares_of_values = [&](const Sample& sample, double share) -> const Vector& {
    for (Index i = 0; i < m; ++i) {
      const double weight =
          sample.y_variance == nullptr
              ? 1
              : of_outputs[static_cast<std::size_t>(i)].Weight(sample.y_variance[i]);
      shares[i] = share * weight;
    }
    return shares;
  };

  // Shares sum to 1 over the training samples, or over those with a Jacobian.
  const auto num_training = static_cast<double>(training.count);
  Columns x(n);
  Columns y(m);
  visit_training([&](const Sample& sample) {
    const double share = sample.weight * result.training.value / num_training;
    x.AddToMean(sample.x, share);
    y.AddToMean(sample.y, shares_of_values(sample, share));
  });
  x.FinishMean();
  y.FinishMean();
  visit_training([&](const Sample& sample) {
    const double share = sample.weight * result.training.value / num_training;
    x.AddToSpread(sample.x, share);
    y.AddToSpread(sample.y, shares_of_values(sample, share));
  });
  Vector x_scale = x.Scale();
  const Vector y_scale = y.Scale();

  DerivativeSquares derivatives(n, m);
  visit_training([&](const Sample& sample) {
    const double share = sample.weight * result.training.gradient / num_training;
    derivatives.Add(sample, share, x_scale, y_scale);
  });
  const Matrix square = derivatives.Mean();
  Matrix rms = square.cwiseSqrt();
  for (Index j = 0; j < n; ++j) {
    const double over_outputs = std::sqrt(square.row(j).mean());
    if (!x.IsConstant(j) || over_outputs == 0) continue;
    x_scale[j] = 1 / over_outputs;
    rms.row(j) /= over_outputs;
  }

  result.scaling = {.x_mean = x.mean, .x_scale = x_scale, .y_mean = y.mean, .y_scale = y_scale};
  for (Index i = 0; i < m; ++i) {
    const Vector lambda = Lambda(rms.col(i), derivative_scale);
    result.lambda.insert(result.lambda.end(), lambda.begin(), lambda.end());
  }
  return result;
}

}  // namespace sobolev::train
