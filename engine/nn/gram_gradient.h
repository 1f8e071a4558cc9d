// Rᵀu as outer products over chunks.

#ifndef SOBOLEV_ENGINE_NN_GRAM_GRADIENT_H_
#define SOBOLEV_ENGINE_NN_GRAM_GRADIENT_H_

#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/gram_layout.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

// tiles += the chunk's share of Rᵀu, after GramChunk::Transposed. Tiles are network.tiles_size
// elements.
void AddGradient(const GramNetwork& network, const GramLayout& layout,
                 const Kernels<double>& kernels, const double* chunk, double* tiles);

// gradient = Σ of the first `num_slots` tiles in order, in the order of θ.
void CollectGradient(const GramNetwork& network, const std::vector<AlignedBuffer<double>>& tiles,
                     Index num_slots, Eigen::Ref<Vector> gradient);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_GRAM_GRADIENT_H_
