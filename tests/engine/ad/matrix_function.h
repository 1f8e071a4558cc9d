// One examination for all functions of matrices: value, tangent and adjoint against each other and
// against the function itself.
//
// Matrices travel as flat vectors, so that one harness serves functions with any number of matrix
// arguments and results.

#ifndef SOBOLEV_TESTS_ENGINE_AD_MATRIX_FUNCTION_H_
#define SOBOLEV_TESTS_ENGINE_AD_MATRIX_FUNCTION_H_

#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include <Eigen/QR>
#include <gtest/gtest.h>

#include "engine/ad/verify.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"

namespace sobolev::ad {

inline Matrix RandomMatrix(Index rows, Index cols, std::uint64_t seed) {
  Rng rng(seed);
  return Matrix::NullaryExpr(rows, cols, [&] { return rng.Normal(); });
}

// Q of a random matrix: orthogonal.
inline Matrix RandomOrthogonal(Index n, std::uint64_t seed) {
  return Matrix(RandomMatrix(n, n, seed).householderQr().householderQ());
}

// All entries of all matrices, column by column.
inline Vector Flatten(const std::vector<Matrix>& matrices) {
  Index size = 0;
  for (const Matrix& A : matrices) size += A.size();
  Vector flat(size);
  Index offset = 0;
  for (const Matrix& A : matrices) {
    flat.segment(offset, A.size()) = A.reshaped();
    offset += A.size();
  }
  return flat;
}

inline Vector Flatten(double value) { return Vector::Constant(1, value); }

// The rows×cols matrix that begins at `offset` of a flat vector.
template <class FlatVector>
auto MatrixAt(const FlatVector& flat, Index offset, Index rows, Index cols) {
  using Scalar = typename FlatVector::Scalar;
  return Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>(
      flat.segment(offset, rows * cols).reshaped(rows, cols));
}

struct MatrixFunction {
  std::function<Vector(const Vector& x)> value;
  std::function<Vector(const Vector& x, const Vector& x_dot)> jvp;
  std::function<Vector(const Vector& x, const Vector& y_bar)> vjp;
  // The same function in complex arithmetic, without conjugates; empty where there is none.
  std::function<ComplexVector(const ComplexVector& x)> analytic = nullptr;
};

// The three witnesses at x, each for five random pairs ẋ, ȳ:
//   the identity ȳᵀẏ = x̄ᵀẋ, to a hundred roundings;
//   central differences of ȳᵀf along ẋ, to 1e-8 of ‖ẏ‖ or ten times their own error estimate;
//   the complex step, where there is one, to `tolerance` of ‖ẏ‖ (the condition of the problem
//   enters).
inline void ExpectDerivatives(const MatrixFunction& f, const Vector& x, double tolerance = 1e-12) {
  const Index m = f.value(x).size();
  Rng rng(99);
  for (int trial = 0; trial < 5; ++trial) {
    SCOPED_TRACE(trial);
    const Vector x_dot = RandomDirection(x.size(), rng);
    const Vector y_bar = RandomDirection(m, rng);
    const Vector y_dot = f.jvp(x, x_dot);
    const Vector x_bar = f.vjp(x, y_bar);
    ASSERT_EQ(y_dot.size(), m);
    ASSERT_EQ(x_bar.size(), x.size());
    EXPECT_LT(DotProductDefect(y_bar, y_dot, x_bar, x_dot), 100 * 0x1p-52);

    const DifferenceEstimate difference =
        CentralDifference([&](double t) { return y_bar.dot(f.value(x + t * x_dot)); }, 0);
    EXPECT_NEAR(y_bar.dot(y_dot), difference.derivative,
                1e-8 * y_dot.norm() + 10 * difference.error);
    // A difference quotient that knows nothing would excuse everything.
    EXPECT_LT(difference.error, 1e-6 * (1 + y_dot.norm()));

    if (!f.analytic) continue;
    const Vector exact = ComplexStepJvp(f.analytic, x, x_dot);
    EXPECT_LT((y_dot - exact).norm(), tolerance * (1 + exact.norm()));
  }
}

}  // namespace sobolev::ad

#endif  // SOBOLEV_TESTS_ENGINE_AD_MATRIX_FUNCTION_H_
