// The network and the twin loss written down plainly, for any scalar type.
//
// With complex numbers or nested tangents as scalars this is the independent truth that the sweeps
// are compared with: no code is shared with them.

#ifndef SOBOLEV_TESTS_SUPPORT_REFERENCE_NETWORK_H_
#define SOBOLEV_TESTS_SUPPORT_REFERENCE_NETWORK_H_

#include <cmath>
#include <complex>
#include <numbers>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "engine/ad/tangent.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"

namespace sobolev::reference {

template <class S>
using VectorOf = Eigen::Matrix<S, Eigen::Dynamic, 1>;
template <class S>
using MatrixOf = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;
template <class S>
using RowMajorOf = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class S>
S Phi(nn::Activation activation, const S& z) {
  using std::exp, std::log, std::sin, std::tanh;
  switch (activation) {
    case nn::Activation::kSoftplus:
      return log(S(1) + exp(z));
    case nn::Activation::kTanh:
      return tanh(z);
    case nn::Activation::kSilu:
      return z / (S(1) + exp(-z));
    case nn::Activation::kGelu:
      if constexpr (!std::is_same_v<S, std::complex<double>>) {
        using std::erf;
        return z * (S(1) + erf(z * S(std::numbers::sqrt2 / 2))) * S(0.5);
      }
      break;
    case nn::Activation::kSin:
      return sin(z);
  }
  throw std::logic_error("this activation has no reference for this scalar");
}

// The variations of a network.
struct Form {
  bool skip = false;
  bool residual = false;

  const char* name() const {
    return skip ? residual ? "_skip_residual" : "_skip" : residual ? "_residual" : "";
  }
};

inline constexpr Form kPlain{};
inline constexpr Form kVariations[] = {
    {.skip = true}, {.residual = true}, {.skip = true, .residual = true}};

// y = f(x; θ).
template <class S>
VectorOf<S> Value(const nn::Architecture& architecture, const VectorOf<S>& theta,
                  const VectorOf<S>& x) {
  VectorOf<S> a = x;
  Index next = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Index rows = architecture.Rows(l);
    const Index cols = architecture.Cols(l);
    VectorOf<S> z = VectorOf<S>::Zero(rows);
    for (Index i = 0; i < rows; ++i) {
      z[i] = theta[next + rows * cols + i];
      for (Index j = 0; j < cols; ++j) {
        // Past a_{l−1} come the inputs of a skip.
        z[i] += theta[next + i * cols + j] * (j < a.size() ? a[j] : x[j - a.size()]);
      }
      if (l < architecture.Depth()) z[i] = Phi(architecture.activation, z[i]);
    }
    next += rows * (cols + 1);
    const bool adds = architecture.residual && 1 < l && l < architecture.Depth();
    if (adds && rows == a.size()) z += a;
    a = z;
  }
  return a;
}

// J(i, j) = ∂yᵢ/∂xⱼ, m×n, by tangents of x.
template <class S>
MatrixOf<S> Jacobian(const nn::Architecture& architecture, const VectorOf<S>& theta,
                     const VectorOf<S>& x) {
  using Dual = ad::Tangent<S>;
  MatrixOf<S> J(architecture.m, architecture.n);
  const VectorOf<Dual> constant_theta = theta.template cast<Dual>();
  for (Index j = 0; j < architecture.n; ++j) {
    VectorOf<Dual> seeded = x.template cast<Dual>();
    seeded[j].dot = S(1);
    const VectorOf<Dual> y = Value<Dual>(architecture, constant_theta, seeded);
    for (Index i = 0; i < architecture.m; ++i) J(i, j) = y[i].dot;
  }
  return J;
}

// Samples in the order of nn::SampleRows, one per row.
struct Samples {
  Index n;
  Index m;
  RowMajorOf<double> rows;

  Vector X(Index s) const { return rows.row(s).head(n).transpose(); }
  Vector Y(Index s) const { return rows.row(s).segment(n, m).transpose(); }
  double JacobianEntry(Index s, Index i, Index j) const { return rows(s, n + m + i * n + j); }
  double ValueWeight(Index s) const { return rows(s, n + m + m * n); }
  double GradientWeight(Index s) const { return rows(s, n + m + m * n + 1); }
};

template <class S>
struct Loss {
  S value{};
  S gradient{};
};

// The two sums of nn::TwinLoss over the samples of `indices`.
template <class S>
Loss<S> TwinLossOf(const nn::Architecture& architecture, const VectorOf<S>& theta,
                   const Matrix& lambda, const Samples& samples,
                   std::span<const std::uint32_t> indices) {
  Loss<S> loss;
  const auto num_values = static_cast<double>(indices.size()) * static_cast<double>(samples.m);
  for (const std::uint32_t s : indices) {
    const VectorOf<S> x = samples.X(s).template cast<S>();
    const VectorOf<S> y = Value<S>(architecture, theta, x);
    const MatrixOf<S> J = Jacobian<S>(architecture, theta, x);
    for (Index i = 0; i < samples.m; ++i) {
      const S value_error = y[i] - S(samples.Y(s)[i]);
      loss.value += S(samples.ValueWeight(s) / num_values) * value_error * value_error;
      for (Index j = 0; j < samples.n; ++j) {
        const S error = S(lambda(i, j)) * (J(i, j) - S(samples.JacobianEntry(s, i, j)));
        loss.gradient +=
            S(samples.GradientWeight(s) / num_values / static_cast<double>(samples.n)) * error *
            error;
      }
    }
  }
  return loss;
}

// ∂(α·value + β·gradient)/∂θ, one tangent of θ at a time, each over the tangents of x.
inline Vector TwinLossGradient(const nn::Architecture& architecture, const Vector& theta,
                               const Matrix& lambda, const Samples& samples,
                               std::span<const std::uint32_t> indices, double alpha, double beta) {
  using Dual = ad::Tangent<double>;
  Vector gradient(theta.size());
  for (Index p = 0; p < theta.size(); ++p) {
    VectorOf<Dual> seeded = theta.cast<Dual>();
    seeded[p].dot = 1;
    const Loss<Dual> loss = TwinLossOf<Dual>(architecture, seeded, lambda, samples, indices);
    gradient[p] = alpha * loss.value.dot + beta * loss.gradient.dot;
  }
  return gradient;
}

}  // namespace sobolev::reference

#endif  // SOBOLEV_TESTS_SUPPORT_REFERENCE_NETWORK_H_
