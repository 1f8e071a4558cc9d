// One surrogate of every kind, for inputs between 0.4 and 1.6.

#ifndef SOBOLEV_TESTS_SUPPORT_EVERY_KIND_H_
#define SOBOLEV_TESTS_SUPPORT_EVERY_KIND_H_

#include <cstdint>
#include <memory>
#include <ostream>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/regression/gaussian_process.h"
#include "engine/regression/polynomial_surrogate.h"
#include "engine/regression/terms.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/local_taylor.h"
#include "engine/surrogate/output_map.h"
#include "engine/surrogate/surrogate.h"
#include "tests/support/random_matrix.h"

namespace sobolev::every_kind {

using Shared = std::shared_ptr<const Surrogate>;

inline std::shared_ptr<const nn::NetworkSurrogate> Network(const nn::Architecture& architecture,
                                                           std::uint64_t seed = 1) {
  Vector theta = nn::InitialParameters(architecture, seed);
  theta += 0.1 * RandomMatrix(theta.size(), 1, seed + 10);
  return std::make_shared<nn::NetworkSurrogate>(
      architecture,
      nn::Scaling{.x_mean = Vector::Ones(architecture.n),
                  .x_scale = (0.3 * RandomMatrix(architecture.n, 1, 2).array().abs() + 0.3),
                  .y_mean = RandomMatrix(architecture.m, 1, 3),
                  .y_scale = (2 * RandomMatrix(architecture.m, 1, 4).array().abs() + 0.2)},
      theta);
}

inline AffineMaps Maps(Index r, Index n, Index m) {
  AffineMaps maps = AffineMaps::Standard(
      Vector::Ones(n), (0.3 * RandomMatrix(n, 1, 5).array().abs() + 0.5).matrix(),
      RandomMatrix(m, 1, 6), (2 * RandomMatrix(m, 1, 7).array().abs() + 0.2).matrix());
  if (r == n) return maps;
  maps.x_factor.resize(0);
  maps.A = 0.5 * RandomMatrix(r, n, 8);
  return maps;
}

// Outputs 0 and 2 share their terms, output 1 has others.
inline Shared Polynomial(Index r, Index n) {
  const regression::Terms cubic = regression::HyperbolicTerms(r, 3, 1, 1000);
  const auto last = static_cast<std::int32_t>(r - 1);
  const regression::Terms sparse = {{}, {{0, 4}}, {{0, 1}, {1, 2}, {last, 1}}, {{1, 1}}};
  const auto coefficients = [](const regression::Terms& terms, Index outputs) {
    return RandomMatrix(static_cast<Index>(terms.size()), outputs, 9);
  };
  return std::make_shared<regression::PolynomialSurrogate>(
      Maps(r, n, 3),
      regression::Box{.centre = 0.1 * RandomMatrix(r, 1, 10), .scale = Vector::Constant(r, 0.8)},
      std::vector<regression::PolynomialSurrogate::Part>{
          {.outputs = {0, 2}, .terms = cubic, .C = coefficients(cubic, 2)},
          {.outputs = {1}, .terms = sparse, .C = coefficients(sparse, 1)}});
}

// The same outputs as parts, the second of them without labels of gradients.
inline Shared Process(regression::KernelKind kind, Index r, Index n) {
  const auto part = [&](std::vector<Index> outputs, bool gradients) {
    constexpr Index kPoints = 7;
    const auto width = static_cast<Index>(outputs.size());
    regression::GaussianProcess::Part result{
        .outputs = std::move(outputs),
        .hyperparameters = {.kind = kind, .log_lengths = 0.2 * RandomMatrix(r, 1, 11)},
        .Z = RandomMatrix(r, kPoints, 12),
        .mean = RandomMatrix(width, 1, 13),
        .B = RandomMatrix(width, kPoints, 14),
        .G = RandomMatrix(r, gradients ? width * kPoints : 0, 15),
        .deviation = Vector::Ones(width),
        .functionals = {},
        .factor = {},
        .trend = {},
        .trend_factor = {}};
    result.functionals.X.resize(r, 0);
    result.functionals.D.resize(r, 0);
    result.functionals.first = {0};
    return result;
  };
  return std::make_shared<regression::GaussianProcess>(
      Maps(r, n, 3),
      std::vector<regression::GaussianProcess::Part>{part({0, 2}, true), part({1}, false)});
}

inline FeatureMap Features() {
  using Kind = FeatureFactor::Kind;
  const FeatureFactor log{.input = 1, .kind = Kind::kLogPower};
  return {
      {{{.input = 0}},
       {log},
       {{.input = 2, .kind = Kind::kSine, .scale = 2}},
       {{.input = 2, .kind = Kind::kCosine, .scale = 2}},
       {{.input = 0, .degree = 2, .offset = 0.3, .scale = 0.5}, log}},
      {{.lower = 0.7, .upper = 1.2, .width = 0.2}, {.lower = 0.9, .upper = 1, .width = 0.3}, {}}};
}

inline Composition AroundFive(bool curved) {
  std::vector<OutputMap> outputs(3);
  if (curved) {
    outputs[0] = {.kind = OutputMap::Kind::kAbove, .lower = -0.5, .scale = 0.7};
    outputs[2] = {.kind = OutputMap::Kind::kExponential, .lower = 0.1};
  }
  return {.features = Features(),
          .outputs = outputs,
          .wings = {.below = RandomMatrix(3, 3, 16), .above = RandomMatrix(3, 3, 17)}};
}

// Symmetric derivatives around random centres, which reach most of the inputs.
inline TaylorPatches Patches(Index n, Index m, Index count, int order) {
  const Index terms = TaylorPatches::NumTerms(n, order);
  TaylorPatches patches{.origin = Vector::Constant(n, 0.3),
                        .scale = (0.2 * RandomMatrix(n, 1, 18).array().abs() + 1.2),
                        .centres = 0.5 + 0.3 * RandomMatrix(n, count, 19).array(),
                        .radii = (0.3 * RandomMatrix(count, 1, 23).array().abs() + 0.4),
                        .order = order,
                        .derivatives = Matrix::Zero(m * terms, count)};
  const Matrix directions = RandomMatrix(n, 3, 24);
  const Matrix factors = RandomMatrix(3 * m, count * (order + 1), 25);
  for (Index k = 0; k < count; ++k) {
    for (Index i = 0; i < m; ++i) {
      for (Index a = 0; a < 3; ++a) {
        double* term = patches.derivatives.col(k).data() + i * terms;
        Vector power = Vector::Ones(1);
        for (int degree = 0; degree <= order; ++degree) {
          for (const double entry : power) {
            *term++ += factors(a * m + i, k * (order + 1) + degree) * entry;
          }
          power = (directions.col(a) * power.transpose()).reshaped().eval();
        }
      }
    }
  }
  return patches;
}

struct Kind {
  const char* name;
  Shared surrogate;

  friend std::ostream& operator<<(std::ostream& out, const Kind& kind) { return out << kind.name; }
};

inline std::vector<Kind> Kinds() {
  using nn::Activation;
  const auto around = [](bool curved, Shared core) {
    return std::make_shared<ComposedSurrogate>(AroundFive(curved), std::move(core));
  };
  const Shared tanh = Network({.n = 5, .m = 3, .hidden = {7, 6}, .activation = Activation::kTanh});
  const auto ensemble = std::make_shared<EnsembleSurrogate>(
      std::vector<Shared>{tanh, Network({.n = 5, .m = 3, .hidden = {4}}), Polynomial(5, 5)});
  return {
      {"linear_network", Network({.n = 4, .m = 2})},
      {"one_hidden_layer", Network({.n = 4, .m = 2, .hidden = {9}})},
      {"deep", Network({.n = 5, .m = 3, .hidden = {20, 9, 13}, .activation = Activation::kGelu})},
      {"one_input", Network({.n = 1, .m = 1, .hidden = {8, 8}, .activation = Activation::kSin})},
      {"skip", Network({.n = 4, .m = 3, .hidden = {9, 9, 5}, .skip = true})},
      {"residual", Network({.n = 4, .m = 3, .hidden = {9, 9, 5, 5}, .residual = true})},
      {"skip_residual",
       Network({.n = 4, .m = 3, .hidden = {9, 9, 9, 5}, .skip = true, .residual = true})},
      {"more_inputs_than_units",
       Network({.n = 20, .m = 2, .hidden = {3, 3, 3, 3}, .residual = true})},
      {"wide", Network({.n = 3, .m = 2, .hidden = {1000, 4, 4}})},
      {"wide_of_many_inputs", Network({.n = 20, .m = 1, .hidden = {1000, 4}, .skip = true})},
      {"polynomial", Polynomial(4, 4)},
      {"projected_polynomial", Polynomial(3, 5)},
      {"gaussian_process", Process(regression::KernelKind::kSquaredExponential, 4, 4)},
      {"projected_matern", Process(regression::KernelKind::kMatern52, 2, 5)},
      {"ensemble", ensemble},
      {"composed", around(true, tanh)},
      {"composed_of_a_process", around(false, Process(regression::KernelKind::kMatern52, 5, 5))},
      {"composed_of_an_ensemble", around(true, ensemble)},
      {"local_taylor", std::make_shared<LocalTaylorSurrogate>(
                           Network({.n = 4, .m = 2, .hidden = {9}}), Patches(4, 2, 100, 2))},
      {"local_taylor_around_composed",
       std::make_shared<LocalTaylorSurrogate>(around(true, tanh), Patches(3, 3, 100, 3))},
  };
}

}  // namespace sobolev::every_kind

#endif  // SOBOLEV_TESTS_SUPPORT_EVERY_KIND_H_
