#include "engine/ad/interval_functions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/ad/interval_points.h"
#include "engine/ad/interval_rounding.h"

namespace sobolev::ad::enclose {

namespace {

using directed::DivideDown;
using directed::DivideUp;
using directed::kInfinity;
using directed::MultiplyDown;
using directed::MultiplyUp;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Bounds kEmpty = {kNaN, kNaN};
constexpr Bounds kEntire = {-kInfinity, kInfinity};

bool IsEmpty(const Bounds& x) { return !(x.lo <= x.hi); }
bool IsZero(const Bounds& x) { return x.lo == 0 && x.hi == 0; }
Bounds Negate(const Bounds& x) { return {-x.hi, -x.lo}; }

// The least and the greatest magnitude.
double Least(const Bounds& x) { return x.lo > 0 ? x.lo : x.hi < 0 ? -x.hi : 0; }
double Greatest(const Bounds& x) { return std::max(-x.lo, x.hi); }

Bounds Intersect(const Bounds& x, double lo, double hi) {
  const Bounds common = {std::max(x.lo, lo), std::min(x.hi, hi)};
  return common.lo <= common.hi && !IsEmpty(x) ? common : kEmpty;
}

// From bounds at points, for monotone functions.
template <class At>
Bounds Increasing(const Bounds& x, const At& at) {
  if (IsEmpty(x)) return kEmpty;
  const Bounds low = at(x.lo);
  return {low.lo, x.lo == x.hi ? low.hi : at(x.hi).hi};
}
template <class At>
Bounds Decreasing(const Bounds& x, const At& at) {
  return Increasing(Bounds{-x.hi, -x.lo}, [&at](double z) { return at(-z); });
}

}  // namespace

Bounds Add(const Bounds& x, const Bounds& y) {
  return {directed::AddDown(x.lo, y.lo), directed::AddUp(x.hi, y.hi)};
}

Bounds Subtract(const Bounds& x, const Bounds& y) { return Add(x, Negate(y)); }

Bounds Multiply(const Bounds& x, const Bounds& y) {
  if (IsEmpty(x) || IsEmpty(y)) return kEmpty;
  if (y.lo >= 0) {
    return {MultiplyDown(x.lo, x.lo >= 0 ? y.lo : y.hi), MultiplyUp(x.hi, x.hi >= 0 ? y.hi : y.lo)};
  }
  if (y.hi <= 0) {
    return {MultiplyDown(x.hi, x.hi >= 0 ? y.lo : y.hi), MultiplyUp(x.lo, x.lo >= 0 ? y.hi : y.lo)};
  }
  if (x.lo >= 0) return {MultiplyDown(x.hi, y.lo), MultiplyUp(x.hi, y.hi)};
  if (x.hi <= 0) return {MultiplyDown(x.lo, y.hi), MultiplyUp(x.lo, y.lo)};
  return {std::min(MultiplyDown(x.lo, y.hi), MultiplyDown(x.hi, y.lo)),
          std::max(MultiplyUp(x.lo, y.lo), MultiplyUp(x.hi, y.hi))};
}

Bounds Divide(const Bounds& x, const Bounds& y) {
  if (IsEmpty(x) || IsEmpty(y) || IsZero(y)) return kEmpty;
  if (IsZero(x)) return {0, 0};
  if (y.lo < 0 && y.hi > 0) return kEntire;
  if (y.hi <= 0) return Divide(Negate(x), Negate(y));
  // Now y >= 0, perhaps with y.lo = 0, where quotients grow without bound.
  const bool touches_zero = y.lo == 0;
  const auto lo = [&] {
    if (x.lo >= 0) return DivideDown(x.lo, y.hi);
    return touches_zero ? -kInfinity : DivideDown(x.lo, y.lo);
  };
  const auto hi = [&] {
    if (x.hi <= 0) return DivideUp(x.hi, y.hi);
    return touches_zero ? kInfinity : DivideUp(x.hi, y.lo);
  };
  return {lo(), hi()};
}

Bounds Reciprocal(const Bounds& x) { return Divide({1, 1}, x); }

Bounds Square(const Bounds& x) {
  if (IsEmpty(x)) return kEmpty;
  const double least = Least(x);
  const double greatest = Greatest(x);
  return {MultiplyDown(least, least), MultiplyUp(greatest, greatest)};
}

Bounds Abs(const Bounds& x) { return IsEmpty(x) ? kEmpty : Bounds{Least(x), Greatest(x)}; }

Bounds Sign(const Bounds& x) {
  const auto sign = [](double z) { return z > 0 ? 1.0 : z < 0 ? -1.0 : 0.0; };
  return IsEmpty(x) ? kEmpty : Bounds{sign(x.lo), sign(x.hi)};
}

Bounds Floor(const Bounds& x) { return {std::floor(x.lo), std::floor(x.hi)}; }
Bounds Ceil(const Bounds& x) { return {std::ceil(x.lo), std::ceil(x.hi)}; }
Bounds Trunc(const Bounds& x) { return {std::trunc(x.lo), std::trunc(x.hi)}; }
Bounds Round(const Bounds& x) { return {std::round(x.lo), std::round(x.hi)}; }

Bounds Min(const Bounds& x, const Bounds& y) {
  if (IsEmpty(x) || IsEmpty(y)) return kEmpty;
  return {std::min(x.lo, y.lo), std::min(x.hi, y.hi)};
}

Bounds Max(const Bounds& x, const Bounds& y) {
  if (IsEmpty(x) || IsEmpty(y)) return kEmpty;
  return {std::max(x.lo, y.lo), std::max(x.hi, y.hi)};
}

Bounds Hull(const Bounds& x, const Bounds& y) {
  if (IsEmpty(x)) return y;
  if (IsEmpty(y)) return x;
  return {std::min(x.lo, y.lo), std::max(x.hi, y.hi)};
}

Bounds IfLess(const Bounds& a, const Bounds& b, const Bounds& u, const Bounds& v) {
  if (IsEmpty(a) || IsEmpty(b)) return kEmpty;
  if (a.hi < b.lo) return u;
  if (a.lo >= b.hi) return v;
  return Hull(u, v);
}

Bounds Sqrt(const Bounds& x) {
  const Bounds domain = Intersect(x, 0, kInfinity);
  return IsEmpty(domain) ? kEmpty
                         : Bounds{directed::SqrtDown(domain.lo), directed::SqrtUp(domain.hi)};
}

Bounds Cbrt(const Bounds& x) { return Increasing(x, at::Cbrt); }
Bounds Exp(const Bounds& x) { return Increasing(x, at::Exp); }
Bounds Exp2(const Bounds& x) { return Increasing(x, at::Exp2); }
Bounds Expm1(const Bounds& x) { return Increasing(x, at::Expm1); }

// At the open end of the domain there is no value: [0, 0] gives the empty set.
Bounds Log(const Bounds& x) {
  return x.hi <= 0 ? kEmpty : Increasing(Intersect(x, 0, kInfinity), at::Log);
}
Bounds Log1p(const Bounds& x) {
  return x.hi <= -1 ? kEmpty : Increasing(Intersect(x, -1, kInfinity), at::Log1p);
}
Bounds Log2(const Bounds& x) {
  return x.hi <= 0 ? kEmpty : Increasing(Intersect(x, 0, kInfinity), at::Log2);
}
Bounds Log10(const Bounds& x) {
  return x.hi <= 0 ? kEmpty : Increasing(Intersect(x, 0, kInfinity), at::Log10);
}
Bounds Atanh(const Bounds& x) {
  return x.hi <= -1 || x.lo >= 1 ? kEmpty : Increasing(Intersect(x, -1, 1), at::Atanh);
}

namespace {

// Whether some (4n + phase)·π/2 lies between points of these quadrants.
bool Passes(double quadrant_lo, double quadrant_hi, int phase, int period) {
  return std::floor((quadrant_hi - phase) / period) > std::floor((quadrant_lo - phase) / period);
}

bool IsReducible(const Bounds& x) {
  return -x.lo <= at::kLargestAngle && x.hi <= at::kLargestAngle;
}

Bounds Wave(const Bounds& at_lo, const Bounds& at_hi, bool has_minimum, bool has_maximum) {
  return {has_minimum ? -1 : std::min(at_lo.lo, at_hi.lo),
          has_maximum ? 1 : std::max(at_lo.hi, at_hi.hi)};
}

}  // namespace

Bounds Sin(const Bounds& x) {
  if (IsEmpty(x)) return kEmpty;
  if (!IsReducible(x)) return {-1, 1};
  const at::Angle lo = at::Trigonometric(x.lo);
  const at::Angle hi = x.lo == x.hi ? lo : at::Trigonometric(x.hi);
  return Wave(lo.sin, hi.sin, Passes(lo.quadrant, hi.quadrant, 3, 4),
              Passes(lo.quadrant, hi.quadrant, 1, 4));
}

Bounds Cos(const Bounds& x) {
  if (IsEmpty(x)) return kEmpty;
  if (!IsReducible(x)) return {-1, 1};
  const at::Angle lo = at::Trigonometric(x.lo);
  const at::Angle hi = x.lo == x.hi ? lo : at::Trigonometric(x.hi);
  return Wave(lo.cos, hi.cos, Passes(lo.quadrant, hi.quadrant, 2, 4),
              Passes(lo.quadrant, hi.quadrant, 0, 4));
}

Bounds Tan(const Bounds& x) {
  if (IsEmpty(x)) return kEmpty;
  if (!IsReducible(x)) return kEntire;
  const at::Angle lo = at::Trigonometric(x.lo);
  const at::Angle hi = x.lo == x.hi ? lo : at::Trigonometric(x.hi);
  if (Passes(lo.quadrant, hi.quadrant, 1, 2)) return kEntire;
  return {lo.tan.lo, hi.tan.hi};
}

Bounds Asin(const Bounds& x) { return Increasing(Intersect(x, -1, 1), at::Asin); }
Bounds Acos(const Bounds& x) { return Decreasing(Intersect(x, -1, 1), at::Acos); }
Bounds Atan(const Bounds& x) { return Increasing(x, at::Atan); }
Bounds Sinh(const Bounds& x) { return Increasing(x, at::Sinh); }
Bounds Cosh(const Bounds& x) { return Increasing(Abs(x), at::Cosh); }
Bounds Tanh(const Bounds& x) { return Increasing(x, at::Tanh); }
Bounds Asinh(const Bounds& x) { return Increasing(x, at::Asinh); }
Bounds Acosh(const Bounds& x) { return Increasing(Intersect(x, 1, kInfinity), at::Acosh); }
Bounds Erf(const Bounds& x) { return Increasing(x, at::Erf); }
Bounds Erfc(const Bounds& x) { return Decreasing(x, at::Erfc); }
Bounds NormalCdf(const Bounds& x) { return Increasing(x, at::NormalCdf); }
Bounds Sigmoid(const Bounds& x) { return Increasing(x, at::Sigmoid); }
Bounds Softplus(const Bounds& x) { return Increasing(x, at::Softplus); }

namespace {

// |x|^c over the magnitudes of x.
Bounds PowOfMagnitude(const Bounds& magnitude, double c) {
  const auto power = [c](double z) {
    return c == std::trunc(c) && std::abs(c) <= at::kLargestExactPower
               ? at::IntegerPow(z, static_cast<int>(c))
               : at::Pow(z, c);
  };
  if (c > 0) return Increasing(magnitude, power);
  return magnitude.hi == 0 ? kEmpty : Decreasing(magnitude, power);  // 0 to a negative power.
}

}  // namespace

Bounds PowConstant(const Bounds& x, double c) {
  if (IsEmpty(x) || std::isnan(c)) return kEmpty;
  if (c == 0) return {1, 1};
  if (c == 0.5) return Sqrt(x);
  if (c == 1) return x;
  if (c == 2) return Square(x);
  if (c == -1) return Reciprocal(x);
  const bool is_integer = c == std::floor(c) && std::abs(c) < kInfinity;
  if (!is_integer || x.lo >= 0) {
    const Bounds domain = Intersect(x, 0, kInfinity);
    return IsEmpty(domain) ? kEmpty : PowOfMagnitude(domain, c);
  }
  const bool is_odd = std::abs(std::fmod(c, 2)) == 1;
  if (!is_odd) return PowOfMagnitude(Abs(x), c);
  if (x.hi <= 0) return Negate(PowOfMagnitude(Abs(x), c));
  if (c < 0) return kEntire;
  return {-PowOfMagnitude({0, -x.lo}, c).hi, PowOfMagnitude({0, x.hi}, c).hi};
}

namespace {

// |x|^y. On positive magnitudes it is e^(y log |x|), and y log |x| is bilinear in (log |x|, y): the
// extremes are at corners. 0^0 = 1 and 0^y = 0 for y > 0 are among them.
Bounds PowOfCorners(const Bounds& magnitude, const Bounds& y) {
  return Hull(Hull(at::Pow(magnitude.lo, y.lo), at::Pow(magnitude.lo, y.hi)),
              Hull(at::Pow(magnitude.hi, y.lo), at::Pow(magnitude.hi, y.hi)));
}

// x^y over x < 0, where only integers y have values: those of both signs if there are several.
Bounds PowOfNegative(const Bounds& x, const Bounds& y) {
  const Bounds integers = {std::ceil(y.lo), std::floor(y.hi)};
  if (integers.lo > integers.hi) return kEmpty;
  if (integers.lo == integers.hi) return PowConstant(x, integers.lo);
  const double largest = PowOfCorners(Abs(x), integers).hi;
  return {-largest, largest};
}

}  // namespace

Bounds Pow(const Bounds& x, const Bounds& y) {
  if (IsEmpty(x) || IsEmpty(y)) return kEmpty;
  if (y.lo == y.hi) return PowConstant(x, y.lo);
  Bounds power = kEmpty;
  if (x.hi > 0 || (x.hi == 0 && y.hi >= 0)) power = PowOfCorners(Intersect(x, 0, kInfinity), y);
  if (x.lo < 0) power = Hull(power, PowOfNegative({x.lo, std::min(x.hi, 0.0)}, y));
  return power;
}

Bounds Hypot(const Bounds& x, const Bounds& y) {
  if (IsEmpty(x) || IsEmpty(y)) return kEmpty;
  return {at::Hypot(Least(x), Least(y)).lo, at::Hypot(Greatest(x), Greatest(y)).hi};
}

// In the upper half plane the angle falls as x grows, and as y grows it moves towards π/2.
Bounds Atan2(const Bounds& y, const Bounds& x) {
  if (IsEmpty(x) || IsEmpty(y)) return kEmpty;
  if (y.lo >= 0) {
    return {at::Atan2(x.hi >= 0 ? y.lo : y.hi, x.hi).lo,
            at::Atan2(x.lo < 0 ? y.lo : y.hi, x.lo).hi};
  }
  if (y.hi < 0 || (y.hi == 0 && x.lo >= 0)) return Negate(Atan2(Negate(y), x));
  if (x.lo < 0) {
    const double pi = at::Atan2(0, -1).hi;
    return {-pi, pi};
  }
  return {-at::Atan2(-y.lo, x.lo).hi, at::Atan2(y.hi, x.lo).hi};
}

}  // namespace sobolev::ad::enclose
