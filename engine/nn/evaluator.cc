#include "engine/nn/evaluator.h"

#include <algorithm>
#include <cstddef>
#include <stop_token>
#include <utility>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/nn/packing.h"

namespace sobolev::nn {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

PackedLayer Pack(const RowMajor& W, const Vector& b, Index width) {
  PackedLayer layer{.rows = W.rows(),
                    .cols = W.cols(),
                    .padded_rows = RoundUp(W.rows(), width),
                    .padded_cols = RoundUp(W.cols(), width),
                    .packed = AlignedBuffer<double>(W.size()),
                    .transposed = AlignedBuffer<double>(W.size()),
                    .columns = AlignedBuffer<double>(RoundUp(W.rows(), width) * W.cols()),
                    .lines = AlignedBuffer<double>(RoundUp(W.cols(), width) * W.rows()),
                    .bias = AlignedBuffer<double>(RoundUp(W.rows(), width))};
  PackWeights(W.data(), W.rows(), W.cols(), layer.packed.data());
  PackTransposed(W.data(), W.rows(), W.cols(), layer.transposed.data());
  for (Index i = 0; i < W.rows(); ++i) {
    for (Index j = 0; j < W.cols(); ++j) {
      layer.columns.data()[j * layer.padded_rows + i] = W(i, j);
      layer.lines.data()[i * layer.padded_cols + j] = W(i, j);
    }
  }
  std::copy_n(b.data(), b.size(), layer.bias.data());
  return layer;
}

// ---- Points in lanes ----

// One chunk: [feature][lane] arrays in the workspace.
class ChunkSweep {
 public:
  ChunkSweep(const PackedNetwork& network, const Evaluation& evaluation, Index first, Index count,
             double* workspace)
      : network_(network),
        kernels_(network.kernels),
        evaluation_(evaluation),
        first_(first),
        count_(count),
        current_(workspace),
        next_(workspace + network.widest * kernels_.lanes),
        slopes_(workspace + 2 * network.widest * kernels_.lanes) {}

  void Value() {
    const Index n = network_.n;
    kernels_.gather(evaluation_.X + first_ * n, n, nullptr, count_, n, current_);
    for (Index j = 0; j < n; ++j) {
      for (Index lane = 0; lane < kernels_.lanes; ++lane) {
        current_[j * kernels_.lanes + lane] -= network_.x_mean[j];
      }
    }
    for (Index l = 1; l < network_.depth; ++l) {
      ThrowIfStopped(evaluation_.stop);
      kernels_.affine(Times(l), network_.Layer(l).bias.data(), next_);
      kernels_.activate[network_.activation](next_, Slope(l), nullptr,
                                             network_.Layer(l).rows * kernels_.lanes);
      std::swap(current_, next_);
    }
    ThrowIfStopped(evaluation_.stop);
    if (evaluation_.out.Y == nullptr) return;
    kernels_.affine(Times(network_.depth), network_.Layer(network_.depth).bias.data(), next_);
    kernels_.scatter(next_, network_.m, count_, evaluation_.out.Y + first_ * network_.m,
                     network_.m);
  }

  // Column j of every Jacobian.
  void JacobianByTangent(Index j) {
    const Index n = network_.n;
    const Index m = network_.m;
    const PackedLayer& input = network_.Layer(1);
    Start(input.columns.data() + j * input.padded_rows, network_.depth == 1 ? m : input.rows, 1);
    if (network_.depth > 1) Push(2);
    double* const to = evaluation_.out.J + first_ * m * n + j;
    for (Index lane = 0; lane < count_; ++lane) {
      for (Index i = 0; i < m; ++i) to[(lane * m + i) * n] = current_[i * kernels_.lanes + lane];
    }
  }

  // Row i of every Jacobian.
  void JacobianByAdjoint(Index i) {
    const Index n = network_.n;
    const Index m = network_.m;
    const PackedLayer& output = network_.Layer(network_.depth);
    Start(output.lines.data() + i * output.padded_cols, output.cols, network_.depth - 1);
    if (network_.depth > 1) Pull(network_.depth - 1);
    kernels_.scatter(current_, n, count_, evaluation_.out.J + (first_ * m + i) * n, m * n);
  }

  // Tangent number i of every point.
  void Tangent(Index i) {
    const Index k = evaluation_.tangents->count;
    const Index m = network_.m;
    LoadDirection(*evaluation_.tangents, i, network_.n);
    Push(1);
    kernels_.scatter(current_, m, count_, evaluation_.out.Y_dot + (first_ * k + i) * m, k * m);
  }

  // Adjoint number i of every point.
  void Adjoint(Index i) {
    const Index k = evaluation_.adjoints->count;
    const Index n = network_.n;
    LoadDirection(*evaluation_.adjoints, i, network_.m);
    Pull(network_.depth);
    kernels_.scatter(current_, n, count_, evaluation_.out.X_bar + (first_ * k + i) * n, k * n);
  }

 private:
  double* Slope(Index l) const {
    if (!evaluation_.HasDerivatives()) return nullptr;
    return slopes_ + (l - 1) * network_.widest * kernels_.lanes;
  }

  Product<double> Times(Index l) const {
    const PackedLayer& layer = network_.Layer(l);
    return {layer.packed.data(), layer.rows, layer.cols, current_};
  }
  Product<double> TransposedTimes(Index l) const {
    const PackedLayer& layer = network_.Layer(l);
    return {layer.transposed.data(), layer.cols, layer.rows, current_};
  }

  // current = φ′(z_l)·w for a vector w that is the same at all points; without hidden layers just
  // w.
  void Start(const double* w, Index size, Index l) {
    if (network_.depth == 1) {
      kernels_.affine({nullptr, size, 0, nullptr}, w, current_);
    } else {
      kernels_.first_adjoint(w, size, Slope(l), nullptr, current_, nullptr);
    }
  }

  // ẏ from current = t_{l−1}.
  void Push(Index l) {
    for (; l < network_.depth; ++l) {
      ThrowIfStopped(evaluation_.stop);
      kernels_.scaled(Times(l), Slope(l), next_);
      std::swap(current_, next_);
    }
    ThrowIfStopped(evaluation_.stop);
    kernels_.affine(Times(network_.depth), nullptr, next_);
    std::swap(current_, next_);
  }

  // x̄ from current = z̄_l.
  void Pull(Index l) {
    for (; l > 1; --l) {
      ThrowIfStopped(evaluation_.stop);
      kernels_.scaled(TransposedTimes(l), Slope(l - 1), next_);
      std::swap(current_, next_);
    }
    ThrowIfStopped(evaluation_.stop);
    kernels_.affine(TransposedTimes(1), nullptr, next_);
    std::swap(current_, next_);
  }

  void LoadDirection(const Directions& directions, Index i, Index size) {
    const double* const from = directions.D.data();
    if (directions.per_point) {
      kernels_.gather(from + (first_ * directions.count + i) * size, directions.count * size,
                      nullptr, count_, size, current_);
    } else {
      kernels_.affine({nullptr, size, 0, nullptr}, from + i * size, current_);
    }
  }

  const PackedNetwork& network_;
  const Kernels<double>& kernels_;
  const Evaluation& evaluation_;
  const Index first_;
  const Index count_;
  double* current_;  // What the next product reads.
  double* next_;
  double* slopes_;  // φ′(z_l), l = 1 … D − 1.
};

// ---- Features in lanes ----

// One point: [direction][feature] arrays in the workspace, `sides` directions at a time.
class PointSweep {
 public:
  PointSweep(const PackedNetwork& network, const Evaluation& evaluation, Index point,
             double* workspace)
      : network_(network),
        kernels_(network.kernels),
        evaluation_(evaluation),
        point_(point),
        current_(workspace),
        next_(workspace + kMaxRightSides * network.widest),
        slopes_(workspace + 2 * kMaxRightSides * network.widest) {}

  void Value() {
    for (Index j = 0; j < network_.n; ++j) {
      current_[j] = evaluation_.X[point_ * network_.n + j] - network_.x_mean[j];
    }
    for (Index l = 1; l < network_.depth; ++l) {
      Multiply(l, 1, network_.Layer(l).bias.data(), nullptr);
      kernels_.activate[network_.activation](current_, Slope(l), nullptr,
                                             network_.Layer(l).padded_rows);
    }
    if (evaluation_.out.Y == nullptr) return;
    Multiply(network_.depth, 1, network_.Layer(network_.depth).bias.data(), nullptr);
    std::copy_n(current_, network_.m, evaluation_.out.Y + point_ * network_.m);
  }

  void JacobianByTangents() {
    const Index n = network_.n;
    const Index m = network_.m;
    const PackedLayer& input = network_.Layer(1);
    double* const to = evaluation_.out.J + point_ * m * n;
    InGroups(n, [&](Index first, Index sides) {
      for (Index s = 0; s < sides; ++s) {
        Start(input.columns.data() + (first + s) * input.padded_rows, input.padded_rows, 1, s);
      }
      if (network_.depth > 1) Push(2, sides);
      for (Index s = 0; s < sides; ++s) {
        for (Index i = 0; i < m; ++i) to[i * n + first + s] = Side(s)[i];
      }
    });
  }

  void JacobianByAdjoints() {
    const Index n = network_.n;
    const Index m = network_.m;
    const PackedLayer& output = network_.Layer(network_.depth);
    InGroups(m, [&](Index first, Index sides) {
      for (Index s = 0; s < sides; ++s) {
        Start(output.lines.data() + (first + s) * output.padded_cols, output.padded_cols,
              network_.depth - 1, s);
      }
      if (network_.depth > 1) Pull(network_.depth - 1, sides);
      StoreSides(n, sides, evaluation_.out.J + (point_ * m + first) * n);
    });
  }

  void Tangents() {
    const Directions& directions = *evaluation_.tangents;
    InGroups(directions.count, [&](Index first, Index sides) {
      LoadSides(directions, first, sides, network_.n);
      Push(1, sides);
      StoreSides(network_.m, sides,
                 evaluation_.out.Y_dot + (point_ * directions.count + first) * network_.m);
    });
  }

  void Adjoints() {
    const Directions& directions = *evaluation_.adjoints;
    InGroups(directions.count, [&](Index first, Index sides) {
      LoadSides(directions, first, sides, network_.m);
      Pull(network_.depth, sides);
      StoreSides(network_.n, sides,
                 evaluation_.out.X_bar + (point_ * directions.count + first) * network_.n);
    });
  }

 private:
  double* Slope(Index l) const {
    return evaluation_.HasDerivatives() ? slopes_ + (l - 1) * network_.widest : nullptr;
  }
  double* Side(Index s) const { return current_ + s * network_.widest; }

  // current = p·(W_l current + bias).
  void Multiply(Index l, Index sides, const double* bias, const double* p) {
    const PackedLayer& layer = network_.Layer(l);
    ThrowIfStopped(evaluation_.stop);
    kernels_.apply(layer.columns.data(), layer.padded_rows, layer.cols, current_, network_.widest,
                   sides, bias, p, next_, network_.widest);
    std::swap(current_, next_);
  }

  // current = p·(W_lᵀ current).
  void MultiplyTransposed(Index l, Index sides, const double* p) {
    const PackedLayer& layer = network_.Layer(l);
    ThrowIfStopped(evaluation_.stop);
    kernels_.apply(layer.lines.data(), layer.padded_cols, layer.rows, current_, network_.widest,
                   sides, nullptr, p, next_, network_.widest);
    std::swap(current_, next_);
  }

  void Start(const double* w, Index padded_size, Index l, Index s) {
    if (network_.depth == 1) {
      std::copy_n(w, padded_size, Side(s));
    } else {
      std::transform(w, w + padded_size, Slope(l), Side(s), std::multiplies<>{});
    }
  }

  void Push(Index l, Index sides) {
    for (; l < network_.depth; ++l) Multiply(l, sides, nullptr, Slope(l));
    Multiply(network_.depth, sides, nullptr, nullptr);
  }

  void Pull(Index l, Index sides) {
    for (; l > 1; --l) MultiplyTransposed(l, sides, Slope(l - 1));
    MultiplyTransposed(1, sides, nullptr);
  }

  template <class Body>
  static void InGroups(Index count, const Body& body) {
    for (Index first = 0; first < count; first += kMaxRightSides) {
      body(first, std::min(kMaxRightSides, count - first));
    }
  }

  void LoadSides(const Directions& directions, Index first, Index sides, Index size) {
    const Index column = (directions.per_point ? point_ * directions.count : 0) + first;
    for (Index s = 0; s < sides; ++s) {
      std::copy_n(directions.D.data() + (column + s) * size, size, Side(s));
    }
  }

  void StoreSides(Index size, Index sides, double* to) const {
    for (Index s = 0; s < sides; ++s) std::copy_n(Side(s), size, to + s * size);
  }

  const PackedNetwork& network_;
  const Kernels<double>& kernels_;
  const Evaluation& evaluation_;
  const Index point_;
  double* current_;
  double* next_;
  double* slopes_;
};

}  // namespace

PackedNetwork::PackedNetwork(const Architecture& architecture, const Scaling& scaling,
                             const Vector& theta, const Kernels<double>& table)
    : kernels(table),
      activation(static_cast<std::size_t>(architecture.activation)),
      n(architecture.n),
      m(architecture.m),
      depth(architecture.Depth()),
      widest(std::max(architecture.n, architecture.m)),
      x_mean(scaling.x_mean) {
  Index next = 0;
  for (Index l = 1; l <= depth; ++l) {
    const Index rows = architecture.Rows(l);
    const Index cols = architecture.Cols(l);
    RowMajor W = Eigen::Map<const RowMajor>(theta.data() + next, rows, cols);
    Vector b = theta.segment(next + rows * cols, rows);
    next += rows * (cols + 1);
    if (l == 1) W *= scaling.x_scale.cwiseInverse().asDiagonal();
    if (l == depth) {
      W = scaling.y_scale.asDiagonal() * W;
      b = scaling.y_scale.cwiseProduct(b) + scaling.y_mean;
    }
    layers.push_back(Pack(W, b, kernels.width));
    widest = std::max(widest, rows);
  }
  widest = RoundUp(widest, kernels.width);
}

Index ChunkWorkspace(const PackedNetwork& network) {
  return (network.depth + 1) * network.widest * network.kernels.lanes;
}

Index PointWorkspace(const PackedNetwork& network) {
  return (network.depth - 1 + 2 * kMaxRightSides) * network.widest;
}

void EvaluateChunk(const PackedNetwork& network, const Evaluation& evaluation, Index first,
                   Index count, double* workspace) {
  ChunkSweep sweep(network, evaluation, first, count, workspace);
  sweep.Value();
  if (evaluation.out.J != nullptr && evaluation.jacobian_by_tangents) {
    for (Index j = 0; j < network.n; ++j) sweep.JacobianByTangent(j);
  } else if (evaluation.out.J != nullptr) {
    for (Index i = 0; i < network.m; ++i) sweep.JacobianByAdjoint(i);
  }
  if (evaluation.out.Y_dot != nullptr) {
    for (Index i = 0; i < evaluation.tangents->count; ++i) sweep.Tangent(i);
  }
  if (evaluation.out.X_bar != nullptr) {
    for (Index i = 0; i < evaluation.adjoints->count; ++i) sweep.Adjoint(i);
  }
}

void EvaluatePoint(const PackedNetwork& network, const Evaluation& evaluation, Index point,
                   double* workspace) {
  PointSweep sweep(network, evaluation, point, workspace);
  sweep.Value();
  if (evaluation.out.J != nullptr) {
    evaluation.jacobian_by_tangents ? sweep.JacobianByTangents() : sweep.JacobianByAdjoints();
  }
  if (evaluation.out.Y_dot != nullptr) sweep.Tangents();
  if (evaluation.out.X_bar != nullptr) sweep.Adjoints();
}

}  // namespace sobolev::nn
