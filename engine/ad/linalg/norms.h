// Norms of vectors, and ‖x‖³/3, with gradients and Hessian-vector products.
//
// The Frobenius norm of a matrix is the 2-norm of its entries: pass A.reshaped(). The spectral and
// the nuclear norm stand in svd.h.

#ifndef SOBOLEV_ENGINE_AD_LINALG_NORMS_H_
#define SOBOLEV_ENGINE_AD_LINALG_NORMS_H_

#include "engine/base/matrix.h"

namespace sobolev::ad {

// ‖x‖₂, without overflow or underflow of the squares. All functions here are thread-safe and throw
// Error(kInvalidArgument) if a shape disagrees.
double TwoNorm(const Vector& x);
// xᵀẋ / ‖x‖.
double TwoNormJvp(const Vector& x, const Vector& x_dot);
// x̄ = ȳ x / ‖x‖; at x = 0, where the norm has a kink, zero: the smallest of its subgradients.
Vector TwoNormVjp(const Vector& x, double y_bar);
// ∇²‖x‖ v = (v − u uᵀv) / ‖x‖ with u = x/‖x‖; zero at x = 0, like the derivative of sign(x).
Vector TwoNormHessianVector(const Vector& x, const Vector& v);

// ‖A‖_F = √Σ A_ij², its tangent and its adjoint Ā = ȳ A / ‖A‖_F, with the same convention at A = 0.
double FrobeniusNorm(const Matrix& A);
double FrobeniusNormJvp(const Matrix& A, const Matrix& A_dot);
Matrix FrobeniusNormVjp(const Matrix& A, double y_bar);

// ‖x‖³/3, twice continuously differentiable everywhere.
double CubedNorm(const Vector& x);
// ‖x‖ xᵀẋ.
double CubedNormJvp(const Vector& x, const Vector& x_dot);
// x̄ = ȳ ‖x‖ x.
Vector CubedNormVjp(const Vector& x, double y_bar);
// ∇² = x xᵀ/‖x‖ + ‖x‖ I; its limit at x = 0 is zero.
Matrix CubedNormHessian(const Vector& x);
Vector CubedNormHessianVector(const Vector& x, const Vector& v);

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_LINALG_NORMS_H_
