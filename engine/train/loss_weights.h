// The weights of the loss that suit a set of labels.

#ifndef SOBOLEV_ENGINE_TRAIN_LOSS_WEIGHTS_H_
#define SOBOLEV_ENGINE_TRAIN_LOSS_WEIGHTS_H_

#include <optional>

#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {

// What the user may say about the loss; the rest follows from the labels.
struct LossOptions {
  std::optional<double> alpha;
  std::optional<double> beta;
  std::optional<double> gamma;
  bool derivatives = true;  // False: values only.
};

// Throws Error(kInvalidArgument) naming "spec.alpha", "spec.beta" or "spec.gamma" unless all are
// within 0 and 1e6 and not all 0.
void CheckLoss(const LossOptions& options);

// α = 1/(1+n) and β = n/(1+n) unless given (Huge and Savine 2020), or 1 and 0 without derivatives.
// λ is one number per output, 1 over the root mean square of its labelled gradient entries: an
// input that barely matters must not take over the loss. With curvature labels, whose scale κ is
// found in the same way, α : β : γ = 1 : n : n·kCurvatureShare with the sum 1.
LossWeights WeightsFor(const LabelledPoints& points, const LossOptions& options);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_LOSS_WEIGHTS_H_
