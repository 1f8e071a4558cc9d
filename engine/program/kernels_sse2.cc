#define SOBOLEV_ISA sse2
#define SOBOLEV_VECTOR_BYTES 16

#include "engine/program/kernels.h"
#include "engine/program/kernels_impl.h"

namespace sobolev::program {

constinit const LaneKernels kSse2LaneKernels = sse2::Table();

}  // namespace sobolev::program
