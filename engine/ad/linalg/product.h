// The matrix product C = A B, its tangent and its adjoints.
//
// A: m×k, B: k×n, C: m×n.

#ifndef SOBOLEV_ENGINE_AD_LINALG_PRODUCT_H_
#define SOBOLEV_ENGINE_AD_LINALG_PRODUCT_H_

#include "engine/base/matrix.h"

namespace sobolev::ad {

struct ProductAdjoints {
  Matrix A_bar;
  Matrix B_bar;
};

// C = A B. Throws Error(kInvalidArgument) if a shape disagrees, as do the next two. Thread-safe.
Matrix Product(const Matrix& A, const Matrix& B);

// Ċ = Ȧ B + A Ḃ.
Matrix ProductJvp(const Matrix& A, const Matrix& B, const Matrix& A_dot, const Matrix& B_dot);

// Ā = C̄ Bᵀ, B̄ = Aᵀ C̄.
ProductAdjoints ProductVjp(const Matrix& A, const Matrix& B, const Matrix& C_bar);

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_LINALG_PRODUCT_H_
