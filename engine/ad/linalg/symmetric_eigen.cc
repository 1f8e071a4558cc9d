#include "engine/ad/linalg/symmetric_eigen.h"

#include <Eigen/Eigenvalues>

#include "engine/ad/linalg/gaps.h"
#include "engine/ad/linalg/require.h"
#include "engine/base/error.h"

namespace sobolev::ad {
namespace {

Matrix Gaps(const SymmetricEigen& eigen) {
  return ReciprocalGaps(eigen.lambda, SpectralTolerance(eigen.lambda, eigen.lambda.size()));
}

}  // namespace

SymmetricEigen DecomposeSymmetric(const Matrix& A) {
  RequireSquare("A", A);
  RequireFinite("A", A);
  if (A.size() == 0) return {};
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(SymmetricPart(A));
  if (solver.info() != Eigen::Success) {
    throw InvalidArgument("NO_CONVERGENCE", "A",
                          "the eigenvalue iteration did not converge; rescale the matrix");
  }
  SymmetricEigen eigen{.lambda = solver.eigenvalues(), .Q = solver.eigenvectors()};
  for (auto q : eigen.Q.colwise()) {
    if (LeadsNegative(q)) q = -q;
  }
  return eigen;
}

SymmetricEigen SymmetricEigenJvp(const SymmetricEigen& eigen, const Matrix& A_dot) {
  RequireShape("A_dot", A_dot, eigen.Q);
  const Matrix M = eigen.Q.transpose() * SymmetricPart(A_dot) * eigen.Q;
  return {.lambda = M.diagonal(), .Q = eigen.Q * Gaps(eigen).cwiseProduct(M)};
}

Matrix SymmetricEigenVjp(const SymmetricEigen& eigen, const Vector& lambda_bar,
                         const Matrix& Q_bar) {
  RequireSize("lambda_bar", lambda_bar.size(), eigen.lambda.size());
  RequireShape("Q_bar", Q_bar, eigen.Q);
  Matrix M_bar = Gaps(eigen).cwiseProduct(eigen.Q.transpose() * Q_bar);
  M_bar.diagonal() += lambda_bar;
  return SymmetricPart(eigen.Q * M_bar * eigen.Q.transpose());
}

}  // namespace sobolev::ad
