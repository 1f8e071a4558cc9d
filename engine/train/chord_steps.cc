#include "engine/train/chord_steps.h"

#include <cmath>
#include <cstddef>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/train/damped_system.h"

namespace sobolev::train {

namespace {

// A step that decreases F by less than this fraction was the last: the next linearisation pays
// more.
constexpr double kWorthwhile = 1e-3;
// The part of the decrease that the slope promises which a step has to bring (Armijo).
constexpr double kSufficient = 1e-4;
constexpr double kShorter = 0.4;
constexpr int kMaxLengths = 6;
// Pairs of less curvature are left out, for the matrix must stay positive definite.
constexpr double kLeastCosine = 1e-12;

}  // namespace

ChordSteps::ChordSteps(Index num_parameters, Index residual_size, Index max_steps)
    : pairs_(static_cast<std::size_t>(max_steps)), no_residuals_(Vector::Zero(residual_size)) {
  for (Pair& pair : pairs_) {
    pair = {Vector::Zero(num_parameters), Vector::Zero(num_parameters), 0, 0};
  }
  for (Vector* vector : {&zero_, &before_, &gradient_, &earlier_, &direction_, &candidate_}) {
    *vector = Vector::Zero(num_parameters);
  }
}

void ChordSteps::Improve(DampedSystem& system, double ridge, const Vector& from,
                         const Vector& gradient, Vector& theta, double& loss,
                         const std::stop_token& stop) {
  before_ = from;
  earlier_ = gradient;
  num_pairs_ = 0;
  double value = loss + ridge * theta.squaredNorm();
  for (Pair& pair : pairs_) {
    system.sweep().Gradient(theta, gradient_, stop);
    gradient_ += ridge * theta;
    Pair& next = pairs_[static_cast<std::size_t>(num_pairs_)];
    next.s = theta - before_;
    next.y = gradient_ - earlier_;
    next.product = next.s.dot(next.y);
    if (next.product > kLeastCosine * next.s.norm() * next.y.norm()) ++num_pairs_;
    Direct(system, stop);
    const double slope = 2 * gradient_.dot(direction_);
    if (!(slope < 0)) return;
    double length = 1;
    double candidate_loss = 0;
    double decrease = 0;
    bool found = false;
    for (int tries = 0; tries < kMaxLengths && !found; ++tries, length *= kShorter) {
      candidate_ = theta + length * direction_;
      candidate_loss = system.sweep().Loss(candidate_, stop);
      decrease = value - (candidate_loss + ridge * candidate_.squaredNorm());
      found = decrease > -kSufficient * length * slope;
    }
    if (!found) return;
    before_ = theta;
    earlier_ = gradient_;
    theta = candidate_;
    loss = candidate_loss;
    const bool worthwhile = decrease > kWorthwhile * value;
    value -= decrease;
    if (!worthwhile || &pair == &pairs_.back()) return;
  }
}

void ChordSteps::Direct(DampedSystem& system, const std::stop_token& stop) {
  // candidate_ is free until the next step is chosen.
  Vector& q = candidate_;
  q = gradient_;
  for (Index i = num_pairs_ - 1; i >= 0; --i) {
    Pair& pair = pairs_[static_cast<std::size_t>(i)];
    pair.weight = pair.s.dot(q) / pair.product;
    q -= pair.weight * pair.y;
  }
  system.Solve(no_residuals_, &zero_, q, direction_, stop);
  for (Index i = 0; i < num_pairs_; ++i) {
    const Pair& pair = pairs_[static_cast<std::size_t>(i)];
    direction_ -= (pair.weight + pair.y.dot(direction_) / pair.product) * pair.s;
  }
}

}  // namespace sobolev::train
