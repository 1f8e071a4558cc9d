// Linear systems A X = B and what else one LU factorisation of A gives: inverse, log-determinant
// and the trace of A X⁻¹ B. The derivatives never factorise again, and never form an inverse that
// was not asked for: the adjoint of a solve is a solve with Aᵀ.

#ifndef SOBOLEV_ENGINE_AD_LINALG_SOLVE_H_
#define SOBOLEV_ENGINE_AD_LINALG_SOLVE_H_

#include <Eigen/LU>

#include "engine/base/matrix.h"

namespace sobolev::ad {

struct SolveAdjoints {
  Matrix A_bar;
  Matrix B_bar;
};

struct LogDeterminant {
  double log_abs = 0;  // log|det A|
  double sign = 1;     // det A / |det A|
};

// A square matrix A, factorised: P A = L U. Immutable, hence thread-safe.
class LinearSolver {
 public:
  // Throws Error(kInvalidArgument) SINGULAR_MATRIX when A is singular to working precision (its
  // estimated reciprocal condition number is below 2⁻⁵²: no digit of a solution would be right),
  // NOT_FINITE when it has NaN or infinite entries, SHAPE_MISMATCH when it is not square.
  explicit LinearSolver(const Matrix& A);

  Index n() const { return lu_.rows(); }

  // X = A⁻¹ B, one right-hand side per column. All calls throw SHAPE_MISMATCH if a shape disagrees.
  Matrix Solve(const Matrix& B) const;
  // Ẋ = A⁻¹ (Ḃ − Ȧ X), for the X that Solve returned.
  Matrix SolveJvp(const Matrix& X, const Matrix& A_dot, const Matrix& B_dot) const;
  // B̄ = A⁻ᵀ X̄, Ā = −B̄ Xᵀ.
  SolveAdjoints SolveVjp(const Matrix& X, const Matrix& X_bar) const;

  // Y = A⁻¹.
  Matrix Inverse() const;
  // Ẏ = −A⁻¹ Ȧ A⁻¹.
  Matrix InverseJvp(const Matrix& A_dot) const;
  // Ā = −A⁻ᵀ Ȳ A⁻ᵀ.
  Matrix InverseVjp(const Matrix& Y_bar) const;

  // log|det A| neither overflows nor underflows. The sign is locally constant.
  LogDeterminant LogAbsDeterminant() const;
  // tr(A⁻¹ Ȧ).
  double LogAbsDeterminantJvp(const Matrix& A_dot) const;
  // Ā = ȳ A⁻ᵀ.
  Matrix LogAbsDeterminantVjp(double y_bar) const;

 private:
  Matrix SolveTransposed(const Matrix& B) const;  // A⁻ᵀ B.

  Eigen::PartialPivLU<Matrix> lu_;
};

// det A, for every square matrix. Thread-safe. It overflows easily; prefer LogAbsDeterminant where
// the sign is known. Throws SHAPE_MISMATCH or NOT_FINITE.
double Determinant(const Matrix& A);
// ẏ = ⟨cof A, Ȧ⟩, with the matrix of cofactors cof A = det(A) A⁻ᵀ.
double DeterminantJvp(const Matrix& A, const Matrix& A_dot);
// Ā = ȳ cof A. By way of the SVD, because cofactors exist and are smooth at singular A too, where
// A⁻ᵀ is not.
Matrix DeterminantVjp(const Matrix& A, double y_bar);

// f(X) = tr(A X⁻¹ B) with A: p×n, X: n×n, B: n×p. Immutable, hence thread-safe.
class InverseTrace {
 public:
  struct Adjoints {
    Matrix A_bar;
    Matrix X_bar;
    Matrix B_bar;
  };

  // Throws as LinearSolver does for X, and SHAPE_MISMATCH.
  InverseTrace(const Matrix& A, const Matrix& X, const Matrix& B);

  double Value() const;
  // ḟ = tr(Ȧ X⁻¹ B) − tr(A X⁻¹ Ẋ X⁻¹ B) + tr(A X⁻¹ Ḃ).
  double Jvp(const Matrix& A_dot, const Matrix& X_dot, const Matrix& B_dot) const;
  // X̄ = −f̄ X⁻ᵀ Aᵀ Bᵀ X⁻ᵀ, Ā = f̄ (X⁻¹ B)ᵀ, B̄ = f̄ (A X⁻¹)ᵀ.
  Adjoints Vjp(double f_bar) const;

  // ∇f with respect to X.
  Matrix Gradient() const;
  // ∇²f[V], the derivative of the gradient along V: −X⁻ᵀ Vᵀ ∇f − ∇f Vᵀ X⁻ᵀ.
  Matrix HessianVector(const Matrix& V) const;

 private:
  Matrix a_;
  LinearSolver x_;
  Matrix solved_b_;  // X⁻¹ B, n×p.
  Matrix solved_a_;  // X⁻ᵀ Aᵀ, n×p.
};

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_LINALG_SOLVE_H_
