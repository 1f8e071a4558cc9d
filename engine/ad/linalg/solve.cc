#include "engine/ad/linalg/solve.h"

#include <cmath>
#include <limits>
#include <sstream>

#include <Eigen/LU>
#include <Eigen/SVD>

#include "engine/ad/linalg/require.h"
#include "engine/base/error.h"

namespace sobolev::ad {
namespace {

const Matrix& RequireSquareAndFinite(const Matrix& A) {
  RequireSquare("A", A);
  RequireFinite("A", A);
  return A;
}

// cof A = det(U V) U diag(∏_{j≠i} s_j) Vᵀ for A = U S Vᵀ.
Matrix Cofactors(const Matrix& A) {
  RequireSquareAndFinite(A);
  const Eigen::JacobiSVD<Matrix> svd(A, Eigen::ComputeFullU | Eigen::ComputeFullV);
  const Index n = A.rows();
  Vector others = Vector::Ones(n);  // ∏_{j≠i} s_j, from products on both sides: s_i may be zero.
  double before = 1;
  double after = 1;
  for (Index i = 0; i < n; ++i) {
    others(i) *= before;
    others(n - 1 - i) *= after;
    before *= svd.singularValues()(i);
    after *= svd.singularValues()(n - 1 - i);
  }
  const double orientation = svd.matrixU().determinant() * svd.matrixV().determinant();
  return std::copysign(1.0, orientation) * svd.matrixU() * others.asDiagonal() *
         svd.matrixV().transpose();
}

}  // namespace

LinearSolver::LinearSolver(const Matrix& A) : lu_(RequireSquareAndFinite(A)) {
  if (n() == 0) return;
  const bool zero_pivot = (lu_.matrixLU().diagonal().array() == 0).any();
  const double reciprocal_condition = zero_pivot ? 0 : lu_.rcond();
  if (reciprocal_condition >= std::numeric_limits<double>::epsilon()) return;
  std::ostringstream message;
  message << "expected an invertible matrix, got one that is singular to working precision "
          << "(reciprocal condition number " << reciprocal_condition
          << "); remove dependent rows or columns, rescale them, or add a regularisation";
  throw InvalidArgument("SINGULAR_MATRIX", "A", message.str());
}

Matrix LinearSolver::SolveTransposed(const Matrix& B) const { return lu_.transpose().solve(B); }

Matrix LinearSolver::Solve(const Matrix& B) const {
  RequireSize("B rows", B.rows(), n());
  return lu_.solve(B);
}

Matrix LinearSolver::SolveJvp(const Matrix& X, const Matrix& A_dot, const Matrix& B_dot) const {
  RequireSize("X rows", X.rows(), n());
  RequireSize("A_dot rows", A_dot.rows(), n());
  RequireSize("A_dot columns", A_dot.cols(), n());
  RequireShape("B_dot", B_dot, X);
  return lu_.solve(B_dot - A_dot * X);
}

SolveAdjoints LinearSolver::SolveVjp(const Matrix& X, const Matrix& X_bar) const {
  RequireSize("X rows", X.rows(), n());
  RequireShape("X_bar", X_bar, X);
  const Matrix B_bar = SolveTransposed(X_bar);
  return {.A_bar = -B_bar * X.transpose(), .B_bar = B_bar};
}

Matrix LinearSolver::Inverse() const { return lu_.inverse(); }

Matrix LinearSolver::InverseJvp(const Matrix& A_dot) const {
  RequireSize("A_dot rows", A_dot.rows(), n());
  RequireSize("A_dot columns", A_dot.cols(), n());
  return -lu_.solve(A_dot * Inverse());
}

Matrix LinearSolver::InverseVjp(const Matrix& Y_bar) const {
  RequireSize("Y_bar rows", Y_bar.rows(), n());
  RequireSize("Y_bar columns", Y_bar.cols(), n());
  return -SolveTransposed(Y_bar * Inverse().transpose());
}

LogDeterminant LinearSolver::LogAbsDeterminant() const {
  const Eigen::ArrayXd pivots = lu_.matrixLU().diagonal().array();
  const auto permutation = static_cast<double>(lu_.permutationP().determinant());
  return {.log_abs = pivots.abs().log().sum(), .sign = permutation * pivots.sign().prod()};
}

double LinearSolver::LogAbsDeterminantJvp(const Matrix& A_dot) const {
  RequireSize("A_dot rows", A_dot.rows(), n());
  RequireSize("A_dot columns", A_dot.cols(), n());
  return lu_.solve(A_dot).trace();
}

Matrix LinearSolver::LogAbsDeterminantVjp(double y_bar) const {
  return y_bar * Inverse().transpose();
}

double Determinant(const Matrix& A) {
  return Eigen::PartialPivLU<Matrix>(RequireSquareAndFinite(A)).determinant();
}

double DeterminantJvp(const Matrix& A, const Matrix& A_dot) {
  RequireShape("A_dot", A_dot, A);
  return Cofactors(A).cwiseProduct(A_dot).sum();
}

Matrix DeterminantVjp(const Matrix& A, double y_bar) { return y_bar * Cofactors(A); }

InverseTrace::InverseTrace(const Matrix& A, const Matrix& X, const Matrix& B) : a_(A), x_(X) {
  RequireSize("A columns", A.cols(), X.rows());
  RequireSize("B columns", B.cols(), A.rows());
  solved_b_ = x_.Solve(B);
  solved_a_ = x_.SolveVjp(solved_b_, A.transpose()).B_bar;
}

double InverseTrace::Value() const { return a_.transpose().cwiseProduct(solved_b_).sum(); }

double InverseTrace::Jvp(const Matrix& A_dot, const Matrix& X_dot, const Matrix& B_dot) const {
  const Adjoints bar = Vjp(1);
  RequireShape("A_dot", A_dot, bar.A_bar);
  RequireShape("X_dot", X_dot, bar.X_bar);
  RequireShape("B_dot", B_dot, bar.B_bar);
  return A_dot.cwiseProduct(bar.A_bar).sum() + X_dot.cwiseProduct(bar.X_bar).sum() +
         B_dot.cwiseProduct(bar.B_bar).sum();
}

InverseTrace::Adjoints InverseTrace::Vjp(double f_bar) const {
  return {.A_bar = f_bar * solved_b_.transpose(),
          .X_bar = f_bar * Gradient(),
          .B_bar = f_bar * solved_a_};
}

Matrix InverseTrace::Gradient() const { return -solved_a_ * solved_b_.transpose(); }

Matrix InverseTrace::HessianVector(const Matrix& V) const {
  RequireSize("V rows", V.rows(), x_.n());
  RequireSize("V columns", V.cols(), x_.n());
  // With S_A = X⁻ᵀAᵀ and S_B = X⁻¹B the gradient is −S_A S_Bᵀ, and V moves its factors by
  // Ṡ_A = −X⁻ᵀ Vᵀ S_A and Ṡ_B = −X⁻¹ V S_B.
  const Matrix solved_a_dot = -x_.SolveVjp(solved_a_, V.transpose() * solved_a_).B_bar;
  const Matrix solved_b_dot = -x_.Solve(V * solved_b_);
  return -solved_a_dot * solved_b_.transpose() - solved_a_ * solved_b_dot.transpose();
}

}  // namespace sobolev::ad
