// Enclosures in the sense of IEEE 754: of functions that have values at infinities, at poles and at
// zeros of either sign.
//
// enclose:: (interval_functions.h) has the functions of real numbers, which have no values there. A
// program computes on: 1/0 is ∞ or −∞, whichever sign the zero has, and tanh(1/0) is a number
// again. Here each argument stands for its numbers, for the infinity that a bound of it says, and,
// if it contains 0, for both zeros. A result contains every value that is not NaN; it is empty only
// if there is none. An empty argument stands for NaN. Arithmetic is exact all the same: nothing
// under- or overflows.
//
// The functions that are missing here have these properties in enclose:: already.

#ifndef SOBOLEV_ENGINE_AD_INTERVAL_EXTENDED_H_
#define SOBOLEV_ENGINE_AD_INTERVAL_EXTENDED_H_

#include "engine/ad/interval_bounds.h"

namespace sobolev::ad::enclose::extended {

// All reals if y contains 0, as its inside or its edge, unless x is [0, 0].
Bounds Divide(const Bounds& x, const Bounds& y);
Bounds Reciprocal(const Bounds& x);
// The logarithm of 0 is −∞, and so on.
Bounds Log(const Bounds& x);
Bounds Log1p(const Bounds& x);
Bounds Atanh(const Bounds& x);
// NaN to the power 0 is 1, and so is 1 to the power NaN.
Bounds Pow(const Bounds& x, const Bounds& y);
// All of [−π, π] if the box meets the negative half of the abscissa or the origin.
Bounds Atan2(const Bounds& y, const Bounds& x);
// ∞ if one argument is infinite, even if the other is NaN.
Bounds Hypot(const Bounds& x, const Bounds& y);

}  // namespace sobolev::ad::enclose::extended

#endif  // SOBOLEV_ENGINE_AD_INTERVAL_EXTENDED_H_
