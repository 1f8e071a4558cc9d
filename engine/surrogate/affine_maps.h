// The affine maps between the units of a user and the standardised coordinates of a fit:
//   x̂ = A (x − μ_x),  y = μ_y + σ_y ŷ,  hence  ∇y_i = σ_yi Aᵀ ∇ŷ_i  and  ∇²y_i = σ_yi Aᵀ ∇²ŷ_i A.
// A is diagonal, or r×n and dense where inputs are projected to fewer.

#ifndef SOBOLEV_ENGINE_SURROGATE_AFFINE_MAPS_H_
#define SOBOLEV_ENGINE_SURROGATE_AFFINE_MAPS_H_

#include <cstddef>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"

namespace sobolev {

struct AffineMaps {
  Vector x_mean;    // n
  Vector x_factor;  // n: the diagonal of A. Empty if A is dense.
  Matrix A;         // r×n. Empty if A is diagonal.
  Vector y_mean;    // m
  Vector y_scale;   // m, > 0

  // The maps that change nothing.
  static AffineMaps Identity(Index n, Index m);
  // x̂ = (x − μ_x)/σ_x.
  static AffineMaps Standard(const Vector& x_mean, const Vector& x_scale, const Vector& y_mean,
                             const Vector& y_scale);

  bool Dense() const { return A.size() > 0; }
  Index n() const { return x_mean.size(); }
  Index r() const { return Dense() ? A.rows() : x_mean.size(); }
  Index m() const { return y_mean.size(); }
  std::size_t SizeBytes() const;

  // x̂ (r) of one x (n).
  void Forward(const double* x, double* x_hat) const;
  // A v (r) of a direction v (n).
  void ForwardDirection(const double* v, double* v_hat) const;
  // Aᵀ g (n) of a gradient g (r).
  void BackwardGradient(const double* g_hat, double* g) const;
  // The direction A e_j (r), j < n.
  void InputDirection(Index j, double* direction) const;

  // Throws Error(kInvalidArgument) if sizes disagree, a number is not finite or a scale not > 0.
  void Validate() const;
  void Save(ByteWriter& writer) const;
  // Throws Error(kDataLoss) or, through Validate, Error(kInvalidArgument).
  static AffineMaps Load(ByteReader& reader);
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_AFFINE_MAPS_H_
