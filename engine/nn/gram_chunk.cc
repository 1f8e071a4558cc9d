#include "engine/nn/gram_chunk.h"

#include <algorithm>
#include <cstddef>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_layout.h"
#include "engine/nn/gram_points.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"
#include "engine/nn/packing.h"

namespace sobolev::nn {

const GramKernels& GramKernelsFor(Isa isa) {
  KernelsFor<double>(isa);  // Throws for both.
  switch (isa) {
    case Isa::kAvx512:
      return kAvx512GramKernels;
    case Isa::kAvx2:
      return kAvx2GramKernels;
    case Isa::kSse2:
      break;
  }
  return kSse2GramKernels;
}

void GramWeights::Set(const double* theta) {
  std::copy_n(theta, network_.num_parameters, theta_.data());
  for (const GramLayer& layer : network_.layers) {
    const double* const W = theta_.data() + layer.weights;
    PackWeights(W, layer.rows, layer.cols, packed_.data() + layer.packed);
    PackTransposed(W, layer.cols, layer.rows, layer.inner, packed_.data() + layer.transposed);
    PackTransposed(W + layer.inner, layer.cols, layer.rows, layer.cols - layer.inner,
                   packed_.data() + layer.skip_transposed);
  }
}

GramChunk::GramChunk(const GramNetwork& network, const GramWeights& weights, GramKind kind,
                     Activation activation, bool assemble, Isa isa)
    : network_(network),
      weights_(weights),
      kernels_(KernelsFor<double>(isa)),
      gram_(GramKernelsFor(isa)),
      activation_(static_cast<std::size_t>(activation)),
      layout_(network, kind, kernels_.lanes, assemble) {}

void GramChunk::Prepare(double* chunk) const {
  std::fill_n(chunk, layout_.size, 0.0);
  for (Index l = 1; l < network_.depth; ++l) {
    std::fill_n(chunk + layout_.A(l) + network_.Layer(l + 1).cols * layout_.lanes, layout_.lanes,
                1.0);
  }
}

void GramChunk::FinishLayer(Index l, const double* before, const double* x, double* a) const {
  const Index size = network_.Layer(l).rows * layout_.lanes;
  if (network_.Layer(l).residual) kernels_.add(before, size, a);
  if (network_.skip) std::copy_n(x, network_.n * layout_.lanes, a + size);
}

void GramChunk::PullResidual(Index l, const double* z_bar, double* a_bar) const {
  const Product<double> product = weights_.TransposedTimes(l + 1, z_bar);
  if (network_.Layer(l + 1).residual) {
    kernels_.accumulate(product, a_bar);
  } else {
    kernels_.affine(product, nullptr, a_bar);
  }
}

void GramChunk::Values(double* chunk) const {
  const Index depth = network_.depth;
  for (Index l = 1; l < depth; ++l) {
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    kernels_.affine(weights_.Times(l, chunk + layout_.A(l - 1)),
                    weights_.theta() + network_.Layer(l).bias, chunk + arrays.a);
    const Index size = network_.Layer(l).rows * layout_.lanes;
    if (layout_.kind == GramKind::kCurvature) {
      kernels_.activate_third[activation_](chunk + arrays.a, chunk + arrays.p, chunk + arrays.h,
                                           chunk + arrays.c_dot, size);
    } else {
      kernels_.activate[activation_](chunk + arrays.a, chunk + arrays.p, chunk + arrays.h, size);
    }
    FinishLayer(l, chunk + layout_.A(l - 1), chunk + layout_.A(0), chunk + arrays.a);
  }
  if (!HasValues(layout_.kind)) return;
  kernels_.affine(weights_.Times(depth, chunk + layout_.A(depth - 1)),
                  weights_.theta() + network_.Layer(depth).bias, chunk + layout_.y);
}

void GramChunk::Adjoint(const double* y_bar, Index i, double* chunk) const {
  const Index depth = network_.depth;
  if (depth == 1) return;
  const GramLayout::Arrays& last = layout_.Layer(depth - 1);
  if (network_.residual) PullResidual(depth - 1, y_bar, chunk + layout_.a_bar[0]);
  kernels_.adjoint(weights_.TransposedTimes(depth, y_bar), chunk + last.p, chunk + last.h,
                   chunk + last.g[i], chunk + last.c[i]);
  FinishAdjoint(i, chunk);
}

void GramChunk::UnitAdjoint(Index i, double* chunk) const {
  const Index depth = network_.depth;
  if (depth == 1) return;
  const GramLayer& output = network_.Layer(depth);
  const GramLayout::Arrays& last = layout_.Layer(depth - 1);
  const double* const row = weights_.theta() + output.weights + i * output.cols;
  if (network_.residual) {
    kernels_.affine({nullptr, output.inner, 0, nullptr}, row, chunk + layout_.a_bar[0]);
  }
  kernels_.first_adjoint(row, output.inner, chunk + last.p, chunk + last.h, chunk + last.g[i],
                         chunk + last.c[i]);
  FinishAdjoint(i, chunk);
}

void GramChunk::FinishAdjoint(Index i, double* chunk) const {
  for (Index l = network_.depth - 2; l >= 1; --l) {
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    const double* const g = chunk + layout_.Layer(l + 1).g[i];
    if (network_.residual) {
      const Index size = network_.Layer(l).rows * layout_.lanes;
      double* const a_bar = chunk + layout_.a_bar[0];
      PullResidual(l, g, a_bar);
      kernels_.blend(chunk + arrays.p, a_bar, nullptr, size, chunk + arrays.g[i]);
      kernels_.blend(chunk + arrays.h, a_bar, nullptr, size, chunk + arrays.c[i]);
    } else {
      kernels_.adjoint(weights_.TransposedTimes(l + 1, g), chunk + arrays.p, chunk + arrays.h,
                       chunk + arrays.g[i], chunk + arrays.c[i]);
    }
  }
}

void GramChunk::InputAdjoint(Index i, double* chunk) const {
  const Index depth = network_.depth;
  const GramLayer& output = network_.Layer(depth);
  const double* const seed = chunk + layout_.data.seed * layout_.lanes;
  double* const x_bar = chunk + layout_.x_bar[i];
  if (depth > 1 && !network_.skip) {
    kernels_.affine(weights_.TransposedTimes(1, chunk + layout_.Layer(1).g[i]), nullptr, x_bar);
    return;
  }
  // First what the weights of x in the last layer give.
  if (HasUnitSeeds(layout_.kind)) {
    const Index first = depth == 1 ? 0 : output.inner;
    kernels_.affine({nullptr, network_.n, 0, nullptr},
                    weights_.theta() + output.weights + i * output.cols + first, x_bar);
  } else {
    kernels_.affine(
        depth == 1 ? weights_.TransposedTimes(1, seed) : weights_.SkipTransposedTimes(depth, seed),
        nullptr, x_bar);
  }
  for (Index l = depth - 1; l >= 1; --l) {
    const double* const g = chunk + layout_.Layer(l).g[i];
    kernels_.accumulate(
        l == 1 ? weights_.TransposedTimes(1, g) : weights_.SkipTransposedTimes(l, g), x_bar);
  }
}

void GramChunk::Tangents(double* chunk) const {
  const Index lanes = layout_.lanes;
  for (Index l = 1; l < network_.depth; ++l) {
    const GramLayer& layer = network_.Layer(l);
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    for (Index j = 0; j < layout_.directions; ++j) {
      double* const z_dot = chunk + arrays.z_dot[j];
      if (l == 1 && HasUnitDirections(layout_.kind)) {
        gram_.spread(weights_.theta() + layer.weights + j, layer.cols,
                     chunk + (layout_.data.input_root + j) * lanes, layer.rows, z_dot);
      } else {
        kernels_.affine(weights_.Times(l, chunk + layout_.ADot(l - 1, j)), nullptr, z_dot);
      }
      double* const a_dot = chunk + arrays.a_dot[j];
      gram_.multiply(chunk + arrays.p, z_dot, layer.rows * lanes, a_dot);
      if (layer.residual) kernels_.add(chunk + layout_.ADot(l - 1, j), layer.rows * lanes, a_dot);
      if (!network_.skip) continue;
      double* const x_dot = a_dot + layer.rows * lanes;
      if (HasUnitDirections(layout_.kind)) {
        // Prepare() has made the other rows 0.
        std::copy_n(chunk + (layout_.data.input_root + j) * lanes, lanes, x_dot + j * lanes);
      } else {
        std::copy_n(chunk + layout_.ADot(0, j), network_.n * lanes, x_dot);
      }
    }
  }
}

double GramChunk::Residuals(const double* data, double* chunk) const {
  const Index lanes = layout_.lanes;
  const Index depth = network_.depth;
  const Index n = network_.n;
  const Index m = network_.m;
  std::copy_n(data, layout_.data.size * lanes, chunk);
  Values(chunk);
  double sum = 0;
  Index row = 0;
  const auto compare = [&](Index prediction, Index count) {
    sum += gram_.residual(chunk + prediction, chunk + (layout_.data.target + row) * lanes,
                          chunk + (layout_.data.root_weight + row) * lanes, count,
                          chunk + layout_.sigma + row * lanes);
    row += count;
  };
  switch (layout_.kind) {
    case GramKind::kFull:
    case GramKind::kValues:
      compare(layout_.y, m);
      for (Index i = 0; i < layout_.pairs; ++i) {
        UnitAdjoint(i, chunk);
        InputAdjoint(i, chunk);
        compare(layout_.x_bar[i], n);
      }
      break;
    case GramKind::kTangent:
      Tangents(chunk);
      kernels_.affine(weights_.Times(depth, chunk + layout_.ADot(depth - 1, 0)), nullptr,
                      chunk + layout_.x_bar[0]);
      compare(layout_.x_bar[0], m);
      break;
    case GramKind::kAdjoint:
      Adjoint(chunk + layout_.data.seed * lanes, 0, chunk);
      InputAdjoint(0, chunk);
      compare(layout_.x_bar[0], n);
      break;
    case GramKind::kCurvature:
      Curvatures(chunk);
      compare(layout_.x_bar[0], n);
      break;
  }
  return sum;
}

void GramChunk::Transposed(const double* u, double* chunk) const {
  const Index lanes = layout_.lanes;
  const Index depth = network_.depth;
  const Index n = network_.n;
  const Index m = network_.m;
  double* const u_bar = chunk + layout_.u_bar;
  gram_.multiply(chunk + layout_.data.root_weight * lanes, u, layout_.data.num_residuals * lanes,
                 u_bar);
  // The array of g and c that belongs to pair i.
  const auto sweep_of = [&](Index i) {
    return layout_.kind == GramKind::kTangent ? layout_.seeds : i;
  };
  if (HasValues(layout_.kind)) std::copy_n(u_bar, m * lanes, chunk + layout_.y);
  switch (layout_.kind) {
    case GramKind::kFull:
      for (Index i = 0; i < m; ++i) {
        std::copy_n(u_bar + (m + i * n) * lanes, n * lanes, chunk + layout_.T(0, i));
      }
      break;
    case GramKind::kValues:
      break;
    case GramKind::kTangent:
      Adjoint(u_bar, layout_.seeds, chunk);
      std::copy_n(chunk + layout_.data.direction * lanes, n * lanes, chunk + layout_.T(0, 0));
      break;
    case GramKind::kAdjoint:
      std::copy_n(u_bar, n * lanes, chunk + layout_.T(0, 0));
      break;
    case GramKind::kCurvature:
      std::copy_n(u_bar, n * lanes, chunk + layout_.T(0, 0));
      TransposedCurvatures(chunk);
      return;
  }
  for (Index i = 0; i < layout_.pairs; ++i) {
    for (Index l = 1; l < depth; ++l) {
      const GramLayout::Arrays& arrays = layout_.Layer(l);
      const auto tangent = i == 0 ? kernels_.tangent : kernels_.tangent_add;
      tangent(weights_.Times(l, chunk + layout_.T(l - 1, i)), chunk + arrays.p,
              chunk + arrays.c[sweep_of(i)], chunk + arrays.t[i], chunk + arrays.z_bar);
      FinishLayer(l, chunk + layout_.T(l - 1, i), chunk + layout_.T(0, i), chunk + arrays.t[i]);
    }
  }
  double* const a_bar = chunk + layout_.a_bar[0];
  for (Index l = depth - 1; l >= 1; --l) {
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    const Index size = network_.Layer(l).rows * lanes;
    if (l == depth - 1 && !HasValues(layout_.kind)) {
      if (network_.residual) std::fill_n(a_bar, size, 0.0);
      continue;
    }
    const double* const next = chunk + (l == depth - 1 ? layout_.y : layout_.Layer(l + 1).z_bar);
    if (network_.residual) {
      PullResidual(l, next, a_bar);
      kernels_.blend(chunk + arrays.p, a_bar, layout_.pairs > 0 ? chunk + arrays.z_bar : nullptr,
                     size, chunk + arrays.z_bar);
    } else if (layout_.pairs > 0) {
      kernels_.reverse(weights_.TransposedTimes(l + 1, next), chunk + arrays.p,
                       chunk + arrays.z_bar, chunk + arrays.z_bar);
    } else {
      kernels_.scaled(weights_.TransposedTimes(l + 1, next), chunk + arrays.p,
                      chunk + arrays.z_bar);
    }
  }
}

void GramChunk::Factors(double* chunk) const {
  const Index lanes = layout_.lanes;
  const Index depth = network_.depth;
  const GramKind kind = layout_.kind;
  if (kind == GramKind::kFull || kind == GramKind::kAdjoint) Tangents(chunk);
  if (kind == GramKind::kTangent || kind == GramKind::kValues) {
    for (Index i = 0; i < layout_.seeds; ++i) UnitAdjoint(i, chunk);
  }
  for (Index i = 0; i < layout_.seeds; ++i) {
    for (Index l = depth - 1; l >= 1; --l) {
      const GramLayout::Arrays& arrays = layout_.Layer(l);
      const Index rows = network_.Layer(l).rows;
      if (HasValues(kind)) {
        gram_.scale(chunk + (layout_.data.root_weight + i) * lanes, chunk + arrays.g[i], rows,
                    chunk + arrays.dv[i]);
      }
      if (layout_.directions == 0) continue;
      if (kind != GramKind::kAdjoint) {
        const double* const root = chunk + (layout_.data.seed_root + i) * lanes;
        gram_.scale(root, chunk + arrays.g[i], rows, chunk + arrays.dw[i]);
        gram_.scale(root, chunk + arrays.c[i], rows, chunk + arrays.c[i]);
      }
      for (Index j = 0; j < layout_.directions; ++j) {
        const Index pair = i * layout_.directions + j;
        double* const d_dot = chunk + arrays.d_dot[pair];
        gram_.multiply(chunk + arrays.c[i], chunk + arrays.z_dot[j], rows * lanes, d_dot);
        double* const a_bar = chunk + layout_.a_bar[j];
        if (l == depth - 1) {
          if (network_.residual) std::fill_n(a_bar, rows * lanes, 0.0);
          continue;
        }
        const double* const next = chunk + layout_.Layer(l + 1).d_dot[pair];
        if (network_.residual) {
          PullResidual(l, next, a_bar);
          kernels_.blend(chunk + arrays.p, a_bar, d_dot, rows * lanes, d_dot);
        } else {
          kernels_.reverse(weights_.TransposedTimes(l + 1, next), chunk + arrays.p, d_dot, d_dot);
        }
      }
    }
  }
}

}  // namespace sobolev::nn
