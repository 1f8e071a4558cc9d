#include "engine/nn/hessian_sweep.h"

#include <algorithm>
#include <utility>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/evaluator.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"

namespace sobolev::nn {

namespace {

// Arrays of one hidden layer: φ′, φ″, φ″·ā and q.
constexpr Index kArrays = 4;

// One chunk of points in lanes.
class HessianSweep {
 public:
  HessianSweep(const PackedNetwork& network, const Evaluation& evaluation, double* workspace)
      : network_(network),
        kernels_(network.kernels),
        evaluation_(evaluation),
        size_(network.widest * network.kernels.lanes),
        current_(workspace),
        next_(workspace + size_),
        inputs_(workspace + 2 * size_),
        a_bar_(workspace + 3 * size_),
        layers_(workspace + 4 * size_) {}

  void Value(Index first, Index count) {
    const Index n = network_.n;
    const Index lanes = kernels_.lanes;
    kernels_.gather(evaluation_.X + first * n, n, nullptr, count, n, current_);
    for (Index j = 0; j < n; ++j) {
      for (Index lane = 0; lane < lanes; ++lane) current_[j * lanes + lane] -= network_.x_mean[j];
    }
    if (network_.skip) std::copy_n(current_, n * lanes, inputs_);
    for (Index l = 1; l < network_.depth; ++l) {
      ThrowIfStopped(evaluation_.stop);
      kernels_.affine(Times(l), network_.Layer(l).bias.data(), next_);
      kernels_.activate[network_.activation](next_, First(l), Second(l),
                                             network_.Layer(l).rows * lanes);
      FinishLayer(l);
    }
  }

  // φ″(z_l)·ā_l of output i, for all l.
  void Adjoint(Index i) {
    const PackedLayer& output = network_.Layer(network_.depth);
    const Index last = network_.depth - 1;
    const double* const line = output.lines.data() + i * output.padded_cols;
    kernels_.first_adjoint(line, output.inner, First(last), Second(last), current_, Bend(last));
    if (network_.residual) kernels_.affine({nullptr, output.inner, 0, nullptr}, line, a_bar_);
    for (Index l = last - 1; l >= 1; --l) {
      ThrowIfStopped(evaluation_.stop);
      if (network_.residual) {
        PullThrough(l + 1, current_);
        const Index size = network_.Layer(l).rows * kernels_.lanes;
        kernels_.blend(First(l), a_bar_, nullptr, size, next_);
        kernels_.blend(Second(l), a_bar_, nullptr, size, Bend(l));
      } else {
        kernels_.adjoint(TransposedTimes(l + 1, current_), First(l), Second(l), next_, Bend(l));
      }
      std::swap(current_, next_);
    }
  }

  // ∇²y_i e_j, of the output whose adjoints were swept.
  const double* Column(Index j) {
    const PackedLayer& input = network_.Layer(1);
    kernels_.first_adjoint(input.columns.data() + j * input.padded_rows, input.rows, First(1),
                           Bend(1), current_, Reverse(1));
    if (network_.skip) {
      std::fill_n(inputs_, network_.n * kernels_.lanes, 0.0);
      std::fill_n(inputs_ + j * kernels_.lanes, kernels_.lanes, 1.0);
      std::copy_n(inputs_, network_.n * kernels_.lanes, current_ + input.rows * kernels_.lanes);
    }
    const Index last = network_.depth - 1;
    for (Index l = 2; l <= last; ++l) {
      ThrowIfStopped(evaluation_.stop);
      kernels_.tangent(Times(l), First(l), Bend(l), next_, Reverse(l));
      FinishLayer(l);
    }
    return ReverseSweep();
  }

 private:
  double* First(Index l) const { return layers_ + kArrays * (l - 1) * size_; }
  double* Second(Index l) const { return First(l) + size_; }
  double* Bend(Index l) const { return First(l) + 2 * size_; }
  double* Reverse(Index l) const { return First(l) + 3 * size_; }

  Product<double> Times(Index l) const {
    const PackedLayer& layer = network_.Layer(l);
    return {layer.packed.data(), layer.rows, layer.cols, current_};
  }
  Product<double> TransposedTimes(Index l, const double* in) const {
    const PackedLayer& layer = network_.Layer(l);
    return {layer.transposed.data(), layer.inner, layer.rows, in};
  }

  // From φ(z_l), or its tangent, in next_ and the layer before in current_, what the next layer
  // sees.
  void FinishLayer(Index l) {
    const Index size = network_.Layer(l).rows * kernels_.lanes;
    if (network_.Layer(l).residual) kernels_.add(current_, size, next_);
    if (network_.skip) std::copy_n(inputs_, network_.n * kernels_.lanes, next_ + size);
    std::swap(current_, next_);
  }

  // ā_{l−1} in a_bar_, in which ā_l is, from z̄_l.
  void PullThrough(Index l, const double* z_bar) {
    if (network_.Layer(l).residual) {
      kernels_.accumulate(TransposedTimes(l, z_bar), a_bar_);
    } else {
      kernels_.affine(TransposedTimes(l, z_bar), nullptr, a_bar_);
    }
  }

  // x̄ of the tangents in Reverse(l).
  const double* ReverseSweep() {
    const Index last = network_.depth - 1;
    const double* z_bar = Reverse(last);
    double* const x_bar = inputs_;
    if (network_.skip) std::fill_n(x_bar, network_.n * kernels_.lanes, 0.0);
    if (network_.residual) {
      std::fill_n(a_bar_, network_.Layer(last).rows * kernels_.lanes, 0.0);
    }
    for (Index l = last; l > 1; --l) {
      ThrowIfStopped(evaluation_.stop);
      const PackedLayer& layer = network_.Layer(l);
      if (network_.skip) {
        kernels_.accumulate({layer.skip_transposed.data(), network_.n, layer.rows, z_bar}, x_bar);
      }
      if (network_.residual) {
        PullThrough(l, z_bar);
        kernels_.blend(First(l - 1), a_bar_, Reverse(l - 1), layer.inner * kernels_.lanes, next_);
      } else {
        kernels_.reverse(TransposedTimes(l, z_bar), First(l - 1), Reverse(l - 1), next_);
      }
      std::swap(current_, next_);
      z_bar = current_;
    }
    kernels_.affine(TransposedTimes(1, z_bar), nullptr, next_);
    if (network_.skip) kernels_.add(x_bar, network_.n * kernels_.lanes, next_);
    return next_;
  }

  const PackedNetwork& network_;
  const Kernels<double>& kernels_;
  const Evaluation& evaluation_;
  const Index size_;
  double* current_;  // What the next product reads.
  double* next_;
  double* inputs_;  // What skips read or add to: x, its tangent or its adjoint.
  double* a_bar_;   // In networks with residual layers.
  double* layers_;
};

}  // namespace

Index HessianWorkspace(const PackedNetwork& network) {
  return (4 + kArrays * (network.depth - 1)) * network.widest * network.kernels.lanes;
}

double HessianCost(const Architecture& architecture) {
  if (architecture.Depth() == 1) return 0;
  double sweep = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    sweep += static_cast<double>(architecture.Rows(l) * architecture.Cols(l));
  }
  const auto n = static_cast<double>(architecture.n);
  return sweep * (1 + static_cast<double>(architecture.m) * (1 + 2 * n));
}

void EvaluateHessians(const PackedNetwork& network, const Evaluation& evaluation, Index first,
                      Index count, double* workspace) {
  const Index n = network.n;
  const Index m = network.m;
  double* const H = evaluation.out.H + first * m * n * n;
  if (network.depth == 1) {
    std::fill_n(H, count * m * n * n, 0.0);
    return;
  }
  HessianSweep sweep(network, evaluation, workspace);
  sweep.Value(first, count);
  for (Index i = 0; i < m; ++i) {
    sweep.Adjoint(i);
    for (Index j = 0; j < n; ++j) {
      network.kernels.scatter(sweep.Column(j), n, count, H + (i * n + j) * n, m * n * n);
    }
  }
}

}  // namespace sobolev::nn
