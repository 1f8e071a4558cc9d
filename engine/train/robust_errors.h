// Errors of single labels, and weights by which outliers do not wreck a fit.
//
// Huber (1964): squared errors count up to a threshold, absolute ones beyond. A fit with weights
//   w = min(1, k σ/|e|)
// from the errors e of the fit before ends there (iteratively reweighted least squares). σ is
// 1.4826 times the median of |e| (the standard deviation, if errors are normal and most labels are
// sound), for every output, and for every entry of its gradient.

#ifndef SOBOLEV_ENGINE_TRAIN_ROBUST_ERRORS_H_
#define SOBOLEV_ENGINE_TRAIN_ROBUST_ERRORS_H_

#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/samples.h"

namespace sobolev::train {

// Prediction − label, standardised; NaN where the label is missing.
struct LabelErrors {
  Matrix Y;  // m×N
  Matrix J;  // n×(m·N), or without columns as the labels are.
};

// At standardised points, of a surrogate in the user's units. Throws Error(kCancelled) soon after
// `stop` fires.
LabelErrors LabelErrorsOn(const Surrogate& surrogate, const LabelledPoints& points,
                          const nn::Scaling& scaling, const std::stop_token& stop = {});

// σ of errors that are weighed by the roots of the labels' weights.
struct ErrorSpread {
  Vector Y;  // m
  Matrix J;  // n×m
};
ErrorSpread SpreadOf(const LabelErrors& errors, const LabelledPoints& points);

// 1.4826 times the median size of the numbers that are not NaN, which it reorders; 0 if there are
// none.
double RobustDeviation(std::vector<double>& numbers);

// The points with the weights of values and Jacobian entries times w^power. 1 is Huber's loss; 2
// makes of an outlier a label whose noise is as large as its error, which suits models of noise.
LabelledPoints WithoutOutliers(const LabelledPoints& points, const LabelErrors& errors, double k,
                               double power = 1);

// Medians and robust deviations of the outputs in place of means and standard deviations, but where
// more than half of the values are equal. Throws Error(kCancelled) soon after `stop` fires.
void UseRobustSpread(const SampleSet& samples, nn::Scaling& scaling,
                     const std::stop_token& stop = {});

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_ROBUST_ERRORS_H_
