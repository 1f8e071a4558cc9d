#define SOBOLEV_ISA sse2
#define SOBOLEV_VECTOR_BYTES 16
#define SOBOLEV_CHUNK_VECTORS 2

#include "engine/nn/kernels.h"
#include "engine/nn/kernels_impl.h"

namespace sobolev::nn {

constinit const Kernels<float> kSse2KernelsF32 = sse2::Table<float>();
constinit const Kernels<double> kSse2KernelsF64 = sse2::Table<double>();

}  // namespace sobolev::nn
