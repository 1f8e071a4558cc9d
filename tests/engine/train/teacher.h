// Labels that a network fits exactly.

#ifndef SOBOLEV_TESTS_ENGINE_TRAIN_TEACHER_H_
#define SOBOLEV_TESTS_ENGINE_TRAIN_TEACHER_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"
#include "tests/engine/nn/gram_reference.h"

namespace sobolev::train {

inline nn::Architecture Tanh(Index n, Index m, std::vector<Index> hidden) {
  return {.n = n, .m = m, .hidden = std::move(hidden), .activation = nn::Activation::kTanh};
}

// Points that a network of that architecture fits exactly, with values and Jacobians of its own.
struct Teacher {
  Teacher(const nn::Architecture& architecture_in, Index num_points, std::uint64_t seed)
      : architecture(architecture_in), theta(nn::InitialParameters(architecture, seed)) {
    Rng rng(seed, 1);
    for (double& parameter : theta) parameter += 0.1 * rng.Normal();
    points.X = Matrix(architecture.n, num_points);
    for (double& entry : points.X.reshaped()) entry = rng.Normal();
    points.Y = Matrix(architecture.m, num_points);
    points.J = Matrix(architecture.n, architecture.m * num_points);
    for (Index s = 0; s < num_points; ++s) {
      const Vector x = points.X.col(s);
      points.Y.col(s) = reference::Value<double>(architecture, theta, x);
      points.J.middleCols(s * architecture.m, architecture.m) =
          reference::Jacobian<double>(architecture, theta, x).transpose();
    }
    points.weight = Vector::Ones(num_points);
    weights = {.alpha = 0.5,
               .beta = 0.5,
               .gamma = 0,
               .lambda = Matrix::Ones(architecture.n, architecture.m)};
    start = nn::InitialParameters(architecture, seed + 100);
    for (double& parameter : start) parameter += 0.3 * rng.Normal();
  }

  nn::Architecture architecture;
  Vector theta;
  LabelledPoints points;
  LossWeights weights;
  Vector start;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_TESTS_ENGINE_TRAIN_TEACHER_H_
