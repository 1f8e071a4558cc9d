// Differential polynomial regression: least squares on values and derivatives in closed form, the
// terms chosen by leaving out points.

#ifndef SOBOLEV_ENGINE_REGRESSION_POLYNOMIAL_FIT_H_
#define SOBOLEV_ENGINE_REGRESSION_POLYNOMIAL_FIT_H_

#include <memory>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/regression/fit_report.h"
#include "engine/regression/labels.h"
#include "engine/regression/polynomial_surrogate.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::regression {

struct PolynomialOptions {
  Index max_terms = 1500;  // Per group of outputs that share them.
  // A wave needs about three degrees plus the digits; the points limit degrees long before in many
  // inputs.
  Index max_degree = 30;
  // Rounds in which the set of terms grows where the errors of left-out points ask for it.
  int max_rounds = 24;
  // Multiply-adds of the whole search, shared by the groups, and of the fit that follows. A set of
  // terms that would exceed it is not tried, and points are left out of a fit that would.
  double max_cost = 5e10;
  // Of more labels in a group the terms are found on a part of the points.
  Index max_search_labels = 50000;
};

struct PolynomialFit {
  std::unique_ptr<PolynomialSurrogate> surrogate;
  FitReport report;
  double work = 0;  // Multiply-adds that it took, roughly.
};

// The points are in standardised coordinates, x̂ = maps(x); the surrogate is in the user's units.
// The same arguments give the same bits, whatever the number of threads.
//
// Throws Error(kInvalidArgument) if sizes disagree or there is no label, and Error(kCancelled) soon
// after `stop` fires.
PolynomialFit FitPolynomial(const LabelledPoints& points, const LossWeights& weights,
                            const AffineMaps& maps, const PolynomialOptions& options = {},
                            const std::stop_token& stop = {});

// At most so many multiply-adds, roughly, on the safe side.
double PolynomialFitCost(const FitSizes& sizes, const PolynomialOptions& options = {});

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_POLYNOMIAL_FIT_H_
