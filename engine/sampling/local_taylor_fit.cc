#include "engine/sampling/local_taylor_fit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <oneapi/tbb/parallel_for.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/regression/polynomial_surrogate.h"
#include "engine/regression/terms.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/taylor_model.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/local_taylor.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::sampling {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// Bumps reach 1.5 times as far as the neighbour number 1 + 3n. Of 1 + 2n and 1 + 4n errors are
// within 30 % of that on bumps, fronts and sines in 2 to 4 inputs; wider bumps blur smooth
// residuals.
constexpr double kReach = 1.5;
constexpr Index kNeighboursPerInput = 3;
// Derivatives of an output at a sample are at most so many numbers: order 3 in up to 5 inputs,
// order 2 in up to 13. More take milliseconds a point.
constexpr Index kMostTerms = 200;
// Those of all samples.
constexpr double kMostNumbers = 1 << 25;

struct Cube {
  const Vector& lo;
  const Vector& hi;
};

void Require(const Surrogate& base, const Evidence& evidence, const Cube& cube, int order) {
  RequireSize("base inputs", base.n(), evidence.n());
  RequireSize("base outputs", base.m(), evidence.m());
  RequireSize("lo", cube.lo.size(), evidence.n());
  RequireSize("hi", cube.hi.size(), evidence.n());
  if (!cube.lo.allFinite() || !(cube.lo.array() < cube.hi.array()).all() ||
      !(cube.hi - cube.lo).allFinite()) {
    throw InvalidArgument("OUT_OF_RANGE", "hi", "expected finite bounds above those of lo");
  }
  if (order >= 0 && order <= TaylorPatches::kMaxOrder) return;
  throw InvalidArgument("OUT_OF_RANGE", "order",
                        "expected 0 to " + std::to_string(TaylorPatches::kMaxOrder) + ", got " +
                            std::to_string(order));
}

// The same outputs everywhere.
std::shared_ptr<const Surrogate> Constant(Index n, const Vector& y) {
  const Index m = y.size();
  AffineMaps maps = AffineMaps::Identity(n, m);
  maps.y_mean = y;
  std::vector<Index> outputs(static_cast<std::size_t>(m));
  std::iota(outputs.begin(), outputs.end(), Index{0});
  return std::make_shared<regression::PolynomialSurrogate>(
      std::move(maps), regression::Box{.centre = Vector::Zero(n), .scale = Vector::Ones(n)},
      std::vector<regression::PolynomialSurrogate::Part>{
          {.outputs = std::move(outputs), .terms = {{}}, .C = Matrix::Zero(1, m)}});
}

// What the surrogate misses; NaN where either is not known.
Evidence Residuals(const Surrogate& surrogate, const Evidence& evidence, const Cube& cube,
                   const std::stop_token& stop) {
  const auto known = [](double residual) { return std::isfinite(residual) ? residual : kNaN; };
  const Vector side = cube.hi - cube.lo;
  const Matrix X = (side.asDiagonal() * evidence.X).colwise() + cube.lo;
  Matrix Y(evidence.m(), X.cols());
  Matrix J(evidence.n(), evidence.HasDerivatives() ? evidence.J.cols() : 0);
  surrogate.Predict({X.data(), X.rows(), X.cols()}, std::nullopt, std::nullopt,
                    {.Y = Y.data(), .J = evidence.HasDerivatives() ? J.data() : nullptr}, stop);
  Evidence residuals;
  residuals.X = evidence.X;
  residuals.Y = (evidence.Y - Y).unaryExpr(known);
  if (evidence.HasDerivatives()) {
    residuals.J = (evidence.J - side.asDiagonal() * J).unaryExpr(known);
  }
  return residuals;
}

// Of each sample, kReach times the distance to a neighbour, those in the same place not counted.
Vector Radii(const Matrix& X, const std::stop_token& stop) {
  Vector radii(X.cols());
  oneapi::tbb::parallel_for(Index{0}, X.cols(), [&](Index s) {
    if (stop.stop_requested()) return;
    Vector squares = (X.colwise() - X.col(s)).colwise().squaredNorm();
    const auto others = std::remove(squares.begin(), squares.end(), 0.0) - squares.begin();
    radii(s) = 1;
    if (others == 0) return;
    const Index number = std::min<Index>(others - 1, kNeighboursPerInput * X.rows());
    std::nth_element(squares.begin(), squares.begin() + number, squares.begin() + others);
    radii(s) = kReach * std::sqrt(squares(number));
  });
  ThrowIfStopped(stop);
  return radii;
}

TaylorPatches MakePatches(const Evidence& residuals, int order, const Cube& cube,
                          const std::stop_token& stop) {
  std::vector<Index> samples(static_cast<std::size_t>(residuals.NumSamples()));
  std::iota(samples.begin(), samples.end(), Index{0});
  TaylorExpansions expansions = TaylorModel(residuals).Expand(samples, order, stop);
  return {.origin = cube.lo,
          .scale = cube.hi - cube.lo,
          .centres = residuals.X,
          .radii = Radii(residuals.X, stop),
          .order = expansions.order,
          .derivatives = std::move(expansions.derivatives)};
}

int MostOrder(const Evidence& evidence) {
  const auto is_too_much = [&](int order) {
    const auto terms = static_cast<double>(TaylorPatches::NumTerms(evidence.n(), order));
    return terms * static_cast<double>(evidence.Y.size()) > kMostNumbers;
  };
  int order = TaylorModel(evidence).Order(MostLocalTaylorOrder(evidence.n()));
  while (order > 1 && is_too_much(order)) --order;
  return std::max(1, order);
}

// Of known values.
Vector Means(const Evidence& evidence) {
  Vector means(evidence.m());
  for (Index i = 0; i < evidence.m(); ++i) {
    double known = 0;
    double mean = 0;
    for (const double y : evidence.Y.row(i)) {
      if (std::isnan(y)) continue;
      known += 1;
      mean += (y - mean) / known;
    }
    means(i) = mean;
  }
  return means;
}

}  // namespace

int MostLocalTaylorOrder(Index n) {
  int order = TaylorPatches::kMaxOrder;
  while (order > 1 && TaylorPatches::NumTerms(n, order) > kMostTerms) --order;
  return order;
}

std::shared_ptr<const Surrogate> MeanSurrogate(const Evidence& evidence) {
  return Constant(evidence.n(), Means(evidence));
}

LocalTaylorFit FitLocalTaylor(std::shared_ptr<const Surrogate> base, const Evidence& evidence,
                              const Vector& lo, const Vector& hi, int order,
                              const std::stop_token& stop) {
  const int most = MostOrder(evidence);
  const Cube cube{lo, hi};
  Require(*base, evidence, cube, order);
  if (order == 0) return {.surrogate = std::move(base)};
  TaylorPatches patches =
      MakePatches(Residuals(*base, evidence, cube, stop), std::min(order, most), cube, stop);
  return {.surrogate = std::make_shared<LocalTaylorSurrogate>(std::move(base), std::move(patches)),
          .order = std::min(order, most)};
}

}  // namespace sobolev::sampling
