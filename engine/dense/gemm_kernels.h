// The inner loop of matrix products, as one table per instruction set.
//
// Operands are packed in panels: a left panel holds `rows` rows and a right panel `cols` rows of
// the matrices A and B of A Bᵀ, as [k][row], padded with zeros. A product of two panels stays in
// registers over all k.
//
// This header includes nothing that has inline functions, for the reason given in
// engine/nn/kernels.h.

#ifndef SOBOLEV_ENGINE_DENSE_GEMM_KERNELS_H_
#define SOBOLEV_ENGINE_DENSE_GEMM_KERNELS_H_

#include <stddef.h>

namespace sobolev::dense {

struct GemmKernels {
  ptrdiff_t rows;  // Of a left panel.
  ptrdiff_t cols;  // Rows of a right panel, columns of the result.

  // C(i, j) += Σ_{k < depth} left[k][i]·right[k][j], with C(i, j) = C[j·stride + i]. `left` is
  // aligned to 64 bytes; C need not be.
  void (*multiply)(ptrdiff_t depth, const double* left, const double* right, double* C,
                   ptrdiff_t stride);

  // panel[k][i] = factor·A[k·stride + i] for i < count, and 0 for the other i < width, which is
  // `rows` or `cols`.
  void (*pack)(const double* A, ptrdiff_t stride, ptrdiff_t depth, ptrdiff_t count, ptrdiff_t width,
               double factor, double* panel);

  // Replaces the lower triangle of the size×size matrix A by its Cholesky factor. Returns whether
  // every pivot was positive and finite.
  bool (*factor)(ptrdiff_t size, double* A, ptrdiff_t stride);

  // A ← A L⁻ᵀ for A rows×size, size <= kMaxBlock, and the lower triangle L: L_rows[j·size + k] is
  // L(j, k) for k < j, and 1/L(j, j) for k = j.
  void (*solve_right)(const double* L_rows, ptrdiff_t size, double* A, ptrdiff_t stride,
                      ptrdiff_t rows);
};

// Columns that a factorisation takes at a time.
inline constexpr ptrdiff_t kMaxBlock = 96;

// The largest panels of any table.
inline constexpr ptrdiff_t kMaxPanelRows = 24;
inline constexpr ptrdiff_t kMaxPanelCols = 8;

extern const GemmKernels kSse2GemmKernels;
extern const GemmKernels kAvx2GemmKernels;
extern const GemmKernels kAvx512GemmKernels;

}  // namespace sobolev::dense

#endif  // SOBOLEV_ENGINE_DENSE_GEMM_KERNELS_H_
