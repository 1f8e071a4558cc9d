// The share of curvature labels in the Gauss-Newton matrix, from the rows of the residual Jacobian:
// n rows of p numbers for each label, which are made and used up in slices.

#ifndef SOBOLEV_ENGINE_NN_GRAM_CURVATURE_H_
#define SOBOLEV_ENGINE_NN_GRAM_CURVATURE_H_

#include <stop_token>
#include <vector>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/dense/gemm_kernels.h"
#include "engine/dense/panels.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/gram_chunk.h"
#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_layout.h"
#include "engine/nn/gram_workers.h"

namespace sobolev::nn {

class GramCurvature {
 public:
  using MatrixRef = Eigen::Ref<Matrix, 0, Eigen::OuterStride<>>;

  // Chunks whose rows are made at a time, on different threads.
  static constexpr Index kChunks = 4;

  GramCurvature(const GramNetwork& network, Index num_workers, Isa isa);

  // The lower triangle of H += RᵀR over the first `num_chunks` <= kChunks chunks of kCurvature,
  // after GramChunk::Residuals.
  void Add(const GramChunk& sweeps, std::vector<AlignedBuffer<double>>& chunks, Index num_chunks,
           MatrixRef H, const GramWorkers& workers, const std::stop_token& stop);

 private:
  const GramNetwork& network_;
  const GramKernels& kernels_;
  const dense::GemmKernels& gemm_;
  Index slice_;  // Residuals of every group whose rows are made at a time.
  Matrix rows_;  // Rᵀ
  dense::Panels left_;
  dense::Panels right_;
  std::vector<AlignedBuffer<double>> scratch_;  // Per worker.
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_GRAM_CURVATURE_H_
