#include <immintrin.h>

#define SOBOLEV_ISA avx512
#define SOBOLEV_VECTOR_BYTES 64
#define SOBOLEV_SIDE 4
#define SOBOLEV_MULTIPLY(x, y) \
  _mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(y))

#include "engine/chain/min_plus_kernels.h"
#include "engine/chain/min_plus_kernels_impl.h"

namespace sobolev::chain {

constinit const MinPlusKernels kAvx512MinPlusKernels = avx512::Table();

}  // namespace sobolev::chain
