#define SOBOLEV_ISA avx2
#define SOBOLEV_VECTOR_BYTES 32
#define SOBOLEV_PANEL_VECTORS 3
#define SOBOLEV_PANEL_COLS 4

#include "engine/dense/gemm_kernels.h"
#include "engine/dense/gemm_kernels_impl.h"

namespace sobolev::dense {

constinit const GemmKernels kAvx2GemmKernels = avx2::Table();

}  // namespace sobolev::dense
