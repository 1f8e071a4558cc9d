#include "engine/nn/evaluator.h"

#include <algorithm>
#include <cstddef>
#include <stop_token>
#include <utility>

#include "engine/base/matrix.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/nn/packing.h"

namespace sobolev::nn {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// The last `skip_cols` columns of W are those of x.
PackedLayer Pack(const RowMajor& W, const Vector& b, Index skip_cols, bool residual, Index width) {
  const Index inner = W.cols() - skip_cols;
  PackedLayer layer{.rows = W.rows(),
                    .cols = W.cols(),
                    .inner = inner,
                    .residual = residual,
                    .padded_rows = RoundUp(W.rows(), width),
                    .padded_cols = RoundUp(W.cols(), width),
                    .packed = AlignedBuffer<double>(W.size()),
                    .transposed = AlignedBuffer<double>(W.rows() * inner),
                    .skip_transposed = AlignedBuffer<double>(W.rows() * skip_cols),
                    .columns = AlignedBuffer<double>(RoundUp(W.rows(), width) * W.cols()),
                    .lines = AlignedBuffer<double>(RoundUp(W.cols(), width) * W.rows()),
                    .bias = AlignedBuffer<double>(RoundUp(W.rows(), width))};
  PackWeights(W.data(), W.rows(), W.cols(), layer.packed.data());
  PackTransposed(W.data(), W.cols(), W.rows(), inner, layer.transposed.data());
  PackTransposed(W.data() + inner, W.cols(), W.rows(), skip_cols, layer.skip_transposed.data());
  for (Index i = 0; i < W.rows(); ++i) {
    for (Index j = 0; j < W.cols(); ++j) {
      layer.columns.data()[j * layer.padded_rows + i] = W(i, j);
      layer.lines.data()[i * layer.padded_cols + j] = W(i, j);
    }
  }
  std::copy_n(b.data(), b.size(), layer.bias.data());
  return layer;
}

}  // namespace

PackedNetwork::PackedNetwork(const Architecture& architecture, const Scaling& scaling,
                             const Vector& theta, const Kernels<double>& table)
    : kernels(table),
      activation(static_cast<std::size_t>(architecture.activation)),
      n(architecture.n),
      m(architecture.m),
      depth(architecture.Depth()),
      skip(architecture.skip),
      residual(architecture.residual),
      widest(architecture.m),
      x_mean(scaling.x_mean) {
  Index next = 0;
  for (Index l = 1; l <= depth; ++l) {
    const Index rows = architecture.Rows(l);
    const Index cols = architecture.Cols(l);
    RowMajor W = Eigen::Map<const RowMajor>(theta.data() + next, rows, cols);
    Vector b = theta.segment(next + rows * cols, rows);
    next += rows * (cols + 1);
    const Index input_cols = l == 1 ? cols : architecture.SkipCols(l);
    if (input_cols > 0) {
      W.rightCols(input_cols) *= scaling.x_scale.cwiseInverse().asDiagonal();
    }
    if (l == depth) {
      W = scaling.y_scale.asDiagonal() * W;
      b = scaling.y_scale.cwiseProduct(b) + scaling.y_mean;
    }
    layers.push_back(
        Pack(W, b, architecture.SkipCols(l), architecture.IsResidual(l), kernels.width));
    widest = std::max(widest, cols);
  }
  widest = RoundUp(widest, kernels.width);
}

}  // namespace sobolev::nn
