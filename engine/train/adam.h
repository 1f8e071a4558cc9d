// The Adam optimiser.

#ifndef SOBOLEV_ENGINE_TRAIN_ADAM_H_
#define SOBOLEV_ENGINE_TRAIN_ADAM_H_

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "engine/base/matrix.h"

namespace sobolev::train {

// Kingma and Ba 2015, algorithm 1 with its default constants:
//   m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,
//   θ ← θ − η · m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε).
// T is float or double. Not thread-safe.
template <class T>
class Adam {
 public:
  static constexpr double kBeta1 = 0.9;
  static constexpr double kBeta2 = 0.999;
  static constexpr double kEpsilon = 1e-8;

  // For `num_parameters` parameters, before the first step.
  explicit Adam(std::size_t num_parameters)
      : first_moment_(num_parameters), second_moment_(num_parameters) {}

  // One step on θ, in place, with the gradient there and learning rate η.
  void Step(std::span<T> theta, std::span<const T> gradient, double learning_rate) {
    assert(theta.size() == first_moment_.size() && gradient.size() == theta.size());
    ++steps_;
    const auto t = static_cast<double>(steps_);
    const T rate = static_cast<T>(learning_rate / (1 - std::pow(kBeta1, t)));
    const T root_correction = static_cast<T>(1 / std::sqrt(1 - std::pow(kBeta2, t)));
    constexpr T kKeep1 = static_cast<T>(kBeta1);
    constexpr T kKeep2 = static_cast<T>(kBeta2);
    constexpr T kTake1 = static_cast<T>(1 - kBeta1);
    constexpr T kTake2 = static_cast<T>(1 - kBeta2);
    constexpr T kTiny = static_cast<T>(kEpsilon);

    // Piece by piece, so that the four arrays pass through the cache once.
    constexpr std::size_t kPiece = 1024;
    using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
    for (std::size_t first = 0; first < theta.size(); first += kPiece) {
      const auto size = static_cast<Index>(std::min(kPiece, theta.size() - first));
      const Eigen::Map<const Array> g(gradient.data() + first, size);
      Eigen::Map<Array> m(first_moment_.data() + first, size);
      Eigen::Map<Array> v(second_moment_.data() + first, size);
      Eigen::Map<Array> parameters(theta.data() + first, size);
      m = kKeep1 * m + kTake1 * g;
      v = kKeep2 * v + kTake2 * g.square();
      parameters -= rate * m / (root_correction * v.sqrt() + kTiny);
    }
  }

  // The state, for saving and restoring.
  std::int64_t steps() const { return steps_; }
  const std::vector<T>& first_moment() const { return first_moment_; }
  const std::vector<T>& second_moment() const { return second_moment_; }
  void Restore(std::int64_t steps, std::vector<T> first_moment, std::vector<T> second_moment) {
    assert(first_moment.size() == first_moment_.size());
    assert(second_moment.size() == second_moment_.size());
    steps_ = steps;
    first_moment_ = std::move(first_moment);
    second_moment_ = std::move(second_moment);
  }

 private:
  std::int64_t steps_ = 0;        // t
  std::vector<T> first_moment_;   // m
  std::vector<T> second_moment_;  // v
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_ADAM_H_
