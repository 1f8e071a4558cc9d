// Samples of a box, without some of their inputs.

#ifndef SOBOLEV_ENGINE_TRAIN_SELECTED_SAMPLES_H_
#define SOBOLEV_ENGINE_TRAIN_SELECTED_SAMPLES_H_

#include <cstddef>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/train/samples.h"

namespace sobolev::train {

// Which samples, by which inputs.
struct SampleSelection {
  std::vector<Index> inputs;  // In an order of choice.
  // Only samples with min <= x <= max for these inputs; empty: all.
  Vector min = {};
  Vector max = {};
};

// Values, Jacobians, adjoints, their variances and weights. Without some of the inputs, tangents
// and Hessian-vector products are left out: their directions lead along the others, too.
class SelectedSamples {
 public:
  // The memory of `samples` must outlive this. Throws Error(kResourceExhausted) naming "dataset" if
  // the copy passes the limit, in bytes, and Error(kCancelled) soon after `stop` fires. Nothing is
  // copied if all samples by all inputs in their order are selected.
  SelectedSamples(const SampleSet& samples, const SampleSelection& selection,
                  std::size_t memory_limit, const std::stop_token& stop = {});
  SelectedSamples(const SelectedSamples&) = delete;
  SelectedSamples& operator=(const SelectedSamples&) = delete;

  // As long as this lives.
  const SampleSet& view() const { return view_; }

 private:
  // The numbers of these rows, of which each has `count` columns of `size`; of columns of inputs
  // the selected ones. Null of null.
  const double* Copy(const double* columns, Index count, Index size,
                     const std::vector<Index>& rows);
  const double* CopyByInputs(const double* columns, Index count, const std::vector<Index>& rows);
  void CopyBlock(const SampleBlock& block, const std::vector<Index>& rows, bool all_inputs);

  const Index n_;
  const std::vector<Index> inputs_;
  std::vector<std::vector<double>> copies_;
  SampleSet view_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SELECTED_SAMPLES_H_
