#include "engine/ad/linear_algebra.h"

#include <cmath>
#include <complex>
#include <limits>

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "tests/engine/ad/matrix_function.h"

namespace sobolev::ad {
namespace {

constexpr Index kN = 5;

void ExpectReason(const std::function<void()>& call, const std::string& reason) {
  try {
    call();
    ADD_FAILURE() << "expected " << reason;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.reason(), reason) << error.what();
  }
}

TEST(LinearAlgebraTest, Product) {
  const auto A_of = [](const auto& x) { return MatrixAt(x, 0, 3, 4); };
  const auto B_of = [](const auto& x) { return MatrixAt(x, 12, 4, 2); };
  const MatrixFunction product{
      .value = [&](const Vector& x) { return Flatten({Product(A_of(x), B_of(x))}); },
      .jvp =
          [&](const Vector& x, const Vector& x_dot) {
            return Flatten({ProductJvp(A_of(x), B_of(x), A_of(x_dot), B_of(x_dot))});
          },
      .vjp =
          [&](const Vector& x, const Vector& y_bar) {
            const ProductAdjoints bar = ProductVjp(A_of(x), B_of(x), MatrixAt(y_bar, 0, 3, 2));
            return Flatten({bar.A_bar, bar.B_bar});
          },
      .analytic = [&](const ComplexVector& x) -> ComplexVector {
        return (A_of(x) * B_of(x)).reshaped();
      }};
  ExpectDerivatives(product, RandomMatrix(20, 1, 1));
  ExpectReason([] { Product(Matrix(2, 3), Matrix(2, 3)); }, "SHAPE_MISMATCH");
}

TEST(LinearAlgebraTest, SolveWithSeveralRightHandSides) {
  const auto A_of = [](const auto& x) { return MatrixAt(x, 0, kN, kN); };
  const auto B_of = [](const auto& x) { return MatrixAt(x, kN * kN, kN, 3); };
  const MatrixFunction solve{
      .value = [&](const Vector& x) { return Flatten({LinearSolver(A_of(x)).Solve(B_of(x))}); },
      .jvp =
          [&](const Vector& x, const Vector& x_dot) {
            const LinearSolver A(A_of(x));
            return Flatten({A.SolveJvp(A.Solve(B_of(x)), A_of(x_dot), B_of(x_dot))});
          },
      .vjp =
          [&](const Vector& x, const Vector& y_bar) {
            const LinearSolver A(A_of(x));
            const SolveAdjoints bar = A.SolveVjp(A.Solve(B_of(x)), MatrixAt(y_bar, 0, kN, 3));
            return Flatten({bar.A_bar, bar.B_bar});
          },
      .analytic = [&](const ComplexVector& x) -> ComplexVector {
        return A_of(x).partialPivLu().solve(B_of(x)).reshaped();
      }};
  ExpectDerivatives(solve, RandomMatrix(kN * (kN + 3), 1, 2));
}

TEST(LinearAlgebraTest, Inverse) {
  const auto square = [](const auto& x) { return MatrixAt(x, 0, kN, kN); };
  const MatrixFunction inverse{
      .value = [&](const Vector& x) { return Flatten({LinearSolver(square(x)).Inverse()}); },
      .jvp =
          [&](const Vector& x, const Vector& x_dot) {
            return Flatten({LinearSolver(square(x)).InverseJvp(square(x_dot))});
          },
      .vjp =
          [&](const Vector& x, const Vector& y_bar) {
            return Flatten({LinearSolver(square(x)).InverseVjp(square(y_bar))});
          },
      .analytic = [&](const ComplexVector& x) -> ComplexVector {
        return square(x).inverse().reshaped();
      }};
  ExpectDerivatives(inverse, RandomMatrix(kN * kN, 1, 3));
}

MatrixFunction DeterminantFunction(Index n) {
  const auto square = [n](const auto& x) { return MatrixAt(x, 0, n, n); };
  return {
      .value = [=](const Vector& x) { return Flatten(Determinant(square(x))); },
      .jvp = [=](const Vector& x,
                 const Vector& x_dot) { return Flatten(DeterminantJvp(square(x), square(x_dot))); },
      .vjp = [=](const Vector& x,
                 const Vector& y_bar) { return Flatten({DeterminantVjp(square(x), y_bar(0))}); },
      .analytic = [=](const ComplexVector& x) -> ComplexVector {
        return ComplexVector::Constant(1, square(x).determinant());
      }};
}

TEST(LinearAlgebraTest, Determinant) {
  ExpectDerivatives(DeterminantFunction(kN), RandomMatrix(kN * kN, 1, 4));
}

// 1…9 in rows has rank two: A⁻ᵀ does not exist, the cofactors do.
TEST(LinearAlgebraTest, DeterminantHasAGradientAtSingularMatrices) {
  const Matrix A{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  const Matrix cofactors{{-3, 6, -3}, {6, -12, 6}, {-3, 6, -3}};
  EXPECT_NEAR(Determinant(A), 0, 1e-14);
  EXPECT_LT((DeterminantVjp(A, 1) - cofactors).norm(), 1e-13);
  EXPECT_NEAR(DeterminantJvp(A, Matrix::Identity(3, 3)), -18, 1e-13);
  EXPECT_EQ(DeterminantVjp(Matrix::Zero(3, 3), 1), Matrix::Zero(3, 3));
  EXPECT_EQ(DeterminantVjp(Matrix::Zero(1, 1), 2)(0), 2);
}

TEST(LinearAlgebraTest, LogAbsDeterminant) {
  const auto square = [](const auto& x) { return MatrixAt(x, 0, kN, kN); };
  const MatrixFunction log_determinant{
      .value =
          [&](const Vector& x) {
            return Flatten(LinearSolver(square(x)).LogAbsDeterminant().log_abs);
          },
      .jvp =
          [&](const Vector& x, const Vector& x_dot) {
            return Flatten(LinearSolver(square(x)).LogAbsDeterminantJvp(square(x_dot)));
          },
      .vjp =
          [&](const Vector& x, const Vector& y_bar) {
            return Flatten({LinearSolver(square(x)).LogAbsDeterminantVjp(y_bar(0))});
          },
      .analytic = [&](const ComplexVector& x) -> ComplexVector {
        // The logarithm of a complex number is cut along the negative axis: stay away from it.
        const Complex determinant = square(x).determinant();
        return ComplexVector::Constant(
            1, std::log(determinant.real() < 0 ? -determinant : determinant));
      }};
  // One matrix of each sign of the determinant: exchange two rows.
  Matrix A = RandomMatrix(kN, kN, 5);
  for (int exchange = 0; exchange < 2; ++exchange) {
    ExpectDerivatives(log_determinant, Flatten({A}));
    const LogDeterminant log = LinearSolver(A).LogAbsDeterminant();
    EXPECT_NEAR(log.sign * std::exp(log.log_abs), A.determinant(),
                1e-13 * std::abs(A.determinant()));
    A.row(0).swap(A.row(1));
  }
}

TEST(LinearAlgebraTest, LogAbsDeterminantDoesNotOverflow) {
  const LinearSolver A(Matrix(1e10 * Matrix::Identity(100, 100)));
  EXPECT_NEAR(A.LogAbsDeterminant().log_abs, 1000 * std::log(10.0), 1e-11);
  EXPECT_EQ(A.LogAbsDeterminant().sign, 1);
}

TEST(LinearAlgebraTest, SingularMatricesAreRefusedWithTheirConditionNumber) {
  const Matrix A{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  ExpectReason([&] { LinearSolver{A}; }, "SINGULAR_MATRIX");
  ExpectReason([] { LinearSolver{Matrix::Zero(2, 2)}; }, "SINGULAR_MATRIX");
  ExpectReason([] { LinearSolver{Matrix::Ones(2, 3)}; }, "SHAPE_MISMATCH");
  ExpectReason([] { LinearSolver{Matrix::Constant(2, 2, NAN)}; }, "NOT_FINITE");
  try {
    LinearSolver{A};
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("reciprocal condition number"), std::string::npos);
  }
  // Ill-conditioned is not singular: the Hilbert matrix of order 8 has the condition 1.5e10.
  const Matrix hilbert = Matrix::NullaryExpr(
      8, 8, [](Index i, Index j) { return 1 / static_cast<double>(i + j + 1); });
  EXPECT_NO_THROW(LinearSolver{hilbert});
}

class InverseTraceTest : public testing::Test {
 protected:
  static auto A(const auto& x) { return MatrixAt(x, 0, 2, kN); }
  static auto X(const auto& x) { return MatrixAt(x, 2 * kN, kN, kN); }
  static auto B(const auto& x) { return MatrixAt(x, 2 * kN + kN * kN, kN, 2); }
  static InverseTrace At(const Vector& x) { return {A(x), X(x), B(x)}; }

  const Vector x_ = RandomMatrix(4 * kN + kN * kN, 1, 6);
};

TEST_F(InverseTraceTest, HasItsFirstDerivatives) {
  const MatrixFunction f{
      .value = [](const Vector& x) { return Flatten(At(x).Value()); },
      .jvp = [](const Vector& x,
                const Vector& x_dot) { return Flatten(At(x).Jvp(A(x_dot), X(x_dot), B(x_dot))); },
      .vjp =
          [](const Vector& x, const Vector& y_bar) {
            const InverseTrace::Adjoints bar = At(x).Vjp(y_bar(0));
            return Flatten({bar.A_bar, bar.X_bar, bar.B_bar});
          },
      .analytic = [](const ComplexVector& x) -> ComplexVector {
        return ComplexVector::Constant(1, (A(x) * X(x).inverse() * B(x)).trace());
      }};
  ExpectDerivatives(f, x_);
}

// The derivative of the gradient is a linear map of matrices, and a symmetric one.
TEST_F(InverseTraceTest, HasItsHessian) {
  const MatrixFunction gradient{
      .value = [](const Vector& x) { return Flatten({At(x).Gradient()}); },
      .jvp = [](const Vector& x,
                const Vector& x_dot) { return Flatten({At(x).HessianVector(X(x_dot))}); },
      .vjp =
          [](const Vector& x, const Vector& y_bar) {
            return Flatten({Matrix::Zero(2, kN), At(x).HessianVector(MatrixAt(y_bar, 0, kN, kN)),
                            Matrix::Zero(kN, 2)});
          },
      .analytic = [](const ComplexVector& x) -> ComplexVector {
        const Eigen::MatrixXcd inverse = X(x).inverse();
        return (-(inverse * B(x) * A(x) * inverse).transpose()).reshaped();
      }};
  // Only X moves: with A and B held, the map is the Hessian block of X.
  MatrixFunction block = gradient;
  const auto embed = [this](const auto& X_part) {
    auto x = x_.cast<typename std::decay_t<decltype(X_part)>::Scalar>().eval();
    x.segment(2 * kN, kN * kN) = X_part;
    return x;
  };
  block.value = [&](const Vector& X_part) { return gradient.value(embed(X_part)); };
  block.jvp = [&](const Vector& X_part, const Vector& V) {
    return gradient.jvp(embed(X_part), embed(V));
  };
  block.vjp = [&](const Vector& X_part, const Vector& V) -> Vector {
    return gradient.vjp(embed(X_part), V).segment(2 * kN, kN * kN);
  };
  block.analytic = [&](const ComplexVector& X_part) { return gradient.analytic(embed(X_part)); };
  ExpectDerivatives(block, x_.segment(2 * kN, kN * kN), 1e-11);
}

TEST(LinearAlgebraTest, TwoNorm) {
  const MatrixFunction norm{
      .value = [](const Vector& x) { return Flatten(TwoNorm(x)); },
      .jvp = [](const Vector& x, const Vector& x_dot) { return Flatten(TwoNormJvp(x, x_dot)); },
      .vjp = [](const Vector& x, const Vector& y_bar) { return TwoNormVjp(x, y_bar(0)); },
      .analytic = [](const ComplexVector& x) -> ComplexVector {
        return ComplexVector::Constant(1, std::sqrt(x.cwiseProduct(x).sum()));
      }};
  const MatrixFunction gradient{
      .value = [](const Vector& x) { return TwoNormVjp(x, 1); },
      .jvp = [](const Vector& x, const Vector& v) { return TwoNormHessianVector(x, v); },
      .vjp = [](const Vector& x, const Vector& v) { return TwoNormHessianVector(x, v); }};
  const Vector x = RandomMatrix(kN, 1, 7);
  ExpectDerivatives(norm, x);
  ExpectDerivatives(gradient, x);
}

TEST(LinearAlgebraTest, NormsAreTameAtZeroAndAtTheEndsOfTheRange) {
  const Vector zero = Vector::Zero(3);
  EXPECT_EQ(TwoNormVjp(zero, 1), zero);
  EXPECT_EQ(TwoNormHessianVector(zero, Vector::Ones(3)), zero);
  EXPECT_EQ(FrobeniusNormVjp(Matrix::Zero(2, 2), 1), Matrix::Zero(2, 2));
  EXPECT_EQ(CubedNormHessian(zero), Matrix::Zero(3, 3));
  for (const double scale : {1e-320, 1e-200, 1e200}) {
    const Vector x{{3 * scale, 4 * scale}};
    // 1e-320 has about four digits left, in the input already.
    const double tolerance = scale < 1e-300 ? 1e-3 : 1e-15;
    EXPECT_NEAR(TwoNorm(x) / scale, 5, 5 * tolerance);
    EXPECT_LT((TwoNormVjp(x, 1) - Vector{{0.6, 0.8}}).norm(), tolerance);
  }
}

TEST(LinearAlgebraTest, FrobeniusNorm) {
  const auto matrix = [](const auto& x) { return MatrixAt(x, 0, 3, 4); };
  const MatrixFunction norm{
      .value = [&](const Vector& x) { return Flatten(FrobeniusNorm(matrix(x))); },
      .jvp =
          [&](const Vector& x, const Vector& x_dot) {
            return Flatten(FrobeniusNormJvp(matrix(x), matrix(x_dot)));
          },
      .vjp = [&](const Vector& x,
                 const Vector& y_bar) { return Flatten({FrobeniusNormVjp(matrix(x), y_bar(0))}); }};
  ExpectDerivatives(norm, RandomMatrix(12, 1, 8));
  EXPECT_NEAR(FrobeniusNorm(Matrix{{3, 0}, {0, 4}}), 5, 1e-15);
}

TEST(LinearAlgebraTest, CubedNorm) {
  const MatrixFunction cubed{
      .value = [](const Vector& x) { return Flatten(CubedNorm(x)); },
      .jvp = [](const Vector& x, const Vector& x_dot) { return Flatten(CubedNormJvp(x, x_dot)); },
      .vjp = [](const Vector& x, const Vector& y_bar) { return CubedNormVjp(x, y_bar(0)); },
      .analytic = [](const ComplexVector& x) -> ComplexVector {
        return ComplexVector::Constant(1, std::pow(x.cwiseProduct(x).sum(), 1.5) / 3.0);
      }};
  const MatrixFunction gradient{
      .value = [](const Vector& x) { return CubedNormVjp(x, 1); },
      .jvp = [](const Vector& x, const Vector& v) { return CubedNormHessianVector(x, v); },
      .vjp = [](const Vector& x, const Vector& v) -> Vector { return CubedNormHessian(x) * v; }};
  const Vector x = RandomMatrix(kN, 1, 9);
  ExpectDerivatives(cubed, x);
  ExpectDerivatives(gradient, x);
}

Matrix PositiveDefinite(Index n, std::uint64_t seed) {
  const Matrix A = RandomMatrix(n, n, seed);
  return A * A.transpose() + Matrix::Identity(n, n);
}

// The textbook recurrence in any arithmetic. Eigen's own conjugates, which spoils the complex step.
template <class T>
auto PlainCholesky(const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>& A) {
  Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> L = A;
  for (Index j = 0; j < A.cols(); ++j) {
    for (Index i = 0; i < A.rows(); ++i) {
      T sum = A(i, j);
      for (Index k = 0; k < std::min(i, j); ++k) sum -= L(i, k) * L(j, k);
      L(i, j) = i < j ? T(0) : i == j ? std::sqrt(sum) : sum / L(j, j);
    }
  }
  return L;
}

TEST(LinearAlgebraTest, Cholesky) {
  const auto square = [](const auto& x) { return MatrixAt(x, 0, kN, kN); };
  const MatrixFunction cholesky{
      .value = [&](const Vector& x) { return Flatten({Cholesky(square(x))}); },
      .jvp =
          [&](const Vector& x, const Vector& x_dot) {
            return Flatten({CholeskyJvp(Cholesky(square(x)), square(x_dot))});
          },
      .vjp =
          [&](const Vector& x, const Vector& y_bar) {
            return Flatten({CholeskyVjp(Cholesky(square(x)), square(y_bar))});
          },
      .analytic = [&](const ComplexVector& x) -> ComplexVector {
        const Eigen::MatrixXcd A = square(x);
        return PlainCholesky<Complex>((A + A.transpose()) / 2.0).reshaped();
      }};
  const Matrix A = PositiveDefinite(kN, 10);
  const Matrix L = Cholesky(A);
  EXPECT_LT((L * L.transpose() - A).norm(), 1e-14 * A.norm());
  ExpectDerivatives(cholesky, Flatten({A}));
  const Matrix A_bar = CholeskyVjp(L, RandomMatrix(kN, kN, 11));
  EXPECT_EQ(A_bar, A_bar.transpose());
  // The upper triangle of L is constant, and its adjoints count for nothing.
  const Matrix L_bar = RandomMatrix(kN, kN, 11);
  EXPECT_LT((CholeskyVjp(L, L_bar.triangularView<Eigen::Lower>()) - A_bar).norm(), 1e-14);
}

TEST(LinearAlgebraTest, CholeskyRefusesIndefiniteMatrices) {
  ExpectReason([] { Cholesky(Matrix{{1, 2}, {2, 1}}); }, "NOT_POSITIVE_DEFINITE");
  ExpectReason([] { Cholesky(Matrix::Constant(2, 2, NAN)); }, "NOT_FINITE");
  ExpectReason([] { Cholesky(Matrix(2, 3)); }, "SHAPE_MISMATCH");
}

}  // namespace
}  // namespace sobolev::ad
