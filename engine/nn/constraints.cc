#include "engine/nn/constraints.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"

namespace sobolev::nn {

namespace {

// ε: the weight at θ = 0 is half of it.
constexpr double kRounding = 0.1;
// The least weight that Parameters() gives a θ to: at smaller ones dw/dθ is so small that they
// would stay there.
constexpr double kLeastWeight = 1e-4;
// Mean of an initial weight between units that cannot be negative, times the number of units.
constexpr double kInitialGain = 1.2;

// √(θ² + ε²)
template <class T>
T Radius(T theta) {
  constexpr T kSquare = static_cast<T>(kRounding * kRounding);
  return std::sqrt(theta * theta + kSquare);
}

// (θ + r)/2, without cancellation.
template <class T>
T Positive(T theta, T radius) {
  constexpr T kSquare = static_cast<T>(kRounding * kRounding);
  return theta > 0 ? (theta + radius) / 2 : kSquare / (2 * (radius - theta));
}

// Which units see only the inputs that are free.
class Units {
 public:
  Units(const Architecture& architecture, const ShapeConstraints& constraints)
      : architecture_(architecture),
        mixed_(constraints.convexity == Convexity::kFree && constraints.IsMonotone() &&
               std::ranges::count(constraints.slopes, Slope::kFree) > 0) {}

  bool IsFree(Index l, Index unit) const {
    return mixed_ && l < architecture_.Depth() && unit >= (architecture_.Rows(l) + 1) / 2;
  }

 private:
  const Architecture& architecture_;
  const bool mixed_;
};

bool CanObey(Activation activation, const ShapeConstraints& constraints) {
  if (constraints.convexity != Convexity::kFree) return activation == Activation::kSoftplus;
  if (!constraints.IsMonotone()) return true;
  return activation == Activation::kSoftplus || activation == Activation::kTanh;
}

}  // namespace

bool ShapeConstraints::IsMonotone() const {
  return std::ranges::any_of(slopes, [](Slope slope) { return slope != Slope::kFree; });
}

std::vector<bool> ZeroWeights(const Architecture& architecture, const Vector& theta) {
  RequireSize("theta", theta.size(), architecture.NumParameters());
  std::vector<bool> zeros;
  zeros.reserve(static_cast<std::size_t>(theta.size()));
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Index num_weights = architecture.Rows(l) * architecture.Cols(l);
    for (Index k = 0; k < num_weights; ++k) zeros.push_back(theta[std::ssize(zeros)] == 0);
    zeros.insert(zeros.end(), static_cast<std::size_t>(architecture.Rows(l)), false);
  }
  return zeros;
}

Index NumNonzeroWeights(const Architecture& architecture, const Vector& theta) {
  Index count = 0;
  Index next = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Index num_weights = architecture.Rows(l) * architecture.Cols(l);
    count += (theta.segment(next, num_weights).array() != 0).count();
    next += num_weights + architecture.Rows(l);
  }
  return count;
}

void CheckConstraints(const Architecture& architecture, const ShapeConstraints& constraints) {
  if (!constraints.zeros.empty()) {
    RequireSize("zeros", std::ssize(constraints.zeros), architecture.NumParameters());
  }
  if (!constraints.slopes.empty()) {
    RequireSize("spec.monotone", static_cast<Index>(constraints.slopes.size()), architecture.n);
  }
  if (architecture.hidden.empty() || CanObey(architecture.activation, constraints)) return;
  const bool curved = constraints.convexity != Convexity::kFree;
  throw InvalidArgument("NOT_APPLICABLE", "spec.network.activation",
                        std::string("expected ") + (curved ? "softplus" : "tanh or softplus") +
                            " for a network that is to be " +
                            (curved ? "convex or concave" : "monotone") + ", got " +
                            std::string(Name(architecture.activation)) + "; leave it unset");
}

WeightMap::WeightMap(const Architecture& architecture, const ShapeConstraints& constraints) {
  CheckConstraints(architecture, constraints);
  if (constraints.IsFree()) return;
  Constrain(architecture, constraints);
  for (std::size_t i = 0; i < constraints.zeros.size(); ++i) {
    if (constraints.zeros[i]) kinds_[i] = Kind::kRemoved;
  }
}

void WeightMap::Constrain(const Architecture& architecture, const ShapeConstraints& constraints) {
  const auto num_parameters = static_cast<std::size_t>(architecture.NumParameters());
  if (!constraints.IsMonotone() && constraints.convexity == Convexity::kFree) {
    kinds_.assign(num_parameters, Kind::kFree);
    return;
  }
  const Units units(architecture, constraints);
  const Index depth = architecture.Depth();
  const int output_sign = constraints.convexity == Convexity::kConcave ? -1 : 1;
  kinds_.reserve(num_parameters);
  for (Index l = 1; l <= depth; ++l) {
    const Index num_inputs = l == 1 ? architecture.n : architecture.SkipCols(l);
    const Index num_units = architecture.Cols(l) - num_inputs;
    for (Index row = 0; row < architecture.Rows(l); ++row) {
      const bool is_free = units.IsFree(l, row);
      for (Index unit = 0; unit < num_units; ++unit) {
        if (units.IsFree(l - 1, unit)) {
          kinds_.push_back(Kind::kFree);
        } else {
          kinds_.push_back(is_free ? Kind::kZero : KindOf(l == depth ? output_sign : 1));
        }
      }
      for (Index j = 0; j < num_inputs; ++j) {
        const int slope = constraints.slopes.empty()
                              ? 0
                              : static_cast<int>(constraints.slopes[static_cast<std::size_t>(j)]);
        if (is_free && slope != 0) {
          kinds_.push_back(Kind::kZero);
        } else {
          kinds_.push_back(KindOf(l == depth ? slope : slope * output_sign));
        }
      }
    }
    kinds_.insert(kinds_.end(), static_cast<std::size_t>(architecture.Rows(l)), Kind::kFree);
  }
}

template <class T>
void WeightMap::Weights(std::span<const T> theta, std::span<T> weights) const {
  RequireSize("theta", static_cast<Index>(theta.size()), static_cast<Index>(kinds_.size()));
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    switch (kinds_[i]) {
      case Kind::kFree:
        weights[i] = theta[i];
        break;
      case Kind::kZero:
      case Kind::kRemoved:
        weights[i] = 0;
        break;
      case Kind::kPositive:
        weights[i] = Positive(theta[i], Radius(theta[i]));
        break;
      case Kind::kNegative:
        weights[i] = -Positive(theta[i], Radius(theta[i]));
        break;
    }
  }
}

template <class T>
void WeightMap::Slopes(std::span<const T> theta, std::span<T> slopes) const {
  RequireSize("theta", static_cast<Index>(theta.size()), static_cast<Index>(kinds_.size()));
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    const T radius = Radius(theta[i]);
    switch (kinds_[i]) {
      case Kind::kFree:
        slopes[i] = 1;
        break;
      case Kind::kZero:
      case Kind::kRemoved:
        slopes[i] = 0;
        break;
      case Kind::kPositive:
        slopes[i] = Positive(theta[i], radius) / radius;
        break;
      case Kind::kNegative:
        slopes[i] = -Positive(theta[i], radius) / radius;
        break;
    }
  }
}

Vector WeightMap::Weights(const Vector& theta) const {
  if (IsIdentity()) return theta;
  Vector weights(theta.size());
  Weights<double>(std::span(theta.data(), static_cast<std::size_t>(theta.size())),
                  std::span(weights.data(), static_cast<std::size_t>(weights.size())));
  return weights;
}

Vector WeightMap::Parameters(const Vector& weights) const {
  Vector theta = weights;
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    double& entry = theta[static_cast<Index>(i)];
    if (kinds_[i] == Kind::kZero || kinds_[i] == Kind::kRemoved) entry = 0;
    if (kinds_[i] != Kind::kPositive && kinds_[i] != Kind::kNegative) continue;
    const double size = std::max(kLeastWeight, kinds_[i] == Kind::kPositive ? entry : -entry);
    entry = size - kRounding * kRounding / (4 * size);
  }
  return theta;
}

Vector WeightMap::InitialParameters(const Architecture& architecture, Vector weights) const {
  if (IsIdentity()) return weights;
  RequireSize("weights", weights.size(), static_cast<Index>(kinds_.size()));
  Index next = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Index cols = architecture.Cols(l);
    const Index num_units = l == 1 ? 0 : cols - architecture.SkipCols(l);
    // |w| of variance 1/cols has the mean 0.8/√cols.
    const double shrink = kInitialGain / 0.8 * std::sqrt(static_cast<double>(cols)) /
                          static_cast<double>(std::max<Index>(1, num_units));
    for (Index row = 0; row < architecture.Rows(l); ++row) {
      const auto first = kinds_.begin() + next;
      const Index left = cols - std::count(first, first + cols, Kind::kRemoved);
      if (left > 0 && left < cols) {
        weights.segment(next, cols) *=
            std::sqrt(static_cast<double>(cols) / static_cast<double>(left));
      }
      for (Index col = 0; col < cols; ++col, ++next) {
        const Kind kind = kinds_[static_cast<std::size_t>(next)];
        if (kind != Kind::kPositive && kind != Kind::kNegative) continue;
        const double size = std::abs(weights[next]) * (col < num_units ? shrink : 1);
        weights[next] = kind == Kind::kPositive ? size : -size;
      }
    }
    next += architecture.Rows(l);
  }
  return Parameters(weights);
}

template void WeightMap::Weights(std::span<const float>, std::span<float>) const;
template void WeightMap::Weights(std::span<const double>, std::span<double>) const;
template void WeightMap::Slopes(std::span<const float>, std::span<float>) const;
template void WeightMap::Slopes(std::span<const double>, std::span<double>) const;

}  // namespace sobolev::nn
