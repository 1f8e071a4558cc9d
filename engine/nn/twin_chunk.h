// The steps of a twin sweep on one chunk of samples; twin_sweep.h has the algebra.
//
// Derivative labels become sweeps k = 0 … NumSweeps() − 1: first the outputs, with unit seeds, then
// the tangent labels, then the adjoint labels. Each pulls a seed ȳ back to x̄ = Jᵀȳ and pushes a
// direction t₀ forward:
//   output k   ȳ = e_k,      t₀ = ∂L/∂(∇y_k)
//   adjoint    ȳ as given,   t₀ = ∂L/∂x̄
//   tangent    ȳ = ∂L/∂ẏ,    t₀ = ẋ as given; x̄ is not needed, but ẏ = J ẋ first.
// What follows from ȳ and t₀ is the same for all, so a label costs 3 products per layer, a tangent
// label 4, whatever the number of outputs.

#ifndef SOBOLEV_ENGINE_NN_TWIN_CHUNK_H_
#define SOBOLEV_ENGINE_NN_TWIN_CHUNK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"
#include "engine/nn/row_layout.h"
#include "engine/nn/twin_plan.h"
#include "engine/nn/twin_sweep.h"

namespace sobolev::nn {

// What one call of a sweep asks for.
template <class T>
struct TwinTask {
  SampleRows<T> rows;
  std::span<const std::uint32_t> indices;
  const std::stop_token& stop;
  bool gradient;      // Whether ∂L/∂θ is wanted.
  bool derivatives;   // Whether the loss has a gradient term.
  T value_factor;     // ∂L/∂y = value_factor · w · (y − y*)
  T gradient_factor;  // ∂L/∂J = gradient_factor · v · λ² · (J − J*)
};

// Running sums over samples.
struct TwinSums {
  std::vector<double> value_sse;     // m
  std::vector<double> jacobian_sse;  // m
  TwinLoss loss;                     // Before division by the batch.
};

// The network, in the form that the kernels want, and what it does with a chunk. Every method but
// SetParameters is const and works in the chunk alone. Those with a task throw Error(kCancelled)
// soon after its stop token fires.
template <class T>
class TwinChunk {
 public:
  // `plan` and `kernels` outlive it. `lambda` is m×n row-major.
  TwinChunk(const Architecture& architecture, const RowLayout& layout, const TwinPlan& plan,
            const Kernels<T>& kernels, std::span<const T> lambda);

  void SetParameters(std::span<const T> theta);

  // Offsets in a chunk: a_l, t_l of sweep k, l = 0 … D − 1; g_l of sweep k, l = 1 … D − 1; z̄_l,
  // l = 1 … D; the seed of sweep k, which is none of the outputs.
  Index A(Index l) const { return l == 0 ? plan_.rows : Layer(l).a; }
  Index G(Index l, Index k) const { return Layer(l).g + k % plan_.group * Layer(l).stride; }
  Index Tangent(Index l, Index k) const {
    if (l > 0) return Layer(l).t + k % plan_.group * Layer(l).stride;
    return IsTangentLabel(k) ? Row(layout_.Tangent(k - num_outputs_)) : XBar(k);
  }
  Index ZBar(Index l) const { return l == depth_ ? plan_.y : Layer(l).q; }
  Index Seed(Index k) const {
    return IsTangentLabel(k) ? plan_.seed + k % plan_.group * plan_.seed_stride
                             : Row(AdjointLabel(k));
  }

  // Whether sweep k is that of an output.
  bool HasUnitSeed(Index k) const { return k < num_outputs_; }

  // Gathers samples `first` … of the batch and predicts their values.
  void Values(const TwinTask<T>& task, Index first, T* chunk) const;
  // y − y* turned into ∂L/∂y.
  void ValueResidual(const TwinTask<T>& task, T* chunk, TwinSums& sums) const;
  // Sweep k, which leaves its g and t, and its share of q.
  void Derivatives(const TwinTask<T>& task, Index k, T* chunk, TwinSums& sums) const;
  // z̄ of all layers.
  void Reverse(const TwinTask<T>& task, T* chunk) const;

  // Adds the residuals of values and of all sweeps to all sums.
  void AddResiduals(const TwinTask<T>& task, T* chunk, TwinSums& sums) const;

 private:
  const LayerPlan& Layer(Index l) const { return plan_.layers[static_cast<std::size_t>(l - 1)]; }
  // The offset of a column of the rows.
  Index Row(Index column) const { return plan_.rows + column * kernels_.lanes; }
  Index XBar(Index k) const { return plan_.x_bar + k % plan_.group * plan_.x_bar_stride; }
  bool IsTangentLabel(Index k) const {
    return k >= num_outputs_ && k < num_outputs_ + layout_.num_tangents;
  }
  Index AdjointLabel(Index k) const {
    return layout_.Adjoint(k - num_outputs_ - layout_.num_tangents);
  }

  Product<T> Times(Index l, const T* in) const {
    const LayerPlan& layer = Layer(l);
    return {packed_.data() + layer.packed, layer.rows, layer.cols, in};
  }
  Product<T> TransposedTimes(Index l, const T* in) const {
    const LayerPlan& layer = Layer(l);
    return {packed_.data() + layer.transposed, layer.inner, layer.rows, in};
  }
  // Of the columns of x.
  Product<T> SkipTransposedTimes(Index l, const T* in) const {
    const LayerPlan& layer = Layer(l);
    return {packed_.data() + layer.skip_transposed, layer.cols - layer.inner, layer.rows, in};
  }

  // From φ(z_l), or its tangent, at `a`, what layer l + 1 sees: a_{l−1} at `before` is added if the
  // layer is residual, and x, or its tangent, is appended if there are skips.
  void FinishLayer(Index l, const T* before, const T* x, T* a) const;
  // In a network with residual layers: ā_l, in the place of ā_{l+1}, from z̄_{l+1}.
  void PullResidual(Index l, const T* z_bar, T* a_bar) const;
  // g_l and c_l of sweep k from g_{l+1}.
  void AdjointStep(Index l, Index k, const T* g, T* chunk) const;
  // x̄ of sweep k from its g. With skips it holds the share of layer D before.
  void InputAdjoint(Index k, T* chunk) const;

  void UnitAdjoint(const TwinTask<T>& task, Index k, T* chunk) const;
  void SeededAdjoint(const TwinTask<T>& task, Index k, T* chunk) const;
  void AdjointToFirst(const TwinTask<T>& task, Index k, T* chunk) const;
  void DirectionalDerivative(const TwinTask<T>& task, Index k, T* chunk) const;
  void PushForward(const TwinTask<T>& task, Index k, T* chunk) const;
  ResidualSums<T> OutputResidual(const TwinTask<T>& task, Index k, T* chunk) const;
  ResidualSums<T> TangentResidual(const TwinTask<T>& task, Index k, T* chunk) const;
  ResidualSums<T> AdjointResidual(const TwinTask<T>& task, Index k, T* chunk) const;
  void AddTangentSquares(Index k, const T* chunk, TwinSums& sums) const;
  void AddAdjointSquares(Index k, const T* chunk, TwinSums& sums) const;

  const RowLayout layout_;
  const TwinPlan& plan_;
  const Kernels<T>& kernels_;
  const Index n_;
  const Index m_;
  const Index depth_;
  const bool skip_;
  const bool residual_;
  const Index num_outputs_;  // Sweeps with unit seeds.
  const std::size_t activation_;
  const std::vector<T> ones_;
  std::vector<T> lambda_squared_;
  std::vector<T> theta_;
  AlignedBuffer<T> packed_;
};

extern template class TwinChunk<float>;
extern template class TwinChunk<double>;

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_TWIN_CHUNK_H_
