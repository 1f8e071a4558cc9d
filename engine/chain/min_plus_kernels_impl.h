// Compiled once per instruction set. Included by min_plus_kernels_<isa>.cc only, which define
//   SOBOLEV_ISA           the namespace,
//   SOBOLEV_VECTOR_BYTES  the size of a register,
//   SOBOLEV_SIDE          the rows and columns of a tile whose minima stay in registers, and
//   SOBOLEV_MULTIPLY      the product of the low halves of the elements of two vectors.

#ifndef SOBOLEV_ENGINE_CHAIN_MIN_PLUS_KERNELS_IMPL_H_
#define SOBOLEV_ENGINE_CHAIN_MIN_PLUS_KERNELS_IMPL_H_

#include <stddef.h>
#include <stdint.h>

#include "engine/chain/min_plus_kernels.h"

namespace sobolev::chain::SOBOLEV_ISA {

using Vec __attribute__((vector_size(SOBOLEV_VECTOR_BYTES))) = int64_t;
using Stored __attribute__((vector_size(SOBOLEV_VECTOR_BYTES), may_alias, aligned(8))) = int64_t;

inline constexpr ptrdiff_t kWidth = SOBOLEV_VECTOR_BYTES / 8;
inline constexpr ptrdiff_t kSide = SOBOLEV_SIDE;

inline Vec Load(const int64_t* from) { return *reinterpret_cast<const Stored*>(from); }

static void RelaxSides(ptrdiff_t count, const int64_t* const* left, const int64_t* const* right,
                       const int64_t* widths, const int64_t* scales, int64_t* best) {
  Vec least[kSide][kSide];
  Vec scale[kSide][kSide];
  for (ptrdiff_t a = 0; a < kSide; ++a) {
    for (ptrdiff_t b = 0; b < kSide; ++b) {
      least[a][b] = Vec{} + best[kMinPlusTile * a + b];
      scale[a][b] = Vec{} + scales[kMinPlusTile * a + b];
    }
  }
  ptrdiff_t k = 0;
  for (; k + kWidth <= count; k += kWidth) {
    const Vec width = Load(widths + k);
    Vec x[kSide];
#pragma GCC unroll 4
    for (ptrdiff_t b = 0; b < kSide; ++b) x[b] = Load(right[b] + k);
#pragma GCC unroll 4
    for (ptrdiff_t a = 0; a < kSide; ++a) {
      const Vec y = Load(left[a] + k);
#pragma GCC unroll 4
      for (ptrdiff_t b = 0; b < kSide; ++b) {
        const Vec product = reinterpret_cast<Vec>(SOBOLEV_MULTIPLY(width, scale[a][b]));
        const Vec sum = x[b] + y + product;
        least[a][b] = sum < least[a][b] ? sum : least[a][b];
      }
    }
  }
  for (ptrdiff_t a = 0; a < kSide; ++a) {
    for (ptrdiff_t b = 0; b < kSide; ++b) {
      int64_t& result = best[kMinPlusTile * a + b];
      for (ptrdiff_t lane = 0; lane < kWidth; ++lane) {
        if (least[a][b][lane] < result) result = least[a][b][lane];
      }
      for (ptrdiff_t rest = k; rest < count; ++rest) {
        const int64_t sum =
            left[a][rest] + right[b][rest] + widths[rest] * scales[kMinPlusTile * a + b];
        if (sum < result) result = sum;
      }
    }
  }
}

static void Relax(ptrdiff_t count, const int64_t* const* left, const int64_t* const* right,
                  const int64_t* widths, const int64_t* scales, int64_t* best) {
  for (ptrdiff_t a = 0; a < kMinPlusTile; a += kSide) {
    for (ptrdiff_t b = 0; b < kMinPlusTile; b += kSide) {
      const ptrdiff_t corner = kMinPlusTile * a + b;
      RelaxSides(count, left + a, right + b, widths, scales + corner, best + corner);
    }
  }
}

static constexpr MinPlusKernels Table() { return {.relax = Relax}; }

}  // namespace sobolev::chain::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_CHAIN_MIN_PLUS_KERNELS_IMPL_H_
