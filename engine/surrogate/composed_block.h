// Some points of a prediction of a composed surrogate (composed_surrogate.h), by the chain rule:
//   ẏ = g′ u̇,  u̇ = core_dot(φ′ẋ) + wings′ẋ,     x̄ = φ′ᵀ core_bar(ū) + wings′ᵀ ū,  ū = g′ ȳ,
//   x̄˙ = φ′ᵀ (core_bar˙(ū) + core_bar(ū˙)) + (φ″ẋ)ᵀ core_bar(ū) + wings′ᵀ ū˙ + (wings″ẋ)ᵀ ū,
//        ū˙ = g″ u̇ ȳ,
//   ∇²y = g′ ∇²u + g″ ∇u ∇uᵀ,   ∇²u = φ′ᵀ (∇²core) φ′ + Σ_a (∂core/∂φ_a) ∇²φ_a + wings″.

#ifndef SOBOLEV_ENGINE_SURROGATE_COMPOSED_BLOCK_H_
#define SOBOLEV_ENGINE_SURROGATE_COMPOSED_BLOCK_H_

#include <optional>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev {

// The arguments of Predict.
struct ComposedRequest {
  const Composition& composition;
  const Surrogate& core;
  bool linear_outputs;  // All g are the identity.
  const ConstMatrixMap& X;
  const std::optional<Directions>& tangents;
  const std::optional<Directions>& adjoints;
  const PredictionBuffers& out;
  const std::stop_token& stop;
};

// Points first … first + count − 1 of a request.
class ComposedBlock {
 public:
  ComposedBlock(const ComposedRequest& request, Index first, Index count);

  // Writes everything that was asked for.
  void Predict();

 private:
  // What the core says: values and derivatives with respect to φ.
  struct OfCore {
    Matrix Y;         // m×count
    Matrix J;         // r×(m·count)
    Matrix H;         // r×(r·m·count)
    Matrix Y_dot;     // m×(p·count)
    Matrix Y_spread;  // m×count
    Matrix J_spread;  // r×(m·count)
  };

  void MapInputs();
  void MapTangents();
  void EvaluateCore();
  void WriteValues(Index s);
  void WriteTangents(Index s);
  void WriteHessians(Index s);
  void WriteSpreads(Index s);
  void WriteAdjoints();
  // From Ū (m×(q·count)) and what the core makes of it: φ̄ (r×(q·count)), unless features are
  // linear, and its tangents φ̄˙ (r×(p·q·count)) while ū is constant.
  void WriteSecondAdjoints(const Matrix& U_bar, const Matrix& phi_bar, Matrix phi_bar_dot);

  // ∂u_i/∂x_j of the wings.
  double WingSlope(Index i, Index j, Index s) const;
  // Σ_i ū_i ∂u_i/∂x_j of the wings.
  double WingSum(const double* u_bar, Index j, Index s) const;
  // u̇_i of tangent k.
  double TangentOfU(Index i, Index k, Index s) const;
  // Adds φ′ᵀ φ̄ to x_bar (n).
  void AddBack(const double* phi_bar, Index s, double* x_bar) const;
  // ∇u_i (n).
  void GradientOfU(Index i, Index s, double* gradient) const;

  const ComposedRequest& request_;
  const FeatureMap& features_;
  const Wings& wings_;
  const Index first_;
  const Index count_;
  const Index n_;
  const Index m_;
  const Index r_;

  Matrix phi_;             // r×count
  Matrix phi_gradient_;    // entries×count
  Matrix phi_hessian_;     // entries×count
  Matrix phi_dot_;         // r×(p·count)
  Matrix outside_;         // n×count: x − s(x), if there are wings.
  Matrix outside_first_;   // n×count: 1 − s′
  Matrix outside_second_;  // n×count: −s″
  OfCore core_;
  std::vector<ScalarJet> outputs_;  // m×count: g at u.
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_COMPOSED_BLOCK_H_
