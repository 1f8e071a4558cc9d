#include "engine/dense/dense.h"

#include <stop_token>

#include <Eigen/Cholesky>
#include <Eigen/Dense>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"

namespace sobolev::dense {

void AddProduct(double alpha, const ConstMatrixRef& A, const ConstMatrixRef& B, MatrixRef C,
                Isa /*isa*/) {
  C.noalias() += alpha * A * B.transpose();
}

void AddGram(double alpha, const ConstMatrixRef& A, MatrixRef C, Isa /*isa*/) {
  C.selfadjointView<Eigen::Lower>().rankUpdate(A, alpha);
}

bool Cholesky(MatrixRef A, const std::stop_token& /*stop*/, Isa /*isa*/) {
  const Eigen::LLT<Eigen::Ref<Matrix, 0, Eigen::OuterStride<>>, Eigen::Lower> factor(A);
  return factor.info() == Eigen::Success;
}

void SolveLower(const ConstMatrixRef& L, MatrixRef B) {
  L.triangularView<Eigen::Lower>().solveInPlace(B);
}

void SolveLowerTransposed(const ConstMatrixRef& L, MatrixRef B) {
  L.triangularView<Eigen::Lower>().transpose().solveInPlace(B);
}

}  // namespace sobolev::dense
