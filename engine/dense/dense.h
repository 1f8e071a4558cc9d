// Dense linear algebra at the speed of the processor's widest vectors: the products and the
// Cholesky factorisation that second-order training and Gaussian processes live on. Same bits for
// the same instruction set whatever the number of threads.

#ifndef SOBOLEV_ENGINE_DENSE_DENSE_H_
#define SOBOLEV_ENGINE_DENSE_DENSE_H_

#include <stop_token>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"

namespace sobolev::dense {

using MatrixRef = Eigen::Ref<Matrix, 0, Eigen::OuterStride<>>;
using ConstMatrixRef = Eigen::Ref<const Matrix, 0, Eigen::OuterStride<>>;

// C += alpha A Bᵀ with A r×k, B c×k, C r×c. C overlaps neither.
void AddProduct(double alpha, const ConstMatrixRef& A, const ConstMatrixRef& B, MatrixRef C,
                Isa isa = BestIsa());

// Lower triangle of C += alpha A Aᵀ with A r×k, C r×r; above the diagonal C is unspecified.
void AddGram(double alpha, const ConstMatrixRef& A, MatrixRef C, Isa isa = BestIsa());

// Replaces the lower triangle of the symmetric A by its Cholesky factor L, A = L Lᵀ; above the
// diagonal A is neither read nor written. Returns false, with A unspecified, if a pivot is not
// positive and finite. Throws Error(kCancelled) soon after `stop` fires.
bool Cholesky(MatrixRef A, const std::stop_token& stop = {}, Isa isa = BestIsa());

// B ← L⁻¹ B and B ← L⁻ᵀ B for the lower triangle L of a square matrix.
void SolveLower(const ConstMatrixRef& L, MatrixRef B);
void SolveLowerTransposed(const ConstMatrixRef& L, MatrixRef B);

}  // namespace sobolev::dense

#endif  // SOBOLEV_ENGINE_DENSE_DENSE_H_
