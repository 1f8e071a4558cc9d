#include "engine/sampling/taylor_shares.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/base/stop.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::sampling {

namespace {

constexpr std::uint64_t kSeed = 1;
// Second derivatives along a direction are n·m numbers at every point.
constexpr double kNumbers = 4e6;
constexpr double kFewestPoints = 64;
constexpr double kMostPoints = 1024;

Matrix RandomPoints(const Vector& lo, const Vector& side, Index count) {
  Rng rng(kSeed);
  return Matrix::NullaryExpr(lo.size(), count,
                             [&](Index j, Index) { return lo(j) + side(j) * rng.Uniform(); });
}

// For each point the nearest centre.
Matrix NearestCentres(const Matrix& X, const Matrix& centres, const Vector& side,
                      const std::stop_token& stop) {
  const Vector factor = (side.array() > 0).select(side.cwiseInverse(), 1);
  const Matrix scaled = factor.asDiagonal() * centres;
  Matrix nearest(X.rows(), X.cols());
  for (Index s = 0; s < X.cols(); ++s) {
    ThrowIfStopped(stop);
    Index best = 0;
    (scaled.colwise() - factor.cwiseProduct(X.col(s))).colwise().squaredNorm().minCoeff(&best);
    nearest.col(s) = centres.col(best);
  }
  return nearest;
}

}  // namespace

TaylorShares FindTaylorShares(const Surrogate& f, const Matrix& centres, const Vector& lo,
                              const Vector& hi, double tolerance, const std::stop_token& stop) {
  const Index n = f.n();
  const Index m = f.m();
  RequireSize("lo", lo.size(), n);
  RequireSize("hi", hi.size(), n);
  RequireSize("centres", centres.rows(), n);
  if (centres.cols() == 0) {
    throw InvalidArgument("TOO_FEW", "centres", "expected at least 1 centre, got 0");
  }
  const Vector side = hi - lo;
  const auto count = static_cast<Index>(std::clamp(
      kNumbers / (static_cast<double>(n) * static_cast<double>(m)), kFewestPoints, kMostPoints));
  const Matrix X = RandomPoints(lo, side, count);
  const Matrix near = NearestCentres(X, centres, side, stop);
  const Matrix steps = X - near;

  Matrix Y(m, count);
  f.Predict({X.data(), n, count}, std::nullopt, std::nullopt, {.Y = Y.data()}, stop);
  const Matrix outputs = Matrix::Identity(m, m);
  Matrix value(m, count);
  Matrix slope(m, count);
  Matrix bend(n, m * count);
  f.Predict({near.data(), n, count},
            Directions{.D = {steps.data(), n, count}, .count = 1, .per_point = true},
            Directions{.D = {outputs.data(), m, m}, .count = m, .per_point = false},
            {.Y = value.data(), .Y_dot = slope.data(), .X_bar_dot = bend.data()}, stop);

  const Vector mean = Y.rowwise().mean();
  const Vector bound =
      tolerance / std::sqrt(static_cast<double>(count)) * (Y.colwise() - mean).rowwise().norm();
  TaylorShares counts{};
  for (Index s = 0; s < count; ++s) {
    Vector rest = Y.col(s);
    for (std::size_t order = 0; order < counts.size(); ++order) {
      if (order == 0) rest -= value.col(s);
      if (order == 1) rest -= slope.col(s);
      if (order == 2) rest -= bend.middleCols(s * m, m).transpose() * steps.col(s) / 2;
      if ((rest.array().abs() <= bound.array()).all()) {
        counts[order] += 1;
        break;
      }
    }
  }
  for (double& number : counts) number /= static_cast<double>(count);
  return counts;
}

}  // namespace sobolev::sampling
