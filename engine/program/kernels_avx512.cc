#define SOBOLEV_ISA avx512
#define SOBOLEV_VECTOR_BYTES 64

#include "engine/program/kernels.h"
#include "engine/program/kernels_impl.h"

namespace sobolev::program {

constinit const LaneKernels kAvx512LaneKernels = avx512::Table();

}  // namespace sobolev::program
