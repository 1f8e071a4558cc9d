// Minimisation of smooth functions of a few variables in a box, by limited-memory BFGS.

#ifndef SOBOLEV_ENGINE_REGRESSION_MINIMISE_H_
#define SOBOLEV_ENGINE_REGRESSION_MINIMISE_H_

#include <functional>

#include "engine/base/matrix.h"

namespace sobolev::regression {

struct Minimum {
  Vector x;
  double value = 0;
  int evaluations = 0;
};

// f(x, gradient) returns the value, which may be infinite except at the start, and the gradient
// where it is finite. Stops after `max_evaluations`, or when two steps in a row gain less than
// `tolerance`.
//
// Steps along −H ∇f (Nocedal and Wright 2006, algorithm 7.4) of the variables that no bound holds,
// projected to the box and shortened until they gain enough (their eq. 3.4); no variable moves by
// more than max_step at once.
Minimum Minimise(const std::function<double(const Vector&, Vector&)>& f, const Vector& start,
                 const Vector& lower, const Vector& upper, int max_evaluations, double tolerance,
                 double max_step);

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_MINIMISE_H_
