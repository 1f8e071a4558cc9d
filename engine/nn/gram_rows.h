// Rows of the Jacobian of the residuals, one by one.

#ifndef SOBOLEV_ENGINE_NN_GRAM_ROWS_H_
#define SOBOLEV_ENGINE_NN_GRAM_ROWS_H_

#include "engine/base/matrix.h"
#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_layout.h"

namespace sobolev::nn {

// Elements that writing rows needs as scratch.
Index RowScratchSize(const GramNetwork& network, Index lanes);

// Writes ∂r/∂θ for the residuals of a chunk after GramChunk::Factors: residual q of a lane becomes
// row q·lanes + lane at `rows`, which has p columns that are `stride` elements apart.
void WriteRows(const GramNetwork& network, const GramLayout& layout, const GramKernels& kernels,
               const double* chunk, double* scratch, double* rows, Index stride);

// Writes ∂r/∂θ for residual q of a chunk of kCurvature after GramChunk::TransposedUnit(q): that of
// a lane begins at rows + lane·lane_stride, its columns `stride` elements apart.
void WriteCurvatureRows(const GramNetwork& network, const GramLayout& layout,
                        const GramKernels& kernels, const double* chunk, double* scratch,
                        double* rows, Index lane_stride, Index stride);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_GRAM_ROWS_H_
