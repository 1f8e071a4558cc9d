// Samples without some of their inputs.

#ifndef SOBOLEV_ENGINE_TRAIN_SELECTED_INPUTS_H_
#define SOBOLEV_ENGINE_TRAIN_SELECTED_INPUTS_H_

#include <cstddef>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/train/samples.h"

namespace sobolev::train {

// Values, Jacobians, adjoints, their variances and weights by some of the inputs, in an order of
// choice. Tangents and Hessian-vector products are left out: their directions lead along the other
// inputs, too.
class SelectedInputs {
 public:
  // The memory of `samples` must outlive this. `inputs`: numbers below samples.n. Throws
  // Error(kResourceExhausted) naming "dataset" if the copy of what depends on inputs passes the
  // limit, in bytes, and Error(kCancelled) soon after `stop` fires. Of all inputs in their order
  // nothing is copied or left out.
  SelectedInputs(const SampleSet& samples, const std::vector<Index>& inputs,
                 std::size_t memory_limit, const std::stop_token& stop = {});
  SelectedInputs(const SelectedInputs&) = delete;
  SelectedInputs& operator=(const SelectedInputs&) = delete;

  // As long as this lives.
  const SampleSet& view() const { return view_; }

 private:
  // The selected numbers of each of `count` columns of n.
  const double* Select(const double* columns, Index count);

  const Index n_;
  const std::vector<Index> inputs_;
  std::vector<std::vector<double>> copies_;
  SampleSet view_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SELECTED_INPUTS_H_
