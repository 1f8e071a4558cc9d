// The inner loop of the chain planner, as one table per instruction set.
//
// This header includes nothing that has inline functions, for the reason given in
// engine/nn/kernels.h.

#ifndef SOBOLEV_ENGINE_CHAIN_MIN_PLUS_KERNELS_H_
#define SOBOLEV_ENGINE_CHAIN_MIN_PLUS_KERNELS_H_

#include <stddef.h>
#include <stdint.h>

namespace sobolev::chain {

inline constexpr ptrdiff_t kMinPlusTile = 4;

struct MinPlusKernels {
  // For each pair (a, b) of the tile,
  //   best[4a + b] = min { best[4a + b],  min_k left[a][k] + right[b][k] + widths[k]·scales[4a + b]
  //   }
  // over 0 <= k < count. Widths and scales are below 2³², all sums below 2⁶³.
  void (*relax)(ptrdiff_t count, const int64_t* const* left, const int64_t* const* right,
                const int64_t* widths, const int64_t* scales, int64_t* best);
};

extern const MinPlusKernels kSse2MinPlusKernels;
extern const MinPlusKernels kAvx2MinPlusKernels;
extern const MinPlusKernels kAvx512MinPlusKernels;

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_MIN_PLUS_KERNELS_H_
