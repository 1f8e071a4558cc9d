#include "engine/train/loss_weights.h"

#include <cmath>
#include <sstream>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {

namespace {

constexpr double kMaxLossWeight = 1e6;

// A NaN fails every comparison.
void CheckWeight(const char* field, double weight) {
  if (weight >= 0 && weight <= kMaxLossWeight) return;
  std::ostringstream text;
  text << "expected 0 to " << kMaxLossWeight << ", got " << weight
       << "; only the ratio of alpha and beta matters, so scale both or leave them unset";
  throw InvalidArgument("OUT_OF_RANGE", field, text.str());
}

// Sums of squares of the derivative entries of each output, and of their weights.
struct Energy {
  explicit Energy(Index m) : square(Vector::Zero(m)), count(Vector::Zero(m)) {}

  void Add(Index output, double entry, double scale, double weight = 1) {
    if (std::isnan(entry)) return;
    square[output] += weight * (entry * entry * scale);
    count[output] += weight;
  }

  Vector square;
  Vector count;
};

Energy EnergyOf(const LabelledPoints& points) {
  const Index n = points.n();
  const Index m = points.m();
  Energy energy(m);
  for (Index column = 0; column < points.J.cols(); ++column) {
    for (Index j = 0; j < n; ++j) {
      energy.Add(column % m, points.J(j, column), 1, points.GradientWeight(j, column));
    }
  }
  // A directional derivative along v has |v|² times the mean square of an entry.
  const TangentLabels& tangents = points.tangents;
  for (Index k = 0; k < tangents.Y_dot.cols(); ++k) {
    const double scale = 1 / tangents.X_dot.col(k).squaredNorm();
    for (Index i = 0; i < m; ++i) energy.Add(i, tangents.Y_dot(i, k), scale);
  }
  // An adjoint mixes the outputs; it speaks for each of them.
  const AdjointLabels& adjoints = points.adjoints;
  for (Index k = 0; k < adjoints.X_bar.cols(); ++k) {
    const double scale = 1 / adjoints.Y_bar.col(k).squaredNorm();
    for (Index i = 0; i < m; ++i) {
      if (adjoints.Y_bar(i, k) == 0) continue;
      for (Index j = 0; j < n; ++j) energy.Add(i, adjoints.X_bar(j, k), scale);
    }
  }
  return energy;
}

}  // namespace

void CheckLoss(const LossOptions& options) {
  if (options.alpha) CheckWeight("spec.alpha", *options.alpha);
  if (options.beta) CheckWeight("spec.beta", *options.beta);
  if (options.alpha.value_or(1) + options.beta.value_or(1) > 0) return;
  throw InvalidArgument("OUT_OF_RANGE", "spec.alpha",
                        "expected alpha + beta > 0, got 0; give the value loss or the gradient "
                        "loss a weight");
}

LossWeights WeightsFor(const LabelledPoints& points, const LossOptions& options) {
  const auto n = static_cast<double>(points.n());
  const Energy energy = EnergyOf(points);
  const bool derivatives = options.derivatives && energy.count.sum() > 0;
  LossWeights weights;
  weights.beta = derivatives ? options.beta.value_or(n / (1 + n)) : 0;
  weights.alpha = options.alpha.value_or(weights.beta > 0 ? 1 / (1 + n) : 1);
  weights.lambda = Matrix::Ones(points.n(), points.m());
  for (Index i = 0; i < points.m(); ++i) {
    if (energy.square[i] <= 0) continue;
    weights.lambda.col(i).setConstant(std::sqrt(energy.count[i] / energy.square[i]));
  }
  return weights;
}

}  // namespace sobolev::train
