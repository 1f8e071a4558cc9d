#define SOBOLEV_ISA avx512
#define SOBOLEV_VECTOR_BYTES 64
#define SOBOLEV_PANEL_VECTORS 3
#define SOBOLEV_PANEL_COLS 8

#include "engine/chain/product_kernels.h"
#include "engine/chain/product_kernels_impl.h"

namespace sobolev::chain {

constinit const ProductKernels kAvx512ProductKernels = avx512::Table();

}  // namespace sobolev::chain
