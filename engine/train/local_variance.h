// Weights of labels from the variances that their errors have nearby.
//
// The noise of labels often depends on where they are: that of a pathwise payoff is large where the
// option is in the money and none where it is not. Nearby means: of neighbouring predicted values.

#ifndef SOBOLEV_ENGINE_TRAIN_LOCAL_VARIANCE_H_
#define SOBOLEV_ENGINE_TRAIN_LOCAL_VARIANCE_H_

#include "engine/surrogate/labelled_points.h"
#include "engine/train/robust_errors.h"

namespace sobolev::train {

// The points with the weights of values and Jacobian entries divided by the mean square of the
// errors (weighed as the labels are) among the neighbours in the order of predicted values, of mean
// 1 for every output and every entry of its gradient. Labels whose neighbours have hardly any
// errors get no more than a thousand times the weight that the mean error deserves.
LabelledPoints WeighByLocalVariance(const LabelledPoints& points, const LabelErrors& errors);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_LOCAL_VARIANCE_H_
