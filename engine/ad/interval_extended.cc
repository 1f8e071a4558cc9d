#include "engine/ad/interval_extended.h"

#include <cmath>
#include <limits>

#include "engine/ad/interval_functions.h"
#include "engine/ad/interval_points.h"
#include "engine/ad/interval_rounding.h"

namespace sobolev::ad::enclose::extended {

namespace {

using directed::kInfinity;
using directed::kLargest;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Bounds kEmpty = {kNaN, kNaN};
constexpr Bounds kEntire = {-kInfinity, kInfinity};
// The infinities alone.
constexpr Bounds kPlusInfinity = {kLargest, kInfinity};
constexpr Bounds kMinusInfinity = {-kInfinity, -kLargest};

bool IsEmpty(const Bounds& x) { return !(x.lo <= x.hi); }
bool IsZero(const Bounds& x) { return x.lo == 0 && x.hi == 0; }
bool Contains(const Bounds& x, double number) { return x.lo <= number && number <= x.hi; }
bool IsUnbounded(const Bounds& x) { return x.lo == -kInfinity || x.hi == kInfinity; }

// Whether some odd integer is in y and below 0.
bool ContainsNegativeOdd(const Bounds& y) {
  const double odd = 2 * std::floor((std::fmin(y.hi, -1.0) - 1) / 2) + 1;  // The largest one.
  return y.lo <= odd;
}

}  // namespace

Bounds Divide(const Bounds& x, const Bounds& y) {
  if (IsEmpty(x) || IsEmpty(y)) return kEmpty;
  if (!Contains(y, 0)) return enclose::Divide(x, y);
  if (!IsZero(x)) return kEntire;
  return IsZero(y) ? kEmpty : Bounds{0, 0};
}

Bounds Reciprocal(const Bounds& x) { return Divide({1, 1}, x); }

Bounds Log(const Bounds& x) { return x.hi == 0 ? kMinusInfinity : enclose::Log(x); }
Bounds Log1p(const Bounds& x) { return x.hi == -1 ? kMinusInfinity : enclose::Log1p(x); }
Bounds Atanh(const Bounds& x) {
  if (x.hi == -1) return kMinusInfinity;
  return x.lo == 1 ? kPlusInfinity : enclose::Atanh(x);
}

Bounds Pow(const Bounds& x, const Bounds& y) {
  Bounds power = enclose::Pow(x, y);
  if (Contains(y, 0) || Contains(x, 1)) power = Hull(power, {1, 1});
  if (IsEmpty(x) || IsEmpty(y)) return power;
  if (Contains(x, 0) && y.lo < 0) {
    power = Hull(power, ContainsNegativeOdd(y) ? kEntire : kPlusInfinity);
  }
  // Of −∞ every power has a value: 0 or an infinity, whose sign is minus for odd integers only, and
  // these have values next to it, too.
  if (x.lo == -kInfinity && y.hi > 0) power = Hull(power, kPlusInfinity);
  if (x.lo == -kInfinity && y.lo < 0) power = Hull(power, {0, 0});
  // So have infinite powers of negative numbers, which are those of their magnitudes.
  if (x.lo < 0 && IsUnbounded(y)) power = Hull(power, {0, kInfinity});
  return power;
}

Bounds Atan2(const Bounds& y, const Bounds& x) {
  if (!Contains(y, 0) || !(x.lo <= 0)) return enclose::Atan2(y, x);
  const double pi = at::Atan2(0, -1).hi;
  return {-pi, pi};
}

Bounds Hypot(const Bounds& x, const Bounds& y) {
  const bool is_infinite = (IsEmpty(x) && IsUnbounded(y)) || (IsEmpty(y) && IsUnbounded(x));
  return is_infinite ? kPlusInfinity : enclose::Hypot(x, y);
}

}  // namespace sobolev::ad::enclose::extended
