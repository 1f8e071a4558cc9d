#include "engine/sampling/model_minimum.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>

#include <Eigen/Eigenvalues>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/goals.h"
#include "engine/sampling/taylor_model.h"

namespace sobolev::sampling {

namespace {

// Around a minimum values that far apart differ by a rounding error.
constexpr double kLeastStep = 1e-8;
constexpr int kMostSteps = 50;
// Of the decrease along the tangent, that a step must have (Nocedal and Wright 2006, eq. 3.4).
constexpr double kSufficient = 1e-4;
// Points of a look around, and how much nearer the next ones are if none of these is better.
constexpr Index kPointsAround = 64;
constexpr double kNearer = 0.125;
constexpr int kMostLooks = 100;

// A Taylor polynomial of degree 1 to 3 without its constant.
class Polynomial {
 public:
  // terms: as one output of TaylorExpansions has them, times `sign`.
  Polynomial(const double* terms, Index n, int order, double sign)
      : slope_(sign * Eigen::Map<const Vector>(terms + 1, n)) {
    if (order > 1) second_ = sign * Eigen::Map<const Matrix>(terms + 1 + n, n, n);
    if (order > 2) third_ = sign * Eigen::Map<const Matrix>(terms + 1 + n + n * n, n * n, n);
  }

  bool IsCurved() const { return second_.size() > 0; }
  double Value(const Vector& s) const {
    return s.dot(slope_) + (IsCurved() ? s.dot(SecondAlong(s, 1.0 / 3) * s) / 2 : 0);
  }
  Vector Gradient(const Vector& s) const {
    return IsCurved() ? Vector(slope_ + SecondAlong(s, 0.5) * s) : slope_;
  }
  // Of one that is curved.
  Matrix Hessian(const Vector& s) const { return SecondAlong(s, 1); }

 private:
  // The second derivative at a share of s.
  Matrix SecondAlong(const Vector& s, double share) const {
    if (third_.size() == 0) return second_;
    return second_ + share * (third_ * s).reshaped(s.size(), s.size());
  }

  Vector slope_;
  Matrix second_;  // Empty: 0.
  Matrix third_;   // n²×n; empty: 0.
};

// Looks for the least value over offsets from the centre.
class Descent {
 public:
  Descent(Polynomial polynomial, const Vector& centre, double reach, const Feasible& feasible)
      : polynomial_(std::move(polynomial)),
        centre_(centre),
        reach_(reach),
        low_((centre.array() - reach).max(0) - centre.array()),
        high_((centre.array() + reach).min(1) - centre.array()),
        feasible_(feasible),
        s_(Vector::Zero(centre.size())) {}

  // Newton's method, projected to the box of what may be reached.
  void Step(const std::stop_token& stop) {
    for (int step = 0; step < kMostSteps; ++step) {
      ThrowIfStopped(stop);
      const Vector gradient = polynomial_.Gradient(s_);
      if (!Search(Direction(gradient), gradient)) return;
    }
  }

  // Looks around at random, nearer and nearer.
  void Creep(std::uint64_t seed, const std::stop_token& stop) {
    double radius = reach_;
    for (int look = 0; look < kMostLooks && radius > kLeastStep; ++look) {
      ThrowIfStopped(stop);
      const Matrix around = PointsAround(centre_ + s_, polynomial_.Gradient(s_), radius,
                                         kPointsAround, seed + static_cast<std::uint64_t>(look));
      bool is_better = false;
      for (Index k = 0; k < around.cols(); ++k) {
        is_better =
            Take((around.col(k) - centre_).cwiseMax(low_).cwiseMin(high_), value_) || is_better;
      }
      if (!is_better) radius *= kNearer;
    }
  }

  Vector Place() const { return (centre_ + s_).cwiseMax(0).cwiseMin(1); }
  double Value() const { return value_; }

 private:
  // Downhill, along the sides of the box that the gradient pushes against, also where the second
  // derivative is not positive.
  Vector Direction(const Vector& gradient) const {
    Vector slope = gradient;
    for (Index i = 0; i < s_.size(); ++i) {
      if (IsHeld(i, gradient)) slope(i) = 0;
    }
    if (!polynomial_.IsCurved()) return slope * (-reach_ / std::max(slope.norm(), 1e-300));
    Matrix hessian = polynomial_.Hessian(s_);
    for (Index i = 0; i < s_.size(); ++i) {
      if (!IsHeld(i, gradient)) continue;
      hessian.row(i).setZero();
      hessian.col(i).setZero();
    }
    const Eigen::SelfAdjointEigenSolver<Matrix> solver(hessian);
    // No step is longer than what may be reached.
    const double least = std::max(slope.norm() / reach_, 1e-300);
    const Vector curvatures = solver.eigenvalues().cwiseAbs().cwiseMax(least);
    const Matrix& axes = solver.eigenvectors();
    return -(axes * (axes.transpose() * slope).cwiseQuotient(curvatures));
  }

  // Whether the gradient pushes an input against the side of the box that it is at.
  bool IsHeld(Index i, const Vector& gradient) const {
    return gradient(i) > 0 ? s_(i) <= low_(i) : s_(i) >= high_(i);
  }

  // Whether a part of the step was taken.
  bool Search(const Vector& direction, const Vector& gradient) {
    for (double length = 1; length * direction.norm() > kLeastStep * reach_; length *= 0.5) {
      const Vector there = (s_ + length * direction).cwiseMax(low_).cwiseMin(high_);
      const double decrease = kSufficient * gradient.dot(s_ - there);
      if (decrease > 0 && Take(there, value_ - decrease)) return true;
    }
    return false;
  }

  // Goes there if that is feasible and below the bound.
  bool Take(const Vector& there, double bound) {
    const double value = polynomial_.Value(there);
    if (!(value < bound)) return false;
    if (feasible_ && !feasible_((centre_ + there).cwiseMax(0).cwiseMin(1))) return false;
    s_ = there;
    value_ = value;
    return true;
  }

  const Polynomial polynomial_;
  const Vector centre_;
  const double reach_;
  const Vector low_;
  const Vector high_;
  const Feasible& feasible_;
  Vector s_;
  double value_ = 0;
};

}  // namespace

std::optional<Vector> ModelMinimum(const TaylorModel& model, const Evidence& evidence, Index sample,
                                   Index output, double sign, const Feasible& feasible,
                                   std::uint64_t seed, const std::stop_token& stop) {
  const Index n = evidence.n();
  const TaylorExpansions expansions = model.Expand({sample}, TaylorModel::kMaxOrder, stop);
  if (!expansions.derivatives.allFinite()) return std::nullopt;
  const Index terms = expansions.derivatives.rows() / evidence.m();
  const double reach =
      model.PredictHeldOut({sample}, expansions.order, HeldOut::kItself, stop).radius(0);
  if (!(reach > kLeastStep)) return std::nullopt;
  Descent descent(
      Polynomial(expansions.derivatives.data() + output * terms, n, expansions.order, sign),
      evidence.X.col(sample), reach, feasible);
  descent.Step(stop);
  if (feasible) descent.Creep(seed, stop);
  const Vector place = descent.Place();
  const double away = NearestDistances(place, evidence.X, stop)(0);
  return descent.Value() < 0 && away > kLeastStep ? std::optional(place) : std::nullopt;
}

}  // namespace sobolev::sampling
