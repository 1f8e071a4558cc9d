#define SOBOLEV_ISA avx2
#define SOBOLEV_VECTOR_BYTES 32
#define SOBOLEV_PANEL_VECTORS 3
#define SOBOLEV_PANEL_COLS 4

#include "engine/chain/product_kernels.h"
#include "engine/chain/product_kernels_impl.h"

namespace sobolev::chain {

constinit const ProductKernels kAvx2ProductKernels = avx2::Table();

}  // namespace sobolev::chain
