#include "engine/nn/gram_matrix.h"

#include <algorithm>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/dense/gemm_kernels.h"
#include "engine/dense/panels.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/gram_chunk.h"
#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_layout.h"
#include "engine/nn/gram_products.h"
#include "engine/nn/gram_workers.h"

namespace sobolev::nn {

namespace {

// Rows of a factor that are computed before they are packed; a row p of more is computed whole.
constexpr Index kScratchRows = 128;
// Groups that are packed at a time: with two parts, what the widest layers of common networks make
// of them fits into a second-level cache.
constexpr Index kProductGroups = 32;
// Right panels that are multiplied with a left panel before the next: they should stay in a
// second-level cache.
constexpr Index kCachedBytes = Index{384} * 1024;

// The number of (p, q), p <= q < count, in order of p.
Index TriangleIndex(Index p, Index q, Index count) { return p * count - p * (p - 1) / 2 + q - p; }

}  // namespace

GramMatrix::GramMatrix(const GramNetwork& network, const std::vector<GramBlock>& blocks,
                       Index num_workers, Isa isa)
    : network_(network),
      kernels_(GramKernelsFor(isa)),
      gemm_(dense::GemmKernelsFor(isa)),
      chunks_per_product_(std::max<Index>(1, kProductGroups / kernels_.lanes)) {
  for (const GramBlock& block : blocks) {
    const Index left_panels = dense::NumPanels(block.rows, gemm_.rows);
    const Index right_panels = dense::NumPanels(block.cols, gemm_.cols);
    const Index tile = gemm_.rows * gemm_.cols;
    Sum& sum =
        sums_.emplace_back(Sum{.block = block,
                               .left_panels = left_panels,
                               .right_panels = right_panels,
                               .tiles = AlignedBuffer<double>(left_panels * right_panels * tile),
                               .row = {},
                               .column = {}});
    for (Index u = 0; u < block.rows; ++u) {
      sum.row.push_back(u / gemm_.rows * right_panels * tile + u % gemm_.rows);
    }
    for (Index v = 0; v < block.cols; ++v) {
      sum.column.push_back(v / gemm_.cols * tile + v % gemm_.cols * gemm_.rows);
    }
  }
  for (Index i = 0; i < num_workers; ++i) scratch_.emplace_back(0);
}

void GramMatrix::Reserve(const std::vector<GramProduct>& products) {
  Index left = left_.size();
  Index right = right_.size();
  Index scratch = scratch_.front().size();
  for (const GramProduct& product : products) {
    const Sum& sum = sums_[static_cast<std::size_t>(product.block)];
    const Index depth =
        static_cast<Index>(product.parts.size()) * chunks_per_product_ * kernels_.lanes;
    left = std::max(left, sum.left_panels * gemm_.rows * depth);
    right = std::max(right, sum.right_panels * gemm_.cols * depth);
    for (const GramProduct::Part& part : product.parts) {
      for (const GramFactor* factor : {&part.left, &part.right}) {
        scratch = std::max(scratch, (kScratchRows + factor->right_rows) * kernels_.lanes);
      }
    }
  }
  if (left > left_.size()) left_ = AlignedBuffer<double>(left);
  if (right > right_.size()) right_ = AlignedBuffer<double>(right);
  if (scratch > scratch_.front().size()) {
    for (AlignedBuffer<double>& buffer : scratch_) buffer = AlignedBuffer<double>(scratch);
  }
}

void GramMatrix::Clear(const GramWorkers& workers) {
  workers.ForEach(static_cast<Index>(sums_.size()), [&](Index i, Index /*worker*/) {
    AlignedBuffer<double>& tiles = sums_[static_cast<std::size_t>(i)].tiles;
    std::fill_n(tiles.data(), tiles.size(), 0.0);
  });
}

// Panels of `width` rows and `depth` columns, of which a chunk fills as many as it has lanes.
void GramMatrix::Pack(const GramFactor& factor, const double* chunk, Index width, Index depth,
                      double* panels, double* scratch) const {
  Index row = 0;
  for (Index p = 0; p < factor.left_rows;) {
    Index count = 0;
    p = FillFactor(kernels_, factor, chunk, p, kScratchRows, scratch, count);
    kernels_.pack(scratch, count, row, width, width * depth, panels);
    row += count;
  }
  // The rest of the last panel.
  if (row % width == 0) return;
  double* const last = panels + row / width * width * depth;
  for (Index lane = 0; lane < kernels_.lanes; ++lane) {
    std::fill(last + lane * width + row % width, last + (lane + 1) * width, 0.0);
  }
}

void GramMatrix::Add(const std::vector<GramProduct>& products,
                     const std::vector<AlignedBuffer<double>>& chunks, Index num_chunks,
                     const GramWorkers& workers, const std::stop_token& stop) {
  for (const GramProduct& product : products) {
    for (Index first = 0; first < num_chunks; first += chunks_per_product_) {
      AddProduct(product, chunks.data() + first, std::min(chunks_per_product_, num_chunks - first),
                 workers, stop);
    }
  }
}

void GramMatrix::AddProduct(const GramProduct& product, const AlignedBuffer<double>* chunks,
                            Index num_chunks, const GramWorkers& workers,
                            const std::stop_token& stop) {
  Sum& sum = sums_[static_cast<std::size_t>(product.block)];
  const auto num_parts = static_cast<Index>(product.parts.size());
  const Index depth = num_parts * num_chunks * kernels_.lanes;
  workers.ForEach(2 * num_parts * num_chunks, [&](Index task, Index worker) {
    ThrowIfStopped(stop);
    const Index place = task / 2;  // Among parts and chunks.
    const GramProduct::Part& part = product.parts[static_cast<std::size_t>(place / num_chunks)];
    const double* const chunk = chunks[place % num_chunks].data();
    double* const scratch = scratch_[static_cast<std::size_t>(worker)].data();
    const Index first = place * kernels_.lanes;
    if (task % 2 == 0) {
      Pack(part.left, chunk, gemm_.rows, depth, left_.data() + first * gemm_.rows, scratch);
    } else {
      Pack(part.right, chunk, gemm_.cols, depth, right_.data() + first * gemm_.cols, scratch);
    }
  });
  const Index panel_bytes = gemm_.cols * depth * static_cast<Index>(sizeof(double));
  const Index cached = std::clamp<Index>(kCachedBytes / panel_bytes, 1, sum.right_panels);
  const Index num_runs = (sum.right_panels + cached - 1) / cached;
  workers.ForEach(num_runs * sum.left_panels, [&](Index task, Index /*worker*/) {
    ThrowIfStopped(stop);
    const Index run = task / sum.left_panels;
    const Index i = task % sum.left_panels;
    const Index end = std::min((run + 1) * cached, sum.right_panels);
    for (Index j = run * cached; j < end; ++j) {
      gemm_.multiply(
          depth, left_.data() + i * gemm_.rows * depth, right_.data() + j * gemm_.cols * depth,
          sum.tiles.data() + (i * sum.right_panels + j) * gemm_.rows * gemm_.cols, gemm_.rows);
    }
  });
}

void GramMatrix::Collect(MatrixRef H, const GramWorkers& workers) const {
  for (Index l = 1; l <= network_.depth; ++l) {
    const GramLayer& layer = network_.Layer(l);
    workers.ForEach(layer.rows, [&](Index r, Index /*worker*/) {
      for (Index c = 0; c <= layer.cols; ++c) {
        const Index column = c < layer.cols ? layer.weights + r * layer.cols + c : layer.bias + r;
        std::fill_n(H.col(column).data() + column, H.rows() - column, 0.0);
      }
      for (const Sum& sum : sums_) {
        if (sum.block.l == l) CollectColumns(sum, r, H);
      }
    });
  }
}

// Adds the sum's share of columns (l, r, ·).
void GramMatrix::CollectColumns(const Sum& sum, Index r, MatrixRef H) const {
  const GramLayer& left = network_.Layer(sum.block.l);
  for (Index c = 0; c <= left.cols; ++c) {
    const Index column = c < left.cols ? left.weights + r * left.cols + c : left.bias + r;
    double* const to = H.col(column).data();
    switch (sum.block.form) {
      case GramBlock::Form::kInputs:
      case GramBlock::Form::kOutputSquares:
        CollectInputs(sum, r, c, to);
        break;
      case GramBlock::Form::kCross:
      case GramBlock::Form::kOutputCross:
        CollectCross(sum, r, c, to);
        break;
    }
  }
}

// Parameters of a layer are its weights row by row and then its biases. So below the diagonal of a
// block with l = k are, in the column of a weight (r, c), the weights (r, c′ >= c), those of later
// rows, and all biases; in the column of a bias, the biases from it on.

void GramMatrix::CollectInputs(const Sum& sum, Index r, Index c, double* column) const {
  const bool same = sum.block.l == sum.block.k;
  const bool squares = sum.block.form == GramBlock::Form::kOutputSquares;
  const GramLayer& left = network_.Layer(sum.block.l);
  const GramLayer& right = network_.Layer(sum.block.k);
  const bool bias_column = c == left.cols;
  const Index inputs = right.cols + 1;
  // Where the rows (c, c′) are; of a symmetric product, those with c′ >= c.
  const Index* const offsets =
      sum.row.data() + (same ? TriangleIndex(c, c, inputs) - c : c * inputs);
  const Index first_bias = squares || (same && bias_column) ? r : 0;
  for (Index row = first_bias; row < (squares ? r + 1 : right.rows); ++row) {
    const Index v = squares ? r
                    : same  ? TriangleIndex(std::min(r, row), std::max(r, row), right.rows)
                            : row * left.rows + r;
    const double* const from = sum.tiles.data() + sum.column[static_cast<std::size_t>(v)];
    column[right.bias + row] += from[offsets[right.cols]];
    if (same && (bias_column || row < r)) continue;
    double* const to = column + right.weights + row * right.cols;
    for (Index col = 0; same && row > r && col < c; ++col) {
      to[col] += from[sum.row[static_cast<std::size_t>(TriangleIndex(col, c, inputs))]];
    }
    for (Index col = same ? c : 0; col < right.cols; ++col) to[col] += from[offsets[col]];
  }
}

void GramMatrix::CollectCross(const Sum& sum, Index r, Index c, double* column) const {
  const bool same = sum.block.l == sum.block.k;
  const bool output = sum.block.form == GramBlock::Form::kOutputCross;
  const GramLayer& left = network_.Layer(sum.block.l);
  const GramLayer& right = network_.Layer(sum.block.k);
  const Index outputs = output ? 1 : right.rows;  // Rows r′ in the block.
  const double* const tiles = sum.tiles.data();
  const Index* const rows = sum.row.data();
  const Index* const columns = sum.column.data();
  const bool bias_column = c == left.cols;
  for (Index col = same && bias_column ? right.cols : 0; col <= right.cols; ++col) {
    const bool bias_row = col == right.cols;
    const Index first = !same || (bias_row && !bias_column) ? 0 : col >= c ? r : r + 1;
    const Index step = bias_row ? 1 : right.cols;
    double* const to = column + (bias_row ? right.bias : right.weights + col) +
                       (output ? sum.block.output * step : 0);
    const double* const direct = tiles + columns[col * left.rows + r];
    const Index* const direct_rows = rows + c * outputs;
    for (Index i = first; i < outputs; ++i) to[i * step] += direct[direct_rows[i]];
    if (!same) continue;
    const double* const transposed = tiles + rows[col * outputs + r];
    const Index* const transposed_columns = columns + c * left.rows;
    for (Index i = first; i < outputs; ++i) to[i * step] += transposed[transposed_columns[i]];
  }
}

}  // namespace sobolev::nn
