// Problems to train on whose truth is known.

#ifndef SOBOLEV_TESTS_ENGINE_TRAIN_PROBLEMS_H_
#define SOBOLEV_TESTS_ENGINE_TRAIN_PROBLEMS_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/samples.h"
#include "engine/train/trainer.h"

namespace sobolev::train {

// Samples that own their numbers.
struct OwnedSamples {
  Matrix X;       // n×N
  Matrix Y;       // m×N
  Matrix J;       // n×(m·N)
  Vector weight;  // N, or empty

  // One block with all samples.
  SampleSet View() const { return ViewWithJacobians(X.cols()); }

  // The first `num_jacobians` samples with their Jacobians, the others without.
  SampleSet ViewWithJacobians(Index num_jacobians) const {
    const Index n = X.rows();
    const Index m = Y.rows();
    const auto block = [&](Index first, Index rows, bool jacobian) {
      return SampleBlock{.rows = rows,
                         .x = X.data() + first * n,
                         .y = Y.data() + first * m,
                         .jacobian = jacobian ? J.data() + first * n * m : nullptr,
                         .weight = weight.size() == 0 ? nullptr : weight.data() + first};
    };
    SampleSet set{.n = n, .m = m, .blocks = {}};
    if (num_jacobians > 0) set.blocks.push_back(block(0, num_jacobians, true));
    if (num_jacobians < X.cols()) {
      set.blocks.push_back(block(num_jacobians, X.cols() - num_jacobians, false));
    }
    return set;
  }
};

// A smooth function with exact Jacobian, of inputs and outputs of different size:
// f₁ = 100 + 50 (sin x₁ + x₁ z), f₂ = 0.01 z² cos x₁, with z = (x₂ − 1000)/10, on
// x₁ ∈ [−2, 2], x₂ ∈ [990, 1010].
struct Smooth {
  static constexpr Index kInputs = 2;
  static constexpr Index kOutputs = 2;

  static Eigen::Vector2d Value(const Eigen::Vector2d& x) {
    const double z = (x[1] - 1000) / 10;
    return Eigen::Vector2d{{100 + 50 * (std::sin(x[0]) + x[0] * z), 0.01 * z * z * std::cos(x[0])}};
  }

  // m×n.
  static Eigen::Matrix2d Jacobian(const Eigen::Vector2d& x) {
    const double z = (x[1] - 1000) / 10;
    return Eigen::Matrix2d{{50 * (std::cos(x[0]) + z), 50 * x[0] / 10},
                           {-0.01 * z * z * std::sin(x[0]), 0.01 * 2 * z * std::cos(x[0]) / 10}};
  }

  static OwnedSamples Sample(Index num_samples, std::uint64_t seed) {
    Rng rng(seed);
    OwnedSamples samples{.X = Matrix(kInputs, num_samples),
                         .Y = Matrix(kOutputs, num_samples),
                         .J = Matrix(kInputs, kOutputs * num_samples),
                         .weight = {}};
    for (Index s = 0; s < num_samples; ++s) {
      samples.X.col(s) << -2 + 4 * rng.Uniform(), 990 + 20 * rng.Uniform();
      samples.Y.block<kOutputs, 1>(0, s) = Value(samples.X.col(s));
      samples.J.block<kInputs, kOutputs>(0, s * kOutputs) = Jacobian(samples.X.col(s)).transpose();
    }
    return samples;
  }
};

// Root mean square errors of a surrogate on points with known labels, over all entries.
struct TrueErrors {
  double value = 0;
  double jacobian = 0;
};

inline TrueErrors ErrorsOn(const nn::NetworkSurrogate& surrogate, const OwnedSamples& points) {
  Matrix Y(points.Y.rows(), points.Y.cols());
  Matrix J(points.J.rows(), points.J.cols());
  surrogate.Predict(ConstMatrixMap(points.X.data(), points.X.rows(), points.X.cols()), std::nullopt,
                    std::nullopt, {.Y = Y.data(), .J = J.data()});
  return {.value = std::sqrt((Y - points.Y).squaredNorm() / static_cast<double>(Y.size())),
          .jacobian = std::sqrt((J - points.J).squaredNorm() / static_cast<double>(J.size()))};
}

// Advances until there is a reason to end, and returns it.
inline Status RunToEnd(Trainer& trainer) {
  Status status = Status::kRunning;
  while (status == Status::kRunning || status == Status::kEpochDone) {
    status = trainer.Advance({}, 1'000'000);
  }
  return status;
}

}  // namespace sobolev::train

#endif  // SOBOLEV_TESTS_ENGINE_TRAIN_PROBLEMS_H_
