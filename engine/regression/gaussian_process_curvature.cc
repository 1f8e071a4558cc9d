// Second derivatives of the mean of a Gaussian process, in z = x̂/ℓ.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "engine/base/matrix.h"
#include "engine/regression/covariance.h"
#include "engine/regression/gaussian_process.h"
#include "engine/regression/kernel.h"
#include "engine/surrogate/dense_surrogate.h"

namespace sobolev::regression {

namespace {

template <std::size_t lanes>
using Lanes = std::array<double, lanes>;

void InvertLengths(const Hyperparameters& hyperparameters, double* inverse) {
  for (const double log_length : hyperparameters.log_lengths) *inverse++ = std::exp(-log_length);
}

// sum + a·b of arrays [size][lane].
template <std::size_t lanes>
Lanes<lanes> AddProduct(Lanes<lanes> sum, const double* a, const double* b, Index size) {
  for (Index j = 0; j < size; ++j, a += lanes, b += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) sum[lane] += a[lane] * b[lane];
  }
  return sum;
}

}  // namespace

// With q = g·δ, a point adds to the Hessian in z
//   (b h″ − h‴ q) δδᵀ − h″ (δgᵀ + gδᵀ) + (b h′ − h″ q) I.
void GaussianProcess::EvaluateHessian(Index output, const double* x_hat, double* hessian,
                                      double* workspace) const {
  const Index r = maps().r();
  double* const inverse = workspace;  // 1/ℓ
  double* const delta = inverse + r;
  std::fill_n(hessian, r * r * kLanes, 0.0);
  for (const Part& part : parts_) {
    const auto place = std::find(part.outputs.begin(), part.outputs.end(), output);
    if (place == part.outputs.end()) continue;
    const auto o = static_cast<Index>(place - part.outputs.begin());
    const auto num_outputs = static_cast<Index>(part.outputs.size());
    InvertLengths(part.hyperparameters, inverse);
    for (Index s = 0; s < part.Z.cols(); ++s) {
      const double b = part.B(o, s);
      const double* const g = part.G.cols() > 0 ? part.G.col(s * num_outputs + o).data() : nullptr;
      for (Index lane = 0; lane < kLanes; ++lane) {
        double u = 0;
        double q = 0;
        for (Index j = 0; j < r; ++j) {
          delta[j] = x_hat[j * kLanes + lane] * inverse[j] - part.Z(j, s);
          u += 0.5 * delta[j] * delta[j];
          if (g != nullptr) q += g[j] * delta[j];
        }
        const KernelValues h = EvaluateKernel(part.hyperparameters.kind, u);
        const double squares = b * h.h2 - h.h3 * q;
        const double identity = b * h.h1 - h.h2 * q;
        for (Index j = 0; j < r; ++j) {
          for (Index k = 0; k <= j; ++k) {
            double element = squares * delta[j] * delta[k] + (j == k ? identity : 0);
            if (g != nullptr) element -= h.h2 * (delta[j] * g[k] + g[j] * delta[k]);
            hessian[(j * r + k) * kLanes + lane] += element;
          }
        }
      }
    }
    for (Index j = 0; j < r; ++j) {
      for (Index k = 0; k <= j; ++k) {
        const double factor = inverse[j] * inverse[k];
        for (Index lane = 0; lane < kLanes; ++lane) {
          const double element = factor * hessian[(j * r + k) * kLanes + lane];
          hessian[(j * r + k) * kLanes + lane] = element;
          hessian[(k * r + j) * kLanes + lane] = element;
        }
      }
    }
  }
}

// The formula of EvaluateHessian times v, with b and g summed over outputs with weights ȳ first:
// both enter linearly.
void GaussianProcess::EvaluateSecondAdjoints(const DirectionPairs& pairs, const double* x_hat,
                                             double* products, double* workspace) const {
  using Lane = Lanes<kLanes>;
  const Index r = maps().r();
  const Index p = pairs.num_tangents;
  const Index q = pairs.num_adjoints;
  const Index size = r * kLanes;
  double* const inverse = workspace;  // 1/ℓ
  double* const z = inverse + r;
  double* const delta = z + size;
  double* const g_bar = delta + size;
  double* const V = g_bar + size;                   // [p][r]
  double* const sums = V + kMostDirections * size;  // [q][p][r]
  std::fill_n(products, q * p * size, 0.0);
  for (const Part& part : parts_) {
    InvertLengths(part.hyperparameters, inverse);
    for (Index at = 0; at < size; ++at) z[at] = x_hat[at] * inverse[at / kLanes];
    for (Index at = 0; at < p * size; ++at) V[at] = pairs.X_dot[at] * inverse[at / kLanes % r];
    std::fill_n(sums, q * p * size, 0.0);
    for (Index s = 0; s < part.Z.cols(); ++s) {
      for (Index j = 0; j < r; ++j) {
        const double z_s = part.Z(j, s);
        for (Index at = j * kLanes; at < (j + 1) * kLanes; ++at) delta[at] = z[at] - z_s;
      }
      const Lane squared = AddProduct<kLanes>({}, delta, delta, r);
      Lane h1;
      Lane h2;
      Lane h3;
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const KernelValues h = EvaluateKernel(part.hyperparameters.kind, 0.5 * squared[lane]);
        h1[lane] = h.h1;
        h2[lane] = h.h2;
        h3[lane] = h.h3;
      }
      for (Index i = 0; i < q; ++i) {
        const Lane b_bar = WeighCoefficients(part, s, pairs.Y_bar + i * m() * kLanes, g_bar);
        const Lane along = AddProduct<kLanes>({}, g_bar, delta, r);
        Lane squares;
        Lane identity;
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
          squares[lane] = b_bar[lane] * h2[lane] - h3[lane] * along[lane];
          identity[lane] = b_bar[lane] * h1[lane] - h2[lane] * along[lane];
        }
        for (Index k = 0; k < p; ++k) {
          const double* const v = V + k * size;
          Lane of_delta = AddProduct<kLanes>({}, delta, v, r);
          const Lane of_g = AddProduct<kLanes>({}, g_bar, v, r);
          Lane of_g_bar;
          for (std::size_t lane = 0; lane < kLanes; ++lane) {
            of_g_bar[lane] = h2[lane] * of_delta[lane];
            of_delta[lane] = squares[lane] * of_delta[lane] - h2[lane] * of_g[lane];
          }
          double* const sum = sums + (i * p + k) * size;
          for (Index j = 0; j < size; j += kLanes) {
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
              const std::size_t at = static_cast<std::size_t>(j) + lane;
              sum[at] +=
                  of_delta[lane] * delta[at] - of_g_bar[lane] * g_bar[at] + identity[lane] * v[at];
            }
          }
        }
      }
    }
    for (Index at = 0; at < q * p * size; ++at) {
      products[at] += inverse[at / kLanes % r] * sums[at];
    }
  }
}

std::array<double, GaussianProcess::kLanes> GaussianProcess::WeighCoefficients(
    const Part& part, Index s, const double* y_bar, double* g_bar) const {
  const Index r = maps().r();
  const auto num_outputs = static_cast<Index>(part.outputs.size());
  std::fill_n(g_bar, r * kLanes, 0.0);
  Lanes<kLanes> b_bar{};
  for (Index o = 0; o < num_outputs; ++o) {
    const double* const weight = y_bar + part.outputs[static_cast<std::size_t>(o)] * kLanes;
    for (std::size_t lane = 0; lane < kLanes; ++lane) b_bar[lane] += part.B(o, s) * weight[lane];
    if (part.G.cols() == 0) continue;
    const double* const g = part.G.col(s * num_outputs + o).data();
    for (Index j = 0; j < r; ++j) {
      for (Index lane = 0; lane < kLanes; ++lane) g_bar[j * kLanes + lane] += g[j] * weight[lane];
    }
  }
  return b_bar;
}

}  // namespace sobolev::regression
