// Products of many small matrices, as one table per instruction set.
//
// This header includes nothing that has inline functions, for the reason given in
// engine/nn/kernels.h.

#ifndef SOBOLEV_ENGINE_CHAIN_PRODUCT_KERNELS_H_
#define SOBOLEV_ENGINE_CHAIN_PRODUCT_KERNELS_H_

#include <stddef.h>

namespace sobolev::chain {

struct ProductKernels {
  ptrdiff_t rows;  // Of A that are taken at a time, at most.

  // C = A B at each of `count` points, all column by column and one point after the other: A is
  // n×inner, B inner×m and C n×m, which overlaps neither. `strip` is room for `rows`·inner.
  // Every element is summed in order of k, from the same operations at every point.
  void (*multiply)(ptrdiff_t n, ptrdiff_t inner, ptrdiff_t m, ptrdiff_t count, const double* A,
                   const double* B, double* C, double* strip);
};

extern const ProductKernels kSse2ProductKernels;
extern const ProductKernels kAvx2ProductKernels;
extern const ProductKernels kAvx512ProductKernels;

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_PRODUCT_KERNELS_H_
