#include "engine/nn/twin_chunk.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <stop_token>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"
#include "engine/nn/packing.h"
#include "engine/nn/row_layout.h"
#include "engine/nn/twin_plan.h"

namespace sobolev::nn {

template <class T>
TwinChunk<T>::TwinChunk(const Architecture& architecture, const RowLayout& layout,
                        const TwinPlan& plan, const Kernels<T>& kernels, std::span<const T> lambda)
    : layout_(layout),
      plan_(plan),
      kernels_(kernels),
      n_(architecture.n),
      m_(architecture.m),
      depth_(architecture.Depth()),
      skip_(architecture.skip),
      residual_(architecture.residual),
      num_outputs_(layout.jacobian ? architecture.m : 0),
      activation_(static_cast<std::size_t>(architecture.activation)),
      ones_(static_cast<std::size_t>(architecture.m), T{1}),
      theta_(static_cast<std::size_t>(architecture.NumParameters())),
      packed_(plan.packed_size) {
  RequireSize("lambda", static_cast<Index>(lambda.size()), m_ * n_);
  lambda_squared_.reserve(lambda.size());
  for (const T entry : lambda) lambda_squared_.push_back(entry * entry);
}

template <class T>
void TwinChunk<T>::SetParameters(std::span<const T> theta) {
  RequireSize("theta", static_cast<Index>(theta.size()), static_cast<Index>(theta_.size()));
  std::ranges::copy(theta, theta_.begin());
  for (const LayerPlan& layer : plan_.layers) {
    const T* const W = theta.data() + layer.weights;
    PackWeights(W, layer.rows, layer.cols, packed_.data() + layer.packed);
    PackTransposed(W, layer.cols, layer.rows, layer.inner, packed_.data() + layer.transposed);
    PackTransposed(W + layer.inner, layer.cols, layer.rows, layer.cols - layer.inner,
                   packed_.data() + layer.skip_transposed);
  }
}

// ---- What skips and residual layers add to the steps --------------------------------------------

template <class T>
void TwinChunk<T>::FinishLayer(Index l, const T* before, const T* x, T* a) const {
  const Index size = Layer(l).rows * kernels_.lanes;
  if (Layer(l).residual) kernels_.add(before, size, a);
  if (skip_) std::copy_n(x, n_ * kernels_.lanes, a + size);
}

template <class T>
void TwinChunk<T>::PullResidual(Index l, const T* z_bar, T* a_bar) const {
  if (Layer(l + 1).residual) {
    kernels_.accumulate(TransposedTimes(l + 1, z_bar), a_bar);
  } else {
    kernels_.affine(TransposedTimes(l + 1, z_bar), nullptr, a_bar);
  }
}

// ---- Values -------------------------------------------------------------------------------------

template <class T>
void TwinChunk<T>::Values(const TwinTask<T>& task, Index first, T* chunk) const {
  const Index count =
      std::min<Index>(kernels_.lanes, static_cast<Index>(task.indices.size()) - first);
  kernels_.gather(task.rows.data, task.rows.stride, task.indices.data() + first, count,
                  layout_.Size(), chunk + plan_.rows);
  for (Index l = 1; l < depth_; ++l) {
    ThrowIfStopped(task.stop);
    const LayerPlan& layer = Layer(l);
    kernels_.affine(Times(l, chunk + A(l - 1)), theta_.data() + layer.bias, chunk + layer.a);
    kernels_.activate[activation_](chunk + layer.a, chunk + layer.p,
                                   task.derivatives ? chunk + layer.h : nullptr,
                                   layer.rows * kernels_.lanes);
    FinishLayer(l, chunk + A(l - 1), chunk + A(0), chunk + layer.a);
  }
  ThrowIfStopped(task.stop);
  kernels_.affine(Times(depth_, chunk + A(depth_ - 1)), theta_.data() + Layer(depth_).bias,
                  chunk + plan_.y);
}

template <class T>
void TwinChunk<T>::ValueResidual(const TwinTask<T>& task, T* chunk, TwinSums& sums) const {
  const T* const target = chunk + Row(layout_.Y());
  const T* const weight = chunk + Row(layout_.ValueWeight());
  T* const y = chunk + plan_.y;
  const ResidualSums<T> residual =
      layout_.entry_weights
          ? kernels_.weighted_residual(y, target, weight, chunk + Row(layout_.YWeights()), m_,
                                       task.value_factor, y)
          : kernels_.residual(y, target, weight, ones_.data(), m_, task.value_factor, y);
  sums.loss.value += static_cast<double>(residual.weighted);
}

// ---- Derivatives --------------------------------------------------------------------------------

template <class T>
void TwinChunk<T>::Derivatives(const TwinTask<T>& task, Index k, T* chunk, TwinSums& sums) const {
  ResidualSums<T> residual{};
  if (HasUnitSeed(k)) {
    UnitAdjoint(task, k, chunk);
    residual = OutputResidual(task, k, chunk);
  } else if (IsTangentLabel(k)) {
    DirectionalDerivative(task, k, chunk);
    residual = TangentResidual(task, k, chunk);
    SeededAdjoint(task, k, chunk);
  } else {
    SeededAdjoint(task, k, chunk);
    AdjointToFirst(task, k, chunk);
    residual = AdjointResidual(task, k, chunk);
  }
  sums.loss.gradient += static_cast<double>(residual.weighted);
  PushForward(task, k, chunk);
}

// ∇y_k.
template <class T>
void TwinChunk<T>::UnitAdjoint(const TwinTask<T>& task, Index k, T* chunk) const {
  ThrowIfStopped(task.stop);
  const T* const output_row = theta_.data() + Layer(depth_).weights + k * Layer(depth_).cols;
  if (depth_ == 1) {
    kernels_.affine({nullptr, n_, 0, nullptr}, output_row, chunk + XBar(k));
    return;
  }
  const LayerPlan& last = Layer(depth_ - 1);
  if (skip_) kernels_.affine({nullptr, n_, 0, nullptr}, output_row + last.rows, chunk + XBar(k));
  if (residual_) kernels_.affine({nullptr, last.rows, 0, nullptr}, output_row, chunk + plan_.a_bar);
  kernels_.first_adjoint(output_row, last.rows, chunk + last.p, chunk + last.h,
                         chunk + G(depth_ - 1, k), chunk + last.c);
  for (Index l = depth_ - 2; l >= 1; --l) {
    ThrowIfStopped(task.stop);
    AdjointStep(l, k, chunk + G(l + 1, k), chunk);
  }
  InputAdjoint(k, chunk);
}

// g of the seed.
template <class T>
void TwinChunk<T>::SeededAdjoint(const TwinTask<T>& task, Index k, T* chunk) const {
  for (Index l = depth_ - 1; l >= 1; --l) {
    ThrowIfStopped(task.stop);
    AdjointStep(l, k, chunk + (l + 1 == depth_ ? Seed(k) : G(l + 1, k)), chunk);
  }
}

template <class T>
void TwinChunk<T>::AdjointStep(Index l, Index k, const T* g, T* chunk) const {
  const LayerPlan& layer = Layer(l);
  if (!residual_) {
    kernels_.adjoint(TransposedTimes(l + 1, g), chunk + layer.p, chunk + layer.h, chunk + G(l, k),
                     chunk + layer.c);
    return;
  }
  const Index size = layer.rows * kernels_.lanes;
  T* const a_bar = chunk + plan_.a_bar;
  PullResidual(l, g, a_bar);
  kernels_.blend(chunk + layer.p, a_bar, nullptr, size, chunk + G(l, k));
  kernels_.blend(chunk + layer.h, a_bar, nullptr, size, chunk + layer.c);
}

// x̄ of the seed.
template <class T>
void TwinChunk<T>::AdjointToFirst(const TwinTask<T>& task, Index k, T* chunk) const {
  ThrowIfStopped(task.stop);
  const T* const seed = chunk + Seed(k);
  if (depth_ == 1) {
    kernels_.affine(TransposedTimes(1, seed), nullptr, chunk + XBar(k));
    return;
  }
  if (skip_) kernels_.affine(SkipTransposedTimes(depth_, seed), nullptr, chunk + XBar(k));
  InputAdjoint(k, chunk);
}

template <class T>
void TwinChunk<T>::InputAdjoint(Index k, T* chunk) const {
  T* const x_bar = chunk + XBar(k);
  const Product<T> first = TransposedTimes(1, chunk + G(1, k));
  if (!skip_) {
    kernels_.affine(first, nullptr, x_bar);
    return;
  }
  for (Index l = depth_ - 1; l > 1; --l) {
    kernels_.accumulate(SkipTransposedTimes(l, chunk + G(l, k)), x_bar);
  }
  kernels_.accumulate(first, x_bar);
}

// ẏ = J ẋ, in the place of the seed.
template <class T>
void TwinChunk<T>::DirectionalDerivative(const TwinTask<T>& task, Index k, T* chunk) const {
  for (Index l = 1; l < depth_; ++l) {
    ThrowIfStopped(task.stop);
    kernels_.scaled(Times(l, chunk + Tangent(l - 1, k)), chunk + Layer(l).p, chunk + Tangent(l, k));
    FinishLayer(l, chunk + Tangent(l - 1, k), chunk + Tangent(0, k), chunk + Tangent(l, k));
  }
  ThrowIfStopped(task.stop);
  kernels_.affine(Times(depth_, chunk + Tangent(depth_ - 1, k)), nullptr, chunk + Seed(k));
}

// t₀ pushed forward, and what it adds to q.
template <class T>
void TwinChunk<T>::PushForward(const TwinTask<T>& task, Index k, T* chunk) const {
  const auto tangent = k == 0 ? kernels_.tangent : kernels_.tangent_add;
  for (Index l = 1; l < depth_; ++l) {
    ThrowIfStopped(task.stop);
    const LayerPlan& layer = Layer(l);
    tangent(Times(l, chunk + Tangent(l - 1, k)), chunk + layer.p, chunk + layer.c,
            chunk + Tangent(l, k), chunk + layer.q);
    FinishLayer(l, chunk + Tangent(l - 1, k), chunk + Tangent(0, k), chunk + Tangent(l, k));
  }
}

template <class T>
void TwinChunk<T>::Reverse(const TwinTask<T>& task, T* chunk) const {
  for (Index l = depth_ - 1; l >= 1; --l) {
    ThrowIfStopped(task.stop);
    const LayerPlan& layer = Layer(l);
    const Product<T> a_bar = TransposedTimes(l + 1, chunk + ZBar(l + 1));
    if (residual_) {
      PullResidual(l, chunk + ZBar(l + 1), chunk + plan_.a_bar);
      kernels_.blend(chunk + layer.p, chunk + plan_.a_bar,
                     task.derivatives ? chunk + layer.q : nullptr, layer.rows * kernels_.lanes,
                     chunk + layer.q);
    } else if (task.derivatives) {
      kernels_.reverse(a_bar, chunk + layer.p, chunk + layer.q, chunk + layer.q);
    } else {
      kernels_.scaled(a_bar, chunk + layer.p, chunk + layer.q);
    }
  }
}

// ---- Residuals ----------------------------------------------------------------------------------

// ∇y_k − ∇y_k* turned into ∂L/∂(∇y_k).
template <class T>
ResidualSums<T> TwinChunk<T>::OutputResidual(const TwinTask<T>& task, Index k, T* chunk) const {
  const T* const target = chunk + Row(layout_.Jacobian() + k * n_);
  const T* const weight = chunk + Row(layout_.GradientWeight());
  T* const x_bar = chunk + XBar(k);
  if (layout_.entry_weights) {
    const T* const entry_weight = chunk + Row(layout_.JacobianWeights() + k * n_);
    return kernels_.weighted_residual(x_bar, target, weight, entry_weight, n_, task.gradient_factor,
                                      x_bar);
  }
  return kernels_.residual(x_bar, target, weight, lambda_squared_.data() + k * n_, n_,
                           task.gradient_factor, x_bar);
}

// ẏ − ẏ* turned into ∂L/∂ẏ.
template <class T>
ResidualSums<T> TwinChunk<T>::TangentResidual(const TwinTask<T>& task, Index k, T* chunk) const {
  const Index label = layout_.Tangent(k - num_outputs_);
  T* const y_dot = chunk + Seed(k);
  return kernels_.weighted_residual(y_dot, chunk + Row(label + n_),
                                    chunk + Row(layout_.GradientWeight()),
                                    chunk + Row(label + n_ + m_), m_, task.gradient_factor, y_dot);
}

// x̄ − x̄* turned into ∂L/∂x̄.
template <class T>
ResidualSums<T> TwinChunk<T>::AdjointResidual(const TwinTask<T>& task, Index k, T* chunk) const {
  const Index label = AdjointLabel(k);
  T* const x_bar = chunk + XBar(k);
  return kernels_.weighted_residual(x_bar, chunk + Row(label + m_),
                                    chunk + Row(layout_.GradientWeight()),
                                    chunk + Row(label + m_ + n_), n_, task.gradient_factor, x_bar);
}

template <class T>
void TwinChunk<T>::AddTangentSquares(Index k, const T* chunk, TwinSums& sums) const {
  const Index lanes = kernels_.lanes;
  const T* const weight = chunk + Row(layout_.GradientWeight());
  const T* const target = chunk + Row(layout_.Tangent(k - num_outputs_) + n_);
  const T* const y_dot = chunk + Seed(k);
  for (Index i = 0; i < m_; ++i) {
    for (Index lane = 0; lane < lanes; ++lane) {
      const T label = target[i * lanes + lane];
      if (std::isnan(label) || !(weight[lane] > 0)) continue;
      const auto error = static_cast<double>(y_dot[i * lanes + lane] - label);
      sums.jacobian_sse[static_cast<std::size_t>(i)] += error * error;
    }
  }
}

template <class T>
void TwinChunk<T>::AddAdjointSquares(Index k, const T* chunk, TwinSums& sums) const {
  const Index lanes = kernels_.lanes;
  const T* const weight = chunk + Row(layout_.GradientWeight());
  const T* const seed = chunk + Seed(k);
  const T* const target = chunk + Row(AdjointLabel(k) + m_);
  const T* const x_bar = chunk + XBar(k);
  for (Index lane = 0; lane < lanes; ++lane) {
    if (!(weight[lane] > 0)) continue;
    double square = 0;
    for (Index j = 0; j < n_; ++j) {
      const T label = target[j * lanes + lane];
      if (std::isnan(label)) continue;
      const auto error = static_cast<double>(x_bar[j * lanes + lane] - label);
      square += error * error;
    }
    for (Index i = 0; i < m_; ++i) {
      const auto share = static_cast<double>(seed[i * lanes + lane]);
      sums.jacobian_sse[static_cast<std::size_t>(i)] += share * share * square;
    }
  }
}

template <class T>
void TwinChunk<T>::AddResiduals(const TwinTask<T>& task, T* chunk, TwinSums& sums) const {
  const Index lanes = kernels_.lanes;
  for (Index i = 0; i < m_; ++i) {
    const T* const target = chunk + Row(layout_.Y() + i);
    const T* const weight = chunk + Row(layout_.ValueWeight());
    T* const y = chunk + plan_.y + i * lanes;
    const ResidualSums<T> residual =
        layout_.entry_weights
            ? kernels_.weighted_residual(y, target, weight, chunk + Row(layout_.YWeights() + i), 1,
                                         T{0}, y)
            : kernels_.residual(y, target, weight, ones_.data(), 1, T{0}, y);
    sums.loss.value += static_cast<double>(residual.weighted);
    sums.value_sse[static_cast<std::size_t>(i)] += static_cast<double>(residual.plain);
  }
  const T* const gradient_weight = chunk + Row(layout_.GradientWeight());
  if (std::none_of(gradient_weight, gradient_weight + lanes, [](T v) { return v > 0; })) return;
  for (Index k = 0; k < layout_.NumSweeps(); ++k) {
    ResidualSums<T> residual{};
    if (HasUnitSeed(k)) {
      UnitAdjoint(task, k, chunk);
      residual = OutputResidual(task, k, chunk);
      sums.jacobian_sse[static_cast<std::size_t>(k)] += static_cast<double>(residual.plain);
    } else if (IsTangentLabel(k)) {
      DirectionalDerivative(task, k, chunk);
      AddTangentSquares(k, chunk, sums);
      residual = TangentResidual(task, k, chunk);
    } else {
      SeededAdjoint(task, k, chunk);
      AdjointToFirst(task, k, chunk);
      AddAdjointSquares(k, chunk, sums);
      residual = AdjointResidual(task, k, chunk);
    }
    sums.loss.gradient += static_cast<double>(residual.weighted);
  }
}

template class TwinChunk<float>;
template class TwinChunk<double>;

}  // namespace sobolev::nn
