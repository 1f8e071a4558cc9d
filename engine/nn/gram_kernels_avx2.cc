#define SOBOLEV_ISA avx2
#define SOBOLEV_VECTOR_BYTES 32
#define SOBOLEV_CHUNK_VECTORS 2

#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_kernels_impl.h"

namespace sobolev::nn {

constinit const GramKernels kAvx2GramKernels = avx2::GramTable();

}  // namespace sobolev::nn
