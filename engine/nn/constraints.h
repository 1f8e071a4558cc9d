// Networks whose shape is constrained by construction: monotone in inputs, convex or concave in all
// of them, or without some of their weights.
//
// With an activation that increases (tanh, softplus) a network is monotone in an input if all
// weights on the paths of that input have the right sign: those of the input itself the sign of the
// slope, those between units are not negative. With softplus, which is convex and increases, a
// network with such weights between units is convex in its inputs, whatever their own weights
// (Amos, Xu and Kolter 2017, input convex networks), and concave if those of the last layer have
// the other sign. Where some inputs are free, half of the units of each layer see only these and
// each other, with weights of any sign, so that what depends on free inputs is not constrained.
//
// The weights w of such a network are functions of free parameters θ, entry by entry: w itself, 0,
// or ±(θ + √(θ² + ε²))/2, which is positive ("squareplus", Barron 2021). Optimisers work on θ,
// sweeps and surrogates on w.

#ifndef SOBOLEV_ENGINE_NN_CONSTRAINTS_H_
#define SOBOLEV_ENGINE_NN_CONSTRAINTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network.h"

namespace sobolev::nn {

enum class Slope : std::int8_t { kDecreasing = -1, kFree = 0, kIncreasing = 1 };
enum class Convexity : std::int8_t { kConcave = -1, kFree = 0, kConvex = 1 };

// Of all outputs.
struct ShapeConstraints {
  std::vector<Slope> slopes;               // Per input; empty: all free.
  Convexity convexity = Convexity::kFree;  // In all inputs together.
  std::vector<bool> zeros;                 // Per weight or bias, whether it is 0; empty: none is.

  bool IsMonotone() const;
  bool IsFree() const { return !IsMonotone() && convexity == Convexity::kFree && zeros.empty(); }
};

// Which weights of a network are 0, for ShapeConstraints::zeros. Biases are not among them.
std::vector<bool> ZeroWeights(const Architecture& architecture, const Vector& theta);
// How many weights are not 0, of biases none.
Index NumNonzeroWeights(const Architecture& architecture, const Vector& theta);

// Throws Error(kInvalidArgument) naming "spec.monotone" unless there is a slope for each input or
// none at all, "zeros" unless they are as many as parameters or none at all, and
// "spec.network.activation" if the activation cannot obey.
void CheckConstraints(const Architecture& architecture, const ShapeConstraints& constraints);

// From free parameters to weights. Immutable.
class WeightMap {
 public:
  // The identity.
  WeightMap() = default;
  // Throws as CheckConstraints.
  WeightMap(const Architecture& architecture, const ShapeConstraints& constraints);

  bool IsIdentity() const { return kinds_.empty(); }

  // w(θ), p values each; T is float or double. May be in place.
  template <class T>
  void Weights(std::span<const T> theta, std::span<T> weights) const;
  // dw/dθ, likewise.
  template <class T>
  void Slopes(std::span<const T> theta, std::span<T> slopes) const;

  Vector Weights(const Vector& theta) const;
  // A θ with these weights, but for those that are 0 or so, or of the wrong sign: they become small
  // ones of the right sign.
  Vector Parameters(const Vector& weights) const;
  // A θ to start from, made from unconstrained initial weights of that architecture: weights that
  // cannot cancel are smaller, and those of rows with given zeros larger, so that sums over units
  // keep their size.
  Vector InitialParameters(const Architecture& architecture, Vector weights) const;

 private:
  // Removed: 0 as given, not by its place.
  enum class Kind : std::int8_t { kNegative = -1, kFree = 0, kPositive = 1, kZero = 2, kRemoved };

  static Kind KindOf(int sign) { return static_cast<Kind>(sign); }

  void Constrain(const Architecture& architecture, const ShapeConstraints& constraints);

  std::vector<Kind> kinds_;  // Of each entry of θ; empty for the identity.
};

extern template void WeightMap::Weights(std::span<const float>, std::span<float>) const;
extern template void WeightMap::Weights(std::span<const double>, std::span<double>) const;
extern template void WeightMap::Slopes(std::span<const float>, std::span<float>) const;
extern template void WeightMap::Slopes(std::span<const double>, std::span<double>) const;

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_CONSTRAINTS_H_
