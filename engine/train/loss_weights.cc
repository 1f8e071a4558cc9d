#include "engine/train/loss_weights.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/options.h"
#include "engine/train/robust_errors.h"
#include "engine/train/scaling.h"

namespace sobolev::train {

namespace {

constexpr double kMaxLossWeight = 1e6;
// What an entry of a curvature label weighs, of what an entry of a gradient does.
constexpr double kCurvatureShare = 0.1;
constexpr double kLeastHuber = 0.1;
constexpr double kMostHuber = 100;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Robust deviations beyond which a gradient entry says nothing about the size of gradients.
constexpr double kGross = 5;

// A NaN fails every comparison.
void CheckWeight(const char* field, double weight) {
  if (weight >= 0 && weight <= kMaxLossWeight) return;
  std::ostringstream text;
  text << "expected 0 to " << kMaxLossWeight << ", got " << weight
       << "; only the ratios of alpha, beta and gamma matter, so scale all or leave them unset";
  throw InvalidArgument("OUT_OF_RANGE", field, text.str());
}

// Sums of squares of the derivative entries by each input of each output, and of their weights.
struct Energy {
  Energy(Index n, Vector most_of_outputs)
      : most(std::move(most_of_outputs)),
        square(Matrix::Zero(n, most.size())),
        weight(Matrix::Zero(n, most.size())) {}

  void Add(Index input, Index output, double entry, double of_entry) {
    if (std::isnan(entry)) return;
    entry = std::min(std::abs(entry), most[output]);
    square(input, output) += of_entry * (entry * entry);
    weight(input, output) += of_entry;
  }

  Vector most;    // m: entries are cut to that size.
  Matrix square;  // n×m
  Matrix weight;  // n×m
};

// Beyond what size the entries of Jacobians are gross errors; infinite if most of them are 0.
Vector GrossSizes(const LabelledPoints& points) {
  const Index m = points.m();
  Vector sizes(m);
  for (Index i = 0; i < m; ++i) {
    std::vector<double> entries;
    for (Index column = i; column < points.J.cols(); column += m) {
      const auto gradient = points.J.col(column);
      entries.insert(entries.end(), gradient.begin(), gradient.end());
    }
    const double deviation = RobustDeviation(entries);
    sizes[i] = deviation > 0 ? kGross * deviation : kInfinity;
  }
  return sizes;
}

Energy EnergyOf(const LabelledPoints& points, bool outliers) {
  const Index n = points.n();
  const Index m = points.m();
  Energy energy(n, outliers ? GrossSizes(points) : Vector::Constant(m, kInfinity));
  for (Index column = 0; column < points.J.cols(); ++column) {
    for (Index j = 0; j < n; ++j) {
      energy.Add(j, column % m, points.J(j, column), points.GradientWeight(j, column));
    }
  }
  // A directional derivative along v has |v|² times the mean square of an entry.
  const TangentLabels& tangents = points.tangents;
  for (Index k = 0; k < tangents.Y_dot.cols(); ++k) {
    const double norm = tangents.X_dot.col(k).norm();
    for (Index i = 0; i < m; ++i) {
      for (Index j = 0; j < n; ++j) {
        const double cosine = tangents.X_dot(j, k) / norm;
        energy.Add(j, i, tangents.Y_dot(i, k) / norm, cosine * cosine);
      }
    }
  }
  // An adjoint mixes the outputs; it speaks for each of them.
  const AdjointLabels& adjoints = points.adjoints;
  for (Index k = 0; k < adjoints.X_bar.cols(); ++k) {
    const double norm = adjoints.Y_bar.col(k).norm();
    for (Index i = 0; i < m; ++i) {
      if (adjoints.Y_bar(i, k) == 0) continue;
      for (Index j = 0; j < n; ++j) energy.Add(j, i, adjoints.X_bar(j, k) / norm, 1);
    }
  }
  return energy;
}

// Sums over outputs of the squares of curvature entries along directions of length 1, and how many.
struct CurvatureEnergy {
  explicit CurvatureEnergy(const LabelledPoints& points)
      : square(Vector::Zero(points.m())), count(Vector::Zero(points.m())) {
    const CurvatureLabels& curvatures = points.curvatures;
    for (Index k = 0; k < curvatures.H_v.cols(); ++k) {
      const double scale =
          1 / (curvatures.Y_bar.col(k).squaredNorm() * curvatures.V.col(k).squaredNorm());
      if (!std::isfinite(scale)) continue;
      for (Index i = 0; i < points.m(); ++i) {
        if (curvatures.Y_bar(i, k) == 0) continue;
        for (Index j = 0; j < points.n(); ++j) {
          const double entry = curvatures.H_v(j, k);
          if (std::isnan(entry)) continue;
          square[i] += entry * entry * scale;
          count[i] += 1;
        }
      }
    }
  }

  // 1 over the root mean square of an output's entries; 1 if that is not known.
  double Scale(Index output) const {
    return square[output] > 0 ? std::sqrt(count[output] / square[output]) : 1;
  }

  Vector square;
  Vector count;
};

// An output without derivative labels, or whose derivatives are all 0, has λ = 1.
Vector LambdaOf(const Vector& square, const Vector& weight, DerivativeScale scale) {
  if (square.sum() <= 0) return Vector::Ones(square.size());
  if (scale == DerivativeScale::kPerOutput) {
    return Vector::Constant(square.size(), std::sqrt(weight.sum() / square.sum()));
  }
  return Lambda(square.cwiseQuotient(weight.cwiseMax(1e-300)).cwiseSqrt(), scale);
}

void CheckLabelWeight(const char* field, double weight, bool may_be_zero) {
  if (weight >= 1 / kMaxLossWeight && weight <= kMaxLossWeight) return;
  if (may_be_zero && weight == 0) return;
  std::ostringstream text;
  text << "expected " << 1 / kMaxLossWeight << " to " << kMaxLossWeight
       << (may_be_zero ? ", or 0 to leave the derivative out" : "") << ", got " << weight
       << "; only ratios of weights matter";
  throw InvalidArgument("OUT_OF_RANGE", field, text.str());
}

void CheckCount(const char* field, Index count, Index expected, const char* what) {
  if (count == 0 || count == expected) return;
  std::ostringstream text;
  text << "expected no weights or " << expected << ", " << what << ", got " << count
       << "; give all of them or leave them unset";
  throw InvalidArgument("WRONG_SIZE", field, text.str());
}

}  // namespace

void CheckLoss(const LossOptions& options) {
  if (options.alpha) CheckWeight("spec.alpha", *options.alpha);
  if (options.beta) CheckWeight("spec.beta", *options.beta);
  if (options.gamma) CheckWeight("spec.gamma", *options.gamma);
  if (options.huber && !(*options.huber >= kLeastHuber && *options.huber <= kMostHuber)) {
    std::ostringstream text;
    text << "expected " << kLeastHuber << " to " << kMostHuber << ", got " << *options.huber
         << "; 1.345 is usual, leave it unset if there are no outliers";
    throw InvalidArgument("OUT_OF_RANGE", "spec.huber", text.str());
  }
  if (options.alpha.value_or(1) + options.beta.value_or(1) + options.gamma.value_or(0) > 0) return;
  throw InvalidArgument("OUT_OF_RANGE", "spec.alpha",
                        "expected alpha + beta + gamma > 0, got 0; give the value loss or the "
                        "gradient loss a weight");
}

void CheckLabelWeights(const LossOptions& options, Index n, Index m) {
  constexpr const char* kOutputs = "spec.output_weights";
  constexpr const char* kDerivatives = "spec.derivative_weights";
  CheckCount(kOutputs, static_cast<Index>(options.output_weights.size()), m, "one per output");
  CheckCount(kDerivatives, static_cast<Index>(options.derivative_weights.size()), n * m,
             "one per output and input, output by output");
  for (const double weight : options.output_weights) CheckLabelWeight(kOutputs, weight, false);
  for (const double weight : options.derivative_weights) {
    CheckLabelWeight(kDerivatives, weight, true);
  }
  const auto is_zero = [](double weight) { return weight == 0; };
  if (!options.derivative_weights.empty() &&
      std::ranges::all_of(options.derivative_weights, is_zero)) {
    throw InvalidArgument("OUT_OF_RANGE", kDerivatives,
                          "expected a weight > 0 of some derivative, got only 0; to fit values "
                          "alone leave the weights unset and set beta to 0");
  }
}

void WeighLabels(const LossOptions& options, LabelledPoints& points) {
  const Index n = points.n();
  const Index m = points.m();
  const bool outputs = !options.output_weights.empty();
  const bool entries = !options.derivative_weights.empty();
  if (!outputs && !entries) return;
  points.SpellOutWeights();
  Vector of_output = Vector::Ones(m);
  if (outputs) {
    of_output = ConstMatrixMap(options.output_weights.data(), m, 1);
    of_output /= of_output.mean();
    points.Y_weight.array().colwise() *= of_output.array();
  }
  if (points.J.cols() == 0) return;
  Matrix of_entry = Matrix::Ones(n, m);
  if (entries) of_entry = ConstMatrixMap(options.derivative_weights.data(), n, m);
  of_entry *= of_output.asDiagonal();
  for (Index column = 0; column < points.J.cols(); ++column) {
    points.J_weight.col(column).array() *= of_entry.col(column % m).array();
  }
}

LossWeights WeightsFor(const LabelledPoints& points, const LossOptions& options, double balance) {
  const double gradient = balance * static_cast<double>(points.n());
  const Energy gradients = EnergyOf(points, options.huber.has_value());
  const CurvatureEnergy curvatures(points);
  const bool has_gradients = options.derivatives && gradients.weight.sum() > 0;
  const bool has_curvatures = options.derivatives && curvatures.count.sum() > 0;
  const double of_gradients = has_gradients ? gradient : 0;
  const double of_curvatures = has_curvatures ? gradient * kCurvatureShare : 0;
  const double sum = 1 + of_gradients + of_curvatures;
  LossWeights weights;
  weights.beta = has_gradients ? options.beta.value_or(of_gradients / sum) : 0;
  weights.gamma = has_curvatures ? options.gamma.value_or(of_curvatures / sum) : 0;
  weights.alpha = options.alpha.value_or(weights.beta + weights.gamma > 0 ? 1 / sum : 1);
  weights.lambda = Matrix::Ones(points.n(), points.m());
  weights.kappa = Vector::Ones(points.m());
  for (Index i = 0; i < points.m(); ++i) {
    weights.lambda.col(i) =
        LambdaOf(gradients.square.col(i), gradients.weight.col(i),
                 options.derivative_scale.value_or(DerivativeScale::kPerOutput));
    weights.kappa[i] = curvatures.Scale(i);
  }
  return weights;
}

}  // namespace sobolev::train
