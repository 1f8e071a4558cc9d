#define SOBOLEV_ISA avx512
#define SOBOLEV_VECTOR_BYTES 64
#define SOBOLEV_CHUNK_VECTORS 4

#include "engine/nn/kernels.h"
#include "engine/nn/kernels_impl.h"

namespace sobolev::nn {

constinit const Kernels<float> kAvx512KernelsF32 = avx512::Table<float>();
constinit const Kernels<double> kAvx512KernelsF64 = avx512::Table<double>();

}  // namespace sobolev::nn
