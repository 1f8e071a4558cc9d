#include "engine/train/robust_errors.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"

namespace sobolev::train {

namespace {

// Of a normal distribution: the standard deviation in units of the median size.
constexpr double kDeviationPerMedian = 1.4826;
// Standardised errors below that are rounding, not noise.
constexpr double kLeastSpread = 1e-12;

// Reorders the numbers, of which there is at least one.
double Median(std::vector<double>& numbers) {
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  return *middle;
}

// w of an error whose label has that weight.
double OutlierWeight(double error, double weight, double limit) {
  const double size = std::abs(error) * std::sqrt(weight);
  return size <= limit ? 1 : limit / size;
}

}  // namespace

LabelErrors LabelErrorsOn(const Surrogate& surrogate, const LabelledPoints& points,
                          const nn::Scaling& scaling, const std::stop_token& stop) {
  const Index n = points.n();
  const Index m = points.m();
  const Index num_points = points.NumPoints();
  const bool jacobian = points.J.cols() > 0;
  const Matrix X = InUserUnits(points.X, scaling);
  LabelErrors errors{Matrix(m, num_points), Matrix(n, jacobian ? m * num_points : 0)};
  surrogate.Predict(ConstMatrixMap(X.data(), n, num_points), std::nullopt, std::nullopt,
                    {.Y = errors.Y.data(), .J = jacobian ? errors.J.data() : nullptr}, stop);
  for (Index s = 0; s < num_points; ++s) {
    for (Index i = 0; i < m; ++i) {
      errors.Y(i, s) = (errors.Y(i, s) - scaling.y_mean[i]) / scaling.y_scale[i] - points.Y(i, s);
      const Index column = s * m + i;
      for (Index j = 0; j < n && jacobian; ++j) {
        errors.J(j, column) =
            errors.J(j, column) * (scaling.x_scale[j] / scaling.y_scale[i]) - points.J(j, column);
      }
    }
  }
  return errors;
}

double RobustDeviation(std::vector<double>& numbers) {
  std::erase_if(numbers, [](double number) { return std::isnan(number); });
  if (numbers.empty()) return 0;
  for (double& number : numbers) number = std::abs(number);
  return kDeviationPerMedian * Median(numbers);
}

ErrorSpread SpreadOf(const LabelErrors& errors, const LabelledPoints& points) {
  const Index n = points.n();
  const Index m = points.m();
  ErrorSpread spread{Vector::Zero(m), Matrix::Zero(n, m)};
  std::vector<double> numbers;
  numbers.reserve(static_cast<std::size_t>(points.NumPoints()));
  for (Index i = 0; i < m; ++i) {
    numbers.clear();
    for (Index s = 0; s < points.NumPoints(); ++s) {
      numbers.push_back(errors.Y(i, s) * std::sqrt(points.ValueWeight(i, s)));
    }
    spread.Y[i] = std::max(RobustDeviation(numbers), kLeastSpread);
    for (Index j = 0; j < n && errors.J.cols() > 0; ++j) {
      numbers.clear();
      for (Index column = i; column < errors.J.cols(); column += m) {
        numbers.push_back(errors.J(j, column) * std::sqrt(points.GradientWeight(j, column)));
      }
      spread.J(j, i) = std::max(RobustDeviation(numbers), kLeastSpread);
    }
  }
  return spread;
}

LabelledPoints WithoutOutliers(const LabelledPoints& points, const LabelErrors& errors, double k,
                               double power) {
  const ErrorSpread spread = SpreadOf(errors, points);
  const Index m = points.m();
  LabelledPoints weighted = points;
  weighted.SpellOutWeights();
  for (Index s = 0; s < points.NumPoints(); ++s) {
    for (Index i = 0; i < m; ++i) {
      double& weight = weighted.Y_weight(i, s);
      weight *= std::pow(OutlierWeight(errors.Y(i, s), weight, k * spread.Y[i]), power);
    }
  }
  for (Index column = 0; column < errors.J.cols(); ++column) {
    for (Index j = 0; j < points.n(); ++j) {
      double& weight = weighted.J_weight(j, column);
      weight *=
          std::pow(OutlierWeight(errors.J(j, column), weight, k * spread.J(j, column % m)), power);
    }
  }
  return weighted;
}

void UseRobustSpread(const SampleSet& samples, nn::Scaling& scaling, const std::stop_token& stop) {
  // One output at a time: the samples may be many more than memory holds.
  for (Index i = 0; i < samples.m; ++i) {
    std::vector<double> values;
    ForEachSample(samples, stop, [&](Index /*number*/, const Sample& sample) {
      if (sample.y != nullptr && !std::isnan(sample.y[i])) values.push_back(sample.y[i]);
    });
    if (values.empty()) continue;
    const double median = Median(values);
    for (double& value : values) value -= median;
    const double deviation = RobustDeviation(values);
    if (deviation == 0) continue;
    scaling.y_mean[i] = median;
    scaling.y_scale[i] = deviation;
  }
}

}  // namespace sobolev::train
