// Tests of derivative labels against values. Wrong signs, wrong units and swapped columns are
// common in uploaded derivatives, and pathwise derivatives of discontinuous functions are biased
// (Glasserman and Karmarkar 2025); both make a differential fit worse than none.

#ifndef SOBOLEV_ENGINE_TRAIN_LABEL_CHECKS_H_
#define SOBOLEV_ENGINE_TRAIN_LABEL_CHECKS_H_

#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::train {

// ∂y_i/∂x_j as labelled contradicts the values of y_i.
struct SuspectLabel {
  enum class Kind {
    kSign,     // About the negative of what the values say.
    kScale,    // About a multiple of it.
    kSwapped,  // The derivative by another input.
    kBias,     // On average something else; maybe a discontinuity was differentiated.
  };

  Index output = 0;
  Index input = 0;
  Kind kind = Kind::kBias;
  Index other = 0;      // With kSwapped: the input whose derivative the labels are.
  double factor = 0;    // What the labels would have to be multiplied by.
  double disputed = 0;  // The change of y_i between neighbours that labels get wrong: RMS, in σ_y.
};

// Compares differences of values between neighbours with the mean of their gradients,
//   y_b − y_a ≈ Σ_j c_j ½(∂_j y_a + ∂_j y_b)(x_b − x_a)_j,
// and flags an input whose c_j is far from 1 by many standard errors. The gradient of a third
// neighbour is the instrument of the estimate, so that neither noise in the values nor in the
// derivatives moves c_j; both widen its standard error, which holds for errors of any size per
// pair. If the derivatives agree with the values once they are exchanged among inputs, in the
// user's units, they are said to be swapped.
std::vector<SuspectLabel> CompareWithNeighbours(const LabelledPoints& points,
                                                const nn::Scaling& scaling,
                                                const std::stop_token& stop = {});

// From each point to the nearest of `others`, n×N of n×N standardised points; of many points only
// some have a step. 0: the point is among the others, or has no step.
Matrix StepsToNearest(const Matrix& X, const Matrix& others, const std::stop_token& stop = {});

// Compares the labels with the derivatives of a surrogate that was fitted to values alone, in the
// user's units, at held-out points: flags an input whose labels explain less than half of what the
// surrogate says. Both are taken times `steps`, those to the nearest fitted points. Where the
// surrogate misses values by a good part of that change its slope is not known, and it flags
// nothing; nor where the labels explain the changes of values along these steps about as well.
std::vector<SuspectLabel> CompareWithValues(const LabelledPoints& held_out, const Matrix& steps,
                                            const Surrogate& value_only, const nn::Scaling& scaling,
                                            const std::stop_token& stop = {});

// How a surrogate errs at held-out points, in standardised changes of values; NaN where too few
// labels tell.
struct HeldOutErrors {
  Vector value;  // m: RMS error of values.
  Matrix slope;  // n×m: RMS of the error of ∂y_i/∂x_j times the step to the nearest fitted point.
};

// With `steps` to the nearest fitted points; points without a step count for nothing.
HeldOutErrors HeldOutErrorsOf(const Surrogate& surrogate, const LabelledPoints& held_out,
                              const Matrix& steps, const nn::Scaling& scaling,
                              const std::stop_token& stop = {});

// Without those that a surrogate refutes, which was fitted to values and derivatives and errs so at
// held-out points: both its values and its slopes along the input are off by less than a tenth of
// the disputed change. If labels were wrong, a function that has them as its slopes would be off by
// that change from one point to the next; that both agree at points that were not fitted shows that
// a function can have these values and these derivatives.
std::vector<SuspectLabel> WithoutRefuted(std::vector<SuspectLabel> suspects,
                                         const HeldOutErrors& errors);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_LABEL_CHECKS_H_
