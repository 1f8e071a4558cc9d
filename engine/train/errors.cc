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
#include "engine/train/robust_errors.h"
#include "engine/train/scaling.h"

namespace sobolev::train {

namespace {

// Below that a relative error is as good as none; it keeps the logarithm finite.
constexpr double kExact = 1e-15;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Numbers of Hessians that are evaluated at a time.
constexpr Index kHessianNumbers = Index{1} << 20;

// The error of a label of that weight, cut where its size passes the limit.
double Limited(double error, double weight, double limit) {
  if (!(std::abs(error) * std::sqrt(weight) > limit)) return error;
  return std::copysign(limit / std::sqrt(weight), error);
}

// So that NaN means unknown and nothing else.
double FiniteOrInfinite(double error) {
  if (std::isfinite(error)) return error;
  return kInfinity;
}

// Of the numbers that are not NaN.
struct KnownMean {
  void Add(double number) {
    if (std::isnan(number)) return;
    sum += number;
    ++count;
  }
  double Get() const { return count > 0 ? sum / static_cast<double>(count) : Errors::kUnknown; }

  double sum = 0;
  Index count = 0;
};

// Entry by entry; sets without any are empty.
Vector MeanOfKnown(const std::vector<Errors>& sets, Vector Errors::*vector) {
  Index size = 0;
  for (const Errors& set : sets) size = std::max(size, (set.*vector).size());
  Vector mean(size);
  for (Index i = 0; i < size; ++i) {
    KnownMean of_entry;
    for (const Errors& set : sets) {
      if ((set.*vector).size() > 0) of_entry.Add((set.*vector)[i]);
    }
    mean[i] = of_entry.Get();
  }
  return mean;
}

double Relative(double error_square, double label_square) {
  return label_square > 0 ? std::sqrt(error_square / label_square) : 0;
}

// ‖h − h*‖ / ‖h*‖ over the entries of curvature labels that are there.
std::optional<double> CurvatureError(const Surrogate& surrogate, const LabelledPoints& points,
                                     const nn::Scaling& scaling, const std::stop_token& stop) {
  const CurvatureLabels& labels = points.curvatures;
  const auto num_labels = static_cast<Index>(labels.point.size());
  if (num_labels == 0) return std::nullopt;
  const Matrix X = InUserUnits(points.X, scaling);
  const Index n = points.n();
  const Index m = points.m();
  const Index most = std::clamp<Index>(kHessianNumbers / (m * n * n), 1, num_labels);
  Matrix at(n, most);
  Matrix H(n, n * m * most);
  double error_square = 0;
  double label_square = 0;
  bool known = false;
  for (Index first = 0; first < num_labels; first += most) {
    const Index count = std::min(most, num_labels - first);
    for (Index k = 0; k < count; ++k) {
      at.col(k) = X.col(labels.point[static_cast<std::size_t>(first + k)]);
    }
    surrogate.Predict(ConstMatrixMap(at.data(), n, count), std::nullopt, std::nullopt,
                      {.H = H.data()}, stop);
    for (Index k = 0; k < count; ++k) {
      const Vector v = scaling.x_scale.cwiseProduct(labels.V.col(first + k));
      Vector h = Vector::Zero(n);
      for (Index i = 0; i < m; ++i) {
        h += labels.Y_bar(i, first + k) / scaling.y_scale[i] *
             (H.middleCols((k * m + i) * n, n) * v);
      }
      for (Index j = 0; j < n; ++j) {
        const double label = labels.H_v(j, first + k);
        if (std::isnan(label)) continue;
        const double error = h[j] * scaling.x_scale[j] - label;
        error_square += error * error;
        label_square += label * label;
        known = true;
      }
    }
  }
  if (!known) return std::nullopt;
  return Relative(error_square, label_square);
}

// Of values and Jacobians.
Errors FirstOrderErrors(const Surrogate& surrogate, const LabelledPoints& points,
                        const nn::Scaling& scaling, PointErrors* by_point,
                        const std::stop_token& stop, std::optional<double> huber) {
  const Index n = points.n();
  const Index m = points.m();
  const Index num_points = points.NumPoints();
  const bool jacobian = points.J.cols() > 0;
  const LabelErrors of_labels = LabelErrorsOn(surrogate, points, scaling, stop);
  ErrorSpread limit{Vector::Constant(m, kInfinity), Matrix::Constant(n, m, kInfinity)};
  if (huber) {
    limit = SpreadOf(of_labels, points);
    limit.Y *= *huber;
    limit.J *= *huber;
  }

  Vector square = Vector::Zero(m);
  Vector weight = Vector::Zero(m);
  Vector jacobian_square = Vector::Zero(m);
  Vector jacobian_weight = Vector::Zero(m);
  double label_square = 0;
  double outlier_weight = 0;
  PointErrors of_points{.value = Vector::Zero(num_points), .jacobian = Vector::Zero(num_points)};
  for (Index s = 0; s < num_points; ++s) {
    for (Index i = 0; i < m; ++i) {
      if (!std::isnan(points.Y(i, s))) {
        const double of_label = points.weight[s] * points.ValueWeight(i, s);
        const double error = Limited(of_labels.Y(i, s), points.ValueWeight(i, s), limit.Y[i]);
        square[i] += of_label * error * error;
        of_points.value[s] += of_label * error * error;
        weight[i] += of_label;
      }
      for (Index j = 0; j < n && jacobian; ++j) {
        const Index column = s * m + i;
        const double label = points.J(j, column);
        if (std::isnan(label)) continue;
        const double of_label = points.GradientWeight(j, column);
        const double error = Limited(of_labels.J(j, column), of_label, limit.J(j, i));
        jacobian_square[i] += of_label * error * error;
        of_points.jacobian[s] += of_label * error * error;
        jacobian_weight[i] += of_label;
        if (std::abs(error) < std::abs(of_labels.J(j, column))) {
          outlier_weight += of_label;
        } else {
          label_square += of_label * label * label;
        }
      }
    }
  }
  // What outliers would be if they were not.
  const double sound_weight = jacobian_weight.sum() - outlier_weight;
  if (outlier_weight > 0) label_square *= jacobian_weight.sum() / sound_weight;
  if (by_point != nullptr) *by_point = std::move(of_points);
  Errors errors;
  const Vector rmse = RootMeans(square, weight);
  if (rmse.size() > 0) {
    errors.value_rmse = rmse.cwiseProduct(scaling.y_scale);
    errors.value_relative = RelativeOf(rmse);
  }
  errors.jacobian_rmse = RootMeans(jacobian_square, jacobian_weight);
  if (errors.jacobian_rmse.size() > 0) {
    errors.jacobian_relative = FiniteOrInfinite(Relative(jacobian_square.sum(), label_square));
  }
  return errors;
}

}  // namespace

Vector RootMeans(const Vector& squares, const Vector& weights) {
  if (!(weights.sum() > 0)) return {};
  Vector means(squares.size());
  for (Index i = 0; i < squares.size(); ++i) {
    means[i] =
        weights[i] > 0 ? FiniteOrInfinite(std::sqrt(squares[i] / weights[i])) : Errors::kUnknown;
  }
  return means;
}

double RelativeOf(const Vector& standardised_rmse) {
  const auto is_unknown = [](double rmse) { return std::isnan(rmse); };
  std::vector<double> known(standardised_rmse.begin(), standardised_rmse.end());
  std::erase_if(known, is_unknown);
  const auto count = static_cast<Index>(known.size());
  if (count == 0) return Errors::kUnknown;
  return std::sqrt(ConstMatrixMap(known.data(), count, 1).squaredNorm() /
                   static_cast<double>(count));
}

Errors MeanOf(const std::vector<Errors>& sets) {
  KnownMean value;
  KnownMean jacobian;
  KnownMean curvature;
  for (const Errors& set : sets) {
    value.Add(set.value_relative);
    jacobian.Add(set.jacobian_relative);
    curvature.Add(set.curvature_relative.value_or(Errors::kUnknown));
  }
  Errors mean{.value_rmse = MeanOfKnown(sets, &Errors::value_rmse),
              .value_relative = value.Get(),
              .jacobian_rmse = MeanOfKnown(sets, &Errors::jacobian_rmse),
              .jacobian_relative = jacobian.Get(),
              .curvature_relative = {}};
  if (curvature.count > 0) mean.curvature_relative = curvature.Get();
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
                const nn::Scaling& scaling, PointErrors* by_point, const std::stop_token& stop,
                std::optional<double> huber) {
  Errors errors = FirstOrderErrors(surrogate, points, scaling, by_point, stop, huber);
  errors.curvature_relative = CurvatureError(surrogate, points, scaling, stop);
  return errors;
}

double ScoreOn(const Surrogate& surrogate, const LabelledPoints& points, const nn::Scaling& scaling,
               const std::stop_token& stop, std::optional<double> huber) {
  return Score(FirstOrderErrors(surrogate, points, scaling, nullptr, stop, huber));
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
  if (!values && !jacobian && errors.curvature_relative) {
    log_score = std::log(std::max(*errors.curvature_relative, kExact));
  }
  return std::isfinite(log_score) ? std::exp(log_score) : std::numeric_limits<double>::infinity();
}

}  // namespace sobolev::train
