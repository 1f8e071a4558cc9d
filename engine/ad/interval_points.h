// Proven bounds of elementary functions at single points. The functions of intervals
// (interval_functions.h) follow from these by monotony.
//
// Each function returns bounds of f(x) at the exact double x, one or two units in the last place
// wide, computed in balls (interval_ball.h). Infinite arguments give bounds of the limit; where
// that is infinite, the bound on its side is. Arguments are in the domain of f; its callers see to
// that.

#ifndef SOBOLEV_ENGINE_AD_INTERVAL_POINTS_H_
#define SOBOLEV_ENGINE_AD_INTERVAL_POINTS_H_

#include "engine/ad/interval_bounds.h"

namespace sobolev::ad::at {

Bounds Exp(double x);
Bounds Exp2(double x);
Bounds Expm1(double x);
Bounds Log(double x);    // x >= 0
Bounds Log1p(double x);  // x >= −1
Bounds Log2(double x);   // x >= 0
Bounds Log10(double x);  // x >= 0
Bounds Cbrt(double x);
Bounds Sinh(double x);
Bounds Cosh(double x);
Bounds Tanh(double x);
Bounds Asinh(double x);
Bounds Acosh(double x);  // x >= 1
Bounds Atanh(double x);  // |x| <= 1
Bounds Asin(double x);   // |x| <= 1
Bounds Acos(double x);   // |x| <= 1
Bounds Atan(double x);
Bounds Erf(double x);
Bounds Erfc(double x);
Bounds NormalCdf(double x);
Bounds Sigmoid(double x);
Bounds Softplus(double x);

// |x| up to which the trigonometric functions reduce their argument.
inline constexpr double kLargestAngle = 0x1p20;

// All of trigonometry at x, |x| <= kLargestAngle. quadrant = ⌊x / (π/2)⌋; should x be within 2^-96
// of a multiple of π/2, it may be that of the other side, and then the sine or cosine that has an
// extremum there has the extremum within its bounds.
struct Angle {
  Bounds sin;
  Bounds cos;
  Bounds tan;
  double quadrant;
};
Angle Trigonometric(double x);

// x^y for x >= 0 and any y; 0^0 = 1, as in C.
Bounds Pow(double x, double y);
// x^n for x >= 0, exact where the result is a double. 1 <= |n| <= kLargestExactPower.
inline constexpr int kLargestExactPower = 16;
Bounds IntegerPow(double x, int n);
// √(x² + y²).
Bounds Hypot(double x, double y);
// The angle of the point (x, y) in [−π, π], for y >= 0; that of the origin is 0.
Bounds Atan2(double y, double x);

}  // namespace sobolev::ad::at

#endif  // SOBOLEV_ENGINE_AD_INTERVAL_POINTS_H_
