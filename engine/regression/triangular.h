// Inverses of triangular matrices, in terms of products.

#ifndef SOBOLEV_ENGINE_REGRESSION_TRIANGULAR_H_
#define SOBOLEV_ENGINE_REGRESSION_TRIANGULAR_H_

#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/dense/dense.h"

namespace sobolev::regression {

// Replaces the lower triangle of a square matrix by its inverse and what is above the diagonal by
// 0. Throws Error(kCancelled) soon after `stop` fires.
void InvertLower(dense::MatrixRef L, const std::stop_token& stop);

// The lower triangle of C = TᵀT for a lower triangle T with zeros above.
void TransposedSquare(const dense::ConstMatrixRef& T, Matrix& C, const std::stop_token& stop);

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_TRIANGULAR_H_
