#include <immintrin.h>

#define SOBOLEV_ISA sse2
#define SOBOLEV_VECTOR_BYTES 16
#define SOBOLEV_SIDE 2
#define SOBOLEV_MULTIPLY(x, y) \
  _mm_mul_epu32(reinterpret_cast<__m128i>(x), reinterpret_cast<__m128i>(y))

#include "engine/chain/min_plus_kernels.h"
#include "engine/chain/min_plus_kernels_impl.h"

namespace sobolev::chain {

constinit const MinPlusKernels kSse2MinPlusKernels = sse2::Table();

}  // namespace sobolev::chain
