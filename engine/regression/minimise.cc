#include "engine/regression/minimise.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>

#include "engine/base/matrix.h"
#include "engine/dense/limited_memory.h"

namespace sobolev::regression {

namespace {

constexpr std::size_t kMemory = 10;

}  // namespace

Minimum Minimise(const std::function<double(const Vector&, Vector&)>& f, const Vector& start,
                 const Vector& lower, const Vector& upper, int max_evaluations, double tolerance,
                 double max_step) {
  Minimum best{.x = start.cwiseMax(lower).cwiseMin(upper)};
  Vector gradient(start.size());
  best.value = f(best.x, gradient);
  best.evaluations = 1;
  if (!std::isfinite(best.value)) return best;
  dense::LimitedMemory pairs(kMemory);
  int small_gains = 0;
  while (best.evaluations < max_evaluations && small_gains < 2) {
    Vector free(start.size());
    for (Index i = 0; i < start.size(); ++i) {
      const bool held =
          (best.x(i) <= lower(i) && gradient(i) > 0) || (best.x(i) >= upper(i) && gradient(i) < 0);
      free(i) = held ? 0 : 1;
    }
    const Vector descent = gradient.cwiseProduct(free);
    if (descent.cwiseAbs().maxCoeff() == 0) break;
    Vector direction = -pairs.Apply(descent, &free);
    if (pairs.empty() || !(direction.dot(descent) < 0)) {
      pairs.Clear();
      direction = -descent / std::max(1.0, descent.cwiseAbs().maxCoeff());
    }
    const double longest = direction.cwiseAbs().maxCoeff();
    if (longest > max_step) direction *= max_step / longest;

    double step = 1;
    bool moved = false;
    while (best.evaluations < max_evaluations && step > 1e-6) {
      const Vector x = (best.x + step * direction).cwiseMax(lower).cwiseMin(upper);
      Vector new_gradient(start.size());
      const double value = f(x, new_gradient);
      ++best.evaluations;
      const double slope = descent.dot(x - best.x);
      if (std::isfinite(value) && value <= best.value + 1e-4 * slope) {
        const Vector s = x - best.x;
        const Vector y = new_gradient - gradient;
        pairs.Add(s, y);
        small_gains = best.value - value < tolerance ? small_gains + 1 : 0;
        best.x = x;
        best.value = value;
        gradient = new_gradient;
        moved = true;
        break;
      }
      // The minimum of the parabola through both values and the slope, within limits.
      double shrink = 0.2;
      if (std::isfinite(value)) {
        shrink = std::clamp(-0.5 * slope / (value - best.value - slope), 0.1, 0.5);
      }
      step *= shrink;
    }
    if (moved) continue;
    if (pairs.empty()) break;
    pairs.Clear();  // Once more along the gradient.
  }
  return best;
}

}  // namespace sobolev::regression
