// Products of matrices packed in panels.

#ifndef SOBOLEV_ENGINE_DENSE_PANELS_H_
#define SOBOLEV_ENGINE_DENSE_PANELS_H_

#include <cstddef>
#include <memory>
#include <new>
#include <stop_token>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/dense/dense.h"
#include "engine/dense/gemm_kernels.h"

namespace sobolev::dense {

// Throws Error(kInvalidArgument) unless this processor supports `isa`.
const GemmKernels& GemmKernelsFor(Isa isa);

// Panels of `size` rows that it takes to hold `count` rows.
constexpr Index NumPanels(Index count, Index size) { return (count + size - 1) / size; }

// All rows of a matrix, some of its columns at a time, in left or right panels.
class Panels {
 public:
  enum class Side { kLeft, kRight };

  // Room for `rows` rows and up to `max_depth` columns.
  Panels(const GemmKernels& kernels, Side side, Index rows, Index max_depth);

  // factor·A, at most max_depth columns. Uses the threads of the arena.
  void Pack(const ConstMatrixRef& A, double factor);

  Index rows() const { return rows_; }
  Index depth() const { return depth_; }
  Index width() const { return width_; }
  Index num_panels() const { return NumPanels(rows_, width_); }
  const double* Panel(Index i) const { return elements_.get() + i * width_ * depth_; }

 private:
  struct Delete {
    void operator()(double* elements) const { ::operator delete[](elements, std::align_val_t{64}); }
  };

  const GemmKernels& kernels_;
  Index width_;
  Index rows_;
  Index depth_ = 0;
  std::unique_ptr<double[], Delete> elements_;
};

// C += left·rightᵀ; with `lower`, C is square and nothing above its diagonal is read or written.
void AddPanels(const GemmKernels& kernels, const Panels& left, const Panels& right, bool lower,
               MatrixRef C, const std::stop_token& stop);

}  // namespace sobolev::dense

#endif  // SOBOLEV_ENGINE_DENSE_PANELS_H_
