#include "engine/regression/minimise.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev::regression {

namespace {

constexpr std::size_t kMemory = 10;

struct Pair {
  Vector s;
  Vector y;
};

// H g by the two-loop recursion, with pairs restricted to free variables.
Vector TwoLoop(const std::deque<Pair>& pairs, const Vector& free, Vector g) {
  std::vector<double> shares(pairs.size());
  const auto dot = [&](const Vector& a, const Vector& b) { return a.cwiseProduct(free).dot(b); };
  for (std::size_t k = pairs.size(); k-- > 0;) {
    const double curvature = dot(pairs[k].s, pairs[k].y);
    shares[k] = curvature > 0 ? dot(pairs[k].s, g) / curvature : 0;
    g -= shares[k] * pairs[k].y.cwiseProduct(free);
  }
  for (std::size_t k = pairs.size(); k-- > 0;) {
    const double curvature = dot(pairs[k].s, pairs[k].y);
    if (curvature > 0) {
      g *= curvature / dot(pairs[k].y, pairs[k].y);
      break;
    }
  }
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    const double curvature = dot(pairs[k].s, pairs[k].y);
    if (curvature <= 0) continue;
    const double share = dot(pairs[k].y, g) / curvature;
    g += (shares[k] - share) * pairs[k].s.cwiseProduct(free);
  }
  return g;
}

}  // namespace

Minimum Minimise(const std::function<double(const Vector&, Vector&)>& f, const Vector& start,
                 const Vector& lower, const Vector& upper, int max_evaluations, double tolerance,
                 double max_step) {
  Minimum best{.x = start.cwiseMax(lower).cwiseMin(upper)};
  Vector gradient(start.size());
  best.value = f(best.x, gradient);
  best.evaluations = 1;
  if (!std::isfinite(best.value)) return best;
  std::deque<Pair> pairs;
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
    Vector direction = -TwoLoop(pairs, free, descent);
    if (pairs.empty() || !(direction.dot(descent) < 0)) {
      pairs.clear();
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
        if (s.dot(y) > 1e-10 * s.norm() * y.norm()) {
          pairs.push_back({s, y});
          if (pairs.size() > kMemory) pairs.pop_front();
        }
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
    pairs.clear();  // Once more along the gradient.
  }
  return best;
}

}  // namespace sobolev::regression
