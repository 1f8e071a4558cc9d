// Eigenvalues and eigenvectors of a symmetric matrix, A = Q Λ Qᵀ, with tangents and adjoints.
//
// First-order perturbation: λ̇_i = q_iᵀ Ȧ q_i, and q_i turns towards q_j by q_jᵀ Ȧ q_i / (λ_i −
// λ_j). Two things need a rule:
//
// Gauge. Each q_i is determined up to its sign; here its entry of largest magnitude is positive
// (the first of several). Lengths are one, so that q_iᵀ q̇_i = 0.
//
// Ties. Within an eigenspace the basis is arbitrary and turns infinitely fast. The quotient is
// taken as zero when |λ_i − λ_j| <= 2⁻⁵⁰ n ‖λ‖_∞, where the difference is rounding. No NaN arises,
// and the adjoint is right for every function that sees a tied eigenspace only as a whole:
// projections on it, and symmetric functions of its eigenvalues (log-determinants, norms). Their Q̄
// has no part that turns the basis, and their λ̄ are equal within the tie. A function that weighs
// the tied eigenvalues differently gets the derivative along the basis at hand; for a single
// eigenvalue that is an element of its generalised gradient, for A ↦ Q f(Λ) Qᵀ it lacks the terms
// f′(λ) between different vectors of the tie.

#ifndef SOBOLEV_ENGINE_AD_LINALG_SYMMETRIC_EIGEN_H_
#define SOBOLEV_ENGINE_AD_LINALG_SYMMETRIC_EIGEN_H_

#include "engine/base/matrix.h"

namespace sobolev::ad {

struct SymmetricEigen {
  Vector lambda;  // n, ascending.
  Matrix Q;       // n×n, column i is the eigenvector of lambda(i).
};

// The decomposition of the symmetric part (A + Aᵀ)/2. Throws Error(kInvalidArgument) SHAPE_MISMATCH
// or NOT_FINITE. Thread-safe, as are the next two.
SymmetricEigen DecomposeSymmetric(const Matrix& A);

// λ̇ and Q̇ along Ȧ.
SymmetricEigen SymmetricEigenJvp(const SymmetricEigen& eigen, const Matrix& A_dot);

// Ā, symmetric, for the adjoints λ̄ and Q̄.
Matrix SymmetricEigenVjp(const SymmetricEigen& eigen, const Vector& lambda_bar,
                         const Matrix& Q_bar);

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_LINALG_SYMMETRIC_EIGEN_H_
