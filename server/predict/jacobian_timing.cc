#include "server/predict/jacobian_timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include <oneapi/tbb/task_arena.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"

namespace sobolev::server {
namespace {

constexpr Index kMaxPoints = 256;
// Of a batch; a few milliseconds.
constexpr double kMaxMultiplyAdds = 5e7;
constexpr int kRuns = 3;

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

}  // namespace

std::vector<JacobianTiming> TimeJacobians(const ServedModel& model, const std::stop_token& stop) {
  const Surrogate& surrogate = *model.surrogate;
  const Index n = surrogate.n();
  const Index m = surrogate.m();
  const PredictionSize by_plan{.num_points = 1, .jacobian = true};
  const PredictionSize by_tangents{.num_points = 1, .num_tangents = n};
  const PredictionSize by_adjoints{.num_points = 1, .num_adjoints = m};
  std::vector<JacobianTiming> timings{
      {.mode = "predict", .multiply_adds = surrogate.Cost(by_plan)},
      {.mode = "tangents", .multiply_adds = surrogate.Cost(by_tangents)},
      {.mode = "adjoints", .multiply_adds = surrogate.Cost(by_adjoints)}};
  const double dearest =
      std::ranges::max(timings, {}, &JacobianTiming::multiply_adds).multiply_adds;
  const auto num_points = static_cast<Index>(
      std::clamp(kMaxMultiplyAdds / dearest, 1.0, static_cast<double>(kMaxPoints)));
  const Matrix X = DrawPoints(model, num_points);
  const Matrix inputs = Matrix::Identity(n, n);
  const Matrix outputs = Matrix::Identity(m, m);
  const Directions tangents = UnitVectors(inputs);
  const Directions adjoints = UnitVectors(outputs);
  Matrix Y(m, num_points);
  Matrix J(n, m * num_points);
  const double of_values = Measure(surrogate, X, {}, {}, {.Y = Y.data()}, stop);
  const double of_one = of_values / std::max(1.0, surrogate.Cost({.num_points = 1}));
  for (JacobianTiming& timing : timings) timing.predicted_seconds = of_one * timing.multiply_adds;
  timings[0].measured_seconds = Measure(surrogate, X, {}, {}, {.J = J.data()}, stop);
  timings[1].measured_seconds = Measure(surrogate, X, tangents, {}, {.Y_dot = J.data()}, stop);
  timings[2].measured_seconds = Measure(surrogate, X, {}, adjoints, {.X_bar = J.data()}, stop);
  return timings;
}

}  // namespace sobolev::server
