// Significance as sampling sees it: how much y varies because a vertex does, over points in a box.
// Nothing here is a bound of what lies between the points; it ranks far better than intervals do.

#ifndef SOBOLEV_ENGINE_PRUNE_SAMPLED_SIGNIFICANCE_H_
#define SOBOLEV_ENGINE_PRUNE_SAMPLED_SIGNIFICANCE_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::prune {

struct SampledOptions {
  Index num_points = 2048;  // 2 to kMaxSampledPoints.
  std::uint64_t seed = 1;
};
inline constexpr Index kMaxSampledPoints = Index{1} << 22;

// A column per output, in its units.
struct SampledSignificance {
  Matrix inputs;               // n×m: RMS of (x_j − mean) ∂y/∂x_j
  std::vector<Matrix> hidden;  // [l − 1]: width×m, RMS of (a − mean) ∂y/∂a
  std::vector<Matrix> taylor;  // [l − 1]: width×m, mean |a ∂y/∂a|: what dropping a does to y, to
                               // first order
  Vector y_variance;  // m
};

// Throws Error(kInvalidArgument) naming "box" or "num_points", and Error(kCancelled) soon after
// `stop` fires.
SampledSignificance SampleSignificance(const nn::NetworkSurrogate& network, const Box& box,
                                       const SampledOptions& options = {},
                                       const std::stop_token& stop = {});

// Of the inputs of any surrogate.
struct SampledInputs {
  Matrix significance;  // n×m: RMS of (x_j − mean) ∂y/∂x_j
  Matrix total_sobol;   // n×m, as TotalSobolBounds
  Index num_invalid =
      0;  // Points at which y or a derivative is not finite; they count for nothing.
};

// Numbers of values and derivatives that SampleInputs keeps.
inline constexpr Index kMaxSampledNumbers = Index{1} << 25;

// Both are empty if no point is valid. Throws Error(kInvalidArgument) naming "box", or "num_points"
// where those are too few, too many or more than kMaxSampledNumbers with all their derivatives; and
// Error(kCancelled) soon after `stop` fires.
SampledInputs SampleInputs(const Surrogate& surrogate, const Box& box,
                           const SampledOptions& options = {}, const std::stop_token& stop = {});

// Estimates of bounds on the total Sobol indices of inputs that are independent and uniform on
// [a, b]: S_j <= (b − a)²/π² · E[(∂y/∂x_j)²]/Var y (Sobol' and Kucherenko 2009, theorem 2). The
// inequality is exact, the two moments are sampled. J: n×(m·N) as in base/matrix.h, Y: m×N; n×m.
// An output that does not vary has 0 where its derivatives are 0, else infinity.
Matrix TotalSobolBounds(const Box& box, const Matrix& Y, const Matrix& J);

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_SAMPLED_SIGNIFICANCE_H_
