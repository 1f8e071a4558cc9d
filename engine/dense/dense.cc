#include "engine/dense/dense.h"

#include <algorithm>
#include <stop_token>
#include <vector>

#include <Eigen/Dense>
#include <oneapi/tbb/parallel_for.h>

#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/dense/gemm_kernels.h"
#include "engine/dense/panels.h"

namespace sobolev::dense {

namespace {

// Columns of the factors of a product that are packed at a time.
constexpr Index kDepth = 256;
// Rows that a task solves for.
constexpr Index kSolveRows = 128;
// Right-hand sides from which on solving by blocks pays.
constexpr Index kManySides = 8;

void AddBlocks(double alpha, const ConstMatrixRef& A, const ConstMatrixRef& B, bool lower,
               MatrixRef C, Isa isa) {
  const GemmKernels& kernels = GemmKernelsFor(isa);
  const Index max_depth = std::min(kDepth, A.cols());
  Panels left(kernels, Panels::Side::kLeft, A.rows(), max_depth);
  Panels right(kernels, Panels::Side::kRight, B.rows(), max_depth);
  for (Index k = 0; k < A.cols(); k += kDepth) {
    const Index depth = std::min(kDepth, A.cols() - k);
    left.Pack(A.middleCols(k, depth), 1);
    right.Pack(B.middleCols(k, depth), alpha);
    AddPanels(kernels, left, right, lower, C, {});
  }
}

// The rows of a lower triangle as GemmKernels::solve_right reads them.
void PackRows(const ConstMatrixRef& L, double* rows) {
  const Index size = L.rows();
  for (Index k = 0; k < size; ++k) {
    rows[k * size + k] = 1 / L(k, k);
    for (Index j = k + 1; j < size; ++j) rows[j * size + k] = L(j, k);
  }
}

}  // namespace

void AddProduct(double alpha, const ConstMatrixRef& A, const ConstMatrixRef& B, MatrixRef C,
                Isa isa) {
  RequireSize("B columns", B.cols(), A.cols());
  RequireSize("C rows", C.rows(), A.rows());
  RequireSize("C columns", C.cols(), B.rows());
  AddBlocks(alpha, A, B, false, C, isa);
}

void AddGram(double alpha, const ConstMatrixRef& A, MatrixRef C, Isa isa) {
  RequireSize("C rows", C.rows(), A.rows());
  RequireSize("C columns", C.cols(), A.rows());
  AddBlocks(alpha, A, A, true, C, isa);
}

// By block columns: the block on the diagonal, the rows below it, then their product is taken from
// what is right of them.
bool Cholesky(MatrixRef A, const std::stop_token& stop, Isa isa) {
  const Index size = A.rows();
  RequireSize("A columns", A.cols(), size);
  const GemmKernels& kernels = GemmKernelsFor(isa);
  const Index stride = A.outerStride();
  std::vector<double> rows(static_cast<std::size_t>(kMaxBlock * kMaxBlock));
  for (Index k = 0; k < size; k += kMaxBlock) {
    ThrowIfStopped(stop);
    const Index block = std::min<Index>(kMaxBlock, size - k);
    double* const diagonal = A.data() + k * stride + k;
    if (!kernels.factor(block, diagonal, stride)) return false;
    const Index next = k + block;
    const Index below = size - next;
    if (below == 0) break;
    PackRows(A.block(k, k, block, block), rows.data());
    oneapi::tbb::parallel_for(Index{0}, NumPanels(below, kSolveRows), [&](Index task) {
      const Index first = task * kSolveRows;
      kernels.solve_right(rows.data(), block, diagonal + block + first, stride,
                          std::min(kSolveRows, below - first));
    });
    Panels left(kernels, Panels::Side::kLeft, below, block);
    Panels right(kernels, Panels::Side::kRight, below, block);
    left.Pack(A.block(next, k, below, block), 1);
    right.Pack(A.block(next, k, below, block), -1);
    AddPanels(kernels, left, right, true, A.bottomRightCorner(below, below), stop);
  }
  return true;
}

void SolveLower(const ConstMatrixRef& L, MatrixRef B) {
  RequireSize("L columns", L.cols(), L.rows());
  RequireSize("B rows", B.rows(), L.rows());
  if (B.cols() < kManySides) {
    L.triangularView<Eigen::Lower>().solveInPlace(B);
    return;
  }
  for (Index k = 0; k < L.rows(); k += kMaxBlock) {
    const Index block = std::min<Index>(kMaxBlock, L.rows() - k);
    const Index below = L.rows() - k - block;
    L.block(k, k, block, block).triangularView<Eigen::Lower>().solveInPlace(B.middleRows(k, block));
    if (below == 0) break;
    const Matrix solved = B.middleRows(k, block).transpose();
    AddProduct(-1, L.block(k + block, k, below, block), solved, B.bottomRows(below));
  }
}

void SolveLowerTransposed(const ConstMatrixRef& L, MatrixRef B) {
  RequireSize("L columns", L.cols(), L.rows());
  RequireSize("B rows", B.rows(), L.rows());
  if (B.cols() < kManySides) {
    L.triangularView<Eigen::Lower>().transpose().solveInPlace(B);
    return;
  }
  for (Index end = L.rows(); end > 0;) {
    const Index k = (end - 1) / kMaxBlock * kMaxBlock;
    L.block(k, k, end - k, end - k)
        .triangularView<Eigen::Lower>()
        .transpose()
        .solveInPlace(B.middleRows(k, end - k));
    if (k > 0) {
      const Matrix left = L.block(k, 0, end - k, k).transpose();
      const Matrix solved = B.middleRows(k, end - k).transpose();
      AddProduct(-1, left, solved, B.topRows(k));
    }
    end = k;
  }
}

}  // namespace sobolev::dense
