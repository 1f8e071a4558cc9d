#define SOBOLEV_ISA sse2
#define SOBOLEV_VECTOR_BYTES 16
#define SOBOLEV_PANEL_VECTORS 2
#define SOBOLEV_PANEL_COLS 4

#include "engine/dense/gemm_kernels.h"
#include "engine/dense/gemm_kernels_impl.h"

namespace sobolev::dense {

constinit const GemmKernels kSse2GemmKernels = sse2::Table();

}  // namespace sobolev::dense
