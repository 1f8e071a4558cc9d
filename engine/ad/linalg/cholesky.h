// The Cholesky factor A = L Lᵀ of a symmetric positive definite matrix, its tangent and its
// adjoint.
//
// Differentiate A = L Lᵀ and multiply by L⁻¹ from the left and L⁻ᵀ from the right:
//
//     L⁻¹ Ȧ L⁻ᵀ = L⁻¹ L̇ + (L⁻¹ L̇)ᵀ,
//
// a lower triangular matrix plus its transpose. So L̇ = L Φ(L⁻¹ Ȧ L⁻ᵀ), where Φ takes the lower
// triangle and halves the diagonal, and the adjoint is the transpose of that map (Murray 2016,
// "Differentiation of the Cholesky decomposition", eqs. 8 and 10; Smith 1995).

#ifndef SOBOLEV_ENGINE_AD_LINALG_CHOLESKY_H_
#define SOBOLEV_ENGINE_AD_LINALG_CHOLESKY_H_

#include "engine/base/matrix.h"

namespace sobolev::ad {

// L, lower triangular with positive diagonal, of the symmetric part (A + Aᵀ)/2.
//
// Throws Error(kInvalidArgument) NOT_POSITIVE_DEFINITE, SHAPE_MISMATCH or NOT_FINITE. Thread-safe,
// as are the next two.
Matrix Cholesky(const Matrix& A);

// L̇ for the L that Cholesky returned, lower triangular.
Matrix CholeskyJvp(const Matrix& L, const Matrix& A_dot);

// Ā, symmetric: ⟨Ā, Ȧ⟩ = ⟨L̄, L̇⟩ for every Ȧ. Entries of L_bar above the diagonal have no
// effect, as those of L are constant.
Matrix CholeskyVjp(const Matrix& L, const Matrix& L_bar);

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_LINALG_CHOLESKY_H_
