// The kernels of matrix products, compiled once per instruction set. Included by
// gemm_kernels_<isa>.cc only, which define
//   SOBOLEV_ISA           the namespace,
//   SOBOLEV_VECTOR_BYTES  the size of a register, and
//   SOBOLEV_PANEL_VECTORS, SOBOLEV_PANEL_COLS  the shape of the accumulators.

#ifndef SOBOLEV_ENGINE_DENSE_GEMM_KERNELS_IMPL_H_
#define SOBOLEV_ENGINE_DENSE_GEMM_KERNELS_IMPL_H_

#include <stddef.h>

#include "engine/dense/gemm_kernels.h"

namespace sobolev::dense::SOBOLEV_ISA {

using Vec __attribute__((vector_size(SOBOLEV_VECTOR_BYTES))) = double;
using Stored __attribute__((vector_size(SOBOLEV_VECTOR_BYTES), may_alias, aligned(8))) = double;

inline constexpr ptrdiff_t kWidth = SOBOLEV_VECTOR_BYTES / 8;
inline constexpr ptrdiff_t kVectors = SOBOLEV_PANEL_VECTORS;
inline constexpr ptrdiff_t kRows = kVectors * kWidth;
inline constexpr ptrdiff_t kCols = SOBOLEV_PANEL_COLS;

inline Vec Load(const double* from) { return *reinterpret_cast<const Stored*>(from); }
inline void Store(double* to, Vec value) { *reinterpret_cast<Stored*>(to) = value; }

static void Multiply(ptrdiff_t depth, const double* left, const double* right, double* C,
                     ptrdiff_t stride) {
  // Seldom in the first-level cache, and needed only at the end.
  for (ptrdiff_t j = 0; j < kCols; ++j) {
    for (ptrdiff_t i = 0; i < kRows; i += 8) __builtin_prefetch(C + j * stride + i, 1);
  }
  Vec sum[kCols][kVectors] = {};
  for (ptrdiff_t k = 0; k < depth; ++k) {
    Vec x[kVectors];
#pragma GCC unroll 4
    for (ptrdiff_t v = 0; v < kVectors; ++v) x[v] = Load(left + v * kWidth);
#pragma GCC unroll 8
    for (ptrdiff_t j = 0; j < kCols; ++j) {
#pragma GCC unroll 4
      for (ptrdiff_t v = 0; v < kVectors; ++v) sum[j][v] += x[v] * right[j];
    }
    left += kRows;
    right += kCols;
  }
#pragma GCC unroll 8
  for (ptrdiff_t j = 0; j < kCols; ++j) {
#pragma GCC unroll 4
    for (ptrdiff_t v = 0; v < kVectors; ++v) {
      double* const at = C + j * stride + v * kWidth;
      Store(at, Load(at) + sum[j][v]);
    }
  }
}

static void Pack(const double* A, ptrdiff_t stride, ptrdiff_t depth, ptrdiff_t count,
                 ptrdiff_t width, double factor, double* panel) {
  if (count == width) {
    const ptrdiff_t whole = width - width % kWidth;
    for (ptrdiff_t k = 0; k < depth; ++k) {
      for (ptrdiff_t i = 0; i < whole; i += kWidth) Store(panel + i, Load(A + i) * factor);
      for (ptrdiff_t i = whole; i < width; ++i) panel[i] = A[i] * factor;
      A += stride;
      panel += width;
    }
    return;
  }
  for (ptrdiff_t k = 0; k < depth; ++k) {
    for (ptrdiff_t i = 0; i < count; ++i) panel[i] = A[i] * factor;
    for (ptrdiff_t i = count; i < width; ++i) panel[i] = 0;
    A += stride;
    panel += width;
  }
}

// y[0 … count) −= factor·x[0 … count)
inline void Subtract(double factor, const double* x, ptrdiff_t count, double* y) {
  ptrdiff_t i = 0;
  for (; i + kWidth <= count; i += kWidth) Store(y + i, Load(y + i) - Load(x + i) * factor);
  for (; i < count; ++i) y[i] -= x[i] * factor;
}

static bool Factor(ptrdiff_t size, double* A, ptrdiff_t stride) {
  for (ptrdiff_t j = 0; j < size; ++j) {
    double* const column = A + j * stride + j;
    for (ptrdiff_t k = 0; k < j; ++k) {
      const double* const earlier = A + k * stride + j;
      Subtract(*earlier, earlier, size - j, column);
    }
    const double pivot = *column;
    if (!(pivot > 0 && pivot <= __DBL_MAX__)) return false;
    const double root = __builtin_sqrt(pivot);
    *column = root;
    const double reciprocal = 1 / root;
    for (ptrdiff_t i = 1; i < size - j; ++i) column[i] *= reciprocal;
  }
  return true;
}

// kCount registers of rows, copied to where they stay in the first-level cache.
template <ptrdiff_t kCount>
inline void SolveStrip(const double* L_rows, ptrdiff_t size, double* A, ptrdiff_t stride) {
  alignas(64) double solved[kMaxBlock * kCount * kWidth];
  for (ptrdiff_t j = 0; j < size; ++j) {
    Vec x[kCount];
#pragma GCC unroll 4
    for (ptrdiff_t v = 0; v < kCount; ++v) x[v] = Load(A + j * stride + v * kWidth);
    const double* const row = L_rows + j * size;
    for (ptrdiff_t k = 0; k < j; ++k) {
#pragma GCC unroll 4
      for (ptrdiff_t v = 0; v < kCount; ++v) {
        x[v] -= Load(solved + (k * kCount + v) * kWidth) * row[k];
      }
    }
#pragma GCC unroll 4
    for (ptrdiff_t v = 0; v < kCount; ++v) {
      x[v] *= row[j];
      Store(solved + (j * kCount + v) * kWidth, x[v]);
      Store(A + j * stride + v * kWidth, x[v]);
    }
  }
}

static void SolveRight(const double* L_rows, ptrdiff_t size, double* A, ptrdiff_t stride,
                       ptrdiff_t rows) {
  ptrdiff_t row = 0;
  for (; row + 4 * kWidth <= rows; row += 4 * kWidth) SolveStrip<4>(L_rows, size, A + row, stride);
  for (; row + kWidth <= rows; row += kWidth) SolveStrip<1>(L_rows, size, A + row, stride);
  for (; row < rows; ++row) {
    for (ptrdiff_t j = 0; j < size; ++j) {
      double x = A[j * stride + row];
      for (ptrdiff_t k = 0; k < j; ++k) x -= A[k * stride + row] * L_rows[j * size + k];
      A[j * stride + row] = x * L_rows[j * size + j];
    }
  }
}

constexpr GemmKernels Table() {
  return {.rows = kRows,
          .cols = kCols,
          .multiply = &Multiply,
          .pack = &Pack,
          .factor = &Factor,
          .solve_right = &SolveRight};
}

}  // namespace sobolev::dense::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_DENSE_GEMM_KERNELS_IMPL_H_
