#include "server/predict/jacobian_timing.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>

#include <oneapi/tbb/task_arena.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/chain/plan_execution.h"

namespace sobolev::server {
namespace {

constexpr Index kMaxPoints = 256;
// Of a batch; a few milliseconds.
constexpr double kMaxMultiplyAdds = 5e7;
// Of directions and results; 32 MiB.
constexpr Index kMaxElements = Index{1} << 22;
constexpr int kRuns = 3;

// Of a batch, each of which takes so many multiply-adds and elements.
Index PointsOf(double multiply_adds, Index elements) {
  const Index most = std::clamp<Index>(kMaxElements / elements, 1, kMaxPoints);
  return static_cast<Index>(
      std::clamp(kMaxMultiplyAdds / multiply_adds, 1.0, static_cast<double>(most)));
}

// Pipelines may have no bounds.
double FiniteOr(double value, double fallback) { return std::isfinite(value) ? value : fallback; }

Matrix DrawPoints(const ServedModel& model, Index num_points) {
  Rng rng(1);
  Matrix X(model.surrogate->n(), num_points);
  for (Index s = 0; s < num_points; ++s) {
    for (Index j = 0; j < X.rows(); ++j) {
      const double lower = FiniteOr(model.domain_min[j], FiniteOr(model.domain_max[j] - 1, 0));
      const double upper = FiniteOr(model.domain_max[j], lower + 1);
      X(j, s) = lower + rng.Uniform() * (upper - lower);
    }
  }
  return X;
}

Directions UnitVectors(const Matrix& units) {
  return {.D = ConstMatrixMap(units.data(), units.rows(), units.cols()),
          .count = units.cols(),
          .per_point = false};
}

// The shortest of some runs of one thread.
double Measure(const Surrogate& surrogate, const Matrix& X,
               const std::optional<Directions>& tangents, const std::optional<Directions>& adjoints,
               const PredictionBuffers& out, const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  double shortest = std::numeric_limits<double>::infinity();
  oneapi::tbb::task_arena arena(1);
  arena.execute([&] {
    for (int run = 0; run < kRuns; ++run) {
      const Clock::time_point start = Clock::now();
      surrogate.Predict({X.data(), X.rows(), X.cols()}, tangents, adjoints, out, stop);
      shortest = std::min(shortest, std::chrono::duration<double>(Clock::now() - start).count());
    }
  });
  return shortest / static_cast<double>(X.cols());
}

// Of products of Jacobians of a common size.
double MeasureProduct() {
  using Clock = std::chrono::steady_clock;
  constexpr Index kSide = 32;
  constexpr Index kPoints = 32;
  const Matrix later = Matrix::Constant(kSide, kSide * kPoints, 0.5);
  const Matrix earlier = Matrix::Constant(kSide, kSide * kPoints, 0.25);
  double shortest = std::numeric_limits<double>::infinity();
  for (int run = 0; run < kRuns; ++run) {
    const Clock::time_point start = Clock::now();
    const Matrix product = chain::MultiplyJacobians(later, earlier, kPoints);
    shortest = std::min(shortest, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return shortest / static_cast<double>(kSide * kSide * kSide * kPoints);
}

}  // namespace

std::optional<MultiplyAddSeconds> TimeMultiplyAdds(const std::vector<JacobianTiming>& timings) {
  MultiplyAddSeconds seconds{.product = MeasureProduct()};
  for (const JacobianTiming& timing : timings) {
    const std::string_view mode = timing.mode;
    if (mode == "predict") continue;
    if (!timing.measured_seconds || timing.multiply_adds <= 0) return std::nullopt;
    (mode == "tangents" ? seconds.tangent : seconds.adjoint) =
        *timing.measured_seconds / timing.multiply_adds;
  }
  return seconds;
}

std::vector<JacobianTiming> TimeJacobians(const ServedModel& model, const std::stop_token& stop) {
  const Surrogate& surrogate = *model.surrogate;
  const Index n = surrogate.n();
  const Index m = surrogate.m();
  std::vector<JacobianTiming> timings{
      {.mode = "predict", .multiply_adds = surrogate.Cost({.num_points = 1, .jacobian = true})},
      {.mode = "tangents", .multiply_adds = surrogate.Cost({.num_points = 1, .num_tangents = n})},
      {.mode = "adjoints", .multiply_adds = surrogate.Cost({.num_points = 1, .num_adjoints = m})}};
  const std::array<Index, 3> elements{n * m, n * (n + m), m * (n + m)};
  const double of_value = std::max(1.0, surrogate.Cost({.num_points = 1}));
  const Matrix x = DrawPoints(model, PointsOf(of_value, n + m));
  Matrix y(m, x.cols());
  const double of_one = Measure(surrogate, x, {}, {}, {.Y = y.data()}, stop) / of_value;
  for (std::size_t mode = 0; mode < timings.size(); ++mode) {
    JacobianTiming& timing = timings[mode];
    timing.predicted_seconds = of_one * timing.multiply_adds;
    if (timing.multiply_adds > kMaxMultiplyAdds || elements[mode] > kMaxElements) continue;
    const Matrix X = DrawPoints(model, PointsOf(timing.multiply_adds, elements[mode]));
    Matrix J(n, m * X.cols());
    if (mode == 0) {
      timing.measured_seconds = Measure(surrogate, X, {}, {}, {.J = J.data()}, stop);
      continue;
    }
    const Matrix units = Matrix::Identity(mode == 1 ? n : m, mode == 1 ? n : m);
    timing.measured_seconds =
        mode == 1 ? Measure(surrogate, X, UnitVectors(units), {}, {.Y_dot = J.data()}, stop)
                  : Measure(surrogate, X, {}, UnitVectors(units), {.X_bar = J.data()}, stop);
  }
  return timings;
}

}  // namespace sobolev::server
