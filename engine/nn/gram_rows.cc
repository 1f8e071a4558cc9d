#include "engine/nn/gram_rows.h"

#include <algorithm>

#include "engine/base/matrix.h"
#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_layout.h"
#include "engine/nn/gram_points.h"

namespace sobolev::nn {

namespace {

class RowWriter {
 public:
  RowWriter(const GramNetwork& network, const GramLayout& layout, const GramKernels& kernels,
            const double* chunk, double* scratch, double* rows, Index stride)
      : network_(network),
        layout_(layout),
        kernels_(kernels),
        lanes_(kernels.lanes),
        chunk_(chunk),
        scratch_(scratch),
        rows_(rows),
        stride_(stride) {}

  void Write() {
    Index residual = 0;
    if (HasValues(layout_.kind)) {
      for (Index i = 0; i < network_.m; ++i, ++residual) WriteValue(i, residual);
    }
    if (layout_.kind == GramKind::kValues) return;
    for (Index i = 0; i < layout_.seeds; ++i) {
      for (Index j = 0; j < layout_.directions; ++j, ++residual) WritePair(i, j, residual);
    }
  }

 private:
  // The row of weights (l, r, ·) and its bias, as d_r·[a; 1] + e_r·ȧ; e may be null, or d.
  void Put(Index l, Index r, Index residual, const double* d, const double* a, const double* e,
           const double* a_dot) {
    const GramLayer& layer = network_.Layer(l);
    PairSum sums[2];
    Index num_sums = 0;
    if (d != nullptr) sums[num_sums++] = {d, 0, a, 0, 1};
    if (e != nullptr) sums[num_sums++] = {e, 0, a_dot, 0, 1};
    kernels_.pairs(sums, num_sums, 0, layer.cols + 1, scratch_);
    Store(l, r, residual);
  }

  void Store(Index l, Index r, Index residual) {
    const GramLayer& layer = network_.Layer(l);
    for (Index c = 0; c <= layer.cols; ++c) {
      const Index column = c < layer.cols ? layer.weights + r * layer.cols + c : layer.bias + r;
      std::copy_n(scratch_ + c * lanes_, lanes_, rows_ + column * stride_ + residual * lanes_);
    }
  }

  void WriteValue(Index i, Index residual) {
    const Index depth = network_.depth;
    for (Index l = 1; l <= depth; ++l) {
      for (Index r = 0; r < network_.Layer(l).rows; ++r) {
        const double* const a = chunk_ + layout_.A(l - 1);
        if (l < depth) {
          Put(l, r, residual, chunk_ + layout_.Layer(l).dv[i] + r * lanes_, a, nullptr, nullptr);
        } else {
          const double* const root = chunk_ + (layout_.data.root_weight + i) * lanes_;
          Put(l, r, residual, r == i ? root : nullptr, a, nullptr, nullptr);
        }
      }
    }
  }

  void WritePair(Index i, Index j, Index residual) {
    const Index depth = network_.depth;
    const Index pair = i * layout_.directions + j;
    for (Index l = 1; l <= depth; ++l) {
      const double* const a = chunk_ + layout_.A(l - 1);
      const bool unit_inputs = l == 1 && HasUnitDirections(layout_.kind);
      const double* const a_dot = unit_inputs ? nullptr : chunk_ + layout_.ADot(l - 1, j);
      for (Index r = 0; r < network_.Layer(l).rows; ++r) {
        const double* const d_dot =
            l < depth ? chunk_ + layout_.Layer(l).d_dot[pair] + r * lanes_ : nullptr;
        const double* const d = Seed(l, r, i);
        if (!unit_inputs) {
          Put(l, r, residual, d_dot, a, d, a_dot);
          continue;
        }
        // ȧ is √w in input j and 0 in the others.
        kernels_.pairs(nullptr, 0, 0, network_.n + 1, scratch_);
        double* const at = scratch_ + j * lanes_;
        if (d != nullptr) {
          kernels_.multiply(d, chunk_ + (layout_.data.input_root + j) * lanes_, lanes_, at);
        }
        if (d_dot != nullptr) {
          const double* const root = chunk_ + (layout_.data.input_root + j) * lanes_;
          const PairSum all{d_dot, 0, a, 0, 1};
          kernels_.pairs(&all, 1, 0, network_.n + 1, scratch_);
          const PairSum both[2] = {{d_dot, 0, a + j * lanes_, 0, 1}, {d, 0, root, 0, 1}};
          kernels_.pairs(both, 2, 0, 1, at);
        }
        Store(l, r, residual);
      }
    }
  }

  // √c·d_r of layer l for seed i; null where it is 0.
  const double* Seed(Index l, Index r, Index i) const {
    if (l < network_.depth) return chunk_ + layout_.Layer(l).dw[i] + r * lanes_;
    if (layout_.kind == GramKind::kAdjoint) return chunk_ + (layout_.data.seed + r) * lanes_;
    return r == i ? chunk_ + (layout_.data.seed_root + i) * lanes_ : nullptr;
  }

  const GramNetwork& network_;
  const GramLayout& layout_;
  const GramKernels& kernels_;
  const Index lanes_;
  const double* chunk_;
  double* scratch_;
  double* rows_;
  Index stride_;
};

}  // namespace

Index RowScratchSize(const GramNetwork& network, Index lanes) {
  Index cols = 0;
  for (const GramLayer& layer : network.layers) cols = std::max(cols, layer.cols);
  return (cols + 1) * lanes;
}

void WriteRows(const GramNetwork& network, const GramLayout& layout, const GramKernels& kernels,
               const double* chunk, double* scratch, double* rows, Index stride) {
  RowWriter(network, layout, kernels, chunk, scratch, rows, stride).Write();
}

void WriteCurvatureRows(const GramNetwork& network, const GramLayout& layout,
                        const GramKernels& kernels, const double* chunk, double* scratch,
                        double* rows, Index lane_stride, Index stride) {
  const Index lanes = kernels.lanes;
  for (Index l = 1; l <= network.depth; ++l) {
    const GramLayer& layer = network.Layer(l);
    for (Index r = 0; r < layer.rows; ++r) {
      PairSum sums[4];
      Index num_sums = 0;
      const auto add = [&](Index left, Index right) {
        sums[num_sums++] = {chunk + left + r * lanes, 0, chunk + right, 0, 1};
      };
      if (l < network.depth) {
        const GramLayout::Arrays& arrays = layout.Layer(l);
        add(arrays.z_bar_dot, layout.A(l - 1));
        add(arrays.z_bar, layout.ADot(l - 1, 0));
        add(arrays.g_dot, layout.T(l - 1, 0));
        if (l > 1) add(arrays.g[0], layout.Layer(l - 1).t_dot);
      } else if (l > 1) {
        add(layout.data.seed * lanes, layout.Layer(l - 1).t_dot);
      }
      kernels.pairs(sums, num_sums, 0, layer.cols + 1, scratch);
      for (Index c = 0; c <= layer.cols; ++c) {
        const Index column = c < layer.cols ? layer.weights + r * layer.cols + c : layer.bias + r;
        double* const to = rows + column * stride;
        for (Index lane = 0; lane < lanes; ++lane) {
          to[lane * lane_stride] = scratch[c * lanes + lane];
        }
      }
    }
  }
}

}  // namespace sobolev::nn
