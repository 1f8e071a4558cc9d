// How well a model predicts what it was not shown, over whole points: all labels of a point leave
// the training together.

#ifndef SOBOLEV_ENGINE_REGRESSION_CROSS_VALIDATION_H_
#define SOBOLEV_ENGINE_REGRESSION_CROSS_VALIDATION_H_

#include "engine/base/matrix.h"
#include "engine/regression/labels.h"

namespace sobolev::regression {

// Errors per output. NaN where an output has no label of the kind. Squares are weighted by the
// precisions of the labels.
struct CrossValidation {
  Vector value_nrmse;     // m: RMS error / RMS of the values about their mean.
  Vector gradient_nrmse;  // m: |error| / |labels| over the labels of first derivatives.
  Index num_points = 0;   // How many points were left out, one at a time or in folds.

  // Root mean squares over the outputs that have labels, NaN if none has.
  double Value() const;
  double Gradient() const;
};

// Adds up squares over labels, in the order of the calls.
class CrossValidator {
 public:
  explicit CrossValidator(Index m)
      : value_errors_(Vector::Zero(m)),
        value_weights_(Vector::Zero(m)),
        value_sums_(Vector::Zero(m)),
        value_squares_(Vector::Zero(m)),
        gradient_errors_(Vector::Zero(m)),
        gradient_squares_(Vector::Zero(m)) {}

  // error: prediction without the point minus label. A label of several outputs counts for each in
  // proportion to w_i².
  void Add(const LabelGroup& group, const Label& label, double error);
  CrossValidation Finish(Index num_points) const;

 private:
  Vector value_errors_;
  Vector value_weights_;
  Vector value_sums_;
  Vector value_squares_;
  Vector gradient_errors_;
  Vector gradient_squares_;
};

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_CROSS_VALIDATION_H_
