// Matrix aliases and the batch convention.
//
// One sample per column: X is n×N, Y is m×N. The Jacobian of a batch is stored n×(m·N): column
// s·m+i is ∇yᵢ at sample s. Read as raw bytes these are row-major [N, n], [N, m] and [N, m, n],
// the layout of the wire, so a request is mapped and not transposed. In the same way p tangent
// results per sample are m×(p·N) = [N, p, m] and q adjoint results are n×(q·N) = [N, q, n].

#ifndef SOBOLEV_ENGINE_BASE_MATRIX_H_
#define SOBOLEV_ENGINE_BASE_MATRIX_H_

#include <Eigen/Core>

namespace sobolev {

using Index = Eigen::Index;
using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

// Views of memory owned by somebody else, with no alignment assumed.
using ConstMatrixMap = Eigen::Map<const Matrix>;
using MatrixMap = Eigen::Map<Matrix>;

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_BASE_MATRIX_H_
