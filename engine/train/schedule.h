// The one-cycle learning rate.

#ifndef SOBOLEV_ENGINE_TRAIN_SCHEDULE_H_
#define SOBOLEV_ENGINE_TRAIN_SCHEDULE_H_

#include <array>
#include <cmath>
#include <cstddef>

namespace sobolev::train {

// The rate at `progress` ∈ [0, 1] of training: from nearly nothing up to `peak` at a fifth, then
// down in three pieces, linear in between (Huge and Savine 2020, with their rates divided by their
// peak of 0.1).
inline double OneCycleRate(double progress, double peak) {
  struct Knot {
    double progress;
    double rate;  // In units of the peak.
  };
  constexpr std::array<Knot, 5> kKnots = {
      {{0.0, 1e-7}, {0.2, 1.0}, {0.6, 0.1}, {0.9, 1e-5}, {1.0, 1e-7}}};
  std::size_t right = 1;
  while (right + 1 < kKnots.size() && progress > kKnots[right].progress) ++right;
  const Knot& from = kKnots[right - 1];
  const Knot& to = kKnots[right];
  const double share = (progress - from.progress) / (to.progress - from.progress);
  return peak * std::lerp(from.rate, to.rate, share);
}

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SCHEDULE_H_
