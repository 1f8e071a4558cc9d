#define SOBOLEV_ISA avx512
#define SOBOLEV_VECTOR_BYTES 64
#define SOBOLEV_CHUNK_VECTORS 4

#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_kernels_impl.h"

namespace sobolev::nn {

constinit const GramKernels kAvx512GramKernels = avx512::GramTable();

}  // namespace sobolev::nn
