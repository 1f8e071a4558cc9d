// A surrogate around another one: y = g(u), u = core(φ(x)) + wings(x).
//
// φ are features of the inputs (feature_map.h): periodic or logarithmic inputs, products of inputs.
// g keeps outputs within bounds (output_map.h). Where inputs are clamped, the core never leaves
// the box around its training points by more than the clamps' widths, and wings go on linearly:
//   wings_i(x) = Σ_j above_ij (x_j − s_j(x_j))⁺ + below_ij (x_j − s_j(x_j))⁻,
// which is 0 inside the box and twice continuously differentiable everywhere, so that the
// deviation from a linear function is bounded however far x is outside.

#ifndef SOBOLEV_ENGINE_SURROGATE_COMPOSED_SURROGATE_H_
#define SOBOLEV_ENGINE_SURROGATE_COMPOSED_SURROGATE_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/output_map.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev {

// ∂u_i/∂x_j outside the box, m×n; without elements there are no wings.
struct Wings {
  Matrix below;
  Matrix above;

  bool Empty() const { return below.size() == 0; }
};

// All but the core.
struct Composition {
  FeatureMap features;
  std::vector<OutputMap> outputs;  // m
  Wings wings;

  // Throws Error(kInvalidArgument) if sizes disagree or a number is not finite.
  void Validate() const;
  std::size_t SizeBytes() const;
  void Save(ByteWriter& writer) const;
  // Throws Error(kDataLoss) or, through Validate, Error(kInvalidArgument).
  static Composition Load(ByteReader& reader);
};

class ComposedSurrogate : public Surrogate {
 public:
  // Throws Error(kInvalidArgument) unless the core has r inputs and m outputs.
  ComposedSurrogate(Composition composition, std::shared_ptr<const Surrogate> core);

  const Composition& composition() const { return composition_; }
  const Surrogate& core() const { return *core_; }

  SurrogateKind kind() const override { return SurrogateKind::kComposed; }
  Index n() const override { return composition_.features.n(); }
  Index m() const override { return core_->m(); }
  // Those of the core and the slopes of the wings.
  Index NumParameters() const override;
  std::size_t SizeBytes() const override;
  // That of the core to first order: |g′| times the spread of u; of the Jacobian as if the spreads
  // of u and of its derivatives along different features were independent.
  bool HasSpread() const override { return core_->HasSpread(); }
  double Cost(const PredictionSize& size) const override;
  void Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
               const std::optional<Directions>& adjoints, const PredictionBuffers& out,
               const std::stop_token& stop = {}) const override;
  // The composition, then the kind of the core and what it saves; train/surrogate_codec.h reads it.
  void Save(ByteWriter& writer) const override;

 private:
  Composition composition_;
  std::shared_ptr<const Surrogate> core_;
  bool linear_outputs_;  // All g are the identity.
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_COMPOSED_SURROGATE_H_
