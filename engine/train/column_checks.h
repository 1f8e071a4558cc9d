// Tests of whole columns of derivative labels, those by one input, by fits without them. With few
// points in many inputs neighbours are too far apart to compare (label_checks.h), but a polynomial
// that fits all values and the derivatives by the other inputs still tells this derivative.

#ifndef SOBOLEV_ENGINE_TRAIN_COLUMN_CHECKS_H_
#define SOBOLEV_ENGINE_TRAIN_COLUMN_CHECKS_H_

#include <stop_token>
#include <vector>

#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/label_checks.h"

namespace sobolev::train {

// Output by output, leaves out the columns, one or two, without which left-out values are predicted
// best, and flags them if that is by far better than with them and if what is then predicted of
// them is a multiple of the labels, about −1 (a sign) or far from 1 (a unit), or the labels of the
// other one (exchanged). Of many points a part is looked at. Takes at most about `work`
// multiply-adds, and finds nothing where that is too little for the number of inputs and outputs.
std::vector<SuspectLabel> CompareWithFits(const LabelledPoints& points, const nn::Scaling& scaling,
                                          double work, const std::stop_token& stop = {});

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_COLUMN_CHECKS_H_
