#include "engine/nn/twin_plan.h"

#include <algorithm>
#include <thread>

#include "engine/base/matrix.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"
#include "engine/nn/row_layout.h"

namespace sobolev::nn {

namespace {

// A shard is what fits comfortably into a core's second-level cache, and at most this many samples.
constexpr Index kShardBytes = Index{512} * 1024;
constexpr Index kMaxShardSamples = 256;
// Shards are dealt to at most this many gradients, in contiguous runs. The number is a property of
// the network and the batch, never of the threads, because it fixes the order of summation.
constexpr Index kMaxSlots = 16;
constexpr Index kMaxSlotElements = Index{1} << 26;
}  // namespace

template <class T>
TwinPlan MakeTwinPlan(const Architecture& architecture, const RowLayout& layout, Index lanes,
                      Index max_batch) {
  TwinPlan plan;
  const auto take = [](Index& size, Index count) {
    const Index offset = size;
    size += RoundUp(count, kAlignedElements<T>);
    return offset;
  };
  // One alignment unit between arrays keeps equal features of two arrays from lying a multiple of
  // 4096 bytes apart, where the processor mistakes one for the other.
  const auto stride_of = [&](Index features) {
    return RoundUp(features, kTile) * lanes + kAlignedElements<T>;
  };
  const auto take_features = [&](Index features, Index arrays = 1) {
    return take(plan.chunk_size, arrays * stride_of(features));
  };
  const Index n = architecture.n;
  const Index m = architecture.m;
  plan.rows = take_features(layout.Size());
  plan.y = take_features(m);
  plan.group = std::clamp<Index>(layout.NumSweeps(), 1, kMaxGroup);
  plan.x_bar = take_features(n, plan.group);
  plan.x_bar_stride = stride_of(n);
  if (architecture.residual && !architecture.hidden.empty()) {
    plan.a_bar = take_features(std::ranges::max(architecture.hidden));
  }
  if (layout.num_tangents > 0) plan.seed = take_features(m, plan.group);
  plan.seed_stride = stride_of(m);
  Index theta = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    LayerPlan layer{};
    layer.rows = architecture.Rows(l);
    layer.cols = architecture.Cols(l);
    layer.inner = layer.cols - architecture.SkipCols(l);
    layer.residual = architecture.IsResidual(l);
    layer.weights = theta;
    layer.bias = theta + layer.rows * layer.cols;
    theta = layer.bias + layer.rows;
    layer.packed = take(plan.packed_size, layer.rows * layer.cols);
    layer.transposed = take(plan.packed_size, layer.rows * layer.inner);
    layer.skip_transposed = take(plan.packed_size, layer.rows * (layer.cols - layer.inner));
    layer.tiles = take(plan.gradient_size, RoundUp(layer.rows, kTile) * RoundUp(layer.cols, kTile));
    layer.bias_tiles = take(plan.gradient_size, RoundUp(layer.rows, kTile));
    if (l < architecture.Depth()) {
      const Index features = layer.rows + architecture.SkipCols(l + 1);
      layer.a = take_features(features);
      layer.p = take_features(layer.rows);
      layer.h = take_features(layer.rows);
      layer.g = take_features(features, plan.group);
      layer.t = take_features(features, plan.group);
      layer.stride = stride_of(features);
      // A single sweep needs φ″ once: c takes its place, and q that of c.
      const bool single = layout.NumSweeps() <= 1;
      layer.c = single ? layer.h : take_features(layer.rows);
      layer.q = single ? layer.h : take_features(layer.rows);
    }
    plan.layers.push_back(layer);
  }
  const Index chunk_bytes = plan.chunk_size * static_cast<Index>(sizeof(T));
  plan.chunks_per_shard =
      std::clamp<Index>(kShardBytes / chunk_bytes, 1, std::max<Index>(1, kMaxShardSamples / lanes));
  const Index shard_samples = plan.chunks_per_shard * lanes;
  plan.num_slots =
      std::clamp<Index>((max_batch + shard_samples - 1) / shard_samples, 1,
                        std::clamp<Index>(kMaxSlotElements / plan.gradient_size, 1, kMaxSlots));
  plan.num_workspaces =
      std::clamp<Index>(static_cast<Index>(std::thread::hardware_concurrency()), 1, plan.num_slots);
  return plan;
}

template TwinPlan MakeTwinPlan<float>(const Architecture&, const RowLayout&, Index, Index);
template TwinPlan MakeTwinPlan<double>(const Architecture&, const RowLayout&, Index, Index);

}  // namespace sobolev::nn
