// The sums of the products of gram_products.h, and the Gauss-Newton matrix out of them.

#ifndef SOBOLEV_ENGINE_NN_GRAM_MATRIX_H_
#define SOBOLEV_ENGINE_NN_GRAM_MATRIX_H_

#include <stop_token>
#include <vector>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/dense/gemm_kernels.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_layout.h"
#include "engine/nn/gram_products.h"
#include "engine/nn/gram_workers.h"

namespace sobolev::nn {

class GramMatrix {
 public:
  using MatrixRef = Eigen::Ref<Matrix, 0, Eigen::OuterStride<>>;

  GramMatrix(const GramNetwork& network, const std::vector<GramBlock>& blocks, Index num_workers,
             Isa isa);

  // Before the first Add() with these products.
  void Reserve(const std::vector<GramProduct>& products);

  // Makes all sums 0.
  void Clear(const GramWorkers& workers);

  // Adds the products over the first `num_chunks` chunks.
  void Add(const std::vector<GramProduct>& products,
           const std::vector<AlignedBuffer<double>>& chunks, Index num_chunks,
           const GramWorkers& workers, const std::stop_token& stop);

  // Writes the lower triangle of H.
  void Collect(MatrixRef H, const GramWorkers& workers) const;

 private:
  // The sum of a block: tiles of a left and a right panel, column by column, each of them
  // column-major.
  struct Sum {
    GramBlock block;
    Index left_panels;
    Index right_panels;
    AlignedBuffer<double> tiles;
    std::vector<Index> row;     // Offset of a row in `tiles`.
    std::vector<Index> column;  // Of a column.
  };

  void AddProduct(const GramProduct& product, const AlignedBuffer<double>* chunks, Index num_chunks,
                  const GramWorkers& workers, const std::stop_token& stop);
  void Pack(const GramFactor& factor, const double* chunk, Index width, Index depth, double* panels,
            double* scratch) const;
  void CollectColumns(const Sum& sum, Index r, MatrixRef H) const;
  void CollectInputs(const Sum& sum, Index r, Index c, double* column) const;
  void CollectCross(const Sum& sum, Index r, Index c, double* column) const;

  const GramNetwork& network_;
  const GramKernels& kernels_;
  const dense::GemmKernels& gemm_;
  Index chunks_per_product_;
  std::vector<Sum> sums_;
  AlignedBuffer<double> left_;
  AlignedBuffer<double> right_;
  std::vector<AlignedBuffer<double>> scratch_;  // Per worker.
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_GRAM_MATRIX_H_
