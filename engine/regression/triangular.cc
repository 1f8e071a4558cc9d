#include "engine/regression/triangular.h"

#include <algorithm>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/dense/dense.h"

namespace sobolev::regression {

namespace {

constexpr Index kSmall = 32;
constexpr Index kPanel = 256;  // Rows of a product between two looks at the stop token.

// C += alpha A Bᵀ
void AddProduct(double alpha, const dense::ConstMatrixRef& A, const dense::ConstMatrixRef& B,
                dense::MatrixRef C, const std::stop_token& stop) {
  for (Index row = 0; row < C.rows(); row += kPanel) {
    ThrowIfStopped(stop);
    const Index count = std::min(kPanel, C.rows() - row);
    dense::AddProduct(alpha, A.middleRows(row, count), B, C.middleRows(row, count));
  }
}

void InvertSmall(dense::MatrixRef L) {
  const Index size = L.rows();
  for (Index j = 0; j < size; ++j) {
    L(j, j) = 1 / L(j, j);
    for (Index i = 0; i < j; ++i) L(i, j) = 0;
  }
  // Column by column: L X = I.
  for (Index j = 0; j < size; ++j) {
    for (Index i = j + 1; i < size; ++i) {
      double sum = 0;
      for (Index k = j; k < i; ++k) sum += L(i, k) * L(k, j);
      L(i, j) = -sum * L(i, i);
    }
  }
}

}  // namespace

void InvertLower(dense::MatrixRef L, const std::stop_token& stop) {
  const Index size = L.rows();
  if (size <= kSmall) {
    InvertSmall(L);
    return;
  }
  // [L₁ 0; M L₂]⁻¹ = [L₁⁻¹ 0; −L₂⁻¹ M L₁⁻¹ L₂⁻¹]
  const Index half = (size / 2 + 7) / 8 * 8;
  const Index rest = size - half;
  InvertLower(L.topLeftCorner(half, half), stop);
  InvertLower(L.bottomRightCorner(rest, rest), stop);
  const Matrix transposed = L.topLeftCorner(half, half).transpose();
  Matrix product = Matrix::Zero(half, rest);  // (M L₁⁻¹)ᵀ
  AddProduct(1, transposed, L.bottomLeftCorner(rest, half), product, stop);
  L.topRightCorner(half, rest).setZero();
  L.bottomLeftCorner(rest, half).setZero();
  AddProduct(-1, L.bottomRightCorner(rest, rest), product, L.bottomLeftCorner(rest, half), stop);
}

void TransposedSquare(const dense::ConstMatrixRef& T, Matrix& C, const std::stop_token& stop) {
  const Index size = T.rows();
  const Matrix U = T.transpose();
  C.setZero(size, size);
  for (Index first = 0; first < size; first += kPanel) {
    const Index count = std::min(kPanel, size - first);
    ThrowIfStopped(stop);
    // Rows from `first` on, and only the columns of U that are not 0 there.
    for (Index row = first; row < size; row += kPanel) {
      const Index rows = std::min(kPanel, size - row);
      dense::AddProduct(1, U.block(row, row, rows, size - row),
                        U.block(first, row, count, size - row), C.block(row, first, rows, count));
    }
  }
}

}  // namespace sobolev::regression
