#include "engine/prune/pruning.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/base/stop.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/layers.h"
#include "engine/prune/sampled_significance.h"
#include "engine/prune/significance.h"

namespace sobolev::prune {

namespace {

// Samples that are swept at once.
constexpr Index kChunk = 256;

template <class Number>
std::string Text(Number number) {
  std::ostringstream text;
  text << number;
  return text.str();
}

void RequireAtLeastZero(const char* field, const std::optional<double>& budget) {
  if (!budget || *budget >= 0) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected 0 or more, got " + Text(*budget) + "; 0.01 is one per cent");
}

void RequireAtLeastOne(const char* field, const std::optional<Index>& budget) {
  if (!budget || *budget >= 1) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected at least 1, got " + Text(*budget) + "; give what may be left");
}

struct Predicted {
  Matrix Y;
  Matrix J;
};

Predicted Predict(const nn::NetworkSurrogate& network, const Matrix& X,
                  const std::stop_token& stop) {
  Predicted result{.Y = Matrix(network.m(), X.cols()),
                   .J = Matrix(network.n(), network.m() * X.cols())};
  network.Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), {}, {},
                  {.Y = result.Y.data(), .J = result.J.data()}, stop);
  if (!result.Y.allFinite() || !result.J.allFinite()) {
    throw FailedPrecondition("NOT_FINITE", "network",
                             "expected finite values and derivatives in the box; shrink the box");
  }
  return result;
}

// The smallest number of steps that leave little enough by `size`, which only falls.
Index FewestSteps(const char* field, Index budget, Index available,
                  const std::function<Layers(Index)>& cut,
                  const std::function<Index(const Layers&)>& size) {
  const Index least = size(cut(available));
  if (least > budget) {
    throw FailedPrecondition("TARGET_OUT_OF_REACH", field,
                             "expected at least " + Text(least) +
                                 ", which is left when all that may be removed is, got " +
                                 Text(budget) + "; raise the target");
  }
  Index too_few = -1;
  Index enough = available;
  while (enough - too_few > 1) {
    const Index middle = (too_few + enough) / 2;
    (size(cut(middle)) <= budget ? enough : too_few) = middle;
  }
  return enough;
}

// Deviations grow with the number of steps, but not at each: what is found keeps to the budget, and
// more than a few steps further nothing does.
Index MostSteps(const Target& target, Index available,
                const std::function<Deviation(Index)>& deviation) {
  Index kept_to = 0;
  Index beyond = available + 1;
  while (beyond - kept_to > 1) {
    const Index middle = (kept_to + beyond) / 2;
    const Deviation reached = deviation(middle);
    const bool keeps = (!target.value_error || reached.value <= *target.value_error) &&
                       (!target.jacobian_error || reached.jacobian <= *target.jacobian_error);
    (keeps ? kept_to : beyond) = middle;
  }
  return kept_to;
}

// Constants of x and of the hidden layers, as the layers take them.
std::vector<Vector> OfInputs(const Layers& layers, const Vector& x,
                             const std::vector<Vector>& hidden) {
  std::vector<Vector> constants{x};
  for (Index l = 2; l <= layers.depth(); ++l) {
    const Vector& a = hidden[static_cast<std::size_t>(l - 2)];
    Vector& taken = constants.emplace_back(layers.Weights(l).cols());
    taken.head(a.size()) = a;
    if (taken.size() > a.size()) taken.tail(x.size()) = x;
  }
  return constants;
}

}  // namespace

void CheckTarget(const Target& target) {
  const bool by_error = target.value_error || target.jacobian_error;
  const int kinds = (target.fraction ? 1 : 0) + (target.parameters ? 1 : 0) +
                    (target.multiply_adds ? 1 : 0) + (by_error ? 1 : 0);
  if (kinds != 1) {
    throw InvalidArgument("ONE_TARGET", "target",
                          "expected one of fraction, parameters, multiply_adds, or errors, got " +
                              Text(kinds) + " of them; set one");
  }
  if (target.fraction && !(*target.fraction >= 0 && *target.fraction < 1)) {
    throw InvalidArgument("OUT_OF_RANGE", "target.fraction",
                          "expected at least 0 and less than 1, got " + Text(*target.fraction) +
                              "; 0.5 removes half");
  }
  RequireAtLeastOne("target.parameters", target.parameters);
  RequireAtLeastOne("target.multiply_adds", target.multiply_adds);
  RequireAtLeastZero("target.value_error", target.value_error);
  RequireAtLeastZero("target.jacobian_error", target.jacobian_error);
}

Deviation Compare(const nn::NetworkSurrogate& original, const nn::NetworkSurrogate& changed,
                  const Box& box, const Matrix& X, const std::stop_token& stop) {
  const Predicted a = Predict(original, X, stop);
  const Predicted b = Predict(changed, X, stop);
  const Vector y_unit = original.scaling().y_scale.cwiseInverse();
  const Vector x_unit = 0.5 * (box.max - box.min);
  const auto in_units = [&](const Matrix& J) {
    return Matrix(x_unit.asDiagonal() * J * y_unit.replicate(X.cols(), 1).asDiagonal());
  };
  const double size = in_units(a.J).norm();
  const double difference = in_units(b.J - a.J).norm();
  const Matrix dy = y_unit.asDiagonal() * (b.Y - a.Y);
  return {.value = std::sqrt(dy.squaredNorm() / static_cast<double>(dy.size())),
          .jacobian = difference == 0 ? 0 : difference / size};
}

Index JacobianCost(const Layers& layers) {
  Index of_sweep = 0;
  for (Index l = 1; l <= layers.depth(); ++l) {
    of_sweep += (layers.Weights(l).array() != 0).count();
    if (l < layers.depth()) of_sweep += layers.Width(l);
  }
  return std::min(layers.architecture.n, layers.architecture.m) * of_sweep;
}

Index NumParameters(const Layers& layers) {
  Index count = 0;
  for (Index l = 1; l <= layers.depth(); ++l) {
    count += (layers.Weights(l).array() != 0).count() + layers.Bias(l).size();
  }
  return count;
}

FitPoints DrawFitPoints(const nn::NetworkSurrogate& network, const Box& box, Index num_points,
                        std::uint64_t seed) {
  const nn::Scaling& scaling = network.scaling();
  const Vector to_standard = scaling.x_scale.cwiseInverse();
  FitPoints points{.X = to_standard.asDiagonal() *
                        (UniformPoints(box, num_points, seed).colwise() - scaling.x_mean),
                   .directions = Matrix::Identity(network.n(), network.n())};
  if (network.n() > kManyInputs) {
    Rng rng(seed, 1);
    points.directions.resize(network.n(), kSketchedDirections);
    const double length = 1 / std::sqrt(static_cast<double>(kSketchedDirections));
    for (double& entry : points.directions.reshaped()) {
      entry = rng.Below(2) == 0 ? length : -length;
    }
  }
  const Vector half = 0.5 * (box.max - box.min).cwiseProduct(to_standard);
  points.directions = half.asDiagonal() * points.directions;
  return points;
}

void CheckNumPoints(Index num_points) {
  if (2 <= num_points && num_points <= kMaxSampledPoints) return;
  throw InvalidArgument(
      "OUT_OF_RANGE", "num_points",
      "expected 2 to " + Text(kMaxSampledPoints) + ", got " + Text(num_points) + "; 2048 is usual");
}

std::vector<Vector> Means(const Layers& layers, const Matrix& X) {
  // From the first sample, so that the mean of a constant is that constant.
  const auto mean = [](const Matrix& A) {
    const Vector first = A.col(0);
    return Vector(first + (A.colwise() - first).rowwise().mean());
  };
  std::vector<Vector> hidden;
  for (const Matrix& A : Evaluate(layers, X).A) hidden.push_back(mean(A));
  return OfInputs(layers, mean(X), hidden);
}

std::vector<Vector> Midpoints(const Layers& layers, const nn::Scaling& scaling, const Box& box,
                              const NetworkSignificance& significance) {
  std::vector<Vector> hidden;
  for (const IntervalMatrix& values : significance.values) {
    Vector& of_layer = hidden.emplace_back(values.rows());
    for (Index v = 0; v < values.rows(); ++v) of_layer[v] = values.At(v, 0).Midpoint();
  }
  const Vector x = 0.5 * box.min + 0.5 * box.max;
  return OfInputs(layers, (x - scaling.x_mean).cwiseQuotient(scaling.x_scale), hidden);
}

void ForEachChunk(const FitPoints& points, const std::stop_token& stop,
                  const std::function<void(const Matrix&, const Matrix&)>& visit) {
  for (Index first = 0; first < points.X.cols(); first += kChunk) {
    ThrowIfStopped(stop);
    const Index count = std::min(kChunk, points.X.cols() - first);
    Matrix X_dot(points.X.rows(), points.directions.cols() * count);
    for (Index k = 0; k < points.directions.cols(); ++k) {
      X_dot.middleCols(k * count, count) = points.directions.col(k).replicate(1, count);
    }
    visit(points.X.middleCols(first, count), X_dot);
  }
}

Index StepsFor(const Target& target, Index total, Index available,
               const std::function<Layers(Index)>& cut,
               const std::function<Deviation(Index)>& deviation) {
  if (target.parameters) {
    return FewestSteps("target.parameters", *target.parameters, available, cut, NumParameters);
  }
  if (target.multiply_adds) {
    return FewestSteps("target.multiply_adds", *target.multiply_adds, available, cut, JacobianCost);
  }
  if (!target.fraction) return MostSteps(target, available, deviation);
  const auto steps =
      static_cast<Index>(std::llround(*target.fraction * static_cast<double>(total)));
  if (steps <= available) return steps;
  throw InvalidArgument("OUT_OF_RANGE", "target.fraction",
                        "expected at most " +
                            Text(static_cast<double>(available) / static_cast<double>(total)) +
                            ", for " + Text(available) + " of " + Text(total) +
                            " may be removed, got " + Text(*target.fraction) + "; lower it");
}

}  // namespace sobolev::prune
