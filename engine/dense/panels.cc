#include "engine/dense/panels.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <stop_token>
#include <string>

#include <oneapi/tbb/parallel_for.h>

#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/dense/gemm_kernels.h"

namespace sobolev::dense {

namespace {

// Left panels that are multiplied with a right panel before the next: they should stay in a
// second-level cache.
constexpr Index kCachedBytes = Index{384} * 1024;
// Right panels in a task.
constexpr Index kPanelsPerTask = 16;

// visit(i) for every i < count, on several threads if there is more than one task.
template <class Visit>
void ForEach(Index count, const Visit& visit) {
  if (count <= 1) {
    for (Index i = 0; i < count; ++i) visit(i);
  } else {
    oneapi::tbb::parallel_for(Index{0}, count, visit);
  }
}

}  // namespace

const GemmKernels& GemmKernelsFor(Isa isa) {
  if (isa > BestIsa()) {
    throw InvalidArgument("UNSUPPORTED_ISA", "isa",
                          "expected at most " + std::string(Name(BestIsa())) + ", got " +
                              std::string(Name(isa)) + "; this processor lacks it");
  }
  switch (isa) {
    case Isa::kAvx512:
      return kAvx512GemmKernels;
    case Isa::kAvx2:
      return kAvx2GemmKernels;
    case Isa::kSse2:
      break;
  }
  return kSse2GemmKernels;
}

Panels::Panels(const GemmKernels& kernels, Side side, Index rows, Index max_depth)
    : kernels_(kernels),
      width_(side == Side::kLeft ? kernels.rows : kernels.cols),
      rows_(rows),
      elements_(static_cast<double*>(::operator new[](
          static_cast<std::size_t>(NumPanels(rows, width_) * width_ * max_depth) * sizeof(double),
          std::align_val_t{64}))) {}

void Panels::Pack(const ConstMatrixRef& A, double factor) {
  depth_ = A.cols();
  constexpr Index kTogether = 16;
  ForEach(NumPanels(num_panels(), kTogether), [&](Index task) {
    const Index end = std::min((task + 1) * kTogether, num_panels());
    for (Index i = task * kTogether; i < end; ++i) {
      kernels_.pack(A.data() + i * width_, A.outerStride(), depth_,
                    std::min(width_, rows_ - i * width_), width_, factor,
                    elements_.get() + i * width_ * depth_);
    }
  });
}

void AddPanels(const GemmKernels& kernels, const Panels& left, const Panels& right, bool lower,
               MatrixRef C, const std::stop_token& stop) {
  const Index stride = C.outerStride();
  const Index depth = left.depth();
  const Index panel_bytes = left.width() * depth * static_cast<Index>(sizeof(double));
  const Index cached = std::clamp<Index>(kCachedBytes / std::max<Index>(panel_bytes, 1), 1,
                                         std::max<Index>(left.num_panels(), 1));
  const Index num_runs = NumPanels(left.num_panels(), cached);
  const Index num_groups = NumPanels(right.num_panels(), kPanelsPerTask);
  const auto multiply = [&](Index i, Index j) {
    const Index row = i * left.width();
    const Index col = j * right.width();
    const Index rows = std::min(left.width(), left.rows() - row);
    const Index cols = std::min(right.width(), right.rows() - col);
    if (lower && row + rows <= col) return;
    double* const at = C.data() + col * stride + row;
    const bool below = !lower || row >= col + cols - 1;
    if (below && rows == left.width() && cols == right.width()) {
      kernels.multiply(depth, left.Panel(i), right.Panel(j), at, stride);
      return;
    }
    double tile[kMaxPanelRows * kMaxPanelCols] = {};
    kernels.multiply(depth, left.Panel(i), right.Panel(j), tile, left.width());
    for (Index c = 0; c < cols; ++c) {
      for (Index r = lower ? std::max<Index>(0, col + c - row) : 0; r < rows; ++r) {
        at[c * stride + r] += tile[c * left.width() + r];
      }
    }
  };
  ForEach(num_runs * num_groups, [&](Index task) {
    const Index run = task % num_runs;
    const Index group = task / num_runs;
    const Index end_left = std::min((run + 1) * cached, left.num_panels());
    const Index end_right = std::min((group + 1) * kPanelsPerTask, right.num_panels());
    if (lower && end_left * left.width() <= group * kPanelsPerTask * right.width()) return;
    ThrowIfStopped(stop);
    for (Index j = group * kPanelsPerTask; j < end_right; ++j) {
      for (Index i = run * cached; i < end_left; ++i) multiply(i, j);
    }
  });
}

}  // namespace sobolev::dense
