// Gradient-enhanced Gaussian process regression: hyperparameters by maximum likelihood, everything
// else in closed form.

#ifndef SOBOLEV_ENGINE_REGRESSION_GAUSSIAN_PROCESS_FIT_H_
#define SOBOLEV_ENGINE_REGRESSION_GAUSSIAN_PROCESS_FIT_H_

#include <memory>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/regression/fit_report.h"
#include "engine/regression/gaussian_process.h"
#include "engine/regression/labels.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::regression {

// Labels of outputs that share a covariance matrix, at most: it has this squared numbers.
constexpr Index kMaxProcessLabels = 8000;

struct GaussianProcessOptions {
  // If > 0, of more labels that share a covariance matrix only so many are used: the values of all
  // points and the derivatives of some, or all labels of some points where values alone are too
  // many. The same labels for the same points.
  Index max_labels = 0;
  // The likelihood is maximised over the labels of as many points as have so many labels.
  Index max_likelihood_labels = 600;
  // Evaluations of the likelihood with its gradient.
  int max_evaluations = 90;
  // Then a few more over more labels.
  Index max_refinement_labels = 1200;
  int max_refinements = 12;
  // The spread is judged by the labels of as many points as have so many labels.
  Index max_spread_labels = 2000;
};

struct GaussianProcessFit {
  std::unique_ptr<GaussianProcess> surrogate;
  FitReport report;
};

// The points are in standardised coordinates, x̂ = maps(x); the surrogate is in the user's units.
// Labels of curvature are ignored. Labels are as noisy as the likelihood says, their variances
// inversely proportional to the weights of points; `weights` says which labels count at all, and
// what the kernel is chosen by. The same arguments give the same bits, whatever the number of
// threads.
//
// Throws Error(kInvalidArgument) if sizes disagree or there is no label, Error(kResourceExhausted)
// if there are more labels than kMaxProcessLabels and options.max_labels is 0, and
// Error(kCancelled) soon after `stop` fires.
GaussianProcessFit FitGaussianProcess(const LabelledPoints& points, const LossWeights& weights,
                                      const AffineMaps& maps,
                                      const GaussianProcessOptions& options = {},
                                      const std::stop_token& stop = {});

// Roughly the multiply-adds of a fit, on the safe side. Infinite if the labels are too many.
double GaussianProcessFitCost(const FitSizes& sizes, const GaussianProcessOptions& options = {});

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_GAUSSIAN_PROCESS_FIT_H_
