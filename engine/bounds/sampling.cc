// SampleRanges and SampleRangesUntil of bound.h.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/base/stop.h"
#include "engine/bounds/bound.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"

namespace sobolev::bounds {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Points and numbers evaluated at a time, bounds that are climbed for, and steps of a climb.
constexpr Index kBlock = 1024;
constexpr Index kBlockNumbers = Index{1} << 22;
constexpr std::size_t kMaxClimbs = 32;
constexpr int kClimbSteps = 30;

// The ranges of values (m) and derivatives (n·m), one after the other, with where they are reached.
class Ranges {
 public:
  Ranges(const Encloser& encloser, bool jacobian)
      : encloser_(encloser), jacobian_(jacobian), extremes_(NumQuantities(encloser, jacobian)) {}

  struct Extreme {
    double lo = kInfinity;
    double hi = -kInfinity;
    Vector at_lo;
    Vector at_hi;
  };
  const std::vector<Extreme>& extremes() const { return extremes_; }

  void Add(const Matrix& X) {
    encloser_.Evaluate(X, &values_, jacobian_ ? &jacobians_ : nullptr);
    for (Index s = 0; s < X.cols(); ++s) {
      AddNumbers(X, s, values_.col(s).data(), encloser_.m(), 0);
      if (!jacobian_) continue;
      const Index per_point = encloser_.n() * encloser_.m();
      AddNumbers(X, s, jacobians_.data() + s * per_point, per_point,
                 static_cast<std::size_t>(encloser_.m()));
    }
  }

 private:
  static std::size_t NumQuantities(const Encloser& encloser, bool jacobian) {
    return static_cast<std::size_t>(encloser.m() * (jacobian ? 1 + encloser.n() : 1));
  }

  void AddNumbers(const Matrix& X, Index s, const double* numbers, Index count, std::size_t first) {
    for (Index k = 0; k < count; ++k) {
      Extreme& extreme = extremes_[first + static_cast<std::size_t>(k)];
      if (numbers[k] < extreme.lo) {
        extreme.lo = numbers[k];
        extreme.at_lo = X.col(s);
      }
      if (numbers[k] > extreme.hi) {
        extreme.hi = numbers[k];
        extreme.at_hi = X.col(s);
      }
    }
  }

  const Encloser& encloser_;
  bool jacobian_;
  std::vector<Extreme> extremes_;
  Matrix values_;
  Matrix jacobians_;
};

// A point of any box.
Vector AnyPoint(const Box& box) {
  Vector x = Vector::Zero(box.n()).cwiseMax(box.lo).cwiseMin(box.hi);
  const Vector centre = box.Centre();
  for (Index j = 0; j < x.size(); ++j) {
    if (std::isfinite(box.lo(j)) && std::isfinite(box.hi(j))) x(j) = centre(j);
  }
  return x;
}

Matrix RandomPoints(const Box& box, Index count, Rng& rng) {
  Matrix X(box.n(), count);
  for (Index s = 0; s < count; ++s) {
    for (Index j = 0; j < box.n(); ++j) {
      const double t = rng.Uniform();
      X(j, s) = std::clamp((1 - t) * box.lo(j) + t * box.hi(j), box.lo(j), box.hi(j));
    }
  }
  return X;
}

// A step up and down along every input from the best point so far; half as long when none is
// better.
void Climb(const Box& box, std::size_t quantity, bool up, Ranges& ranges,
           const std::stop_token& stop) {
  const Index n = box.n();
  Vector step = 0.25 * (box.hi - box.lo);
  for (int k = 0; k < kClimbSteps; ++k) {
    if (stop.stop_requested()) return;
    const Ranges::Extreme& extreme = ranges.extremes()[quantity];
    const Vector& best = up ? extreme.at_hi : extreme.at_lo;
    if (best.size() == 0) return;
    const double before = up ? extreme.hi : extreme.lo;
    Matrix X = best.replicate(1, 2 * n);
    for (Index j = 0; j < n; ++j) {
      X(j, 2 * j) = std::min(X(j, 2 * j) + step(j), box.hi(j));
      X(j, 2 * j + 1) = std::max(X(j, 2 * j + 1) - step(j), box.lo(j));
    }
    ranges.Add(X);
    if ((up ? extreme.hi : extreme.lo) == before) step *= 0.5;
  }
}

}  // namespace

Enclosure SampleRanges(const Encloser& encloser, const Box& box, bool jacobian, Index num_samples,
                       std::uint64_t seed, const std::stop_token& stop) {
  Enclosure sampled = SampleRangesUntil(stop, encloser, box, jacobian, num_samples, seed);
  ThrowIfStopped(stop);
  return sampled;
}

Enclosure SampleRangesUntil(const std::stop_token& stop, const Encloser& encloser, const Box& box,
                            bool jacobian, Index num_samples, std::uint64_t seed) {
  RequireBox(box, encloser.n());
  Ranges ranges(encloser, jacobian);
  ranges.Add(AnyPoint(box));
  if (box.IsFinite()) {
    Rng rng(seed);
    const Index numbers = encloser.m() * (jacobian ? 1 + encloser.n() : 1);
    const Index block = std::clamp<Index>(kBlockNumbers / numbers, 1, kBlock);
    for (Index done = 0; done < num_samples && !stop.stop_requested(); done += block) {
      ranges.Add(RandomPoints(box, std::min(block, num_samples - done), rng));
    }
    const std::size_t climbs = num_samples > 0 ? std::min(ranges.extremes().size(), kMaxClimbs) : 0;
    for (std::size_t quantity = 0; quantity < climbs; ++quantity) {
      Climb(box, quantity, true, ranges, stop);
      Climb(box, quantity, false, ranges, stop);
    }
  }
  const Index n = encloser.n();
  const Index m = encloser.m();
  Enclosure sampled = Enclosure::Entire(n, m, jacobian);
  for (Index k = 0; k < static_cast<Index>(ranges.extremes().size()); ++k) {
    const Ranges::Extreme& extreme = ranges.extremes()[static_cast<std::size_t>(k)];
    (k < m ? sampled.y_lo(k) : sampled.J_lo.reshaped()(k - m)) = extreme.lo;
    (k < m ? sampled.y_hi(k) : sampled.J_hi.reshaped()(k - m)) = extreme.hi;
  }
  return sampled;
}

}  // namespace sobolev::bounds
