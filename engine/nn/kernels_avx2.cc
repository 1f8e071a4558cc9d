#define SOBOLEV_ISA avx2
#define SOBOLEV_VECTOR_BYTES 32
#define SOBOLEV_CHUNK_VECTORS 2

#include "engine/nn/kernels.h"
#include "engine/nn/kernels_impl.h"

namespace sobolev::nn {

constinit const Kernels<float> kAvx2KernelsF32 = avx2::Table<float>();
constinit const Kernels<double> kAvx2KernelsF64 = avx2::Table<double>();

}  // namespace sobolev::nn
