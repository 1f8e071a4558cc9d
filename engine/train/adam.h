// The Adam optimiser.

#ifndef SOBOLEV_ENGINE_TRAIN_ADAM_H_
#define SOBOLEV_ENGINE_TRAIN_ADAM_H_

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <emmintrin.h>

namespace sobolev::train {

// Four floats or two doubles. Written out because a compiler keeps std::sqrt scalar for its errno,
// and Eigen's square root of floats differs between processors.
template <class T>
struct Packet;

template <>
struct Packet<float> {
  using Type = __m128;
  static Type Sqrt(Type x) { return _mm_sqrt_ps(x); }
};

template <>
struct Packet<double> {
  using Type = __m128d;
  static Type Sqrt(Type x) { return _mm_sqrt_pd(x); }
};

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

  // For p parameters, before the first step.
  explicit Adam(std::size_t p) : first_moment_(p), second_moment_(p) {}

  // One step on θ, in place, with the gradient g there and the learning rate η.
  void Step(std::span<T> theta, std::span<const T> gradient, double learning_rate) {
    assert(theta.size() == first_moment_.size() && gradient.size() == theta.size());
    using Pack = typename Packet<T>::Type;
    constexpr std::size_t kLanes = sizeof(Pack) / sizeof(T);
    ++steps_;
    const auto t = static_cast<double>(steps_);
    const Pack rate = Pack{} + static_cast<T>(learning_rate / (1 - std::pow(kBeta1, t)));
    const Pack correction = Pack{} + static_cast<T>(1 / std::sqrt(1 - std::pow(kBeta2, t)));
    const Pack keep1 = Pack{} + static_cast<T>(kBeta1);
    const Pack take1 = Pack{} + static_cast<T>(1 - kBeta1);
    const Pack keep2 = Pack{} + static_cast<T>(kBeta2);
    const Pack take2 = Pack{} + static_cast<T>(1 - kBeta2);
    const Pack tiny = Pack{} + static_cast<T>(kEpsilon);
    const auto update = [&](std::size_t first, std::size_t bytes) {
      Pack g{};
      Pack m{};
      Pack v{};
      Pack x{};
      std::memcpy(&g, gradient.data() + first, bytes);
      std::memcpy(&m, first_moment_.data() + first, bytes);
      std::memcpy(&v, second_moment_.data() + first, bytes);
      std::memcpy(&x, theta.data() + first, bytes);
      m = keep1 * m + take1 * g;
      v = keep2 * v + take2 * (g * g);
      x = x - rate * m / (correction * Packet<T>::Sqrt(v) + tiny);
      std::memcpy(first_moment_.data() + first, &m, bytes);
      std::memcpy(second_moment_.data() + first, &v, bytes);
      std::memcpy(theta.data() + first, &x, bytes);
    };
    const std::size_t p = theta.size();
    const std::size_t whole = p - p % kLanes;
    for (std::size_t first = 0; first < whole; first += kLanes) update(first, sizeof(Pack));
    if (whole < p) update(whole, (p - whole) * sizeof(T));
  }

  // Whether both moments are: those of a gradient that is not, or whose square is not, never are
  // again.
  bool IsFinite() const {
    const auto is_finite = [](T moment) { return std::isfinite(moment); };
    return std::ranges::all_of(first_moment_, is_finite) &&
           std::ranges::all_of(second_moment_, is_finite);
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
