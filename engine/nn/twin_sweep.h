// The twin sweep: values, Jacobians, and the hand-derived reverse of both, at matrix level.
//
// Per sample, with a₀ = x, z_l = W_l a_{l−1} + b_l, a_l = φ(z_l), y = z_D:
//   1. value     a_l as above.
//   2. adjoint   for each output k: ā_{l} = W_{l+1}ᵀ g_{l+1}, g_l = φ′(z_l)·ā_l, g_D = e_k;
//                ∇y_k = W₁ᵀ g₁.
//   3. tangent   the residual v_k = ∂L/∂(∇y_k) is pushed forward: t₀ = v_k, s_l = W_l t_{l−1},
//                t_l = φ′(z_l)·s_l, and q_l += φ″(z_l)·ā_l·s_l.
//   4. reverse   z̄_D = ∂L/∂y; z̄_l = φ′(z_l)·(W_{l+1}ᵀ z̄_{l+1}) + q_l.
//   5. weights   W̄_l = z̄_l a_{l−1}ᵀ + Σ_k g_l^k (t_{l−1}^k)ᵀ, b̄_l = z̄_l.
// With skips (network.h) a_l and t_l are followed by x and t₀, and ∇y_k = W₁ᵀ g₁ + Σ_l S_lᵀ g_l; in
// residual layers a_{l−1} is added to a_l, t_{l−1} to t_l, and ā_l to ā_{l−1}.
// The adjoint of the tangent is g itself, so no third derivative of φ appears: 3 + 3m matrix
// products per layer. Directional labels are swept like outputs (twin_chunk.h).
//
// Samples lie in SIMD lanes: a chunk is [feature][lane], so that every product is a broadcast of a
// weight against contiguous lanes. A batch is cut into shards of fixed size; each shard's gradient
// is summed in a fixed order, so the result has the same bits whatever the number of threads.

#ifndef SOBOLEV_ENGINE_NN_TWIN_SWEEP_H_
#define SOBOLEV_ENGINE_NN_TWIN_SWEEP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/row_layout.h"

namespace sobolev::nn {

// Standardised samples of one training or validation set, one per row, as RowLayout says.
template <class T>
struct SampleRows {
  const T* data = nullptr;
  Index stride = 0;  // Elements from row to row, >= the layout's Size().
};

// Sums over a batch B of
//   value     Σ_s w_s Σ_i (y_i − y*_i)² / (|B|·m)
//   gradient  Σ_s v_s Σ_ij λ_ij² (J_ij − J*_ij)² / (|B|·m·n), and the squared residuals of tangent
//             and adjoint labels, weighted likewise,
// with the rows' value weights w and gradient weights v. Where the rows have entry weights, these
// multiply the squares of y and take the place of λ² in those of J; in the squares of directional
// labels they always do. Labels weigh what gram_sweep.h says if the entry weights are
// Σ_j λ_ij² ẋ_j² of ẏ_i and Σ_i λ_ij² ȳ_i² of x̄_j, for directions of length 1.
struct TwinLoss {
  double value = 0;
  double gradient = 0;
};

// T is float or double. One object per trainer; not thread-safe (it owns the workspaces), but it
// uses the threads of the current oneTBB arena.
template <class T>
class TwinSweep {
 public:
  // `lambda` is m×n row-major. Allocates the workspaces for batches of up to `max_batch` samples;
  // larger batches work as well, without further memory and on fewer threads. Throws
  // Error(kInvalidArgument) if the architecture is not valid, a size disagrees, or the processor
  // does not support `isa`.
  TwinSweep(const Architecture& architecture, const RowLayout& layout, std::span<const T> lambda,
            Index max_batch, Isa isa = BestIsa());
  // Of rows of values and Jacobians.
  TwinSweep(const Architecture& architecture, std::span<const T> lambda, Index max_batch,
            Isa isa = BestIsa());
  ~TwinSweep();

  // About what the constructor allocates, without allocating it. Throws as it does.
  static std::size_t MemoryBytes(const Architecture& architecture, const RowLayout& layout,
                                 Index max_batch);

  // Packs θ (p values in the order of network.h) for the calls below. No call but the constructor
  // allocates.
  void SetParameters(std::span<const T> theta);

  // The losses over rows[indices], and gradient (p values, overwritten) of
  // alpha·value + beta·gradient. beta = 0 skips the derivative sweeps and reports gradient 0.
  // Throws Error(kCancelled), leaving `gradient` unspecified, soon after `stop` fires: it is asked
  // once per layer and chunk.
  TwinLoss LossAndGradient(const SampleRows<T>& rows, std::span<const std::uint32_t> indices,
                           double alpha, double beta, std::span<T> gradient,
                           const std::stop_token& stop = {});

  // The squared residuals over rows[indices], without weights or λ, summed per output:
  // value_sse[i] += Σ_s (y_i − y*_i)², jacobian_sse[i] += Σ_{s: v_s > 0} Σ_j (J_ij − J*_ij)² (left
  // alone if empty), and the weighted losses as above. A tangent label adds its (ẏ_i − ẏ*_i)² to
  // the latter, an adjoint label ȳ_i² |x̄ − x̄*|².
  TwinLoss Residuals(const SampleRows<T>& rows, std::span<const std::uint32_t> indices,
                     std::span<double> value_sse, std::span<double> jacobian_sse,
                     const std::stop_token& stop = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

extern template class TwinSweep<float>;
extern template class TwinSweep<double>;

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_TWIN_SWEEP_H_
