// Networks for tests, with weights and scalings that nothing is special about.

#ifndef SOBOLEV_TESTS_ENGINE_PRUNE_NETWORKS_H_
#define SOBOLEV_TESTS_ENGINE_PRUNE_NETWORKS_H_

#include <cstdint>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"

namespace sobolev::prune {

inline nn::NetworkSurrogate RandomNetwork(const nn::Architecture& architecture,
                                          std::uint64_t seed) {
  Rng rng(seed, 7);
  const auto draw = [&rng](Index size, double least, double most) {
    Vector numbers(size);
    for (double& number : numbers) number = least + (most - least) * rng.Uniform();
    return numbers;
  };
  Vector theta = nn::InitialParameters(architecture, seed);
  theta += 0.1 * draw(theta.size(), -1, 1);  // Biases that are not 0.
  const nn::Scaling scaling{.x_mean = draw(architecture.n, -1, 1),
                            .x_scale = draw(architecture.n, 0.5, 2),
                            .y_mean = draw(architecture.m, -3, 3),
                            .y_scale = draw(architecture.m, 0.5, 4)};
  return nn::NetworkSurrogate(architecture, scaling, theta);
}

inline Box Cube(Index n, double min, double max) {
  return {.min = Vector::Constant(n, min), .max = Vector::Constant(n, max)};
}

// Y and J of a network at the columns of X.
struct Prediction {
  Matrix Y;
  Matrix J;
};
inline Prediction Predict(const nn::NetworkSurrogate& network, const Matrix& X) {
  Prediction result{.Y = Matrix(network.m(), X.cols()),
                    .J = Matrix(network.n(), network.m() * X.cols())};
  network.Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), {}, {},
                  {.Y = result.Y.data(), .J = result.J.data()});
  return result;
}

}  // namespace sobolev::prune

#endif  // SOBOLEV_TESTS_ENGINE_PRUNE_NETWORKS_H_
