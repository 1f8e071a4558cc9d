#define SOBOLEV_ISA avx512
#define SOBOLEV_VECTOR_BYTES 64
#define SOBOLEV_PANEL_VECTORS 3
#define SOBOLEV_PANEL_COLS 8

#include "engine/dense/gemm_kernels.h"
#include "engine/dense/gemm_kernels_impl.h"

namespace sobolev::dense {

constinit const GemmKernels kAvx512GemmKernels = avx512::Table();

}  // namespace sobolev::dense
