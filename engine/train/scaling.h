// How samples are brought to comparable size before a network sees them.
//
// All statistics are weighted means over the training samples, the weights being normalised to mean
// 1. With μ and σ the mean and standard deviation of a column, x̂ = (x − μ_x)/σ_x,
// ŷ = (y − μ_y)/σ_y, and so Ĵ_ij = ∂ŷ_i/∂x̂_j = J_ij σ_xj/σ_yi (Huge and Savine 2020).

#ifndef SOBOLEV_ENGINE_TRAIN_SCALING_H_
#define SOBOLEV_ENGINE_TRAIN_SCALING_H_

#include <stop_token>
#include <vector>

#include "engine/nn/surrogate.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"

namespace sobolev::train {

// What turns the weight of a sample into its weights in the losses: w = value·weight has mean 1
// over all samples of a part, v = gradient·weight over all samples of a part means 1 as well but is
// only given to those with a Jacobian.
struct WeightFactors {
  double value = 0;
  double gradient = 0;  // 0 if no sample of the part has a Jacobian.
};

struct Standardisation {
  // A constant output has scale 1. A constant input, whose spread says nothing about its unit, is
  // scaled so that the RMS over outputs of its Ĵ is 1, or by 1 if its derivatives are unknown or 0.
  nn::Scaling scaling;
  // λ, m×n row-major: multiplies the residual of Ĵ_ij in the gradient loss.
  //   kPerOutput  λ_ij = 1/RMS over samples and inputs of Ĵ_i·; 1 if they are all 0.
  //   kPerInput   λ_ij = 1/RMS over samples of Ĵ_ij; 0 if that is below 1e-7 of the largest RMS of
  //               the output. An input that barely matters gets a huge λ all the same, and the
  //               gradient loss then cares for little else: the training collapses.
  std::vector<double> lambda;
  WeightFactors training;
  WeightFactors validation;
};

// Throws Error(kCancelled) soon after `stop` fires.
Standardisation Standardise(const SampleSet& samples, const Split& split,
                            DerivativeScale derivative_scale, const std::stop_token& stop = {});

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SCALING_H_
