// Where everything lies in the memory of a twin sweep.

#ifndef SOBOLEV_ENGINE_NN_TWIN_PLAN_H_
#define SOBOLEV_ENGINE_NN_TWIN_PLAN_H_

#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/row_layout.h"

namespace sobolev::nn {

// Sweeps (twin_chunk.h) whose g and t are kept until they are added to the gradient together,
// because a longer sum over samples and sweeps amortises the sum over lanes at its end.
inline constexpr Index kMaxGroup = 4;

// Where the matrices of layer l lie.
struct LayerPlan {
  Index rows;
  Index cols;
  Index inner;            // Columns of a_{l−1}; those of x by a skip follow.
  bool residual;          // Whether a_l = a_{l−1} + φ(z_l).
  Index weights;          // In θ: W_l, row-major.
  Index bias;             // In θ: b_l.
  Index packed;           // In the packed weights: W_l.
  Index transposed;       // In the packed weights: W_lᵀ, of the inner columns,
  Index skip_transposed;  // and of the others.
  Index tiles;            // In a slot's gradient: W̄_l in blocks.
  Index bias_tiles;       // In a slot's gradient: b̄_l.
  // In a chunk, in the notation of the header; q becomes z̄. g and t hold one array per sweep of a
  // group, `stride` apart. With skips x follows a, and its tangent t.
  Index a, p, h, g, t, c, q, stride;
};

// Offsets of everything, for one architecture and kernel table.
struct TwinPlan {
  std::vector<LayerPlan> layers;  // layers[l − 1] is layer l.
  Index packed_size = 0;          // All packed weights.
  Index gradient_size = 0;        // The gradient of one slot.
  // In a chunk: the gathered rows; the value, then z̄_D; for each sweep of a group, x_bar_stride
  // apart, x̄, then t₀.
  Index rows = 0;
  Index y = 0;
  Index x_bar = 0;
  Index x_bar_stride = 0;
  Index a_bar = 0;  // ā_l of the layer that is swept, in networks with residual layers.
  // In a chunk: ẏ of the tangent labels of a group, then their seeds, seed_stride apart.
  Index seed = 0;
  Index seed_stride = 0;
  Index group = 1;  // Sweeps in a group.
  Index chunk_size = 0;
  Index chunks_per_shard = 1;
  Index num_slots = 1;       // Gradients that shards are dealt to; independent of the threads.
  Index num_workspaces = 1;  // Shards that can be in flight at once.
};

// The plan for kernels with that many lanes of T, which is float or double.
template <class T>
TwinPlan MakeTwinPlan(const Architecture& architecture, const RowLayout& layout, Index lanes,
                      Index max_batch);

extern template TwinPlan MakeTwinPlan<float>(const Architecture&, const RowLayout&, Index, Index);
extern template TwinPlan MakeTwinPlan<double>(const Architecture&, const RowLayout&, Index, Index);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_TWIN_PLAN_H_
