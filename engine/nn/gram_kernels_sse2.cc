#define SOBOLEV_ISA sse2
#define SOBOLEV_VECTOR_BYTES 16
#define SOBOLEV_CHUNK_VECTORS 2

#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_kernels_impl.h"

namespace sobolev::nn {

constinit const GramKernels kSse2GramKernels = sse2::GramTable();

}  // namespace sobolev::nn
