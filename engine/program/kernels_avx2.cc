#define SOBOLEV_ISA avx2
#define SOBOLEV_VECTOR_BYTES 32

#include "engine/program/kernels.h"
#include "engine/program/kernels_impl.h"

namespace sobolev::program {

constinit const LaneKernels kAvx2LaneKernels = avx2::Table();

}  // namespace sobolev::program
