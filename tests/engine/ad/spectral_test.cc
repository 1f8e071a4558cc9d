// Symmetric eigenproblems and singular values. Away from ties the three witnesses judge; at ties
// and zeros, functions that do not depend on the choice of basis have known derivatives.

#include <cmath>
#include <limits>
#include <string>

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include "engine/ad/linalg/require.h"
#include "engine/ad/linear_algebra.h"
#include "engine/ad/verify.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "tests/engine/ad/matrix_function.h"

namespace sobolev::ad {
namespace {

constexpr Index kN = 5;

Vector FlattenEigen(const SymmetricEigen& eigen) {
  return Flatten({Matrix(eigen.lambda), eigen.Q});
}

TEST(SymmetricEigenTest, DecomposesWithTheDocumentedSigns) {
  const Matrix A = RandomMatrix(kN, kN, 1);
  const Matrix symmetric = (A + A.transpose()) / 2;
  const SymmetricEigen eigen = DecomposeSymmetric(A);
  EXPECT_LT((eigen.Q * eigen.lambda.asDiagonal() * eigen.Q.transpose() - symmetric).norm(), 1e-14);
  for (Index i = 0; i < kN; ++i) {
    EXPECT_EQ(eigen.Q.col(i).maxCoeff(), eigen.Q.col(i).cwiseAbs().maxCoeff()) << "column " << i;
  }
}

TEST(SymmetricEigenTest, HasItsDerivativesWhereEigenvaluesAreApart) {
  const auto square = [](const auto& x) { return MatrixAt(x, 0, kN, kN); };
  const MatrixFunction decompose{
      .value = [&](const Vector& x) { return FlattenEigen(DecomposeSymmetric(square(x))); },
      .jvp =
          [&](const Vector& x, const Vector& x_dot) {
            return FlattenEigen(SymmetricEigenJvp(DecomposeSymmetric(square(x)), square(x_dot)));
          },
      .vjp =
          [&](const Vector& x, const Vector& y_bar) {
            return Flatten({SymmetricEigenVjp(DecomposeSymmetric(square(x)), y_bar.head(kN),
                                              MatrixAt(y_bar, kN, kN, kN))});
          }};
  ExpectDerivatives(decompose, RandomMatrix(kN * kN, 1, 2));
}

// The derivatives in closed form: A = [[a, b], [b, c]] has λ = (a + c)/2 ± √((a − c)²/4 + b²).
TEST(SymmetricEigenTest, AgreesWithTheClosedFormOfOrderTwo) {
  const SymmetricEigen eigen = DecomposeSymmetric(Matrix{{2, 1}, {1, -1}});
  const double root = std::sqrt(1.5 * 1.5 + 1);
  EXPECT_NEAR(eigen.lambda(1), 0.5 + root, 1e-15);
  const Matrix d_lambda = SymmetricEigenVjp(eigen, Vector{{0, 1}}, Matrix::Zero(2, 2));
  EXPECT_NEAR(d_lambda(0, 0), 0.5 + 0.75 / root, 1e-15);          // ∂λ/∂a
  EXPECT_NEAR(d_lambda(0, 1) + d_lambda(1, 0), 1 / root, 1e-15);  // ∂λ/∂b, which stands twice.
}

// The projection on an eigenspace of three equal eigenvalues does not depend on their basis. First
// order perturbation in closed form: Ṗ = P Ȧ R + R Ȧ P with R = (I − P) / (λ − μ), when all others
// equal μ.
TEST(SymmetricEigenTest, ProjectionsOnTiedEigenspacesHaveTheirDerivatives) {
  const Matrix basis = RandomOrthogonal(5, 3);
  const double lambda = 0.5;
  const double mu = -0.25;
  const Matrix P = basis.rightCols(3) * basis.rightCols(3).transpose();
  const Matrix rest = Matrix::Identity(5, 5) - P;
  const SymmetricEigen eigen = DecomposeSymmetric(lambda * P + mu * rest);
  const Matrix A_dot = SymmetricPart(RandomMatrix(5, 5, 4));
  const Matrix P_dot = (P * A_dot * rest + rest * A_dot * P) / (lambda - mu);

  const SymmetricEigen dot = SymmetricEigenJvp(eigen, A_dot);
  const Matrix Q = eigen.Q.rightCols(3);  // Ascending eigenvalues: the tie of 0.5 comes last.
  const Matrix Q_dot = dot.Q.rightCols(3);
  EXPECT_LT((Q_dot * Q.transpose() + Q * Q_dot.transpose() - P_dot).norm(), 1e-14);

  // y = ⟨C, Q Qᵀ⟩ has Q̄ = (C + Cᵀ) Q, and Ā is the same map as above, applied to C.
  const Matrix C = RandomMatrix(5, 5, 5);
  Matrix Q_bar = Matrix::Zero(5, 5);
  Q_bar.rightCols(3) = (C + C.transpose()) * Q;
  const Matrix A_bar = SymmetricEigenVjp(eigen, Vector::Zero(5), Q_bar);
  const Matrix expected = SymmetricPart(P * (C + C.transpose()) * rest) / (lambda - mu);
  EXPECT_LT((A_bar - expected).norm(), 1e-13 * expected.norm());
}

TEST(SymmetricEigenTest, TiesGiveNoNaN) {
  const SymmetricEigen eigen = DecomposeSymmetric(Matrix::Identity(3, 3));
  const SymmetricEigen dot = SymmetricEigenJvp(eigen, RandomMatrix(3, 3, 5));
  EXPECT_TRUE(dot.Q.isZero(0));
  EXPECT_TRUE(dot.lambda.allFinite());
  // The sum of the eigenvalues is smooth everywhere: the trace.
  const Matrix A_bar = SymmetricEigenVjp(eigen, Vector::Ones(3), RandomMatrix(3, 3, 6));
  EXPECT_LT((A_bar - Matrix::Identity(3, 3)).norm(), 1e-15);
  EXPECT_TRUE(
      SymmetricEigenVjp(DecomposeSymmetric(Matrix::Zero(2, 2)), Vector::Ones(2), Matrix::Ones(2, 2))
          .allFinite());
}

Vector FlattenSvd(const Svd& svd) { return Flatten({svd.U, Matrix(svd.s), svd.V}); }

Svd SvdFrom(const Vector& flat, Index m, Index n) {
  const Index k = std::min(m, n);
  return {.U = MatrixAt(flat, 0, m, k),
          .s = flat.segment(m * k, k),
          .V = MatrixAt(flat, m * k + k, n, k)};
}

struct Shape {
  Index m;
  Index n;
};

class SvdTest : public testing::TestWithParam<Shape> {};

TEST_P(SvdTest, DecomposesWithTheDocumentedSigns) {
  const auto [m, n] = GetParam();
  const Matrix A = RandomMatrix(m, n, 7);
  const Svd svd = DecomposeSvd(A);
  EXPECT_LT((svd.U * svd.s.asDiagonal() * svd.V.transpose() - A).norm(), 1e-14 * A.norm());
  for (Index i = 0; i < svd.s.size(); ++i) {
    EXPECT_EQ(svd.U.col(i).maxCoeff(), svd.U.col(i).cwiseAbs().maxCoeff()) << "column " << i;
  }
}

TEST_P(SvdTest, HasItsDerivativesWhereSingularValuesAreApart) {
  const auto [m, n] = GetParam();
  const auto matrix = [m = m, n = n](const Vector& x) { return MatrixAt(x, 0, m, n); };
  const MatrixFunction decompose{
      .value = [&](const Vector& x) { return FlattenSvd(DecomposeSvd(matrix(x))); },
      .jvp =
          [&](const Vector& x, const Vector& x_dot) {
            return FlattenSvd(SvdJvp(DecomposeSvd(matrix(x)), matrix(x_dot)));
          },
      .vjp =
          [&, m = m, n = n](const Vector& x, const Vector& y_bar) {
            return Flatten({SvdVjp(DecomposeSvd(matrix(x)), SvdFrom(y_bar, m, n))});
          }};
  ExpectDerivatives(decompose, RandomMatrix(m * n, 1, 8));
}

// Exact consequences of A = U S Vᵀ and of orthonormal columns, which determine the tangent.
TEST_P(SvdTest, TangentsSatisfyTheDefiningEquations) {
  const auto [m, n] = GetParam();
  const Svd svd = DecomposeSvd(RandomMatrix(m, n, 9));
  const Matrix A_dot = RandomMatrix(m, n, 10);
  const Svd dot = SvdJvp(svd, A_dot);
  const Matrix rebuilt = dot.U * svd.s.asDiagonal() * svd.V.transpose() +
                         svd.U * dot.s.asDiagonal() * svd.V.transpose() +
                         svd.U * svd.s.asDiagonal() * dot.V.transpose();
  EXPECT_LT((rebuilt - A_dot).norm(), 1e-13 * A_dot.norm());
  const Matrix U_turn = svd.U.transpose() * dot.U;
  const Matrix V_turn = svd.V.transpose() * dot.V;
  EXPECT_LT((U_turn + U_turn.transpose()).norm(), 1e-13 * (1 + U_turn.norm()));
  EXPECT_LT((V_turn + V_turn.transpose()).norm(), 1e-13 * (1 + V_turn.norm()));
}

INSTANTIATE_TEST_SUITE_P(Shapes, SvdTest,
                         testing::Values(Shape{5, 5}, Shape{7, 4}, Shape{4, 7}, Shape{3, 1}),
                         [](const auto& shape) {
                           return std::to_string(shape.param.m) + "x" +
                                  std::to_string(shape.param.n);
                         });

// The polar factor U Vᵀ = A (AᵀA)^{-1/2} is smooth where A has full rank, ties or not.
TEST(SvdTiesTest, AdjointOfThePolarFactorIsExact) {
  const Matrix P = RandomOrthogonal(4, 11);
  const Matrix R = RandomOrthogonal(4, 12);
  const Matrix A = P * Vector{{2, 2, 2, 0.5}}.asDiagonal() * R.transpose();
  const Matrix C = RandomMatrix(4, 4, 13);
  const auto polar = [](const Matrix& M) -> Matrix {
    const Svd svd = DecomposeSvd(M);
    return svd.U * svd.V.transpose();
  };
  const Svd svd = DecomposeSvd(A);
  // y = ⟨C, U Vᵀ⟩: Ū = C V, V̄ = Cᵀ U.
  const Matrix A_bar =
      SvdVjp(svd, {.U = C * svd.V, .s = Vector::Zero(4), .V = C.transpose() * svd.U});
  ASSERT_TRUE(A_bar.allFinite());
  Rng rng(14);
  for (int trial = 0; trial < 5; ++trial) {
    const Matrix A_dot = RandomDirection(16, rng).reshaped(4, 4);
    const DifferenceEstimate difference =
        CentralDifference([&](double t) { return polar(A + t * A_dot).cwiseProduct(C).sum(); }, 0);
    EXPECT_NEAR(A_bar.cwiseProduct(A_dot).sum(), difference.derivative, 1e-9);
    // The tangent of the polar factor likewise.
    const Svd dot = SvdJvp(svd, A_dot);
    const Matrix polar_dot = dot.U * svd.V.transpose() + svd.U * dot.V.transpose();
    EXPECT_NEAR(polar_dot.cwiseProduct(C).sum(), difference.derivative, 1e-9);
  }
}

TEST(SvdTiesTest, ZeroSingularValuesGiveNoNaN) {
  const Matrix A = RandomMatrix(5, 2, 15) * RandomMatrix(2, 4, 16);
  const Svd svd = DecomposeSvd(A);
  EXPECT_EQ(Rank(svd), 2);
  const Svd bar{.U = RandomMatrix(5, 4, 17), .s = Vector::Ones(4), .V = RandomMatrix(4, 4, 18)};
  EXPECT_TRUE(SvdVjp(svd, bar).allFinite());
  EXPECT_TRUE(SvdJvp(svd, RandomMatrix(5, 4, 19)).U.allFinite());
  EXPECT_TRUE(SvdVjp(DecomposeSvd(Matrix::Zero(5, 4)), bar).allFinite());
  EXPECT_THROW(DecomposeSvd(Matrix::Constant(2, 2, NAN)), Error);
}

TEST(MatrixNormTest, NuclearAndSpectralNormHaveTheirDerivatives) {
  const auto matrix = [](const Vector& x) { return MatrixAt(x, 0, 5, 3); };
  const MatrixFunction nuclear{
      .value = [&](const Vector& x) { return Flatten(NuclearNorm(DecomposeSvd(matrix(x)))); },
      .jvp =
          [&](const Vector& x, const Vector& x_dot) {
            return Flatten(NuclearNormJvp(DecomposeSvd(matrix(x)), matrix(x_dot)));
          },
      .vjp =
          [&](const Vector& x, const Vector& y_bar) {
            return Flatten({NuclearNormVjp(DecomposeSvd(matrix(x)), y_bar(0))});
          }};
  const MatrixFunction spectral{
      .value = [&](const Vector& x) { return Flatten(SpectralNorm(DecomposeSvd(matrix(x)))); },
      .jvp =
          [&](const Vector& x, const Vector& x_dot) {
            return Flatten(SpectralNormJvp(DecomposeSvd(matrix(x)), matrix(x_dot)));
          },
      .vjp =
          [&](const Vector& x, const Vector& y_bar) {
            return Flatten({SpectralNormVjp(DecomposeSvd(matrix(x)), y_bar(0))});
          }};
  const Vector x = RandomMatrix(15, 1, 20);
  ExpectDerivatives(nuclear, x);
  ExpectDerivatives(spectral, x);
}

// g is a subgradient of a convex f at A if f(B) >= f(A) + ⟨g, B − A⟩ for all B.
TEST(MatrixNormTest, SubgradientsHoldAtTiesAndLowRank) {
  const Matrix rank_two = RandomMatrix(5, 2, 21) * RandomMatrix(2, 4, 22);
  const Matrix tied = 3 * RandomOrthogonal(4, 23);
  for (const Matrix& A : {rank_two, tied, Matrix(Matrix::Zero(3, 3))}) {
    const Svd svd = DecomposeSvd(A);
    const Matrix nuclear = NuclearNormVjp(svd, 1);
    const Matrix spectral = SpectralNormVjp(svd, 1);
    EXPECT_NEAR(nuclear.squaredNorm(), static_cast<double>(Rank(svd)), 1e-13);
    const Matrix A_dot = RandomMatrix(A.rows(), A.cols(), 24);
    EXPECT_NEAR(NuclearNormJvp(svd, A_dot), nuclear.cwiseProduct(A_dot).sum(), 1e-13);
    EXPECT_NEAR(SpectralNormJvp(svd, A_dot), spectral.cwiseProduct(A_dot).sum(), 1e-13);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const Matrix B = A + RandomMatrix(A.rows(), A.cols(), 100 + seed);
      const Svd moved = DecomposeSvd(B);
      EXPECT_GE(NuclearNorm(moved) + 1e-12, NuclearNorm(svd) + nuclear.cwiseProduct(B - A).sum());
      EXPECT_GE(SpectralNorm(moved) + 1e-12,
                SpectralNorm(svd) + spectral.cwiseProduct(B - A).sum());
    }
  }
}

}  // namespace
}  // namespace sobolev::ad
