#include "engine/sampling/goals.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"

namespace sobolev::sampling {

namespace {

constexpr Index kNumRadii = 8;

double NormalDensity(double z) { return std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi); }

}  // namespace

double ExpectedImprovement(double mean, double spread, double least) {
  const double gain = least - mean;
  if (!(spread > 0)) return std::max(0.0, gain);
  const double z = gain / spread;
  const double chance = 0.5 * std::erfc(-z / std::numbers::sqrt2);
  return std::max(0.0, gain * chance + spread * NormalDensity(z));
}

double LevelDoubt(double mean, double spread, double level) {
  return spread > 0 ? spread * NormalDensity((mean - level) / spread) : 0;
}

Matrix PointsAround(const Vector& centre, const Vector& slope, double radius, Index count,
                    std::uint64_t seed) {
  Rng rng(seed);
  Matrix X(centre.size(), count);
  const double steepness = slope.norm();
  for (Index s = 0; s < count; ++s) {
    Vector direction(centre.size());
    for (double& d : direction) d = rng.Normal();
    direction.normalize();
    // Half of the points lie on the lower side.
    if (s % 2 == 0 && steepness > 0) {
      direction = (direction - slope / steepness).normalized();
    }
    const double length = std::ldexp(radius, -static_cast<int>(s / 2 % kNumRadii));
    X.col(s) = (centre + length * direction).cwiseMax(0).cwiseMin(1);
  }
  return X;
}

}  // namespace sobolev::sampling
