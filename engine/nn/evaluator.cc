#include "engine/nn/evaluator.h"

#include <algorithm>
#include <cstddef>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/nn/packing.h"

namespace sobolev::nn {

namespace {

// The last `skip_cols` columns of W are those of x.
PackedLayer Pack(const RowMajorMatrix& W, const Vector& b, Index skip_cols, bool residual,
                 Index width) {
  const Index inner = W.cols() - skip_cols;
  PackedLayer layer{.rows = W.rows(),
                    .cols = W.cols(),
                    .inner = inner,
                    .residual = residual,
                    .padded_rows = RoundUp(W.rows(), width),
                    .padded_cols = RoundUp(W.cols(), width),
                    .weights = PackedMatrix(W),
                    .transposed = PackedMatrix(W.leftCols(inner).transpose()),
                    .skip_transposed = PackedMatrix(W.rightCols(skip_cols).transpose()),
                    .columns = AlignedBuffer<double>(RoundUp(W.rows(), width) * W.cols()),
                    .lines = AlignedBuffer<double>(RoundUp(W.cols(), width) * W.rows()),
                    .bias = AlignedBuffer<double>(RoundUp(W.rows(), width))};
  for (Index i = 0; i < W.rows(); ++i) {
    for (Index j = 0; j < W.cols(); ++j) {
      layer.columns.data()[j * layer.padded_rows + i] = W(i, j);
      layer.lines.data()[i * layer.padded_cols + j] = W(i, j);
    }
  }
  std::copy_n(b.data(), b.size(), layer.bias.data());
  return layer;
}

// Points one by one are evaluated with the zeros of sparse layers. The rest is what activations
// take in chunks.
Index MaxPointsOneByOne(const std::vector<PackedLayer>& layers, Index lanes) {
  constexpr Index kOfDense = 18;
  constexpr double kOfActivations = 0.35;
  double multiply_adds = 0;
  double all = 0;
  for (const PackedLayer& layer : layers) {
    multiply_adds += static_cast<double>(layer.weights.MultiplyAdds());
    all += static_cast<double>(layer.rows * layer.cols);
  }
  const double share = kOfActivations + (1 - kOfActivations) * multiply_adds / all;
  return static_cast<Index>(static_cast<double>(std::min(kOfDense, lanes)) * share);
}

}  // namespace

PackedMatrix::PackedMatrix(const RowMajorMatrix& W) : rows_(W.rows()), cols_(W.cols()) {
  const Index count = (W.array() != 0).count();
  if (static_cast<double>(count) > kSparseDensity * static_cast<double>(W.size())) {
    weights_ = AlignedBuffer<double>(W.size());
    PackWeights(W.data(), rows_, cols_, weights_.data());
    return;
  }
  weights_ = AlignedBuffer<double>(count);
  starts_.reserve(static_cast<std::size_t>(rows_ + 1));
  columns_.reserve(static_cast<std::size_t>(count));
  for (Index i = 0; i < rows_; ++i) {
    starts_.push_back(static_cast<std::uint32_t>(columns_.size()));
    for (Index j = 0; j < cols_; ++j) {
      if (W(i, j) == 0) continue;
      weights_.data()[columns_.size()] = W(i, j);
      columns_.push_back(static_cast<std::uint32_t>(j));
    }
  }
  starts_.push_back(static_cast<std::uint32_t>(columns_.size()));
}

std::size_t PackedMatrix::SizeBytes() const {
  return static_cast<std::size_t>(weights_.size()) * sizeof(double) +
         (starts_.size() + columns_.size()) * sizeof(std::uint32_t);
}

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
    RowMajorMatrix W = Eigen::Map<const RowMajorMatrix>(theta.data() + next, rows, cols);
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
  max_points_one_by_one = MaxPointsOneByOne(layers, kernels.lanes);
}

}  // namespace sobolev::nn
