// The kernels of gram_kernels.h, compiled once per instruction set. Included by
// gram_kernels_<isa>.cc only, which define the macros that kernels_impl.h asks for.

#ifndef SOBOLEV_ENGINE_NN_GRAM_KERNELS_IMPL_H_
#define SOBOLEV_ENGINE_NN_GRAM_KERNELS_IMPL_H_

#include <stddef.h>

#include "engine/nn/gram_kernels.h"
#include "engine/nn/kernels.h"
#include "engine/nn/kernels_impl.h"
#include "engine/nn/vector_math.h"

namespace sobolev::nn::SOBOLEV_ISA {

inline constexpr ptrdiff_t kGramLanes = kLanes<double>;
inline constexpr ptrdiff_t kGramWidth = kWidth<double>;

inline void MultiplyElements(const double* x, const double* y, ptrdiff_t count, double* out) {
  for (ptrdiff_t i = 0; i < count; i += kGramWidth)
    Store<double>(out + i, Load(x + i) * LoadAnywhere(y + i));
}

inline void Combine(const double* p, const double* x, const double* y, const double* c,
                    const double* s, ptrdiff_t count, double* out) {
  for (ptrdiff_t i = 0; i < count; i += kGramWidth) {
    Vec<double> sum = Load(x + i) + Load(y + i);
    if (p != nullptr) sum *= Load(p + i);
    if (c != nullptr) sum += Load(c + i) * Load(s + i);
    Store<double>(out + i, sum);
  }
}

inline void Scale(const double* weight, const double* in, ptrdiff_t features, double* out) {
  for (ptrdiff_t f = 0; f < features; ++f) {
    MultiplyElements(weight, in + f * kGramLanes, kGramLanes, out + f * kGramLanes);
  }
}

inline void Spread(const double* column, ptrdiff_t stride, const double* weight, ptrdiff_t features,
                   double* out) {
  for (ptrdiff_t f = 0; f < features; ++f) {
    for (ptrdiff_t lane = 0; lane < kGramLanes; lane += kGramWidth) {
      Store<double>(out + f * kGramLanes + lane, Load(weight + lane) * column[f * stride]);
    }
  }
}

inline double WeightedResidual(const double* predicted, const double* target, const double* weight,
                               ptrdiff_t features, double* out) {
  Vec<double> sum = {};
  for (ptrdiff_t i = 0; i < features * kGramLanes; i += kGramWidth) {
    const Vec<double> r = Load(weight + i) * (Load(predicted + i) - Load(target + i));
    sum += r * r;
    Store<double>(out + i, r);
  }
  return SumOf<double>(sum);
}

// kCount features of the right side at a time, for one register of lanes.
template <int kCount>
inline void PairTile(const PairSum* sums, ptrdiff_t num_sums, ptrdiff_t offset, ptrdiff_t lane,
                     double* out) {
  Vec<double> acc[kCount] = {};
  for (ptrdiff_t s = 0; s < num_sums; ++s) {
    const double* left = sums[s].left + lane;
    const double* right = sums[s].right + offset + lane;
    for (ptrdiff_t i = 0; i < sums[s].count; ++i) {
      const Vec<double> x = Load(left);
#pragma GCC unroll 8
      for (int q = 0; q < kCount; ++q) acc[q] += x * Load(right + q * kGramLanes);
      left += sums[s].left_stride;
      right += sums[s].right_stride;
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < kCount; ++q) Store<double>(out + q * kGramLanes + lane, acc[q]);
}

inline void Pairs(const PairSum* sums, ptrdiff_t num_sums, ptrdiff_t first, ptrdiff_t end,
                  double* out) {
  ptrdiff_t q = first;
  const auto tile = [&]<int kCount>(Sequence<kCount> /*count*/) {
    for (ptrdiff_t lane = 0; lane < kGramLanes; lane += kGramWidth) {
      PairTile<kCount>(sums, num_sums, q * kGramLanes, lane, out);
    }
    q += kCount;
    out += kCount * kGramLanes;
  };
  while (q + 8 <= end) tile(Sequence<8>{});
  if (q + 4 <= end) tile(Sequence<4>{});
  while (q < end) tile(Sequence<1>{});
}

inline void PackPanels(const double* in, ptrdiff_t rows, ptrdiff_t first, ptrdiff_t width,
                       ptrdiff_t stride, double* panels) {
  ptrdiff_t u = 0;
  while (u < rows) {
    const ptrdiff_t at = first + u;
    const double* const from = in + u * kGramLanes;
    double* const to = panels + at / width * stride + at % width;
    if (at % kTile == 0 && u + kTile <= rows) {
      for (ptrdiff_t lane = 0; lane < kGramLanes; lane += kTile) {
        const double* const quads[kTile] = {from + lane, from + kGramLanes + lane,
                                            from + 2 * kGramLanes + lane,
                                            from + 3 * kGramLanes + lane};
        TransposeQuads(quads, to + lane * width, width);
      }
      u += kTile;
    } else {
      for (ptrdiff_t lane = 0; lane < kGramLanes; ++lane) to[lane * width] = from[lane];
      ++u;
    }
  }
}

constexpr GramKernels GramTable() {
  return {.lanes = kGramLanes,
          .multiply = &MultiplyElements,
          .combine = &Combine,
          .scale = &Scale,
          .spread = &Spread,
          .residual = &WeightedResidual,
          .pairs = &Pairs,
          .pack = &PackPanels};
}

}  // namespace sobolev::nn::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_NN_GRAM_KERNELS_IMPL_H_
