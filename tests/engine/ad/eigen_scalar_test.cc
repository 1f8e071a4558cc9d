// Eigen's algorithms run on every scalar type, and their derivatives are those of matrix calculus.

#include <cmath>
#include <limits>
#include <type_traits>

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include "engine/ad/adjoint.h"
#include "engine/ad/tangent.h"

namespace sobolev::ad {
namespace {

template <class T>
using Matrix3 = Eigen::Matrix<T, 3, 3>;
template <class T>
using MatrixX = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;

Eigen::Matrix3d A() {
  Eigen::Matrix3d result;
  result << 4, 1, 2, 1, 5, 3, 2, 3, 6;
  return result;
}

Eigen::Matrix3d ADot() {
  Eigen::Matrix3d result;
  result << 1, 2, 3, 4, 5, 6, 7, 8, 10;
  return result;
}

// ∂(A⁻¹) = −A⁻¹ Ȧ A⁻¹, through Eigen's factorisation of a matrix of tangents.
TEST(EigenScalarTest, InversesOfTangentsObeyMatrixCalculus) {
  using T = Tangent<double>;
  Matrix3<T> seeded;
  for (int i = 0; i < 9; ++i) seeded(i) = T(A()(i), ADot()(i));
  const Matrix3<T> inverse = seeded.partialPivLu().solve(Matrix3<T>::Identity());
  const Eigen::Matrix3d expected = -A().inverse() * ADot() * A().inverse();
  for (int i = 0; i < 9; ++i) EXPECT_NEAR(inverse(i).dot, expected(i), 1e-13);
}

// The gradient of log det A is A⁻ᵀ, and its derivative along Ȧ is −(A⁻¹ Ȧ A⁻¹)ᵀ.
TEST(EigenScalarTest, DeterminantsOfAdjointsObeyMatrixCalculus) {
  using T = Tangent<double>;
  Tape<T> tape;
  const Tape<T>::Scope scope(tape);
  Matrix3<Adjoint<T>> X;
  for (int i = 0; i < 9; ++i) X(i) = tape.Variable(T(A()(i), ADot()(i)));
  const Adjoint<T> y = log(X.determinant());
  tape.Reverse(y);
  const Eigen::Matrix3d inverse = A().inverse();
  const Eigen::Matrix3d second = -(inverse * ADot() * inverse).transpose();
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      EXPECT_NEAR(tape.adjoint(X(i, j)).value, inverse(j, i), 1e-14);
      EXPECT_NEAR(tape.adjoint(X(i, j)).dot, second(i, j), 1e-14);
    }
  }
}

// y = ½‖B X c‖², X̄ = Bᵀ B X c cᵀ, with constant matrices of double in the products.
template <class S, class Variable, class Gradient>
void ExpectQuadraticForm(const Variable& variable, const Gradient& gradient) {
  const Eigen::MatrixXd B = Eigen::MatrixXd::NullaryExpr(4, 3, [](Eigen::Index i, Eigen::Index j) {
    return std::cos(1.0 + 3.0 * static_cast<double>(i) + static_cast<double>(j));
  });
  const Eigen::VectorXd c = Eigen::VectorXd::LinSpaced(3, -1, 2);
  MatrixX<S> X(3, 3);
  for (int i = 0; i < 9; ++i) X(i) = variable(A()(i));
  const Eigen::Matrix<S, Eigen::Dynamic, 1> z = B.lazyProduct(X) * c.cast<S>();
  const S y = z.squaredNorm() * 0.5;
  const Eigen::Matrix3d expected = B.transpose() * (B * A() * c) * c.transpose();
  gradient(X, y, expected);
}

TEST(EigenScalarTest, ConstantMatricesMixWithAdjoints) {
  using S = Adjoint<double>;
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  ExpectQuadraticForm<S>([&](double x) { return tape.Variable(x); },
                         [&](const MatrixX<S>& X, const S& y, const Eigen::Matrix3d& expected) {
                           tape.Reverse(y);
                           for (int i = 0; i < 9; ++i) {
                             EXPECT_NEAR(tape.adjoint(X(i)), expected(i), 1e-12);
                           }
                         });
}

TEST(EigenScalarTest, ConstantMatricesMixWithVectorTangents) {
  using S = Tangent<double, 9>;
  int next = 0;
  ExpectQuadraticForm<S>([&](double x) { return S::Seed(x, next++); },
                         [&](const MatrixX<S>&, const S& y, const Eigen::Matrix3d& expected) {
                           for (int i = 0; i < 9; ++i) EXPECT_NEAR(y.dot[i], expected(i), 1e-12);
                         });
}

TEST(EigenScalarTest, ConstantMatricesMixWithTangentsOfAdjoints) {
  using S = Tangent<Adjoint<double>>;
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  ExpectQuadraticForm<S>([&](double x) { return S(tape.Variable(x)); },
                         [&](const MatrixX<S>& X, const S& y, const Eigen::Matrix3d& expected) {
                           tape.Reverse(y.value);
                           for (int i = 0; i < 9; ++i)
                             EXPECT_NEAR(tape.adjoint(X(i).value), expected(i), 1e-12);
                         });
}

TEST(EigenScalarTest, EigenKnowsThePrecision) {
  using S = Adjoint<Tangent<double>>;
  EXPECT_EQ(Eigen::NumTraits<S>::epsilon().value().value, std::numeric_limits<double>::epsilon());
  EXPECT_EQ(Eigen::NumTraits<S>::highest().value().value, std::numeric_limits<double>::max());
  EXPECT_EQ((Eigen::NumTraits<Tangent<double, 4>>::digits10()), 15);
}

// The symmetric eigenvalue solver iterates, compares, and takes roots. The derivative of a simple
// eigenvalue is qᵀ Ȧ q.
TEST(EigenScalarTest, IterativeSolversConverge) {
  using T = Tangent<double>;
  const Eigen::Matrix3d symmetric_dot = ADot() + ADot().transpose();
  Matrix3<T> seeded;
  for (int i = 0; i < 9; ++i) seeded(i) = T(A()(i), symmetric_dot(i));
  const Eigen::SelfAdjointEigenSolver<Matrix3<T>> solver(seeded);
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> reference(A());
  for (int i = 0; i < 3; ++i) {
    const Eigen::Vector3d q = reference.eigenvectors().col(i);
    EXPECT_NEAR(solver.eigenvalues()(i).value, reference.eigenvalues()(i), 1e-13);
    EXPECT_NEAR(solver.eigenvalues()(i).dot, q.dot(symmetric_dot * q), 1e-12);
  }
}

}  // namespace
}  // namespace sobolev::ad
