#include "engine/nn/twin_sweep.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include <oneapi/tbb/parallel_for.h>

#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"
#include "engine/nn/packing.h"
#include "engine/nn/twin_plan.h"

namespace sobolev::nn {

namespace {

void ThrowIfStopped(const std::stop_token& stop) {
  if (!stop.stop_requested()) return;
  throw Error(ErrorCode::kCancelled, "CANCELLED", "", "the caller stopped the sweep");
}

}  // namespace

template <class T>
struct TwinSweep<T>::Impl {
  // The running sums of a contiguous run of shards.
  struct Slot {
    AlignedBuffer<T> gradient;
    std::vector<double> value_sse;     // m
    std::vector<double> jacobian_sse;  // m
    TwinLoss loss;                     // Before division by the batch.
  };

  // What one call asks for.
  struct Task {
    SampleRows<T> rows;
    std::span<const std::uint32_t> indices;
    const std::stop_token& stop;
    bool gradient;      // Whether ∂L/∂θ is wanted.
    bool derivatives;   // Whether the loss has a gradient term.
    T value_factor;     // ∂L/∂y = value_factor · w · (y − y*)
    T gradient_factor;  // ∂L/∂J = gradient_factor · v · λ² · (J − J*)
  };

  Impl(const Architecture& architecture, std::span<const T> lambda, Index max_batch, Isa isa)
      : n(architecture.n),
        m(architecture.m),
        depth(architecture.Depth()),
        skip(architecture.skip),
        residual(architecture.residual),
        num_parameters(architecture.NumParameters()),
        activation(static_cast<std::size_t>(architecture.activation)),
        kernels(KernelsFor<T>(isa)),
        plan(MakeTwinPlan<T>(architecture, kernels.lanes, max_batch)),
        ones(static_cast<std::size_t>(m), T{1}),
        theta(static_cast<std::size_t>(num_parameters)),
        packed(plan.packed_size) {
    RequireSize("lambda", static_cast<Index>(lambda.size()), m * n);
    for (const T entry : lambda) lambda_squared.push_back(entry * entry);
    for (Index i = 0; i < plan.num_workspaces; ++i) {
      workspaces.emplace_back(plan.chunks_per_shard * plan.chunk_size);
    }
    for (Index i = 0; i < plan.num_slots; ++i) {
      slots.push_back({.gradient = AlignedBuffer<T>(plan.gradient_size),
                       .value_sse = std::vector<double>(static_cast<std::size_t>(m)),
                       .jacobian_sse = std::vector<double>(static_cast<std::size_t>(m)),
                       .loss = {}});
    }
  }

  const LayerPlan& Layer(Index l) const { return plan.layers[static_cast<std::size_t>(l - 1)]; }

  Product<T> Times(Index l, const T* in) const {
    const LayerPlan& layer = Layer(l);
    return {packed.data() + layer.packed, layer.rows, layer.cols, in};
  }

  Product<T> TransposedTimes(Index l, const T* in) const {
    const LayerPlan& layer = Layer(l);
    return {packed.data() + layer.transposed, layer.inner, layer.rows, in};
  }

  // Offsets in a chunk: a_l, t_l of output k, l = 0 … D − 1; g_l of output k, l = 1 … D − 1; z̄_l,
  // l = 1 … D.
  Index A(Index l) const { return l == 0 ? plan.rows : Layer(l).a; }
  Index G(Index l, Index k) const { return Layer(l).g + k % plan.group * Layer(l).stride; }
  Index Tangent(Index l, Index k) const {
    return l == 0 ? XBar(k) : Layer(l).t + k % plan.group * Layer(l).stride;
  }
  Index XBar(Index k) const { return plan.x_bar + k % plan.group * plan.x_bar_stride; }
  Index ZBar(Index l) const { return l == depth ? plan.y : Layer(l).q; }

  const T* Lambda(Index k) const { return lambda_squared.data() + k * n; }

  // ---- What skips and residual layers add to the steps ----

  // From φ(z_l), or its tangent, at `a`, what layer l + 1 sees: a_{l−1} at `before` is added if the
  // layer is residual, and x, or its tangent, is appended if there are skips.
  void FinishLayer(Index l, const T* before, const T* x, T* a) const {
    const Index size = Layer(l).rows * kernels.lanes;
    if (Layer(l).residual) kernels.add(before, size, a);
    if (skip) std::copy_n(x, n * kernels.lanes, a + size);
  }

  // In a network with residual layers ā_l, in the place of ā_{l+1}, from z̄_{l+1}.
  void PullResidual(Index l, const T* z_bar, T* a_bar) const {
    if (Layer(l + 1).residual) {
      kernels.accumulate(TransposedTimes(l + 1, z_bar), a_bar);
    } else {
      kernels.affine(TransposedTimes(l + 1, z_bar), nullptr, a_bar);
    }
  }

  // x̄ += S_lᵀ z̄_l.
  void PullSkip(Index l, const T* z_bar, T* x_bar) const {
    if (!skip) return;
    const LayerPlan& layer = Layer(l);
    kernels.accumulate({packed.data() + layer.skip_transposed, n, layer.rows, z_bar}, x_bar);
  }

  // ---- The steps for one chunk ----

  void Gather(const Task& task, Index first, T* chunk) const {
    const Index count =
        std::min<Index>(kernels.lanes, static_cast<Index>(task.indices.size()) - first);
    kernels.gather(task.rows.data, task.rows.stride, task.indices.data() + first, count,
                   RowSize(n, m), chunk + plan.rows);
  }

  void ValueSweep(const Task& task, T* chunk) const {
    for (Index l = 1; l < depth; ++l) {
      ThrowIfStopped(task.stop);
      const LayerPlan& layer = Layer(l);
      kernels.affine(Times(l, chunk + A(l - 1)), theta.data() + layer.bias, chunk + layer.a);
      kernels.activate[activation](chunk + layer.a, chunk + layer.p,
                                   task.derivatives ? chunk + layer.h : nullptr,
                                   layer.rows * kernels.lanes);
      FinishLayer(l, chunk + A(l - 1), chunk + A(0), chunk + layer.a);
    }
    ThrowIfStopped(task.stop);
    kernels.affine(Times(depth, chunk + A(depth - 1)), theta.data() + Layer(depth).bias,
                   chunk + plan.y);
  }

  // ∇y_k.
  void AdjointSweep(const Task& task, Index k, T* chunk) const {
    ThrowIfStopped(task.stop);
    const T* const output_row = theta.data() + Layer(depth).weights + k * Layer(depth).cols;
    if (depth == 1) {
      kernels.affine({nullptr, n, 0, nullptr}, output_row, chunk + XBar(k));
      return;
    }
    const LayerPlan& last = Layer(depth - 1);
    T* const x_bar = chunk + XBar(k);
    T* const a_bar = chunk + plan.a_bar;
    if (skip) kernels.affine({nullptr, n, 0, nullptr}, output_row + last.rows, x_bar);
    if (residual) kernels.affine({nullptr, last.rows, 0, nullptr}, output_row, a_bar);
    kernels.first_adjoint(output_row, last.rows, chunk + last.p, chunk + last.h,
                          chunk + G(depth - 1, k), chunk + last.c);
    for (Index l = depth - 2; l >= 1; --l) {
      ThrowIfStopped(task.stop);
      const LayerPlan& layer = Layer(l);
      const T* const g = chunk + G(l + 1, k);
      PullSkip(l + 1, g, x_bar);
      if (residual) {
        const Index size = layer.rows * kernels.lanes;
        PullResidual(l, g, a_bar);
        kernels.blend(chunk + layer.p, a_bar, nullptr, size, chunk + G(l, k));
        kernels.blend(chunk + layer.h, a_bar, nullptr, size, chunk + layer.c);
      } else {
        kernels.adjoint(TransposedTimes(l + 1, g), chunk + layer.p, chunk + layer.h,
                        chunk + G(l, k), chunk + layer.c);
      }
    }
    const Product<T> first = TransposedTimes(1, chunk + G(1, k));
    skip ? kernels.accumulate(first, x_bar) : kernels.affine(first, nullptr, x_bar);
  }

  void TangentSweep(const Task& task, Index k, T* chunk) const {
    for (Index l = 1; l < depth; ++l) {
      ThrowIfStopped(task.stop);
      const LayerPlan& layer = Layer(l);
      const auto tangent = k == 0 ? kernels.tangent : kernels.tangent_add;
      tangent(Times(l, chunk + Tangent(l - 1, k)), chunk + layer.p, chunk + layer.c,
              chunk + Tangent(l, k), chunk + layer.q);
      FinishLayer(l, chunk + Tangent(l - 1, k), chunk + XBar(k), chunk + Tangent(l, k));
    }
  }

  void ReverseSweep(const Task& task, T* chunk) const {
    for (Index l = depth - 1; l >= 1; --l) {
      ThrowIfStopped(task.stop);
      const LayerPlan& layer = Layer(l);
      const Product<T> a_bar = TransposedTimes(l + 1, chunk + ZBar(l + 1));
      if (residual) {
        PullResidual(l, chunk + ZBar(l + 1), chunk + plan.a_bar);
        kernels.blend(chunk + layer.p, chunk + plan.a_bar,
                      task.derivatives ? chunk + layer.q : nullptr, layer.rows * kernels.lanes,
                      chunk + layer.q);
      } else if (task.derivatives) {
        kernels.reverse(a_bar, chunk + layer.p, chunk + layer.q, chunk + layer.q);
      } else {
        kernels.scaled(a_bar, chunk + layer.p, chunk + layer.q);
      }
    }
  }

  // y − y* turned into ∂L/∂y.
  void ValueResidual(const Task& task, T* chunk, Slot& slot) const {
    const Index lanes = kernels.lanes;
    const T* const target = chunk + plan.rows + n * lanes;
    const T* const weight = chunk + plan.rows + (RowSize(n, m) - 2) * lanes;
    const ResidualSums<T> sums = kernels.residual(chunk + plan.y, target, weight, ones.data(), m,
                                                  task.value_factor, chunk + plan.y);
    slot.loss.value += static_cast<double>(sums.weighted);
  }

  // ∇y_k − ∇y_k* turned into v_k = ∂L/∂(∇y_k). Returns the plain sum of squares.
  T GradientResidual(const Task& task, Index k, T* chunk, Slot& slot) const {
    const Index lanes = kernels.lanes;
    const T* const target = chunk + plan.rows + (n + m + k * n) * lanes;
    const T* const weight = chunk + plan.rows + (RowSize(n, m) - 1) * lanes;
    const ResidualSums<T> sums = kernels.residual(chunk + XBar(k), target, weight, Lambda(k), n,
                                                  task.gradient_factor, chunk + XBar(k));
    slot.loss.gradient += static_cast<double>(sums.weighted);
    return sums.plain;
  }

  // ---- The weights' share of a shard ----

  // W̄ += Σ_k g^k (t^k)ᵀ over a group of outputs, and with the last group W̄ += z̄ aᵀ, b̄ += z̄.
  void AddToGradient(const Task& task, Index first_output, Index end_output, bool last,
                     Index num_chunks, const T* shard, Slot& slot) const {
    const Index stride = plan.chunk_size;
    T* const gradient = slot.gradient.data();
    for (Index l = 1; l <= depth; ++l) {
      ThrowIfStopped(task.stop);
      const LayerPlan& layer = Layer(l);
      OuterTerm<T> terms[kMaxGroup + 1];
      Index num_terms = 0;
      if (l < depth) {
        for (Index k = first_output; k < end_output; ++k) {
          terms[num_terms++] = {shard + G(l, k), stride, shard + Tangent(l - 1, k), stride};
        }
      }
      if (last) {
        terms[num_terms++] = {shard + ZBar(l), stride, shard + A(l - 1), stride};
        kernels.row_sums(shard + ZBar(l), stride, num_chunks, layer.rows,
                         gradient + layer.bias_tiles, kTile);
      }
      if (num_terms == 0) continue;
      kernels.outer(terms, num_terms, num_chunks, layer.rows, layer.cols, gradient + layer.tiles);
    }
    // g_D = e_k: row k of W̄_D gets Σ t_{D−1}.
    const LayerPlan& output = Layer(depth);
    for (Index k = first_output; k < end_output; ++k) {
      const Index block_row = k / kTile * kTile * RoundUp(output.cols, kTile);
      kernels.row_sums(shard + Tangent(depth - 1, k), stride, num_chunks, output.cols,
                       gradient + output.tiles + block_row + k % kTile * kTile, kTile * kTile);
    }
  }

  void GradientOfShard(const Task& task, Index first, Index num_chunks, T* shard,
                       Slot& slot) const {
    const Index num_outputs = task.derivatives ? m : 0;  // Whose derivatives are swept.
    Index k = 0;
    do {
      const Index end = std::min(k + plan.group, num_outputs);
      const bool last = end == num_outputs;
      for (Index i = 0; i < num_chunks; ++i) {
        T* const chunk = shard + i * plan.chunk_size;
        if (k == 0) {
          Gather(task, first + i * kernels.lanes, chunk);
          ValueSweep(task, chunk);
          ValueResidual(task, chunk, slot);
        }
        for (Index output = k; output < end; ++output) {
          AdjointSweep(task, output, chunk);
          GradientResidual(task, output, chunk, slot);
          TangentSweep(task, output, chunk);
        }
        if (last) ReverseSweep(task, chunk);
      }
      AddToGradient(task, k, end, last, num_chunks, shard, slot);
      k = end;
    } while (k < num_outputs);
  }

  void ResidualsOfShard(const Task& task, Index first, Index num_chunks, T* chunk,
                        Slot& slot) const {
    const Index lanes = kernels.lanes;
    const T* const value_weight = chunk + plan.rows + (RowSize(n, m) - 2) * lanes;
    const T* const gradient_weight = value_weight + lanes;
    for (Index i = 0; i < num_chunks; ++i) {
      Gather(task, first + i * lanes, chunk);
      ValueSweep(task, chunk);
      for (Index k = 0; k < m; ++k) {
        const T* const target = chunk + plan.rows + (n + k) * lanes;
        T* const y = chunk + plan.y + k * lanes;
        const ResidualSums<T> sums =
            kernels.residual(y, target, value_weight, ones.data(), 1, T{0}, y);
        slot.loss.value += static_cast<double>(sums.weighted);
        slot.value_sse[static_cast<std::size_t>(k)] += static_cast<double>(sums.plain);
      }
      if (std::none_of(gradient_weight, gradient_weight + lanes, [](T v) { return v > 0; })) {
        continue;
      }
      for (Index k = 0; k < m; ++k) {
        AdjointSweep(task, k, chunk);
        slot.jacobian_sse[static_cast<std::size_t>(k)] +=
            static_cast<double>(GradientResidual(task, k, chunk, slot));
      }
    }
  }

  // ---- The batch ----

  // Runs `sweep` over all shards. A worker owns a workspace and takes slot after slot; which worker
  // gets which slot does not matter to the sums.
  template <class Sweep>
  void ForEachShard(const Task& task, const Sweep& sweep) {
    const Index shard_samples = plan.chunks_per_shard * kernels.lanes;
    const auto num_samples = static_cast<Index>(task.indices.size());
    const Index num_shards = (num_samples + shard_samples - 1) / shard_samples;
    num_active = std::clamp<Index>(num_shards, 1, plan.num_slots);
    std::atomic<Index> next_slot = 0;
    const auto work = [&](Index worker) {
      T* const workspace = workspaces[static_cast<std::size_t>(worker)].data();
      for (Index s = next_slot++; s < num_active; s = next_slot++) {
        Slot& slot = slots[static_cast<std::size_t>(s)];
        Clear(task, slot);
        for (Index shard = s * num_shards / num_active; shard < (s + 1) * num_shards / num_active;
             ++shard) {
          const Index first = shard * shard_samples;
          const Index count = std::min(shard_samples, num_samples - first);
          sweep(first, (count + kernels.lanes - 1) / kernels.lanes, workspace, slot);
        }
      }
    };
    const Index num_workers = std::min(plan.num_workspaces, num_active);
    if (num_workers <= 1) {
      work(0);
    } else {
      oneapi::tbb::parallel_for(Index{0}, num_workers, work);
    }
  }

  static void Clear(const Task& task, Slot& slot) {
    if (task.gradient) std::fill_n(slot.gradient.data(), slot.gradient.size(), T{0});
    std::ranges::fill(slot.value_sse, 0);
    std::ranges::fill(slot.jacobian_sse, 0);
    slot.loss = {};
  }

  // Σ over slots in order, out of the blocks into the order of θ.
  void Collect(std::span<T> gradient) const {
    for (const LayerPlan& layer : plan.layers) {
      const Index blocks_per_row = RoundUp(layer.cols, kTile) / kTile;
      for (Index row = 0; row < layer.rows; ++row) {
        const Index from =
            layer.tiles + (row / kTile * blocks_per_row * kTile + row % kTile) * kTile;
        T* const to = gradient.data() + layer.weights + row * layer.cols;
        const Index whole = layer.cols - layer.cols % kTile;
        for (Index col = 0; col < whole; col += kTile)
          AddSlots(from + col * kTile, kTile, to + col);
        AddSlots(from + whole * kTile, layer.cols - whole, to + whole);
      }
      AddSlots(layer.bias_tiles, layer.rows, gradient.data() + layer.bias);
    }
  }

  void AddSlots(Index from, Index count, T* to) const {
    for (Index i = 0; i < count; ++i) {
      T sum = slots[0].gradient.data()[from + i];
      for (Index s = 1; s < num_active; ++s) {
        sum += slots[static_cast<std::size_t>(s)].gradient.data()[from + i];
      }
      to[i] = sum;
    }
  }

  // The loss sums of all slots, divided as TwinLoss says.
  TwinLoss Loss(Index batch) const {
    TwinLoss sum;
    for (Index s = 0; s < num_active; ++s) {
      sum.value += slots[static_cast<std::size_t>(s)].loss.value;
      sum.gradient += slots[static_cast<std::size_t>(s)].loss.gradient;
    }
    const auto num_values = static_cast<double>(std::max<Index>(batch, 1) * m);
    return {sum.value / num_values, sum.gradient / (num_values * static_cast<double>(n))};
  }

  const Index n;
  const Index m;
  const Index depth;
  const bool skip;
  const bool residual;
  const Index num_parameters;
  const std::size_t activation;
  const Kernels<T>& kernels;
  const TwinPlan plan;
  const std::vector<T> ones;
  std::vector<T> lambda_squared;

  std::vector<T> theta;
  AlignedBuffer<T> packed;

  std::vector<AlignedBuffer<T>> workspaces;
  std::vector<Slot> slots;
  Index num_active = 0;  // Slots in use by the current batch.
};

template <class T>
TwinSweep<T>::TwinSweep(const Architecture& architecture, std::span<const T> lambda,
                        Index max_batch, Isa isa) {
  Validate(architecture);
  impl_ = std::make_unique<Impl>(architecture, lambda, max_batch, isa);
}

template <class T>
TwinSweep<T>::~TwinSweep() = default;

template <class T>
std::size_t TwinSweep<T>::MemoryBytes(const Architecture& architecture, Index max_batch) {
  Validate(architecture);
  const TwinPlan plan = MakeTwinPlan<T>(architecture, KernelsFor<T>(BestIsa()).lanes, max_batch);
  const Index elements = architecture.NumParameters() + plan.packed_size +
                         plan.num_slots * plan.gradient_size +
                         plan.num_workspaces * plan.chunks_per_shard * plan.chunk_size;
  return static_cast<std::size_t>(elements) * sizeof(T);
}

template <class T>
void TwinSweep<T>::SetParameters(std::span<const T> theta) {
  RequireSize("theta", static_cast<Index>(theta.size()), impl_->num_parameters);
  std::ranges::copy(theta, impl_->theta.begin());
  for (const LayerPlan& layer : impl_->plan.layers) {
    const T* const W = theta.data() + layer.weights;
    T* const packed = impl_->packed.data();
    PackWeights(W, layer.rows, layer.cols, packed + layer.packed);
    PackTransposed(W, layer.cols, layer.rows, layer.inner, packed + layer.transposed);
    PackTransposed(W + layer.inner, layer.cols, layer.rows, layer.cols - layer.inner,
                   packed + layer.skip_transposed);
  }
}

template <class T>
TwinLoss TwinSweep<T>::LossAndGradient(const SampleRows<T>& rows,
                                       std::span<const std::uint32_t> indices, double alpha,
                                       double beta, std::span<T> gradient,
                                       const std::stop_token& stop) {
  Impl& impl = *impl_;
  RequireSize("gradient", static_cast<Index>(gradient.size()), impl.num_parameters);
  const auto batch = static_cast<Index>(indices.size());
  const auto num_values = static_cast<double>(std::max<Index>(batch, 1) * impl.m);
  const typename Impl::Task task{
      .rows = rows,
      .indices = indices,
      .stop = stop,
      .gradient = true,
      .derivatives = beta != 0,
      .value_factor = static_cast<T>(2 * alpha / num_values),
      .gradient_factor = static_cast<T>(2 * beta / (num_values * static_cast<double>(impl.n)))};
  impl.ForEachShard(task, [&](Index first, Index num_chunks, T* shard, auto& slot) {
    impl.GradientOfShard(task, first, num_chunks, shard, slot);
  });
  impl.Collect(gradient);
  return impl.Loss(batch);
}

template <class T>
TwinLoss TwinSweep<T>::Residuals(const SampleRows<T>& rows, std::span<const std::uint32_t> indices,
                                 std::span<double> value_sse, std::span<double> jacobian_sse,
                                 const std::stop_token& stop) {
  Impl& impl = *impl_;
  const auto add_to = [&impl](const char* field, std::span<double> sum, auto member) {
    if (sum.empty()) return;
    RequireSize(field, static_cast<Index>(sum.size()), impl.m);
    for (Index s = 0; s < impl.num_active; ++s) {
      const std::vector<double>& part = impl.slots[static_cast<std::size_t>(s)].*member;
      std::ranges::transform(sum, part, sum.begin(), std::plus<>{});
    }
  };
  const typename Impl::Task task{.rows = rows,
                                 .indices = indices,
                                 .stop = stop,
                                 .gradient = false,
                                 .derivatives = true,
                                 .value_factor = 0,
                                 .gradient_factor = 0};
  impl.ForEachShard(task, [&](Index first, Index num_chunks, T* shard, auto& slot) {
    impl.ResidualsOfShard(task, first, num_chunks, shard, slot);
  });
  add_to("value_sse", value_sse, &Impl::Slot::value_sse);
  add_to("jacobian_sse", jacobian_sse, &Impl::Slot::jacobian_sse);
  return impl.Loss(static_cast<Index>(indices.size()));
}

template class TwinSweep<float>;
template class TwinSweep<double>;

}  // namespace sobolev::nn
