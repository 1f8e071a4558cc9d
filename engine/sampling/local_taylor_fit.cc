#include "engine/sampling/local_taylor_fit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <oneapi/tbb/parallel_for.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/base/stop.h"
#include "engine/regression/polynomial_surrogate.h"
#include "engine/regression/terms.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/sobol.h"
#include "engine/sampling/taylor_model.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/local_taylor.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::sampling {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kFolds = 5;
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
// Points that distances to samples are averaged over.
constexpr Index kProbes = 1024;

struct Cube {
  const Vector& lo;
  const Vector& hi;
};

void Require(const Surrogate& base, const Evidence& evidence, const Cube& cube,
             const LocalTaylorOptions& options) {
  RequireSize("base inputs", base.n(), evidence.n());
  RequireSize("base outputs", base.m(), evidence.m());
  RequireSize("lo", cube.lo.size(), evidence.n());
  RequireSize("hi", cube.hi.size(), evidence.n());
  if (!cube.lo.allFinite() || !(cube.lo.array() < cube.hi.array()).all() ||
      !(cube.hi - cube.lo).allFinite()) {
    throw InvalidArgument("OUT_OF_RANGE", "hi", "expected finite bounds above those of lo");
  }
  const int order = options.order.value_or(0);
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

Evidence Part(const Evidence& evidence, const std::vector<Index>& samples) {
  const Index m = evidence.m();
  const auto count = static_cast<Index>(samples.size());
  Evidence part;
  part.X.resize(evidence.n(), count);
  part.Y.resize(m, count);
  if (evidence.HasDerivatives()) part.J.resize(evidence.n(), m * count);
  for (Index k = 0; k < count; ++k) {
    const Index s = samples[static_cast<std::size_t>(k)];
    part.X.col(k) = evidence.X.col(s);
    part.Y.col(k) = evidence.Y.col(s);
    if (evidence.HasDerivatives()) part.J.middleCols(k * m, m) = evidence.J.middleCols(s * m, m);
  }
  return part;
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

// Samples in turn held out and shown.
class Folds {
 public:
  Folds(const Evidence& evidence, std::uint64_t seed, const std::stop_token& stop)
      : held_out_(kFolds), shown_(kFolds) {
    std::vector<Index> samples(static_cast<std::size_t>(evidence.NumSamples()));
    std::iota(samples.begin(), samples.end(), Index{0});
    Rng rng(seed);
    Shuffle(std::span(samples), rng);
    for (std::size_t k = 0; k < samples.size(); ++k) {
      for (std::size_t fold = 0; fold < kFolds; ++fold) {
        (k % kFolds == fold ? held_out_ : shown_)[fold].push_back(samples[k]);
      }
    }
    // A sample speaks for the points around it.
    double held_out_distance = 0;
    double volume = 0;
    for (std::size_t fold = 0; fold < kFolds; ++fold) {
      const Vector distances =
          NearestDistances(Part(evidence, held_out_[fold]).X, Part(evidence, shown_[fold]).X, stop);
      volumes_.emplace_back(distances.array().pow(static_cast<double>(evidence.n())));
      held_out_distance += volumes_.back().dot(distances);
      volume += volumes_.back().sum();
    }
    if (volume > 0) {
      const double distance =
          NearestDistances(SobolPoints(evidence.n(), 0, kProbes, seed), evidence.X, stop).mean();
      ratio_ = std::min(1.0, distance * volume / held_out_distance);
    }
  }

  // The error of local models of the residuals by the scales of outputs; of no models if order is
  // 0. NaN if nothing tells.
  double Error(const Evidence& residuals, int order, const Vector& scales,
               const std::stop_token& stop) const {
    const Vector lo = Vector::Zero(residuals.n());
    const Vector hi = Vector::Ones(residuals.n());
    const Cube cube{lo, hi};
    double sum = 0;
    double total = 0;
    for (std::size_t fold = 0; fold < kFolds; ++fold) {
      Evidence rest = Part(residuals, held_out_[fold]);
      if (order > 0) {
        const LocalTaylorSurrogate models(
            Constant(residuals.n(), Vector::Zero(residuals.m())),
            MakePatches(Part(residuals, shown_[fold]), order, cube, stop));
        rest = Residuals(models, rest, cube, stop);
      }
      for (Index k = 0; k < rest.NumSamples(); ++k) {
        for (Index i = 0; i < rest.m(); ++i) {
          if (std::isnan(rest.Y(i, k))) continue;
          const double miss = rest.Y(i, k) / scales(i);
          sum += volumes_[fold](k) * miss * miss;
          total += volumes_[fold](k);
        }
      }
    }
    return std::sqrt(sum / total) * (order > 0 ? std::pow(ratio_, order + 1) : 1);
  }

 private:
  std::vector<std::vector<Index>> held_out_;
  std::vector<std::vector<Index>> shown_;
  std::vector<Vector> volumes_;  // Of the samples held out.
  double ratio_ = 1;             // ρ
};

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
                              const Vector& lo, const Vector& hi, const LocalTaylorOptions& options,
                              const std::stop_token& stop) {
  const int most = MostOrder(evidence);
  const Cube cube{lo, hi};
  Require(*base, evidence, cube, options);
  LocalTaylorFit fit{.surrogate = base, .base_error = kNaN, .error = kNaN};
  Evidence residuals = Residuals(*base, evidence, cube, stop);
  if (options.order) {
    fit.order = std::min(*options.order, most);
  } else if (evidence.NumSamples() >= static_cast<Index>(2 * kFolds)) {
    const Folds folds(evidence, options.seed, stop);
    const Vector scales = OutputScales(evidence);
    fit.base_error = folds.Error(residuals, 0, scales, stop);
    fit.error = fit.base_error;
    const auto try_orders = [&](const Evidence& missed, bool alone) {
      for (int order = 1; order <= most; ++order) {
        const double error = folds.Error(missed, order, scales, stop);
        if (!(error < fit.error)) continue;
        fit.error = error;
        fit.order = order;
        fit.alone = alone;
      }
    };
    try_orders(residuals, false);
    if (options.alone) {
      const auto constant = MeanSurrogate(evidence);
      Evidence deviations = Residuals(*constant, evidence, cube, stop);
      try_orders(deviations, true);
      if (fit.alone) {
        base = constant;
        residuals = std::move(deviations);
      }
    }
  }
  if (fit.order == 0) return fit;
  fit.surrogate = std::make_shared<LocalTaylorSurrogate>(
      std::move(base), MakePatches(residuals, fit.order, cube, stop));
  return fit;
}

}  // namespace sobolev::sampling
