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
  for (Index l = depth - 1; l >= 1; --l) {
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    const Index size = network_.Layer(l).rows * lanes;
    const bool last = l == depth - 1;
    const double* const z_dot = chunk + arrays.z_dot[0];
    double* const g_dot = chunk + arrays.g_dot;
    double* const c_dot = chunk + arrays.c_dot;
    gram_.multiply(chunk + arrays.h, z_dot, size, chunk + arrays.p_dot);
    gram_.multiply(chunk + arrays.c[0], z_dot, size, g_dot);
    const double* const next = last ? seed : chunk + layout_.Layer(l + 1).g[0];
    kernels_.scaled(weights_.TransposedTimes(l + 1, next), c_dot, c_dot);
    gram_.multiply(c_dot, z_dot, size, c_dot);
    if (last) continue;
    const Product<double> a_bar_dot =
        weights_.TransposedTimes(l + 1, chunk + layout_.Layer(l + 1).g_dot);
    kernels_.reverse(a_bar_dot, chunk + arrays.p, g_dot, g_dot);
    kernels_.reverse(a_bar_dot, chunk + arrays.h, c_dot, c_dot);
  }
  kernels_.affine(weights_.TransposedTimes(1, chunk + layout_.Layer(1).g_dot), nullptr, x_bar_dot);
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
    if (l == 1) continue;
    const Product<double> s_dot = weights_.Times(l, chunk + layout_.Layer(l - 1).t_dot);
    kernels_.reverse(s_dot, chunk + arrays.p, t_dot, t_dot);
    kernels_.reverse(s_dot, chunk + arrays.c[0], q_dot, q_dot);
  }
  for (Index l = depth - 2; l >= 1; --l) {
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    const GramLayout::Arrays& next = layout_.Layer(l + 1);
    double* const z_bar = chunk + arrays.z_bar;
    double* const z_bar_dot = chunk + arrays.z_bar_dot;
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
  }
  // Of ā and its tangent, into `first` and `second`: of what is seeded from above, then of g.
  const auto pull = [&](Index l, const double* seed, const double* tangent) {
    const Index size = network_.Layer(l + 1).cols * lanes;
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
  };
  for (Index l = depth - 1; l >= 0; --l) {
    const bool last = l == depth - 1;
    const Index size = network_.Layer(l + 1).cols * lanes;
    const GramLayout::Arrays* const next = last ? nullptr : &layout_.Layer(l + 1);
    pull(l, last ? nullptr : chunk + next->g_dot, last ? nullptr : chunk + next->da_dot);
    if (l == 0) {
      gram_.combine(nullptr, first, second, nullptr, nullptr, size, dx);
      return;
    }
    const GramLayout::Arrays& arrays = layout_.Layer(l);
    double* const dg_dot = chunk + arrays.da_dot;
    gram_.combine(chunk + arrays.p, first, second, chunk + arrays.c_dot, chunk + arrays.dz, size,
                  dg_dot);
    pull(l, last ? chunk + layout_.data.seed * lanes : chunk + next->g[0],
         last ? nullptr : chunk + next->da);
    gram_.combine(chunk + arrays.p, first, second, chunk + arrays.c[0], chunk + arrays.dz, size,
                  chunk + arrays.da);
    gram_.combine(chunk + arrays.p_dot, first, second, chunk + arrays.c[0], chunk + arrays.dz_dot,
                  size, first);
    gram_.combine(nullptr, dg_dot, first, nullptr, nullptr, size, dg_dot);
  }
}

}  // namespace sobolev::nn
