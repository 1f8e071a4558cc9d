#include "engine/nn/gram_gradient.h"

#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/gram_layout.h"
#include "engine/nn/gram_points.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

namespace {

class GradientAdder {
 public:
  GradientAdder(const GramNetwork& network, const GramLayout& layout,
                const Kernels<double>& kernels, const double* chunk, double* tiles)
      : network_(network), layout_(layout), kernels_(kernels), chunk_(chunk), tiles_(tiles) {}

  void AddHidden(Index l) const {
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    if (layout_.kind == GramKind::kCurvature) {
      AddOuter(l, arrays.z_bar_dot, layout_.A(l - 1));
      AddOuter(l, arrays.z_bar, layout_.ADot(l - 1, 0));
      AddOuter(l, arrays.g_dot, layout_.T(l - 1, 0));
      if (l > 1) AddOuter(l, arrays.g[0], layout_.Layer(l - 1).t_dot);
      return;
    }
    AddOuter(l, arrays.z_bar, layout_.A(l - 1));
    for (Index i = 0; i < layout_.pairs; ++i) {
      const Index sweep = layout_.kind == GramKind::kTangent ? layout_.seeds : i;
      AddOuter(l, arrays.g[sweep], layout_.T(l - 1, i));
    }
  }

  void AddOutput() const {
    const Index depth = network_.depth;
    const GramLayer& layer = network_.Layer(depth);
    if (HasValues(layout_.kind)) AddOuter(depth, layout_.y, layout_.A(depth - 1));
    switch (layout_.kind) {
      case GramKind::kValues:
        break;
      case GramKind::kFull:
        // The adjoint of output i is the i-th unit vector here.
        for (Index i = 0; i < network_.m; ++i) {
          const Index row = i / kTile * kTile * RoundUp(layer.cols + 1, kTile) + i % kTile * kTile;
          kernels_.row_sums(chunk_ + layout_.T(depth - 1, i), 0, 1, layer.cols + 1,
                            tiles_ + layer.tiles + row, kTile * kTile);
        }
        break;
      case GramKind::kTangent:
        AddOuter(depth, layout_.u_bar, layout_.T(depth - 1, 0));
        break;
      case GramKind::kAdjoint:
        AddOuter(depth, layout_.data.seed * layout_.lanes, layout_.T(depth - 1, 0));
        break;
      case GramKind::kCurvature:
        if (depth == 1) break;
        AddOuter(depth, layout_.data.seed * layout_.lanes, layout_.Layer(depth - 1).t_dot);
        break;
    }
  }

 private:
  // Of the weights and biases of layer l.
  void AddOuter(Index l, Index left, Index right) const {
    const GramLayer& layer = network_.Layer(l);
    const OuterTerm<double> term{chunk_ + left, 0, chunk_ + right, 0};
    kernels_.outer(&term, 1, 1, layer.rows, layer.cols + 1, tiles_ + layer.tiles);
  }

  const GramNetwork& network_;
  const GramLayout& layout_;
  const Kernels<double>& kernels_;
  const double* chunk_;
  double* tiles_;
};

}  // namespace

void AddGradient(const GramNetwork& network, const GramLayout& layout,
                 const Kernels<double>& kernels, const double* chunk, double* tiles) {
  const GradientAdder adder(network, layout, kernels, chunk, tiles);
  for (Index l = 1; l < network.depth; ++l) adder.AddHidden(l);
  adder.AddOutput();
}

void CollectGradient(const GramNetwork& network, const std::vector<AlignedBuffer<double>>& tiles,
                     Index num_slots, Eigen::Ref<Vector> gradient) {
  for (const GramLayer& layer : network.layers) {
    const Index width = RoundUp(layer.cols + 1, kTile);
    for (Index row = 0; row < layer.rows; ++row) {
      for (Index col = 0; col <= layer.cols; ++col) {
        const Index from = layer.tiles + row / kTile * kTile * width + col / kTile * kTile * kTile +
                           row % kTile * kTile + col % kTile;
        double sum = 0;
        for (Index slot = 0; slot < num_slots; ++slot) {
          sum += tiles[static_cast<std::size_t>(slot)].data()[from];
        }
        gradient[col < layer.cols ? layer.weights + row * layer.cols + col : layer.bias + row] =
            sum;
      }
    }
  }
}

}  // namespace sobolev::nn
