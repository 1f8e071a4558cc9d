// Intervals as numbers: arithmetic on sets of reals whose results provably contain the truth.
//
// Interval<double> is a closed interval [lo, hi]. f(x) contains f(t) for every t in x at which f is
// defined: rounding goes outwards, and the elementary functions have proven bounds
// (interval_functions.h). Bounds may be infinite, which means unbounded. Where f is defined nowhere
// in x, the result is empty: log of [−2, −1], division by [0, 0]; whatever is computed from an
// empty interval is empty too. There are no other NaN. A formula that names a variable twice is
// enclosed, but not tightly: x − x is [lo − hi, hi − lo].
//
// A double converts to the interval of just itself, so that 0.1 stands for the double nearest to a
// tenth; ∞ becomes [largest double, ∞], and NaN becomes empty.
//
// Comparisons are certain: x < y is true if it holds for every pair of their numbers, and likewise
// <=, >, >= and ==. So x < y and x >= y may both be false; algorithms that branch on values use
// IfLess instead. x != y is true unless x == y is certain, so that "if (x != 0)" skips nothing that
// may matter.
//
// Intervals nest in the differentiating types (Adjoint<Interval<>>) and serve as an Eigen scalar.

#ifndef SOBOLEV_ENGINE_AD_INTERVAL_H_
#define SOBOLEV_ENGINE_AD_INTERVAL_H_

#include <algorithm>
#include <concepts>
#include <limits>
#include <ostream>
#include <string>

#include <Eigen/Core>

#include "engine/ad/elementary.h"
#include "engine/ad/interval_bounds.h"
#include "engine/ad/interval_functions.h"
#include "engine/ad/interval_rounding.h"
#include "engine/base/error.h"

namespace sobolev::ad {

template <std::same_as<double> T = double>
class Interval {
 public:
  Interval() = default;  // [0, 0]
  // NOLINTNEXTLINE(google-explicit-constructor): constants mix freely with variables.
  Interval(T x) : Interval(FromConstant(x)) {}
  // Throws Error(kInvalidArgument) unless lo <= hi, lo < ∞ and hi > −∞.
  Interval(T lo, T hi) : bounds_{lo, hi} {
    if (!(lo <= hi) || lo == directed::kInfinity || hi == -directed::kInfinity) {
      throw InvalidArgument(
          "INVALID_INTERVAL", "interval",
          "expected lo <= hi, got [" + std::to_string(lo) + ", " + std::to_string(hi) + "]");
    }
  }
  // Bounds that a function returned.
  explicit Interval(const Bounds& bounds) : bounds_(bounds) {}

  static Interval Entire() { return Interval(-directed::kInfinity, directed::kInfinity); }
  static Interval Empty() {
    constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();
    return Interval(Bounds{kNaN, kNaN});
  }

  // NaN if empty.
  T lo() const { return bounds_.lo; }
  T hi() const { return bounds_.hi; }
  const Bounds& bounds() const { return bounds_; }

  bool is_empty() const { return !(bounds_.lo <= bounds_.hi); }
  bool is_bounded() const {
    return bounds_.lo > -directed::kInfinity && bounds_.hi < directed::kInfinity;
  }
  bool Contains(T x) const { return bounds_.lo <= x && x <= bounds_.hi; }
  bool Contains(const Interval& x) const {
    return x.is_empty() || (bounds_.lo <= x.lo() && x.hi() <= bounds_.hi);
  }

  // hi − lo, rounded up; 0 if empty.
  T Width() const { return is_empty() ? 0 : directed::AddUp(bounds_.hi, -bounds_.lo); }
  // A finite number in the middle: 0 of all reals, an end of a half line; NaN if empty.
  T Midpoint() const {
    if (bounds_.lo == -bounds_.hi) return 0;
    if (!is_bounded()) return is_empty() ? bounds_.lo : FiniteEnd();
    return 0.5 * bounds_.lo + 0.5 * bounds_.hi;
  }
  // The largest |x|; 0 if empty.
  T Magnitude() const { return is_empty() ? 0 : std::max(-bounds_.lo, bounds_.hi); }

  Interval& operator+=(const Interval& y) { return *this = *this + y; }
  Interval& operator-=(const Interval& y) { return *this = *this - y; }
  Interval& operator*=(const Interval& y) { return *this = *this * y; }
  Interval& operator/=(const Interval& y) { return *this = *this / y; }

  friend Interval operator+(const Interval& x) { return x; }
  friend Interval operator-(const Interval& x) { return Interval(Bounds{-x.hi(), -x.lo()}); }
  friend Interval operator+(const Interval& x, const Interval& y) {
    return Interval(enclose::Add(x.bounds_, y.bounds_));
  }
  friend Interval operator-(const Interval& x, const Interval& y) {
    return Interval(enclose::Subtract(x.bounds_, y.bounds_));
  }
  friend Interval operator*(const Interval& x, const Interval& y) {
    return Interval(enclose::Multiply(x.bounds_, y.bounds_));
  }
  friend Interval operator/(const Interval& x, const Interval& y) {
    return Interval(enclose::Divide(x.bounds_, y.bounds_));
  }

  friend bool operator<(const Interval& x, const Interval& y) { return x.hi() < y.lo(); }
  friend bool operator<=(const Interval& x, const Interval& y) { return x.hi() <= y.lo(); }
  friend bool operator>(const Interval& x, const Interval& y) { return y < x; }
  friend bool operator>=(const Interval& x, const Interval& y) { return y <= x; }
  friend bool operator==(const Interval& x, const Interval& y) {
    return x.lo() == y.hi() && x.hi() == y.lo();
  }

  friend std::ostream& operator<<(std::ostream& out, const Interval& x) {
    if (x.is_empty()) return out << "[empty]";
    return out << '[' << x.lo() << ", " << x.hi() << ']';
  }

 private:
  static Interval FromConstant(T x) {
    if (x == directed::kInfinity) return Interval(Bounds{directed::kLargest, x});
    if (x == -directed::kInfinity) return Interval(Bounds{x, -directed::kLargest});
    return Interval(Bounds{x, x});
  }
  T FiniteEnd() const { return bounds_.lo == -directed::kInfinity ? bounds_.hi : bounds_.lo; }

  Bounds bounds_{0, 0};
};

// The functions that elementary.h asks of every number type.

// clang-format off
#define SOBOLEV_AD_INTERVAL_UNARY(X)                                                           \
  X(exp, Exp) X(exp2, Exp2) X(expm1, Expm1) X(log, Log) X(log1p, Log1p) X(log2, Log2)          \
  X(log10, Log10) X(sqrt, Sqrt) X(cbrt, Cbrt) X(sin, Sin) X(cos, Cos) X(tan, Tan)              \
  X(asin, Asin) X(acos, Acos) X(atan, Atan) X(sinh, Sinh) X(cosh, Cosh) X(tanh, Tanh)          \
  X(asinh, Asinh) X(acosh, Acosh) X(atanh, Atanh) X(erf, Erf) X(erfc, Erfc) X(abs, Abs)        \
  X(floor, Floor) X(ceil, Ceil) X(trunc, Trunc) X(round, Round) X(Sign, Sign)                  \
  X(Square, Square) X(Reciprocal, Reciprocal) X(Sigmoid, Sigmoid) X(Softplus, Softplus)        \
  X(NormalCdf, NormalCdf)
#define SOBOLEV_AD_INTERVAL_BINARY(X) \
  X(pow, Pow) X(atan2, Atan2) X(hypot, Hypot) X(Min, Min) X(Max, Max) X(Hull, Hull)
// clang-format on

#define SOBOLEV_AD_DEFINE(name, Enclosure)                   \
  inline Interval<double> name(const Interval<double>& x) {  \
    return Interval<double>(enclose::Enclosure(x.bounds())); \
  }
SOBOLEV_AD_INTERVAL_UNARY(SOBOLEV_AD_DEFINE)
#undef SOBOLEV_AD_DEFINE

#define SOBOLEV_AD_DEFINE(name, Enclosure)                                               \
  inline Interval<double> name(const Interval<double>& x1, const Interval<double>& x2) { \
    return Interval<double>(enclose::Enclosure(x1.bounds(), x2.bounds()));               \
  }
SOBOLEV_AD_INTERVAL_BINARY(SOBOLEV_AD_DEFINE)
#undef SOBOLEV_AD_DEFINE
#undef SOBOLEV_AD_INTERVAL_UNARY
#undef SOBOLEV_AD_INTERVAL_BINARY

inline Interval<double> pow(const Interval<double>& x, double c) {
  return Interval<double>(enclose::PowConstant(x.bounds(), c));
}

inline Interval<double> IfLess(const Interval<double>& a, const Interval<double>& b,
                               const Interval<double>& u, const Interval<double>& v) {
  return Interval<double>(enclose::IfLess(a.bounds(), b.bounds(), u.bounds(), v.bounds()));
}

inline bool IsZero(const Interval<double>& x) { return x == 0; }

// A certain zero makes the product zero even where the other factor has no value, as in the adjoint
// of √x at [0, 0]. (Unbounded factors need no care: interval products know 0·∞ = 0.)
inline Interval<double> SafeProduct(const Interval<double>& a, const Interval<double>& b) {
  return IsZero(a) || IsZero(b) ? Interval<double>(0) : a * b;
}

// Rules' constants are products of at most two rounded numbers: within 1.5 units in the last place.
template <>
struct RoundedConstant<Interval<double>> {
  static Interval<double> Of(double c) {
    const double margin = std::abs(c) * 0x1p-51;
    return {c - margin, c + margin};
  }
};

}  // namespace sobolev::ad

namespace Eigen {

template <>
struct NumTraits<sobolev::ad::Interval<double>> : GenericNumTraits<sobolev::ad::Interval<double>> {
  using Real = sobolev::ad::Interval<double>;
  using NonInteger = sobolev::ad::Interval<double>;
  using Nested = sobolev::ad::Interval<double>;
  using Literal = double;
  // NOLINTBEGIN(readability-identifier-naming): the names are Eigen's.
  enum {
    IsInteger = 0,
    IsSigned = 1,
    IsComplex = 0,
    RequireInitialization = 1,
    ReadCost = 2,
    AddCost = 20,
    MulCost = 40
  };
  // NOLINTEND(readability-identifier-naming)
};

}  // namespace Eigen

#endif  // SOBOLEV_ENGINE_AD_INTERVAL_H_
