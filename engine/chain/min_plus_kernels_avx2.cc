#include <immintrin.h>

#define SOBOLEV_ISA avx2
#define SOBOLEV_VECTOR_BYTES 32
#define SOBOLEV_SIDE 2
#define SOBOLEV_MULTIPLY(x, y) \
  _mm256_mul_epu32(reinterpret_cast<__m256i>(x), reinterpret_cast<__m256i>(y))

#include "engine/chain/min_plus_kernels.h"
#include "engine/chain/min_plus_kernels_impl.h"

namespace sobolev::chain {

constinit const MinPlusKernels kAvx2MinPlusKernels = avx2::Table();

}  // namespace sobolev::chain
