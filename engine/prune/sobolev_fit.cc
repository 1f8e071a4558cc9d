#include "engine/prune/sobolev_fit.h"

#include <cstddef>
#include <stop_token>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/dense/dense.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"

namespace sobolev::prune {

namespace {

constexpr double kRankingRidge = 1e-7;
constexpr double kFittingRidge = 1e-8;

// The lower triangle of a Gram matrix, whole.
Matrix Whole(const Matrix& lower) {
  Matrix whole = lower.triangularView<Eigen::Lower>();
  whole.triangularView<Eigen::StrictlyUpper>() = whole.transpose();
  return whole;
}

void AddRidge(double share, Matrix& H) {
  H.diagonal().array() += share * H.trace() / static_cast<double>(H.rows());
}

// Passes layers 1 … l.
void Advance(LayerSweep& sweep, Index l) {
  for (Index k = 1; k <= l; ++k) {
    sweep.Affine();
    sweep.Bend();
  }
}

Matrix Factor(Matrix H, const std::stop_token& stop) {
  if (!dense::Cholesky(H, stop)) {
    throw FailedPrecondition("NOT_FINITE", "network",
                             "expected hidden values that are finite in the box; shrink the box");
  }
  return H;
}

// x = (H_kk)⁻¹ b_k for the rows and columns k of H that are kept.
Vector SolveSubset(const Matrix& H, const Vector& b, const std::vector<Index>& kept,
                   const std::stop_token& stop) {
  Matrix x = b(kept);
  const Matrix L = Factor(H(kept, kept), stop);
  dense::SolveLower(L, x);
  dense::SolveLowerTransposed(L, x);
  return x.col(0);
}

std::vector<Index> AllowedColumns(const Allowed& allowed, Index row) {
  std::vector<Index> columns;
  for (Index j = 0; j < allowed.cols(); ++j) {
    if (allowed(row, j)) columns.push_back(j);
  }
  return columns;
}

}  // namespace

Matrix WithBias(const Layers& layers, Index l) {
  Matrix both(layers.Weights(l).rows(), layers.Weights(l).cols() + 1);
  both << layers.Weights(l), layers.Bias(l);
  return both;
}

std::vector<Matrix> SobolevGrams(const Layers& layers, const FitPoints& points,
                                 const std::stop_token& stop) {
  std::vector<Matrix> grams;
  for (Index l = 1; l <= layers.depth(); ++l) {
    const Index size = layers.Weights(l).cols() + 1;
    grams.emplace_back(Matrix::Zero(size, size));
  }
  const double weight = 1 / static_cast<double>(points.X.cols());
  ForEachChunk(points, stop, [&](const Matrix& X, const Matrix& X_dot) {
    LayerSweep sweep(layers, X, X_dot);
    for (Matrix& gram : grams) {
      dense::AddGram(weight, sweep.Features(), gram);
      if (&gram != &grams.back()) Advance(sweep, 1);
    }
  });
  for (Matrix& gram : grams) {
    gram = Whole(gram);
    AddRidge(kRankingRidge, gram);
  }
  return grams;
}

Matrix InverseOf(const Matrix& H, const std::stop_token& stop) {
  const Matrix L = Factor(H, stop);
  Matrix inverse = Matrix::Identity(H.rows(), H.cols());
  dense::SolveLower(L, inverse);
  dense::SolveLowerTransposed(L, inverse);
  return inverse;
}

std::vector<Vector> OutputWeights(const Layers& layers, const FitPoints& points,
                                  const std::stop_token& stop) {
  std::vector<Vector> weights;
  for (Index l = 1; l < layers.depth(); ++l) weights.emplace_back(Vector::Zero(layers.Width(l)));
  weights.emplace_back(Vector::Ones(layers.architecture.m));
  const double share = 1 / static_cast<double>(points.X.cols());
  ForEachChunk(points, stop, [&](const Matrix& X, const Matrix& /*X_dot*/) {
    const HiddenValues values = Evaluate(layers, X);
    for (Index i = 0; i < layers.architecture.m; ++i) {
      const HiddenAdjoints adjoints = Reverse(layers, values, i);
      for (std::size_t l = 0; l < adjoints.Z_bar.size(); ++l) {
        weights[l] += share * adjoints.Z_bar[l].cwiseAbs2().rowwise().sum();
      }
    }
  });
  return weights;
}

void RefitLayer(const Layers& original, Index l, const std::vector<Index>& rows,
                const Allowed& allowed, const FitPoints& points, Layers& pruned,
                const std::stop_token& stop) {
  Matrix weights = WithBias(pruned, l);
  Matrix H = Matrix::Zero(weights.cols(), weights.cols());
  Matrix right = Matrix::Zero(weights.cols(), weights.rows());  // F (Z − W F)ᵀ
  ForEachChunk(points, stop, [&](const Matrix& X, const Matrix& X_dot) {
    LayerSweep truth(original, X, X_dot);
    Advance(truth, l - 1);
    truth.Affine();
    LayerSweep sweep(pruned, X, X_dot);
    Advance(sweep, l - 1);
    const Matrix F = sweep.Features();
    const Matrix missing = truth.Images()(rows, Eigen::all) - weights * F;
    dense::AddGram(1, F, H);
    dense::AddProduct(1, F, missing, right);
  });
  H = Whole(H);
  AddRidge(kFittingRidge, H);
  if (allowed.all()) {
    const Matrix L = Factor(H, stop);
    dense::SolveLower(L, right);
    dense::SolveLowerTransposed(L, right);
    weights += right.transpose();
  } else {
    for (Index row = 0; row < weights.rows(); ++row) {
      ThrowIfStopped(stop);
      const std::vector<Index> columns = AllowedColumns(allowed, row);
      const Vector step = SolveSubset(H, right.col(row), columns, stop);
      for (std::size_t k = 0; k < columns.size(); ++k) {
        weights(row, columns[k]) += step[static_cast<Index>(k)];
      }
    }
  }
  pruned.Weights(l) = weights.leftCols(weights.cols() - 1);
  pruned.Bias(l) = weights.rightCols(1);
}

}  // namespace sobolev::prune
