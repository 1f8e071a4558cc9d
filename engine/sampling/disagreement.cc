#include "engine/sampling/disagreement.h"

#include <cmath>
#include <cstddef>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/sampling/taylor_model.h"

namespace sobolev::sampling {

namespace {

// What an error of the gradient adds to that of values, per distance to the nearest sample.
constexpr double kGradientShare = 0.3;

}  // namespace

bool HasTaylorOpinion(const TaylorModel& model, Index n) {
  return n <= kMaxTaylorInputs && model.Order(TaylorModel::kMaxOrder) >= 2;
}

Opinion TaylorOpinion(const TaylorModel& model, const Matrix& X, const std::stop_token& stop) {
  const int order = model.Order(X.rows() <= kMaxTaylorInputs ? TaylorModel::kMaxOrder : 1);
  TaylorPrediction high = model.Predict(X, order, stop);
  const TaylorPrediction low = model.Predict(X, order - 1, stop);
  const Index m = high.Y.rows();
  Opinion opinion{.Y = high.Y,
                  .Y_spread = (high.Y - low.Y).cwiseAbs(),
                  .J_spread = Matrix(m, X.cols()),
                  .radius = std::move(high.radius)};
  opinion.J_spread.reshaped() = (high.J - low.J).colwise().norm();
  return opinion;
}

Opinion EnsembleOpinion(const std::vector<Model>& ensemble, Index m, const Matrix& X,
                        const std::stop_token& stop) {
  const Index n = X.rows();
  const Index num_points = X.cols();
  std::vector<Matrix> values(ensemble.size(), Matrix(m, num_points));
  std::vector<Matrix> jacobians(ensemble.size(), Matrix(n, m * num_points));
  for (std::size_t k = 0; k < ensemble.size(); ++k) {
    ThrowIfStopped(stop);
    ensemble[k](X, values[k], jacobians[k], stop);
    RequireSize("ensemble values", values[k].size(), m * num_points);
    RequireSize("ensemble derivatives", jacobians[k].size(), n * m * num_points);
  }
  Opinion opinion{.Y = Matrix::Zero(m, num_points),
                  .Y_spread = Matrix::Zero(m, num_points),
                  .J_spread = Matrix::Zero(m, num_points)};
  for (Index q = 0; q < m * num_points; ++q) {
    double count = 0;
    double value = 0;
    Vector slope = Vector::Zero(n);
    const auto usable = [&](std::size_t k) {
      return std::isfinite(values[k].data()[q]) && jacobians[k].col(q).allFinite();
    };
    for (std::size_t k = 0; k < ensemble.size(); ++k) {
      if (!usable(k)) continue;
      count += 1;
      value += values[k].data()[q];
      slope += jacobians[k].col(q);
    }
    if (count == 0) continue;
    value /= count;
    slope /= count;
    double value_square = 0;
    double slope_square = 0;
    for (std::size_t k = 0; k < ensemble.size(); ++k) {
      if (!usable(k)) continue;
      value_square += (values[k].data()[q] - value) * (values[k].data()[q] - value);
      slope_square += (jacobians[k].col(q) - slope).squaredNorm();
    }
    opinion.Y.data()[q] = value;
    opinion.Y_spread.data()[q] = std::sqrt(value_square / count);
    opinion.J_spread.data()[q] = std::sqrt(slope_square / count);
  }
  return opinion;
}

Vector ExpectedErrors(const Opinion& opinion, const Vector& distance, const Vector& scales,
                      const Vector& weights) {
  const Vector shares = weights.array() / (weights.sum() * scales.array().square());
  Vector errors(distance.size());
  for (Index q = 0; q < errors.size(); ++q) {
    const Vector error =
        opinion.Y_spread.col(q) + kGradientShare * distance(q) * opinion.J_spread.col(q);
    errors(q) = std::sqrt(shares.dot(error.cwiseAbs2()));
  }
  return errors;
}

}  // namespace sobolev::sampling
