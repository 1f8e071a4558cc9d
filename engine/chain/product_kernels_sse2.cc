#define SOBOLEV_ISA sse2
#define SOBOLEV_VECTOR_BYTES 16
#define SOBOLEV_PANEL_VECTORS 2
#define SOBOLEV_PANEL_COLS 4

#include "engine/chain/product_kernels.h"
#include "engine/chain/product_kernels_impl.h"

namespace sobolev::chain {

constinit const ProductKernels kSse2ProductKernels = sse2::Table();

}  // namespace sobolev::chain
