#include "engine/train/loss_weights.h"

#include <cmath>
#include <sstream>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {

namespace {

constexpr double kMaxLossWeight = 1e6;
// What an entry of a curvature label weighs, of what an entry of a gradient does.
constexpr double kCurvatureShare = 0.1;

// A NaN fails every comparison.
void CheckWeight(const char* field, double weight) {
  if (weight >= 0 && weight <= kMaxLossWeight) return;
  std::ostringstream text;
  text << "expected 0 to " << kMaxLossWeight << ", got " << weight
       << "; only the ratios of alpha, beta and gamma matter, so scale all or leave them unset";
  throw InvalidArgument("OUT_OF_RANGE", field, text.str());
}

// Sums of squares of derivative entries of each output.
struct Energy {
  explicit Energy(Index m) : square(Vector::Zero(m)), count(Vector::Zero(m)) {}

  void Add(Index output, double entry, double scale) {
    if (std::isnan(entry)) return;
    square[output] += entry * entry * scale;
    count[output] += 1;
  }

  // 1 over the root mean square of an output's entries; 1 if that is not known.
  double Scale(Index output) const {
    return square[output] > 0 ? std::sqrt(count[output] / square[output]) : 1;
  }

  Vector square;
  Vector count;
};

Energy EnergyOf(const LabelledPoints& points) {
  const Index n = points.n();
  const Index m = points.m();
  Energy energy(m);
  for (Index column = 0; column < points.J.cols(); ++column) {
    for (Index j = 0; j < n; ++j) energy.Add(column % m, points.J(j, column), 1);
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

Energy CurvatureOf(const LabelledPoints& points) {
  const Index m = points.m();
  Energy energy(m);
  const CurvatureLabels& curvatures = points.curvatures;
  for (Index k = 0; k < curvatures.H_v.cols(); ++k) {
    const double scale =
        1 / (curvatures.Y_bar.col(k).squaredNorm() * curvatures.V.col(k).squaredNorm());
    if (!std::isfinite(scale)) continue;
    for (Index i = 0; i < m; ++i) {
      if (curvatures.Y_bar(i, k) == 0) continue;
      for (Index j = 0; j < points.n(); ++j) energy.Add(i, curvatures.H_v(j, k), scale);
    }
  }
  return energy;
}

}  // namespace

void CheckLoss(const LossOptions& options) {
  if (options.alpha) CheckWeight("spec.alpha", *options.alpha);
  if (options.beta) CheckWeight("spec.beta", *options.beta);
  if (options.gamma) CheckWeight("spec.gamma", *options.gamma);
  if (options.alpha.value_or(1) + options.beta.value_or(1) + options.gamma.value_or(0) > 0) return;
  throw InvalidArgument("OUT_OF_RANGE", "spec.alpha",
                        "expected alpha + beta + gamma > 0, got 0; give the value loss or the "
                        "gradient loss a weight");
}

LossWeights WeightsFor(const LabelledPoints& points, const LossOptions& options) {
  const auto n = static_cast<double>(points.n());
  const Energy gradients = EnergyOf(points);
  const Energy curvatures = CurvatureOf(points);
  const bool has_gradients = options.derivatives && gradients.count.sum() > 0;
  const bool has_curvatures = options.derivatives && curvatures.count.sum() > 0;
  const double of_gradients = has_gradients ? n : 0;
  const double of_curvatures = has_curvatures ? n * kCurvatureShare : 0;
  const double sum = 1 + of_gradients + of_curvatures;
  LossWeights weights;
  weights.beta = has_gradients ? options.beta.value_or(of_gradients / sum) : 0;
  weights.gamma = has_curvatures ? options.gamma.value_or(of_curvatures / sum) : 0;
  weights.alpha = options.alpha.value_or(weights.beta + weights.gamma > 0 ? 1 / sum : 1);
  weights.lambda = Matrix::Ones(points.n(), points.m());
  weights.kappa = Vector::Ones(points.m());
  for (Index i = 0; i < points.m(); ++i) {
    weights.lambda.col(i).setConstant(gradients.Scale(i));
    weights.kappa[i] = curvatures.Scale(i);
  }
  return weights;
}

}  // namespace sobolev::train
