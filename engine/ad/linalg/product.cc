#include "engine/ad/linalg/product.h"

#include "engine/ad/linalg/require.h"
#include "engine/base/error.h"

namespace sobolev::ad {

Matrix Product(const Matrix& A, const Matrix& B) {
  RequireSize("B rows", B.rows(), A.cols());
  return A * B;
}

Matrix ProductJvp(const Matrix& A, const Matrix& B, const Matrix& A_dot, const Matrix& B_dot) {
  RequireSize("B rows", B.rows(), A.cols());
  RequireShape("A_dot", A_dot, A);
  RequireShape("B_dot", B_dot, B);
  return A_dot * B + A * B_dot;
}

ProductAdjoints ProductVjp(const Matrix& A, const Matrix& B, const Matrix& C_bar) {
  RequireSize("B rows", B.rows(), A.cols());
  RequireSize("C_bar rows", C_bar.rows(), A.rows());
  RequireSize("C_bar columns", C_bar.cols(), B.cols());
  return {.A_bar = C_bar * B.transpose(), .B_bar = A.transpose() * C_bar};
}

}  // namespace sobolev::ad
