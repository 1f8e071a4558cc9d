// The tangents of residuals for a direction V of the parameters W, by the product rule: every
// product W a of the sweeps becomes W ȧ + V a, and φ′ becomes φ″·ż.

#include <algorithm>

#include "engine/base/matrix.h"
#include "engine/nn/gram_chunk.h"
#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_layout.h"
#include "engine/nn/gram_points.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

void GramChunk::Directional(const GramWeights& direction, double* chunk) const {
  const Index lanes = layout_.lanes;
  const Index depth = network_.depth;
  double* const first = chunk + layout_.spare[0];
  double* const second = chunk + layout_.spare[1];
  for (Index l = 1; l <= depth; ++l) {
    const GramLayer& layer = network_.Layer(l);
    if (l == depth && !HasValues(layout_.kind)) break;
    kernels_.affine(direction.Times(l, chunk + layout_.A(l - 1)), direction.theta() + layer.bias,
                    first);
    if (l > 1) {
      kernels_.affine(weights_.Times(l, chunk + layout_.Layer(l - 1).da), nullptr, second);
    } else {
      std::fill_n(second, layer.rows * lanes, 0.0);
    }
    if (l == depth) {
      gram_.combine(nullptr, first, second, nullptr, nullptr, layer.rows * lanes,
                    chunk + layout_.y);
      continue;
    }
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    gram_.combine(nullptr, first, second, nullptr, nullptr, layer.rows * lanes, chunk + arrays.dz);
    gram_.multiply(chunk + arrays.p, chunk + arrays.dz, layer.rows * lanes, chunk + arrays.da);
    AddBefore(l, chunk);
  }
  Index row = 0;
  const auto put = [&](const double* tangents, Index count) {
    gram_.multiply(chunk + (layout_.data.root_weight + row) * lanes, tangents, count * lanes,
                   chunk + layout_.sigma + row * lanes);
    row += count;
  };
  if (HasValues(layout_.kind)) put(chunk + layout_.y, network_.m);
  if (layout_.kind == GramKind::kTangent) {
    DirectionalTangent(direction, chunk, chunk + layout_.x_bar[0]);
    put(chunk + layout_.x_bar[0], network_.m);
    return;
  }
  if (layout_.kind == GramKind::kCurvature) {
    DirectionalCurvatures(direction, chunk, chunk + layout_.x_bar[0]);
    put(chunk + layout_.x_bar[0], network_.n);
    return;
  }
  for (Index i = 0; i < layout_.pairs; ++i) {
    DirectionalAdjoint(direction, i, chunk, chunk + layout_.x_bar[i]);
    put(chunk + layout_.x_bar[i], network_.n);
  }
}

// What a residual layer adds to its da; x has no tangents here, so that those rows of da stay 0.
void GramChunk::AddBefore(Index l, double* chunk) const {
  if (!network_.Layer(l).residual) return;
  kernels_.add(chunk + layout_.Layer(l - 1).da, network_.Layer(l).rows * layout_.lanes,
               chunk + layout_.Layer(l).da);
}

void GramChunk::DirectionalAdjoint(const GramWeights& direction, Index i, double* chunk,
                                   double* dx) const {
  const Index lanes = layout_.lanes;
  const Index depth = network_.depth;
  const bool unit = HasUnitSeeds(layout_.kind);
  double* const first = chunk + layout_.spare[0];
  double* const second = chunk + layout_.spare[1];
  // Of ā_l, l = D − 1 … 0: V_{l+1}ᵀ g_{l+1} + W_{l+1}ᵀ ġ_{l+1}.
  for (Index l = depth - 1; l >= 0; --l) {
    const GramLayer& layer = network_.Layer(l + 1);
    const Index size = layer.inner * lanes;
    if (l == depth - 1) {
      if (unit) {
        kernels_.affine({nullptr, layer.inner, 0, nullptr},
                        direction.theta() + layer.weights + i * layer.cols, first);
      } else {
        kernels_.affine(direction.TransposedTimes(depth, chunk + layout_.data.seed * lanes),
                        nullptr, first);
      }
      std::fill_n(second, size, 0.0);
    } else {
      kernels_.affine(direction.TransposedTimes(l + 1, chunk + layout_.Layer(l + 1).g[i]), nullptr,
                      first);
      kernels_.affine(weights_.TransposedTimes(l + 1, chunk + layout_.Layer(l + 1).da), nullptr,
                      second);
    }
    if (l == 0) {
      gram_.combine(nullptr, first, second, nullptr, nullptr, size, dx);
    } else {
      if (network_.residual) {
        double* const a_bar = chunk + layout_.a_bar[0];
        if (layer.residual) kernels_.add(a_bar, size, first);
        gram_.combine(nullptr, first, second, nullptr, nullptr, size, a_bar);
      }
      const GramLayout::Arrays& arrays = layout_.Layer(l);
      gram_.combine(chunk + arrays.p, first, second, chunk + arrays.c[i], chunk + arrays.dz, size,
                    chunk + arrays.da);
    }
  }
  if (network_.skip) DirectionalSkips(direction, i, chunk, dx);
}

// What the skips add to the tangents of x̄: T_lᵀ g_l + S_lᵀ ġ_l, with T the direction of S.
void GramChunk::DirectionalSkips(const GramWeights& direction, Index i, double* chunk,
                                 double* dx) const {
  const Index depth = network_.depth;
  if (depth == 1) return;
  for (Index l = 2; l < depth; ++l) {
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    kernels_.accumulate(direction.SkipTransposedTimes(l, chunk + arrays.g[i]), dx);
    kernels_.accumulate(weights_.SkipTransposedTimes(l, chunk + arrays.da), dx);
  }
  const GramLayer& output = network_.Layer(depth);
  if (HasUnitSeeds(layout_.kind)) {
    double* const row = chunk + layout_.spare[0];
    kernels_.affine({nullptr, network_.n, 0, nullptr},
                    direction.theta() + output.weights + i * output.cols + output.inner, row);
    kernels_.add(row, network_.n * layout_.lanes, dx);
  } else {
    const double* const seed = chunk + layout_.data.seed * layout_.lanes;
    kernels_.accumulate(direction.SkipTransposedTimes(depth, seed), dx);
  }
}

void GramChunk::DirectionalTangent(const GramWeights& direction, double* chunk, double* dy) const {
  const Index lanes = layout_.lanes;
  double* const first = chunk + layout_.spare[0];
  double* const second = chunk + layout_.spare[1];
  for (Index l = 1; l <= network_.depth; ++l) {
    const Index size = network_.Layer(l).rows * lanes;
    kernels_.affine(direction.Times(l, chunk + layout_.ADot(l - 1, 0)), nullptr, first);
    if (l > 1) {
      kernels_.affine(weights_.Times(l, chunk + layout_.Layer(l - 1).da), nullptr, second);
    } else {
      std::fill_n(second, size, 0.0);
    }
    if (l == network_.depth) {
      gram_.combine(nullptr, first, second, nullptr, nullptr, size, dy);
      return;
    }
    // Of φ′(z)·ż.
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    gram_.multiply(chunk + arrays.h, chunk + arrays.z_dot[0], size, chunk + arrays.da);
    gram_.combine(chunk + arrays.p, first, second, chunk + arrays.da, chunk + arrays.dz, size,
                  chunk + arrays.da);
    AddBefore(l, chunk);
  }
}

}  // namespace sobolev::nn
