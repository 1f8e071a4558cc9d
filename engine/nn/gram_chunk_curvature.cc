// Residuals of curvature, ∇²(ȳᵀy) v − h. They are the tangents along v of those of an adjoint, and
// so is every step: what an adjoint's sweeps compute (gram_chunk.cc) is differentiated along v by
// the product rule, with φ′ becoming p_dot = φ″·ż and c = φ″·ā becoming c_dot = φ″·ā̇ + φ‴·ż·ā.
// Seeds and weights do not depend on v.

#include <algorithm>

#include "engine/base/matrix.h"
#include "engine/nn/gram_chunk.h"
#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_layout.h"
#include "engine/nn/gram_points.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

// After Values, which leaves φ‴ in c_dot.
void GramChunk::Curvatures(double* chunk) const {
  const Index lanes = layout_.lanes;
  const Index depth = network_.depth;
  const double* const seed = chunk + layout_.data.seed * lanes;
  double* const x_bar_dot = chunk + layout_.x_bar[0];
  if (depth == 1) {
    std::fill_n(x_bar_dot, network_.n * lanes, 0.0);
    return;
  }
  Tangents(chunk);
  Adjoint(seed, 0, chunk);
  for (Index l = depth - 1; l >= 1; --l) CurvatureStep(l, seed, chunk);
  kernels_.affine(weights_.TransposedTimes(1, chunk + layout_.Layer(1).g_dot), nullptr, x_bar_dot);
  for (Index l = 2; l < depth && network_.skip; ++l) {
    kernels_.accumulate(weights_.SkipTransposedTimes(l, chunk + layout_.Layer(l).g_dot), x_bar_dot);
  }
}

// p_dot, g_dot and c_dot of layer l, from those of the layer above or, of the last, the seed.
void GramChunk::CurvatureStep(Index l, const double* seed, double* chunk) const {
  const GramLayout::Arrays& arrays = layout_.Layer(l);
  const Index size = network_.Layer(l).rows * layout_.lanes;
  const bool last = l == network_.depth - 1;
  const double* const z_dot = chunk + arrays.z_dot[0];
  double* const g_dot = chunk + arrays.g_dot;
  double* const c_dot = chunk + arrays.c_dot;
  gram_.multiply(chunk + arrays.h, z_dot, size, chunk + arrays.p_dot);
  gram_.multiply(chunk + arrays.c[0], z_dot, size, g_dot);
  const double* const next = last ? seed : chunk + layout_.Layer(l + 1).g[0];
  if (network_.residual) {
    double* const a_bar = chunk + layout_.a_bar[0];
    double* const a_bar_dot = chunk + layout_.a_bar[1];
    PullResidual(l, next, a_bar);
    kernels_.blend(c_dot, a_bar, nullptr, size, c_dot);
    gram_.multiply(c_dot, z_dot, size, c_dot);
    if (last) {
      std::fill_n(a_bar_dot, size, 0.0);
      return;
    }
    PullResidual(l, chunk + layout_.Layer(l + 1).g_dot, a_bar_dot);
    kernels_.blend(chunk + arrays.p, a_bar_dot, g_dot, size, g_dot);
    kernels_.blend(chunk + arrays.h, a_bar_dot, c_dot, size, c_dot);
    return;
  }
  kernels_.scaled(weights_.TransposedTimes(l + 1, next), c_dot, c_dot);
  gram_.multiply(c_dot, z_dot, size, c_dot);
  if (last) return;
  const Product<double> a_bar_dot =
      weights_.TransposedTimes(l + 1, chunk + layout_.Layer(l + 1).g_dot);
  kernels_.reverse(a_bar_dot, chunk + arrays.p, g_dot, g_dot);
  kernels_.reverse(a_bar_dot, chunk + arrays.h, c_dot, c_dot);
}

void GramChunk::TransposedUnit(Index q, double* chunk) const {
  const Index lanes = layout_.lanes;
  double* const t = chunk + layout_.T(0, 0);
  std::fill_n(t, network_.n * lanes, 0.0);
  std::copy_n(chunk + (layout_.data.root_weight + q) * lanes, lanes, t + q * lanes);
  TransposedCurvatures(chunk);
}

void GramChunk::TransposedCurvatures(double* chunk) const {
  const Index depth = network_.depth;
  for (Index l = 1; l < depth; ++l) {
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    const Product<double> s = weights_.Times(l, chunk + layout_.T(l - 1, 0));
    double* const t_dot = chunk + arrays.t_dot;
    double* const q_dot = chunk + arrays.z_bar_dot;
    kernels_.tangent(s, chunk + arrays.p, chunk + arrays.c[0], chunk + arrays.t[0],
                     chunk + arrays.z_bar);
    kernels_.tangent(s, chunk + arrays.p_dot, chunk + arrays.c_dot, t_dot, q_dot);
    FinishLayer(l, chunk + layout_.T(l - 1, 0), chunk + layout_.T(0, 0), chunk + arrays.t[0]);
    if (l == 1) continue;
    const Product<double> s_dot = weights_.Times(l, chunk + layout_.Layer(l - 1).t_dot);
    kernels_.reverse(s_dot, chunk + arrays.p, t_dot, t_dot);
    kernels_.reverse(s_dot, chunk + arrays.c[0], q_dot, q_dot);
    // x has no tangent here, so that its rows stay 0.
    if (network_.Layer(l).residual) {
      kernels_.add(chunk + layout_.Layer(l - 1).t_dot, network_.Layer(l).rows * layout_.lanes,
                   t_dot);
    }
  }
  if (network_.residual && depth > 1) {
    const Index size = network_.Layer(depth - 1).rows * layout_.lanes;
    for (const Index i : {0, 1}) std::fill_n(chunk + layout_.a_bar[i], size, 0.0);
  }
  for (Index l = depth - 2; l >= 1; --l) {
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    const GramLayout::Arrays& next = layout_.Layer(l + 1);
    double* const z_bar = chunk + arrays.z_bar;
    double* const z_bar_dot = chunk + arrays.z_bar_dot;
    if (network_.residual) {
      const Index size = network_.Layer(l).rows * layout_.lanes;
      double* const a_bar = chunk + layout_.a_bar[0];
      double* const a_bar_dot = chunk + layout_.a_bar[1];
      PullResidual(l, chunk + next.z_bar, a_bar);
      PullResidual(l, chunk + next.z_bar_dot, a_bar_dot);
      kernels_.blend(chunk + arrays.p, a_bar, z_bar, size, z_bar);
      kernels_.blend(chunk + arrays.p_dot, a_bar, z_bar_dot, size, z_bar_dot);
      kernels_.blend(chunk + arrays.p, a_bar_dot, z_bar_dot, size, z_bar_dot);
      continue;
    }
    const Product<double> a_bar = weights_.TransposedTimes(l + 1, chunk + next.z_bar);
    kernels_.reverse(a_bar, chunk + arrays.p, z_bar, z_bar);
    kernels_.reverse(a_bar, chunk + arrays.p_dot, z_bar_dot, z_bar_dot);
    kernels_.reverse(weights_.TransposedTimes(l + 1, chunk + next.z_bar_dot), chunk + arrays.p,
                     z_bar_dot, z_bar_dot);
  }
}

// After the values' tangents dz and da for the direction.
void GramChunk::DirectionalCurvatures(const GramWeights& direction, double* chunk,
                                      double* dx) const {
  const Index lanes = layout_.lanes;
  const Index depth = network_.depth;
  double* const first = chunk + layout_.spare[0];
  double* const second = chunk + layout_.spare[1];
  // Tangents of ż and ȧ.
  for (Index l = 1; l < depth; ++l) {
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    const Index size = network_.Layer(l).rows * lanes;
    kernels_.affine(direction.Times(l, chunk + layout_.ADot(l - 1, 0)), nullptr, first);
    if (l > 1) {
      kernels_.affine(weights_.Times(l, chunk + layout_.Layer(l - 1).da_dot), nullptr, second);
    } else {
      std::fill_n(second, size, 0.0);
    }
    gram_.combine(nullptr, first, second, nullptr, nullptr, size, chunk + arrays.dz_dot);
    gram_.combine(chunk + arrays.p, first, second, chunk + arrays.p_dot, chunk + arrays.dz, size,
                  chunk + arrays.da_dot);
    if (network_.Layer(l).residual) {
      kernels_.add(chunk + layout_.Layer(l - 1).da_dot, size, chunk + arrays.da_dot);
    }
  }
  // What is to be added up in `first` and `second`: of ā (i = 0) or its tangent along v (1).
  const auto pull = [&](Index l, const double* seed, const double* tangent, Index i) {
    const Index size = network_.Layer(l + 1).inner * lanes;
    if (seed != nullptr) {
      kernels_.affine(direction.TransposedTimes(l + 1, seed), nullptr, first);
    } else {
      std::fill_n(first, size, 0.0);
    }
    if (tangent != nullptr) {
      kernels_.affine(weights_.TransposedTimes(l + 1, tangent), nullptr, second);
    } else {
      std::fill_n(second, size, 0.0);
    }
    if (!network_.residual || l == 0) return;
    double* const a_bar = chunk + layout_.a_bar[i];
    if (network_.Layer(l + 1).residual) kernels_.add(a_bar, size, first);
    gram_.combine(nullptr, first, second, nullptr, nullptr, size, a_bar);
  };
  for (Index l = depth - 1; l >= 0; --l) {
    const bool last = l == depth - 1;
    const Index size = network_.Layer(l + 1).inner * lanes;
    const GramLayout::Arrays* const next = last ? nullptr : &layout_.Layer(l + 1);
    pull(l, last ? nullptr : chunk + next->g_dot, last ? nullptr : chunk + next->da_dot, 1);
    if (l == 0) {
      gram_.combine(nullptr, first, second, nullptr, nullptr, size, dx);
      break;
    }
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    double* const dg_dot = chunk + arrays.da_dot;
    gram_.combine(chunk + arrays.p, first, second, chunk + arrays.c_dot, chunk + arrays.dz, size,
                  dg_dot);
    pull(l, last ? chunk + layout_.data.seed * lanes : chunk + next->g[0],
         last ? nullptr : chunk + next->da, 0);
    gram_.combine(chunk + arrays.p, first, second, chunk + arrays.c[0], chunk + arrays.dz, size,
                  chunk + arrays.da);
    gram_.combine(chunk + arrays.p_dot, first, second, chunk + arrays.c[0], chunk + arrays.dz_dot,
                  size, first);
    gram_.combine(nullptr, dg_dot, first, nullptr, nullptr, size, dg_dot);
  }
  for (Index l = 2; l < depth && network_.skip; ++l) {
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    kernels_.accumulate(direction.SkipTransposedTimes(l, chunk + arrays.g_dot), dx);
    kernels_.accumulate(weights_.SkipTransposedTimes(l, chunk + arrays.da_dot), dx);
  }
}

}  // namespace sobolev::nn
