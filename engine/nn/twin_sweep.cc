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
#include "engine/base/stop.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"
#include "engine/nn/packing.h"
#include "engine/nn/row_layout.h"
#include "engine/nn/twin_chunk.h"
#include "engine/nn/twin_plan.h"

namespace sobolev::nn {

template <class T>
struct TwinSweep<T>::Impl {
  // The running sums of a contiguous run of shards.
  struct Slot {
    AlignedBuffer<T> gradient;
    TwinSums sums;
  };

  using Task = TwinTask<T>;

  Impl(const Architecture& architecture, const RowLayout& row_layout, std::span<const T> lambda,
       Index max_batch, Isa isa)
      : n(architecture.n),
        m(architecture.m),
        depth(architecture.Depth()),
        num_parameters(architecture.NumParameters()),
        layout(row_layout),
        kernels(KernelsFor<T>(isa)),
        plan(MakeTwinPlan<T>(architecture, layout, kernels.lanes, max_batch)),
        steps(architecture, layout, plan, kernels, lambda) {
    for (Index i = 0; i < plan.num_workspaces; ++i) {
      workspaces.emplace_back(plan.chunks_per_shard * plan.chunk_size);
    }
    const auto outputs = static_cast<std::size_t>(m);
    for (Index i = 0; i < plan.num_slots; ++i) {
      slots.push_back({.gradient = AlignedBuffer<T>(plan.gradient_size),
                       .sums = {.value_sse = std::vector<double>(outputs),
                                .jacobian_sse = std::vector<double>(outputs),
                                .loss = {}}});
    }
  }

  const LayerPlan& Layer(Index l) const { return plan.layers[static_cast<std::size_t>(l - 1)]; }

  // ---- The weights' share of a shard ----

  // W̄ += Σ_k g^k (t^k)ᵀ over a group of sweeps, and with the last group W̄ += z̄ aᵀ, b̄ += z̄.
  void AddToGradient(const Task& task, Index first_sweep, Index end_sweep, bool last,
                     Index num_chunks, const T* shard, Slot& slot) const {
    const Index stride = plan.chunk_size;
    T* const gradient = slot.gradient.data();
    for (Index l = 1; l <= depth; ++l) {
      ThrowIfStopped(task.stop);
      const LayerPlan& layer = Layer(l);
      OuterTerm<T> terms[kMaxGroup + 1];
      Index num_terms = 0;
      for (Index k = first_sweep; k < end_sweep; ++k) {
        if (l == depth && steps.HasUnitSeed(k)) continue;
        const Index left = l == depth ? steps.Seed(k) : steps.G(l, k);
        terms[num_terms++] = {shard + left, stride, shard + steps.Tangent(l - 1, k), stride};
      }
      if (last) {
        terms[num_terms++] = {shard + steps.ZBar(l), stride, shard + steps.A(l - 1), stride};
        kernels.row_sums(shard + steps.ZBar(l), stride, num_chunks, layer.rows,
                         gradient + layer.bias_tiles, kTile);
      }
      if (num_terms == 0) continue;
      kernels.outer(terms, num_terms, num_chunks, layer.rows, layer.cols, gradient + layer.tiles);
    }
    // g_D = e_k: row k of W̄_D gets Σ t_{D−1}.
    const LayerPlan& output = Layer(depth);
    for (Index k = first_sweep; k < end_sweep && steps.HasUnitSeed(k); ++k) {
      const Index block_row = k / kTile * kTile * RoundUp(output.cols, kTile);
      kernels.row_sums(shard + steps.Tangent(depth - 1, k), stride, num_chunks, output.cols,
                       gradient + output.tiles + block_row + k % kTile * kTile, kTile * kTile);
    }
  }

  void GradientOfShard(const Task& task, Index first, Index num_chunks, T* shard,
                       Slot& slot) const {
    const Index num_sweeps = task.derivatives ? layout.NumSweeps() : 0;
    Index k = 0;
    do {
      const Index end = std::min(k + plan.group, num_sweeps);
      const bool last = end == num_sweeps;
      for (Index i = 0; i < num_chunks; ++i) {
        T* const chunk = shard + i * plan.chunk_size;
        if (k == 0) {
          steps.Values(task, first + i * kernels.lanes, chunk);
          steps.ValueResidual(task, chunk, slot.sums);
        }
        for (Index sweep = k; sweep < end; ++sweep) {
          steps.Derivatives(task, sweep, chunk, slot.sums);
        }
        if (last) steps.Reverse(task, chunk);
      }
      AddToGradient(task, k, end, last, num_chunks, shard, slot);
      k = end;
    } while (k < num_sweeps);
  }

  void ResidualsOfShard(const Task& task, Index first, Index num_chunks, T* chunk,
                        Slot& slot) const {
    for (Index i = 0; i < num_chunks; ++i) {
      steps.Values(task, first + i * kernels.lanes, chunk);
      steps.AddResiduals(task, chunk, slot.sums);
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
    std::ranges::fill(slot.sums.value_sse, 0);
    std::ranges::fill(slot.sums.jacobian_sse, 0);
    slot.sums.loss = {};
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
      const TwinLoss& part = slots[static_cast<std::size_t>(s)].sums.loss;
      sum.value += part.value;
      sum.gradient += part.gradient;
    }
    const auto num_values = static_cast<double>(std::max<Index>(batch, 1) * m);
    return {sum.value / num_values, sum.gradient / (num_values * static_cast<double>(n))};
  }

  const Index n;
  const Index m;
  const Index depth;
  const Index num_parameters;
  const RowLayout layout;
  const Kernels<T>& kernels;
  const TwinPlan plan;
  TwinChunk<T> steps;

  std::vector<AlignedBuffer<T>> workspaces;
  std::vector<Slot> slots;
  Index num_active = 0;  // Slots in use by the current batch.
};

template <class T>
TwinSweep<T>::TwinSweep(const Architecture& architecture, const RowLayout& layout,
                        std::span<const T> lambda, Index max_batch, Isa isa) {
  Validate(architecture);
  RequireSize("layout.n", layout.n, architecture.n);
  RequireSize("layout.m", layout.m, architecture.m);
  impl_ = std::make_unique<Impl>(architecture, layout, lambda, max_batch, isa);
}

template <class T>
TwinSweep<T>::TwinSweep(const Architecture& architecture, std::span<const T> lambda,
                        Index max_batch, Isa isa)
    : TwinSweep(architecture, {.n = architecture.n, .m = architecture.m}, lambda, max_batch, isa) {}

template <class T>
TwinSweep<T>::~TwinSweep() = default;

template <class T>
std::size_t TwinSweep<T>::MemoryBytes(const Architecture& architecture, const RowLayout& layout,
                                      Index max_batch) {
  Validate(architecture);
  const TwinPlan plan =
      MakeTwinPlan<T>(architecture, layout, KernelsFor<T>(BestIsa()).lanes, max_batch);
  const Index elements = architecture.NumParameters() + plan.packed_size +
                         plan.num_slots * plan.gradient_size +
                         plan.num_workspaces * plan.chunks_per_shard * plan.chunk_size;
  return static_cast<std::size_t>(elements) * sizeof(T);
}

template <class T>
void TwinSweep<T>::SetParameters(std::span<const T> theta) {
  impl_->steps.SetParameters(theta);
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
      .derivatives = beta != 0 && impl.layout.NumSweeps() > 0,
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
      const std::vector<double>& part = impl.slots[static_cast<std::size_t>(s)].sums.*member;
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
  add_to("value_sse", value_sse, &TwinSums::value_sse);
  add_to("jacobian_sse", jacobian_sse, &TwinSums::jacobian_sse);
  return impl.Loss(static_cast<Index>(indices.size()));
}

template class TwinSweep<float>;
template class TwinSweep<double>;

}  // namespace sobolev::nn
