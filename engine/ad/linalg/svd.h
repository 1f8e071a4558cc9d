// The singular value decomposition A = U S Vᵀ, the spectral and the nuclear norm, with tangents and
// adjoints.
//
// With K = Uᵀ Ȧ V, split into its symmetric part E and its skew part O, the singular values move by
// ṡ_i = K_ii, and the bases turn by the skew matrices
//
//     Uᵀ U̇ = D ∘ E + H ∘ O,    Vᵀ V̇ = D ∘ E − H ∘ O,    D_ij = 1/(s_j − s_i), H_ij = 1/(s_i + s_j),
//
// the usual formula with 1/(s_j² − s_i²) (Giles 2008, Townsend 2016) in partial fractions. U and V
// also turn out of their column spaces, by (I − U Uᵀ) Ȧ V S⁻¹ and (I − V Vᵀ) Ȧᵀ U S⁻¹.
//
// Gauge. (u_i, v_i) are determined up to a common sign; here the entry of largest magnitude of u_i
// is positive (the first of several). u_iᵀ u̇_i = v_iᵀ v̇_i = 0.
//
// Ties and zeros. D is taken as zero at ties, H and S⁻¹ at zeros: where the difference, the sum or
// the value is at most 2⁻⁵⁰ max(m, n) s_1. No NaN arises. Because partial fractions keep D and H
// apart, the adjoint stays exact at ties for every function that sees the tied vectors only as a
// whole and weighs tied values alike, such as the polar factor U Vᵀ or symmetric functions of s. At
// zero singular values U and V are arbitrary in part, and only functions that do not see that part
// have right adjoints.

#ifndef SOBOLEV_ENGINE_AD_LINALG_SVD_H_
#define SOBOLEV_ENGINE_AD_LINALG_SVD_H_

#include "engine/base/matrix.h"

namespace sobolev::ad {

// Thin: A is m×n and k = min(m, n).
struct Svd {
  Matrix U;  // m×k, orthonormal columns.
  Vector s;  // k, descending, >= 0.
  Matrix V;  // n×k, orthonormal columns.
};

// Throws Error(kInvalidArgument) NOT_FINITE. Thread-safe, as is everything here; shapes that
// disagree throw SHAPE_MISMATCH.
Svd DecomposeSvd(const Matrix& A);

// U̇, ṡ, V̇ along Ȧ.
Svd SvdJvp(const Svd& svd, const Matrix& A_dot);

// Ā for the adjoints Ū, s̄, V̄, in the shapes of svd.
Matrix SvdVjp(const Svd& svd, const Svd& bar);

// The number of singular values above 2⁻⁵⁰ max(m, n) s_1.
Index Rank(const Svd& svd);

// ‖A‖₂ = s_1. The gradient is u₁ v₁ᵀ; when r singular values tie for the first, U_r V_rᵀ / r, the
// subgradient of least Frobenius norm; zero at A = 0.
double SpectralNorm(const Svd& svd);
double SpectralNormJvp(const Svd& svd, const Matrix& A_dot);
Matrix SpectralNormVjp(const Svd& svd, double y_bar);

// ‖A‖_* = Σ s_i = tr S, the regulariser that favours low rank. The gradient is U Vᵀ over the
// nonzero singular values; when A lacks full rank this is the subgradient of least Frobenius norm,
// and the tangent is the product with it (the one-sided derivative along Ȧ may be larger).
double NuclearNorm(const Svd& svd);
double NuclearNormJvp(const Svd& svd, const Matrix& A_dot);
Matrix NuclearNormVjp(const Svd& svd, double y_bar);

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_LINALG_SVD_H_
