#include "engine/nn/gram_curvature.h"

#include <algorithm>
#include <cstddef>
#include <stop_token>
#include <vector>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/dense/panels.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/gram_chunk.h"
#include "engine/nn/gram_rows.h"
#include "engine/nn/gram_workers.h"

namespace sobolev::nn {

namespace {

// Rows that are multiplied at a time.
constexpr Index kDepth = 256;

}  // namespace

GramCurvature::GramCurvature(const GramNetwork& network, Index num_workers, Isa isa)
    : network_(network),
      kernels_(GramKernelsFor(isa)),
      gemm_(dense::GemmKernelsFor(isa)),
      slice_(std::min(network.n, kDepth / (kChunks * kernels_.lanes))),
      rows_(network.num_parameters, slice_ * kChunks * kernels_.lanes),
      left_(gemm_, dense::Panels::Side::kLeft, network.num_parameters, rows_.cols()),
      right_(gemm_, dense::Panels::Side::kRight, network.num_parameters, rows_.cols()) {
  scratch_.reserve(static_cast<std::size_t>(num_workers));
  for (Index i = 0; i < num_workers; ++i) {
    scratch_.emplace_back(RowScratchSize(network, kernels_.lanes));
  }
}

void GramCurvature::Add(const GramChunk& sweeps, std::vector<AlignedBuffer<double>>& chunks,
                        Index num_chunks, MatrixRef H, const GramWorkers& workers,
                        const std::stop_token& stop) {
  const Index lanes = kernels_.lanes;
  const Index p = network_.num_parameters;
  for (Index first = 0; first < network_.n; first += slice_) {
    const Index count = std::min(slice_, network_.n - first);
    workers.ForEach(num_chunks, [&](Index i, Index worker) {
      ThrowIfStopped(stop);
      double* const chunk = chunks[static_cast<std::size_t>(i)].data();
      for (Index q = 0; q < count; ++q) {
        sweeps.TransposedUnit(first + q, chunk);
        WriteCurvatureRows(network_, sweeps.layout(), kernels_, chunk,
                           scratch_[static_cast<std::size_t>(worker)].data(),
                           rows_.col((i * count + q) * lanes).data(), p, 1);
      }
    });
    const auto made = rows_.leftCols(num_chunks * count * lanes);
    left_.Pack(made, 1);
    right_.Pack(made, 1);
    dense::AddPanels(gemm_, left_, right_, true, H, stop);
  }
}

}  // namespace sobolev::nn
