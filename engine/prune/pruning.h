// What all ways of pruning share: how far to go, and what it did to the network.

#ifndef SOBOLEV_ENGINE_PRUNE_PRUNING_H_
#define SOBOLEV_ENGINE_PRUNE_PRUNING_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/layers.h"
#include "engine/prune/significance.h"

namespace sobolev::prune {

// How far to prune: one of the first three, or one or both errors.
struct Target {
  std::optional<double> fraction;      // Of the vertices or weights to remove, in [0, 1).
  std::optional<Index> parameters;     // At most so many are left that are not 0.
  std::optional<Index> multiply_adds;  // At most so many for a Jacobian; see JacobianCost.
  // As much as goes with deviations of at most these.
  std::optional<double> value_error;
  std::optional<double> jacobian_error;
};

// What takes the place of removed vertices and weights. Constants are folded into the biases
// behind.
enum class Compensation {
  kSobolev,   // The means, and then every layer behind is refitted: least squares of the original
              // pre-activations and their input tangents.
  kMean,      // Of the vertex over the points.
  kMidpoint,  // Of its range over the box, by intervals.
  kZero,
};

// Throws Error(kInvalidArgument) naming "target" or the field of it that is wrong.
void CheckTarget(const Target& target);

// How much a network differs from another, sampled over a box.
struct Deviation {
  double value = 0;     // RMS over points and outputs of Δy, in units of scaling.y_scale.
  double jacobian = 0;  // RMS of ΔJ over RMS of J, both per half width of the box's ranges and in
                        // the units of y above.
};

// At the columns of X, user units. Throws Error(kFailedPrecondition) naming "network" if a number
// is not finite, and Error(kCancelled).
Deviation Compare(const nn::NetworkSurrogate& original, const nn::NetworkSurrogate& changed,
                  const Box& box, const Matrix& X, const std::stop_token& stop = {});

// Multiply-adds of one Jacobian in the cheaper of tangent and adjoint mode: min(n, m) times the
// weights that are not 0 and the hidden vertices.
Index JacobianCost(const Layers& layers);
// Weights that are not 0, and biases.
Index NumParameters(const Layers& layers);

// Points that weights are fitted to and judged by, in the network's coordinates.
struct FitPoints {
  Matrix X;           // n×N
  Matrix directions;  // n×d: tangents, in units of half the box's ranges. All inputs, or, of many,
                      // kSketchedDirections random ones whose squares add up to those of all.
};
inline constexpr Index kManyInputs = 16;
inline constexpr Index kSketchedDirections = 8;

FitPoints DrawFitPoints(const nn::NetworkSurrogate& network, const Box& box, Index num_points,
                        std::uint64_t seed);

// Throws Error(kInvalidArgument) naming "num_points" unless there are 2 to kMaxSampledPoints.
void CheckNumPoints(Index num_points);

// The constants that may stand for what layer l = 1 … D takes, [a_{l−1}; x by a skip], at [l − 1]:
// means over the points, or midpoints over a standardised box.
std::vector<Vector> Means(const Layers& layers, const Matrix& X);
std::vector<Vector> Midpoints(const Layers& layers, const nn::Scaling& scaling, const Box& box,
                              const NetworkSignificance& significance);

// Calls visit(X, X_dot) for some samples at a time, as LayerSweep takes them. Throws
// Error(kCancelled) soon after `stop` fires.
void ForEachChunk(const FitPoints& points, const std::stop_token& stop,
                  const std::function<void(const Matrix& X, const Matrix& X_dot)>& visit);

// How many of `available` steps to take for the target: a fraction of `total`, or as found by
// asking for what some numbers of steps leave. cut(steps) needs to have the right zeros and sizes
// only. Throws Error(kFailedPrecondition) naming the target's field, and saying what can be
// reached, if all steps do not suffice; Error(kInvalidArgument) naming "target.fraction" if it asks
// for more than all.
Index StepsFor(const Target& target, Index total, Index available,
               const std::function<Layers(Index steps)>& cut,
               const std::function<Deviation(Index steps)>& deviation);

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_PRUNING_H_
