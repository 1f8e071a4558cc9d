// The first phase of the simplex method with bounded variables, in a dense tableau: from one end
// of every range it reduces the sum of what the constraints are violated by. Where that has a
// minimum above 0, the reduced costs of the slack variables are the multipliers; they are checked
// against the box by themselves, so that rounding on the way there cannot prove anything wrong.

#include "engine/sampling/linear_feasibility.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"

namespace sobolev::sampling {

namespace {

constexpr double kTolerance = 1e-11;  // Of rows that are scaled to the size of 1.

class FirstPhase {
 public:
  // Rows A y <= b with 0 <= y <= 1.
  FirstPhase(const Matrix& A, const Vector& b)
      : k_(A.rows()),
        n_(A.cols()),
        T_(k_, n_ + k_),
        value_(b),
        basis_(static_cast<std::size_t>(k_)) {
    T_ << A, Matrix::Identity(k_, k_);
    std::iota(basis_.begin(), basis_.end(), n_);
  }

  // Multipliers where the sum of violations has a minimum above 0, or nothing.
  std::optional<Vector> Run(const std::stop_token& stop) {
    const Index max_steps = 100 * (n_ + k_);
    // What is below shows in a violated row too, which then bounds the step.
    const double least_gain = kTolerance * static_cast<double>(k_);
    Index idle_steps = 0;  // In a row without progress.
    for (Index step = 0; step < max_steps; ++step) {
      ThrowIfStopped(stop);
      const Vector violated = (value_.array() < -kTolerance).cast<double>();
      if (violated.sum() == 0) return std::nullopt;
      const Vector costs = T_.transpose() * violated;
      // The first that helps instead of the one that helps most, where that might go in circles.
      const Index entering =
          idle_steps > kMaxIdleSteps ? FirstBelow(-least_gain, costs) : Smallest(costs);
      if (costs(entering) >= -least_gain) return costs.tail(k_).cwiseMax(0);
      idle_steps = Enter(entering) > 0 ? 0 : idle_steps + 1;
    }
    return std::nullopt;
  }

 private:
  static constexpr Index kMaxIdleSteps = 50;

  static Index Smallest(const Vector& costs) {
    Index smallest = 0;
    costs.minCoeff(&smallest);
    return smallest;
  }

  static Index FirstBelow(double limit, const Vector& costs) {
    Index j = 0;
    while (j + 1 < costs.size() && costs(j) >= limit) ++j;
    return j;
  }

  double Bound(Index variable) const {
    return variable < n_ ? 1 : std::numeric_limits<double>::infinity();
  }

  // Raises a variable from 0 until it or a basic one meets a bound. Returns by how much.
  double Enter(Index entering) {
    double length = Bound(entering);
    Index leaving = -1;
    bool at_upper = false;
    for (Index i = 0; i < k_; ++i) {
      const double slope = T_(i, entering);
      const Index basic = basis_[static_cast<std::size_t>(i)];
      double step = length;
      bool upper = false;
      if (slope > kTolerance && value_(i) >= -kTolerance) {
        step = std::max(0.0, value_(i)) / slope;
      } else if (slope < -kTolerance && value_(i) < -kTolerance) {
        step = value_(i) / slope;
      } else if (slope < -kTolerance && basic < n_) {
        step = (value_(i) - Bound(basic)) / slope;
        upper = true;
      }
      if (step < length ||
          (step == length && leaving >= 0 && basic < basis_[static_cast<std::size_t>(leaving)])) {
        length = std::max(0.0, step);
        leaving = i;
        at_upper = upper;
      }
    }
    if (leaving < 0) {
      value_ -= T_.col(entering) * length;
      T_.col(entering) *= -1;  // Now counted from its upper bound.
    } else {
      if (at_upper) ReverseBasic(leaving);
      Pivot(leaving, entering);
    }
    return length;
  }

  // Counts the basic variable of a row from its upper bound.
  void ReverseBasic(Index row) {
    const Index basic = basis_[static_cast<std::size_t>(row)];
    T_.row(row) *= -1;
    T_(row, basic) = 1;
    value_(row) = Bound(basic) - value_(row);
  }

  void Pivot(Index row, Index entering) {
    const double pivot = T_(row, entering);
    T_.row(row) /= pivot;
    value_(row) /= pivot;
    for (Index i = 0; i < k_; ++i) {
      const double factor = T_(i, entering);
      if (i == row || factor == 0) continue;
      T_.row(i) -= factor * T_.row(row);
      T_(i, entering) = 0;
      value_(i) -= factor * value_(row);
    }
    basis_[static_cast<std::size_t>(row)] = entering;
  }

  Index k_;
  Index n_;
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> T_;  // k×(n + k)
  Vector value_;              // Of the basic variables; the others are 0.
  std::vector<Index> basis_;  // Of each row.
};

}  // namespace

std::optional<Vector> ProveInfeasible(const Matrix& A, const Vector& b, const Vector& low,
                                      const Vector& high, const std::stop_token& stop) {
  const Vector width = high - low;
  Matrix scaled = A * width.asDiagonal();
  Vector limit = b - A * low;
  Vector scale(A.rows());
  for (Index i = 0; i < A.rows(); ++i) {
    scale(i) = std::max(scaled.row(i).cwiseAbs().maxCoeff(), std::abs(limit(i)));
    if (scale(i) == 0) scale(i) = 1;
  }
  scaled = scale.cwiseInverse().asDiagonal() * scaled;
  limit = limit.cwiseQuotient(scale);

  std::optional<Vector> multipliers = FirstPhase(scaled, limit).Run(stop);
  if (!multipliers) return std::nullopt;
  for (double& multiplier : *multipliers) {
    if (multiplier < kTolerance) multiplier = 0;
  }
  *multipliers = multipliers->cwiseQuotient(scale);
  // In the numbers of the caller.
  const Vector combined = A.transpose() * *multipliers;
  const double least = combined.cwiseProduct(low).cwiseMin(combined.cwiseProduct(high)).sum();
  const double allowed = multipliers->dot(b);
  const double size = multipliers->cwiseAbs().dot(
      A.cwiseAbs() * low.cwiseAbs().cwiseMax(high.cwiseAbs()) + b.cwiseAbs());
  if (!(least - allowed > kTolerance * size)) return std::nullopt;
  return multipliers;
}

}  // namespace sobolev::sampling
