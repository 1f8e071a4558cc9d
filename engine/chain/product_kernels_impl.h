// Compiled once per instruction set. Included by product_kernels_<isa>.cc only, which define
//   SOBOLEV_ISA           the namespace,
//   SOBOLEV_VECTOR_BYTES  the size of a register, and
//   SOBOLEV_PANEL_VECTORS, SOBOLEV_PANEL_COLS  the shape of the accumulators.
//
// The rows of A lie in lanes. They are copied into strips of kVectors registers, the last one of as
// many as it takes, padded with zeros, so that the loop over k reads them one after the other.

#ifndef SOBOLEV_ENGINE_CHAIN_PRODUCT_KERNELS_IMPL_H_
#define SOBOLEV_ENGINE_CHAIN_PRODUCT_KERNELS_IMPL_H_

#include <stddef.h>

#include "engine/chain/product_kernels.h"

namespace sobolev::chain::SOBOLEV_ISA {

using Vec __attribute__((vector_size(SOBOLEV_VECTOR_BYTES))) = double;
using Stored __attribute__((vector_size(SOBOLEV_VECTOR_BYTES), may_alias, aligned(8))) = double;

inline constexpr ptrdiff_t kWidth = SOBOLEV_VECTOR_BYTES / 8;
inline constexpr ptrdiff_t kVectors = SOBOLEV_PANEL_VECTORS;
inline constexpr ptrdiff_t kCols = SOBOLEV_PANEL_COLS;
inline constexpr ptrdiff_t kStripRows = kVectors * kWidth;

inline Vec Load(const double* from) { return *reinterpret_cast<const Stored*>(from); }
inline void Store(double* to, Vec value) { *reinterpret_cast<Stored*>(to) = value; }

inline ptrdiff_t VectorsOf(ptrdiff_t rows) { return (rows + kWidth - 1) / kWidth; }

// The first `rows` of those that x holds.
inline void StoreRows(const Vec* x, ptrdiff_t rows, double* to) {
  for (; rows >= kWidth; rows -= kWidth, to += kWidth) Store(to, *x++);
  for (ptrdiff_t i = 0; i < rows; ++i) to[i] = (*x)[i];
}

// `rows` rows, in kHeight registers, of kCount columns of C.
template <ptrdiff_t kHeight, ptrdiff_t kCount>
inline void Tile(ptrdiff_t rows, ptrdiff_t inner, const double* strip, const double* B, double* C,
                 ptrdiff_t n) {
  Vec sum[kCount][kHeight] = {};
  for (ptrdiff_t k = 0; k < inner; ++k) {
    Vec x[kHeight];
#pragma GCC unroll 4
    for (ptrdiff_t v = 0; v < kHeight; ++v) x[v] = Load(strip + v * kWidth);
#pragma GCC unroll 8
    for (ptrdiff_t j = 0; j < kCount; ++j) {
#pragma GCC unroll 4
      for (ptrdiff_t v = 0; v < kHeight; ++v) sum[j][v] += x[v] * B[j * inner + k];
    }
    strip += kHeight * kWidth;
  }
  for (ptrdiff_t j = 0; j < kCount; ++j) StoreRows(sum[j], rows, C + j * n);
}

template <ptrdiff_t kHeight>
inline void Strip(ptrdiff_t rows, ptrdiff_t inner, ptrdiff_t m, const double* strip,
                  const double* B, double* C, ptrdiff_t n) {
  ptrdiff_t j = 0;
  for (; j + kCols <= m; j += kCols) {
    Tile<kHeight, kCols>(rows, inner, strip, B + j * inner, C + j * n, n);
  }
  for (; j < m; ++j) Tile<kHeight, 1>(rows, inner, strip, B + j * inner, C + j * n, n);
}

// The first `rows` rows of A.
inline void Pack(const double* A, ptrdiff_t n, ptrdiff_t inner, ptrdiff_t rows, double* strip) {
  const ptrdiff_t padded = VectorsOf(rows) * kWidth;
  for (ptrdiff_t k = 0; k < inner; ++k, A += n, strip += padded) {
    ptrdiff_t i = 0;
    for (; i + kWidth <= rows; i += kWidth) Store(strip + i, Load(A + i));
    for (; i < rows; ++i) strip[i] = A[i];
    for (; i < padded; ++i) strip[i] = 0;
  }
}

static void Multiply(ptrdiff_t n, ptrdiff_t inner, ptrdiff_t m, ptrdiff_t count, const double* A,
                     const double* B, double* C, double* strip) {
  for (ptrdiff_t s = 0; s < count; ++s, A += n * inner, B += inner * m, C += n * m) {
    for (ptrdiff_t first = 0; first < n; first += kStripRows) {
      const ptrdiff_t rows = n - first < kStripRows ? n - first : kStripRows;
      Pack(A + first, n, inner, rows, strip);
      switch (VectorsOf(rows)) {
        case 1:
          Strip<1>(rows, inner, m, strip, B, C + first, n);
          break;
        case 2:
          Strip<2>(rows, inner, m, strip, B, C + first, n);
          break;
        default:
          Strip<kVectors>(rows, inner, m, strip, B, C + first, n);
      }
    }
  }
}

constexpr ProductKernels Table() { return {.rows = kStripRows, .multiply = &Multiply}; }

}  // namespace sobolev::chain::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_CHAIN_PRODUCT_KERNELS_IMPL_H_
