#include "engine/ad/linalg/cholesky.h"

#include <Eigen/Cholesky>

#include "engine/ad/linalg/require.h"
#include "engine/base/error.h"

namespace sobolev::ad {
namespace {

// Φ(M): the lower triangle with half of the diagonal. Its own transpose as a linear map.
Matrix HalvedLower(const Matrix& M) {
  Matrix lower = M.triangularView<Eigen::Lower>();
  lower.diagonal() /= 2;
  return lower;
}

}  // namespace

Matrix Cholesky(const Matrix& A) {
  RequireSquare("A", A);
  RequireFinite("A", A);
  const Eigen::LLT<Matrix> llt(SymmetricPart(A));
  if (llt.info() != Eigen::Success) {
    throw InvalidArgument("NOT_POSITIVE_DEFINITE", "A",
                          "expected a positive definite matrix, got one whose factorisation meets "
                          "a pivot that is not positive; add a multiple of the identity");
  }
  return llt.matrixL();
}

Matrix CholeskyJvp(const Matrix& L, const Matrix& A_dot) {
  RequireSquare("L", L);
  RequireShape("A_dot", A_dot, L);
  const auto lower = L.triangularView<Eigen::Lower>();
  const Matrix left = lower.solve(SymmetricPart(A_dot));      // L⁻¹ Ȧ
  const Matrix both = lower.solve(Matrix(left.transpose()));  // L⁻¹ Ȧᵀ L⁻ᵀ, symmetric.
  return lower * HalvedLower(both);
}

Matrix CholeskyVjp(const Matrix& L, const Matrix& L_bar) {
  RequireSquare("L", L);
  RequireShape("L_bar", L_bar, L);
  const auto upper = L.transpose().triangularView<Eigen::Upper>();
  const Matrix P = HalvedLower(upper * L_bar);
  const Matrix left = upper.solve(P);                         // L⁻ᵀ P
  const Matrix both = upper.solve(Matrix(left.transpose()));  // (L⁻ᵀ P L⁻¹)ᵀ
  return SymmetricPart(both);
}

}  // namespace sobolev::ad
