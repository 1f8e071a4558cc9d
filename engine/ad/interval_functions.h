// Enclosures of arithmetic and elementary functions on bare bounds.
//
// Each function returns bounds of { f(x) : x in the argument and in the domain of f }, proven, and
// at most two units in the last place wider on each side than the tightest. These are functions of
// real numbers: 0 has no sign, and where a divisor is 0, as at any other pole, there is no value.
// The domain being part of the definition, log [−1, 4] encloses (−∞, log 4] and log [−2, −1] is
// empty; an empty argument gives an empty result. Not the tightest are: sin, cos and tan of
// arguments that reach beyond at::kLargestAngle (the whole range), and Pow with an uncertain
// exponent of bases that may be negative or 0.
//
// Interval<double> wraps these functions (interval.h); the lanes of batched replay fall back on
// them and on those that know infinities and signs of zeros (interval_extended.h), which is why
// they are not inline: files compiled for newer processors include this header.

#ifndef SOBOLEV_ENGINE_AD_INTERVAL_FUNCTIONS_H_
#define SOBOLEV_ENGINE_AD_INTERVAL_FUNCTIONS_H_

#include "engine/ad/interval_bounds.h"

namespace sobolev::ad::enclose {

Bounds Add(const Bounds& x, const Bounds& y);
Bounds Subtract(const Bounds& x, const Bounds& y);
// An infinite bound means "arbitrarily large", so that [0, 0] times anything is [0, 0].
Bounds Multiply(const Bounds& x, const Bounds& y);
// If 0 lies inside y, all reals, or [0, 0] if x is; if y = [0, b], a half line where x has one
// sign; empty if y = [0, 0].
Bounds Divide(const Bounds& x, const Bounds& y);
Bounds Reciprocal(const Bounds& x);
Bounds Square(const Bounds& x);

Bounds Abs(const Bounds& x);
Bounds Sign(const Bounds& x);
Bounds Floor(const Bounds& x);
Bounds Ceil(const Bounds& x);
Bounds Trunc(const Bounds& x);
Bounds Round(const Bounds& x);  // Halves away from zero, as std::round.
Bounds Min(const Bounds& x, const Bounds& y);
Bounds Max(const Bounds& x, const Bounds& y);
// The smallest interval that contains both; the empty one adds nothing.
Bounds Hull(const Bounds& x, const Bounds& y);
// u if a < b for all their values, v if for none, else the hull of u and v.
Bounds IfLess(const Bounds& a, const Bounds& b, const Bounds& u, const Bounds& v);

Bounds Sqrt(const Bounds& x);
Bounds Cbrt(const Bounds& x);
Bounds Exp(const Bounds& x);
Bounds Exp2(const Bounds& x);
Bounds Expm1(const Bounds& x);
Bounds Log(const Bounds& x);
Bounds Log1p(const Bounds& x);
Bounds Log2(const Bounds& x);
Bounds Log10(const Bounds& x);
Bounds Sin(const Bounds& x);
Bounds Cos(const Bounds& x);
Bounds Tan(const Bounds& x);
Bounds Asin(const Bounds& x);
Bounds Acos(const Bounds& x);
Bounds Atan(const Bounds& x);
Bounds Sinh(const Bounds& x);
Bounds Cosh(const Bounds& x);
Bounds Tanh(const Bounds& x);
Bounds Asinh(const Bounds& x);
Bounds Acosh(const Bounds& x);
Bounds Atanh(const Bounds& x);
Bounds Erf(const Bounds& x);
Bounds Erfc(const Bounds& x);
Bounds NormalCdf(const Bounds& x);
Bounds Sigmoid(const Bounds& x);
Bounds Softplus(const Bounds& x);

// x^c for a constant c. Integers c allow negative x.
Bounds PowConstant(const Bounds& x, double c);
// x^y. Negative x have values at the integers in y: of both signs if y contains more than one.
Bounds Pow(const Bounds& x, const Bounds& y);
Bounds Hypot(const Bounds& x, const Bounds& y);
// All of [−π, π] if the box meets the negative half of the abscissa from below.
Bounds Atan2(const Bounds& y, const Bounds& x);

}  // namespace sobolev::ad::enclose

#endif  // SOBOLEV_ENGINE_AD_INTERVAL_FUNCTIONS_H_
