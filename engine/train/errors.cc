#include "engine/train/errors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::train {

namespace {

// Below that a relative error is as good as none; it keeps the logarithm finite.
constexpr double kExact = 1e-15;

}  // namespace

Errors MeanOf(const std::vector<Errors>& sets) {
  Errors mean = sets.front();
  for (std::size_t k = 1; k < sets.size(); ++k) {
    mean.value_rmse += sets[k].value_rmse;
    mean.value_relative += sets[k].value_relative;
    mean.jacobian_rmse += sets[k].jacobian_rmse;
    mean.jacobian_relative += sets[k].jacobian_relative;
  }
  const auto count = static_cast<double>(sets.size());
  mean.value_rmse /= count;
  mean.value_relative /= count;
  mean.jacobian_rmse /= count;
  mean.jacobian_relative /= count;
  return mean;
}

void Append(const PointErrors& more, PointErrors& errors) {
  const auto append = [](const Vector& tail, Vector& vector) {
    vector.conservativeResize(vector.size() + tail.size());
    vector.tail(tail.size()) = tail;
  };
  append(more.value, errors.value);
  append(more.jacobian, errors.jacobian);
}

Errors ErrorsOn(const Surrogate& surrogate, const LabelledPoints& points,
                const nn::Scaling& scaling, PointErrors* by_point, const std::stop_token& stop) {
  const Index n = points.n();
  const Index m = points.m();
  const Index num_points = points.NumPoints();
  const bool jacobian = points.J.cols() > 0;
  const Matrix X = ((scaling.x_scale.asDiagonal() * points.X).colwise() + scaling.x_mean).eval();
  Matrix Y(m, num_points);
  Matrix J(n, jacobian ? m * num_points : 0);
  surrogate.Predict(ConstMatrixMap(X.data(), n, num_points), std::nullopt, std::nullopt,
                    {.Y = Y.data(), .J = jacobian ? J.data() : nullptr}, stop);

  Vector square = Vector::Zero(m);
  Vector weight = Vector::Zero(m);
  Vector jacobian_square = Vector::Zero(m);
  Vector jacobian_weight = Vector::Zero(m);
  double label_square = 0;
  PointErrors of_points{.value = Vector::Zero(num_points), .jacobian = Vector::Zero(num_points)};
  for (Index s = 0; s < num_points; ++s) {
    for (Index i = 0; i < m; ++i) {
      if (!std::isnan(points.Y(i, s))) {
        const double error = (Y(i, s) - scaling.y_mean[i]) / scaling.y_scale[i] - points.Y(i, s);
        const double of_label = points.weight[s] * points.ValueWeight(i, s);
        square[i] += of_label * error * error;
        of_points.value[s] += of_label * error * error;
        weight[i] += of_label;
      }
      for (Index j = 0; j < n && jacobian; ++j) {
        const double label = points.J(j, s * m + i);
        if (std::isnan(label)) continue;
        const double error = J(j, s * m + i) * (scaling.x_scale[j] / scaling.y_scale[i]) - label;
        const double of_label = points.GradientWeight(j, s * m + i);
        jacobian_square[i] += of_label * error * error;
        of_points.jacobian[s] += of_label * error * error;
        label_square += of_label * label * label;
        jacobian_weight[i] += of_label;
      }
    }
  }
  if (by_point != nullptr) *by_point = std::move(of_points);
  Errors errors;
  if (weight.sum() > 0) {
    const Vector rmse = square.cwiseQuotient(weight.cwiseMax(1e-300)).cwiseSqrt();
    errors.value_rmse = rmse.cwiseProduct(scaling.y_scale);
    errors.value_relative = std::sqrt(rmse.squaredNorm() / static_cast<double>(m));
  }
  if (jacobian_weight.sum() > 0) {
    errors.jacobian_rmse =
        jacobian_square.cwiseQuotient(jacobian_weight.cwiseMax(1e-300)).cwiseSqrt();
    if (label_square > 0) {
      errors.jacobian_relative = std::sqrt(jacobian_square.sum() / label_square);
    }
  }
  return errors;
}

bool ClearlyLower(const PointErrors& first, const PointErrors& second) {
  const Index num_points = second.value.size();
  Vector difference = Vector::Zero(num_points);
  const auto add = [&](const Vector& lower, const Vector& higher) {
    const double mean = higher.mean();
    if (mean > 0) difference += (lower - higher) / mean;
  };
  add(first.value, second.value);
  add(first.jacobian, second.jacobian);
  const double mean = difference.mean();
  const double variance = (difference.array() - mean).square().mean();
  return mean < -std::sqrt(variance / static_cast<double>(num_points));
}

double Score(const Errors& errors) {
  const bool values = errors.value_rmse.size() > 0;
  const bool jacobian = errors.jacobian_rmse.size() > 0;
  double log_score = 0;
  if (values) log_score += std::log(std::max(errors.value_relative, kExact));
  if (jacobian) log_score += std::log(std::max(errors.jacobian_relative, kExact));
  if (values && jacobian) log_score /= 2;
  return std::isfinite(log_score) ? std::exp(log_score) : std::numeric_limits<double>::infinity();
}

}  // namespace sobolev::train
