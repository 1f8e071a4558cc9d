// How samples are brought to comparable size before a network sees them.
//
// All statistics are weighted means over the training samples, the weights being normalised to mean
// 1; those of values weigh by inverse variances too, where they are known (variance_scale.h). With
// μ and σ the mean and standard deviation of a column, x̂ = (x − μ_x)/σ_x, ŷ = (y − μ_y)/σ_y, and so
// Ĵ_ij = ∂ŷ_i/∂x̂_j = J_ij σ_xj/σ_yi (Huge and Savine 2020).

#ifndef SOBOLEV_ENGINE_TRAIN_SCALING_H_
#define SOBOLEV_ENGINE_TRAIN_SCALING_H_

#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"

namespace sobolev::train {

// What turns the weight of a sample into its weights in the losses: w = value·weight has mean 1
// over all samples of a part, v = gradient·weight over all samples of a part means 1 as well but is
// only given to those with derivative labels.
struct WeightFactors {
  double value = 0;
  double gradient = 0;  // 0 if no sample of the part has derivative labels.
};

struct Standardisation {
  // A constant output has scale 1. A constant input, whose spread says nothing about its unit, is
  // scaled so that the RMS over outputs of its Ĵ is 1, or by 1 if its derivatives are unknown or 0.
  nn::Scaling scaling;
  // λ, m×n row-major: multiplies the residual of Ĵ_ij in the gradient loss.
  // With r_ij the RMS over samples of Ĵ_ij, λ_ij is
  //   kPerOutput  1/RMS over j of r_ij.
  //   kPerInput   1/r_ij (Huge and Savine 2020), or 0 if r_ij < 1e-7 max_j r_ij. An input that
  //               barely matters gets a huge λ, and the gradient loss then cares for little else:
  //               training ends at a constant.
  //   kBalanced   1/max(r_ij, max_j r_ij / 10). The noise of pathwise derivatives is about
  //               proportional to r_ij, so that the first term weighs by precision; the second
  //               keeps an input that barely matters from taking over.
  // An output whose derivatives are all 0 has λ = 1. Directional labels speak for the entries that
  // they are made of: (ẏ_i/|ẋ|)² for all Ĵ_ij of output i, (x̄_j/|ȳ|)² for the Ĵ_ij of all outputs
  // with ȳ_i ≠ 0; r_ij is then the RMS over all labels that speak for it.
  std::vector<double> lambda;
  WeightFactors training;
  WeightFactors validation;
};

// Standardised inputs (n×N) as the user has them.
Matrix InUserUnits(const Matrix& X, const nn::Scaling& scaling);

// λ of one output as above from r, the RMS over samples of its Ĵ by each input.
Vector Lambda(const Vector& r, DerivativeScale derivative_scale);

// Throws Error(kCancelled) soon after `stop` fires.
Standardisation Standardise(const SampleSet& samples, const Split& split,
                            DerivativeScale derivative_scale, const std::stop_token& stop = {});

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SCALING_H_
