// Compiled once per instruction set. Included by product_kernels_<isa>.cc only, which define
//   SOBOLEV_ISA           the namespace,
//   SOBOLEV_VECTOR_BYTES  the size of a register, and
//   SOBOLEV_PANEL_VECTORS, SOBOLEV_PANEL_COLS  the shape of the accumulators.
//
// The rows of A lie in lanes, in strips of kVectors registers; what is left over takes the
// narrowest registers that do. Lanes beyond the last row hold whatever comes next in memory, both
// of A and, as columns and strips are stored in an order in which it is written later, of C. Only
// at the last point there may be nothing next.

#ifndef SOBOLEV_ENGINE_CHAIN_PRODUCT_KERNELS_IMPL_H_
#define SOBOLEV_ENGINE_CHAIN_PRODUCT_KERNELS_IMPL_H_

#include <stddef.h>

#include "engine/chain/product_kernels.h"

namespace sobolev::chain::SOBOLEV_ISA {

template <ptrdiff_t kWidth>
struct Lanes {
  using Vec __attribute__((vector_size(kWidth * 8))) = double;
  using Stored __attribute__((vector_size(kWidth * 8), may_alias, aligned(8))) = double;
};

inline constexpr ptrdiff_t kMaxWidth = SOBOLEV_VECTOR_BYTES / 8;
inline constexpr ptrdiff_t kVectors = SOBOLEV_PANEL_VECTORS;
inline constexpr ptrdiff_t kCols = SOBOLEV_PANEL_COLS;
inline constexpr ptrdiff_t kStripRows = kVectors * kMaxWidth;

// A point with its matrices A, of n×inner, B and C.
struct Point {
  ptrdiff_t n;
  ptrdiff_t inner;
  const double* A;
  const double* B;
  double* C;
  double* strip;  // Null unless it is the last point.
};

// Rows from `first` on, in kHeight registers, of kCount columns from `column` on.
template <ptrdiff_t kWidth, ptrdiff_t kHeight, ptrdiff_t kCount>
inline void Tile(const Point& at, ptrdiff_t first, ptrdiff_t column) {
  using Vec = typename Lanes<kWidth>::Vec;
  using Stored = typename Lanes<kWidth>::Stored;
  constexpr ptrdiff_t kRows = kWidth * kHeight;
  const ptrdiff_t rows = at.n - first < kRows ? at.n - first : kRows;
  const double* a = at.A + first;
  ptrdiff_t stride = at.n;
  if (rows < kRows && at.strip != nullptr) {
    for (ptrdiff_t k = 0; k < at.inner; ++k) {
      for (ptrdiff_t i = 0; i < kRows; ++i)
        at.strip[k * kRows + i] = i < rows ? a[k * at.n + i] : 0;
    }
    a = at.strip;
    stride = kRows;
  }
  const double* const b = at.B + column * at.inner;
  Vec sum[kCount][kHeight] = {};
  for (ptrdiff_t k = 0; k < at.inner; ++k) {
    Vec x[kHeight];
#pragma GCC unroll 4
    for (ptrdiff_t v = 0; v < kHeight; ++v) x[v] = *reinterpret_cast<const Stored*>(a + v * kWidth);
#pragma GCC unroll 8
    for (ptrdiff_t j = 0; j < kCount; ++j) {
#pragma GCC unroll 4
      for (ptrdiff_t v = 0; v < kHeight; ++v) sum[j][v] += x[v] * b[j * at.inner + k];
    }
    a += stride;
  }
  double* const c = at.C + column * at.n + first;
  if (rows < kRows && at.strip != nullptr) {
    for (ptrdiff_t j = 0; j < kCount; ++j) {
      for (ptrdiff_t i = 0; i < rows; ++i) c[j * at.n + i] = sum[j][i / kWidth][i % kWidth];
    }
    return;
  }
#pragma GCC unroll 8
  for (ptrdiff_t j = 0; j < kCount; ++j) {
#pragma GCC unroll 4
    for (ptrdiff_t v = 0; v < kHeight; ++v) {
      *reinterpret_cast<Stored*>(c + j * at.n + v * kWidth) = sum[j][v];
    }
  }
}

// All rows of kCount columns, the last strip first.
template <ptrdiff_t kCount>
inline void Columns(const Point& at, ptrdiff_t column) {
  ptrdiff_t first = at.n - at.n % kStripRows;
  const ptrdiff_t left = at.n - first;
  if (left > 2 * kMaxWidth) {
    Tile<kMaxWidth, kVectors, kCount>(at, first, column);
  } else if (left > kMaxWidth) {
    Tile<kMaxWidth, 2, kCount>(at, first, column);
  } else if (left > 4) {
    Tile<kMaxWidth, 1, kCount>(at, first, column);
  } else if (left > 2) {
    Tile < kMaxWidth<4 ? kMaxWidth : 4, 1, kCount>(at, first, column);
  } else if (left > 0) {
    Tile<2, 1, kCount>(at, first, column);
  }
  while (first > 0) {
    first -= kStripRows;
    Tile<kMaxWidth, kVectors, kCount>(at, first, column);
  }
}

static void Multiply(ptrdiff_t n, ptrdiff_t inner, ptrdiff_t m, ptrdiff_t count, const double* A,
                     const double* B, double* C, double* strip) {
  for (ptrdiff_t s = 0; s < count; ++s) {
    const Point at{.n = n,
                   .inner = inner,
                   .A = A + s * n * inner,
                   .B = B + s * inner * m,
                   .C = C + s * n * m,
                   .strip = s + 1 < count ? nullptr : strip};
    ptrdiff_t column = 0;
    for (; column + kCols <= m; column += kCols) Columns<kCols>(at, column);
    if (m - column >= 4) {
      Columns<4>(at, column);
      column += 4;
    }
    if (m - column >= 2) {
      Columns<2>(at, column);
      column += 2;
    }
    if (column < m) Columns<1>(at, column);
  }
}

constexpr ProductKernels Table() { return {.rows = kStripRows, .multiply = &Multiply}; }

}  // namespace sobolev::chain::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_CHAIN_PRODUCT_KERNELS_IMPL_H_
