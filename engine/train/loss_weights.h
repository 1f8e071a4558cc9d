// The weights of the loss that suit a set of labels.

#ifndef SOBOLEV_ENGINE_TRAIN_LOSS_WEIGHTS_H_
#define SOBOLEV_ENGINE_TRAIN_LOSS_WEIGHTS_H_

#include <optional>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/options.h"

namespace sobolev::train {

// What the user may say about the loss; the rest follows from the labels.
struct LossOptions {
  std::optional<double> alpha;
  std::optional<double> beta;
  std::optional<double> gamma;
  bool derivatives = true;  // False: values only.
  // How entries of gradients are made comparable. By default one scale per output: an input that
  // barely matters must not take over the loss.
  // Adam by default has kBalanced.
  std::optional<DerivativeScale> derivative_scale;
  // Factors of the squared errors of outputs, values and Jacobian entries alike; empty: all 1.
  std::vector<double> output_weights;  // m, > 0
  // Further factors of single Jacobian entries; empty: all 1. An entry of weight 0 is not fitted.
  std::vector<double> derivative_weights;  // m×n row-major, >= 0
  // Labels whose errors pass so many robust standard deviations lose weight (robust_errors.h).
  // Values and Jacobian entries; Adam makes no use of it.
  std::optional<double> huber;
};

// Throws Error(kInvalidArgument) naming "spec.alpha", "spec.beta" or "spec.gamma" unless all are
// within 0 and 1e6 and not all 0, or "spec.huber" unless it is within 0.1 and 100.
void CheckLoss(const LossOptions& options);

// Throws Error(kInvalidArgument) naming "spec.output_weights" or "spec.derivative_weights" unless
// there are none or as many as the function has outputs, or entries in its Jacobian, within 1e-6
// and 1e6, or 0 for some entries.
void CheckLabelWeights(const LossOptions& options, Index n, Index m);

// Multiplies the weights of single labels by those of the options, in proportion to their mean.
void WeighLabels(const LossOptions& options, LabelledPoints& points);

// α : β : γ = 1 : bn : bn·kCurvatureShare with the sum 1 unless given, where there are labels of
// the kind; b, the balance, is 1 in Huge and Savine (2020). λ by the derivative scale from the root
// mean squares of the labelled gradient entries (scaling.h); labels along directions speak for the
// inputs in proportion. κ is one number per output, 1 over the root mean square of its curvatures.
// With a threshold `huber`, entries beyond some robust deviations of their output count as that.
LossWeights WeightsFor(const LabelledPoints& points, const LossOptions& options,
                       double balance = 1);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_LOSS_WEIGHTS_H_
