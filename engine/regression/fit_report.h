// What fits of every kind report beside the surrogate.

#ifndef SOBOLEV_ENGINE_REGRESSION_FIT_REPORT_H_
#define SOBOLEV_ENGINE_REGRESSION_FIT_REPORT_H_

#include <string>

#include "engine/base/matrix.h"
#include "engine/regression/cross_validation.h"

namespace sobolev::regression {

struct FitReport {
  // By leaving out points, for the model as it was chosen. It is not the same measure for every
  // kind: the terms and the ridge of a polynomial were chosen by these very errors, which flatters
  // it, at few points by several times; a process is mostly better than its errors say, because a
  // left-out point leaves a gap. To choose between kinds of models, hold out points from the fits.
  CrossValidation cross_validation;
  Index num_labels = 0;          // Scalar labels that the surrogate has seen.
  Index num_ignored_labels = 0;  // Beyond a limit, or of a kind that the model cannot use.
  std::string description;       // In words: "degree 4 of 176 terms", "squared exponential, …".
};

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_FIT_REPORT_H_
