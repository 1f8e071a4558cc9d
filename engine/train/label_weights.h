// Weights of single labels from their variances, for all samples that Adam sees.

#ifndef SOBOLEV_ENGINE_TRAIN_LABEL_WEIGHTS_H_
#define SOBOLEV_ENGINE_TRAIN_LABEL_WEIGHTS_H_

#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/samples.h"
#include "engine/train/variance_scale.h"

namespace sobolev::train {

// About the inverse variances in standardised units (variance_scale.h), with mean 1 over the known
// training values of an output, and over the known training entries of its gradients.
class LabelWeights {
 public:
  // All weights are 1.
  LabelWeights() = default;
  // Throws Error(kCancelled) soon after `stop` fires.
  LabelWeights(const SampleSet& samples, const Split& split, const nn::Scaling& scaling,
               const std::stop_token& stop);

  // Of y_i and J_ij of the sample.
  double OfValue(const Sample& sample, Index i) const;
  double OfEntry(const Sample& sample, Index i, Index j) const;

 private:
  // Of the labels of one output.
  struct Output {
    VarianceScale scale;
    double factor = 1;  // 1 over the mean weight.
  };

  double ValueVariance(const Sample& sample, Index i) const;
  double EntryVariance(const Sample& sample, Index i, Index j) const;

  nn::Scaling scaling_;
  std::vector<Output> values_;   // m, or none.
  std::vector<Output> entries_;  // m, or none.
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_LABEL_WEIGHTS_H_
