#include "engine/train/differential_pca.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <Eigen/Eigenvalues>

#include "engine/base/matrix.h"
#include "engine/dense/dense.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {

namespace {

// A restriction to more directions than this share of all of them saves nothing.
constexpr double kWorthwhile = 0.7;
// Neighbouring shares that differ by this factor have a gap between them.
constexpr double kGap = 10;
// What may be left out, of the mean squared gradient.
constexpr double kDroppedShares[] = {1e-2, 1e-4, 1e-8};
// Shares below that are rounding.
constexpr double kNothing = 1e-13;
// More than that is never left out.
constexpr double kMostDropped = 0.1;

}  // namespace

DifferentialPca AnalyseGradients(const LabelledPoints& points) {
  const Index n = points.n();
  const Index m = points.m();
  Matrix covariance = Matrix::Zero(n, n);
  for (Index i = 0; i < m && points.J.cols() > 0; ++i) {
    Matrix gradients = Matrix::Zero(n, points.NumPoints());
    for (Index s = 0; s < points.NumPoints(); ++s) {
      const auto gradient = points.J.col(s * m + i);
      if (gradient.allFinite()) gradients.col(s) = std::sqrt(points.weight[s]) * gradient;
    }
    Matrix of_output = Matrix::Zero(n, n);
    dense::AddGram(1, gradients, of_output);
    const double size = of_output.trace();
    if (size > 0) covariance += of_output / size;
  }
  DifferentialPca pca{.directions = Matrix::Identity(n, n), .share = Vector::Zero(n)};
  if (covariance.trace() <= 0) return pca;
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(covariance);
  pca.directions = solver.eigenvectors().rowwise().reverse();
  pca.share = solver.eigenvalues().reverse().cwiseMax(0);
  pca.share /= pca.share.sum();
  return pca;
}

std::vector<Index> PromisingRanks(const DifferentialPca& pca) {
  const Index n = pca.share.size();
  const auto most = static_cast<Index>(std::ceil(kWorthwhile * static_cast<double>(n)));
  std::vector<Index> ranks;
  if (n < 2 || pca.share[0] <= 0) return ranks;
  for (Index r = 1; r < most; ++r) {
    if (pca.Dropped(r - 1) < kNothing) break;
    const bool gap = pca.share[r] * kGap < pca.share[r - 1];
    if (gap && pca.Dropped(r) < kMostDropped) ranks.push_back(r);
  }
  for (const double dropped : kDroppedShares) {
    Index r = 1;
    while (r < most && pca.Dropped(r) > dropped) ++r;
    if (r < most) ranks.push_back(r);
  }
  std::ranges::sort(ranks);
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  return ranks;
}

Projection MakeProjection(const DifferentialPca& pca, Index r, const Matrix& X) {
  const Matrix Q = pca.directions.leftCols(r);
  const Matrix U = Q.transpose() * X;
  const Vector mean = U.rowwise().mean();
  Vector spread =
      ((U.colwise() - mean).rowwise().squaredNorm() / static_cast<double>(X.cols())).cwiseSqrt();
  for (double& entry : spread) {
    if (entry <= 0) entry = 1;
  }
  return {.B = spread.cwiseInverse().asDiagonal() * Q.transpose(), .L = Q * spread.asDiagonal()};
}

LabelledPoints Project(const LabelledPoints& points, const Projection& projection) {
  LabelledPoints projected = points;
  projected.X = projection.B * points.X;
  if (points.J.cols() > 0) projected.J = projection.L.transpose() * points.J;
  if (points.J_weight.cols() > 0) {
    // Independent errors of variance 1/w add up.
    const Matrix squares = projection.L.cwiseAbs2();
    projected.J_weight = (squares.transpose() * points.J_weight.cwiseInverse()).cwiseInverse();
  }
  if (!points.tangents.point.empty()) {
    projected.tangents.X_dot = projection.B * points.tangents.X_dot;
  }
  if (!points.adjoints.point.empty()) {
    projected.adjoints.X_bar = projection.L.transpose() * points.adjoints.X_bar;
  }
  if (!points.curvatures.point.empty()) {
    projected.curvatures.V = projection.B * points.curvatures.V;
    projected.curvatures.H_v = projection.L.transpose() * points.curvatures.H_v;
  }
  return projected;
}

}  // namespace sobolev::train
