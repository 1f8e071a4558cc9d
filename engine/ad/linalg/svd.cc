#include "engine/ad/linalg/svd.h"

#include <algorithm>

#include <Eigen/SVD>

#include "engine/ad/linalg/gaps.h"
#include "engine/ad/linalg/require.h"
#include "engine/base/error.h"

namespace sobolev::ad {
namespace {

double Tolerance(const Svd& svd) {
  return SpectralTolerance(svd.s, std::max(svd.U.rows(), svd.V.rows()));
}

// H_ij = 1/(s_i + s_j).
Matrix ReciprocalSums(const Svd& svd) {
  const double tolerance = Tolerance(svd);
  return Matrix::NullaryExpr(svd.s.size(), svd.s.size(), [&](Index i, Index j) {
    return SafeReciprocal(svd.s(i) + svd.s(j), tolerance);
  });
}

Vector ReciprocalValues(const Svd& svd) {
  const double tolerance = Tolerance(svd);
  return svd.s.unaryExpr([=](double s) { return SafeReciprocal(s, tolerance); });
}

Matrix SkewPart(const Matrix& K) { return (K - K.transpose()) / 2; }

// (I − Q Qᵀ) M.
Matrix OutOf(const Matrix& Q, const Matrix& M) { return M - Q * (Q.transpose() * M); }

void RequireShapeOf(const char* field, const Matrix& A, const Svd& svd) {
  RequireSize(field, A.rows(), svd.U.rows());
  RequireSize(field, A.cols(), svd.V.rows());
}

// Σ_{i<r} u_i v_iᵀ.
Matrix LeadingProduct(const Svd& svd, Index r) {
  return svd.U.leftCols(r) * svd.V.leftCols(r).transpose();
}

// ∂s_1/∂A.
Matrix SpectralNormGradient(const Svd& svd) {
  const double tolerance = Tolerance(svd);
  if (svd.s.size() == 0 || svd.s(0) == 0) return Matrix::Zero(svd.U.rows(), svd.V.rows());
  const Index tied = (svd.s.array() >= svd.s(0) - tolerance).count();
  return LeadingProduct(svd, tied) / static_cast<double>(tied);
}

}  // namespace

Svd DecomposeSvd(const Matrix& A) {
  RequireFinite("A", A);
  // One-sided Jacobi: slower than bisection on large matrices, but small singular values keep their
  // relative accuracy, and with them the gaps.
  const Eigen::JacobiSVD<Matrix> jacobi(A, Eigen::ComputeThinU | Eigen::ComputeThinV);
  Svd svd{.U = jacobi.matrixU(), .s = jacobi.singularValues(), .V = jacobi.matrixV()};
  for (Index i = 0; i < svd.s.size(); ++i) {
    if (!LeadsNegative(svd.U.col(i))) continue;
    svd.U.col(i) *= -1;
    svd.V.col(i) *= -1;
  }
  return svd;
}

Svd SvdJvp(const Svd& svd, const Matrix& A_dot) {
  RequireShapeOf("A_dot", A_dot, svd);
  const Matrix K = svd.U.transpose() * A_dot * svd.V;
  const Matrix common = ReciprocalGaps(svd.s, Tolerance(svd)).cwiseProduct(SymmetricPart(K));
  const Matrix opposite = ReciprocalSums(svd).cwiseProduct(SkewPart(K));
  const Vector inverse = ReciprocalValues(svd);
  return {.U = svd.U * (common + opposite) + OutOf(svd.U, A_dot * svd.V) * inverse.asDiagonal(),
          .s = K.diagonal(),
          .V = svd.V * (common - opposite) +
               OutOf(svd.V, A_dot.transpose() * svd.U) * inverse.asDiagonal()};
}

Matrix SvdVjp(const Svd& svd, const Svd& bar) {
  RequireShape("U_bar", bar.U, svd.U);
  RequireSize("s_bar", bar.s.size(), svd.s.size());
  RequireShape("V_bar", bar.V, svd.V);
  const Matrix U_turn = svd.U.transpose() * bar.U;
  const Matrix V_turn = svd.V.transpose() * bar.V;
  Matrix K_bar =
      SymmetricPart(ReciprocalGaps(svd.s, Tolerance(svd)).cwiseProduct(U_turn + V_turn)) +
      SkewPart(ReciprocalSums(svd).cwiseProduct(U_turn - V_turn));
  K_bar.diagonal() += bar.s;
  const Vector inverse = ReciprocalValues(svd);
  const Matrix U_rest = OutOf(svd.U, bar.U) * inverse.asDiagonal();
  const Matrix V_rest = OutOf(svd.V, bar.V) * inverse.asDiagonal();
  return svd.U * K_bar * svd.V.transpose() + U_rest * svd.V.transpose() +
         svd.U * V_rest.transpose();
}

Index Rank(const Svd& svd) { return (svd.s.array() > Tolerance(svd)).count(); }

double SpectralNorm(const Svd& svd) { return svd.s.size() == 0 ? 0 : svd.s(0); }

double SpectralNormJvp(const Svd& svd, const Matrix& A_dot) {
  RequireShapeOf("A_dot", A_dot, svd);
  return SpectralNormGradient(svd).cwiseProduct(A_dot).sum();
}

Matrix SpectralNormVjp(const Svd& svd, double y_bar) { return y_bar * SpectralNormGradient(svd); }

double NuclearNorm(const Svd& svd) { return svd.s.sum(); }

double NuclearNormJvp(const Svd& svd, const Matrix& A_dot) {
  RequireShapeOf("A_dot", A_dot, svd);
  return LeadingProduct(svd, Rank(svd)).cwiseProduct(A_dot).sum();
}

Matrix NuclearNormVjp(const Svd& svd, double y_bar) {
  return y_bar * LeadingProduct(svd, Rank(svd));
}

}  // namespace sobolev::ad
