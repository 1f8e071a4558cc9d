// The derivative rules of the elementary functions, in one place.
//
// Every differentiating type of the engine (Tangent, Adjoint, the graph of a program) takes its
// partial derivatives from here. A rule is a formula in the argument x and the result y = f(x),
// generic in the number type T: T is double at the bottom, or a type that differentiates, encloses
// or records. Therefore a rule never asks for the truth of a comparison. It uses arithmetic, the
// functions of <cmath>, and the functions below that each number type overloads; all are found by
// argument. Where several formulas are equal on paper, the rule is the one that keeps its digits
// and that is tight on intervals.
//
// Conventions where a derivative does not exist or several would do:
//
//   abs at 0                    0                Sign(0) = 0
//   Sign, floor, ceil, ...      0                everywhere, also at the jumps
//   Min, Max at a tie           1/2 and 1/2      max(x, x) has derivative 1, max(x, −x) that of |x|
//   sqrt, cbrt, ... at the edge +-inf            but a zero tangent or adjoint stays 0 there
//   atan2 at (0, 0)             0 and 0
//   hypot at (0, 0)             0 and 0          the subgradient of least norm
//   x^0 (constant exponent)     0                also at x = 0, where x^0 = 1
//   x^1 (constant exponent)     1                also at x = 0
//   ∂(x^y)/∂y at x = 0, y > 0   0                the limit of x^y log x
//   ∂(x^y)/∂y at x < 0          NaN              only integers y have a value there
//
// "Stays 0": the product of a zero tangent or adjoint with an infinite partial is 0, not NaN. Rules
// with an infinite partial inside or at the edge of their domain say kSingular, and their users
// multiply by SafeProduct. Division is no such rule: 1/0 has no value to differentiate.

#ifndef SOBOLEV_ENGINE_AD_ELEMENTARY_H_
#define SOBOLEV_ENGINE_AD_ELEMENTARY_H_

#include <cmath>
#include <limits>
#include <numbers>

// The small functions of the AD types must vanish into their callers. In a large translation unit
// GCC's budget for growth refuses that, and an order of magnitude is lost. Debuggers and sanitizers
// want to see the calls, and would compile the inlined code for minutes.
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SOBOLEV_INLINE [[gnu::always_inline]] inline
#else
#define SOBOLEV_INLINE inline
#endif

namespace sobolev::ad {

// The functions of <cmath> and those of our types form one set of overloads in this namespace.
using std::abs, std::floor, std::ceil, std::trunc, std::round;
using std::acosh, std::asinh, std::atanh, std::cosh, std::sinh, std::tanh;
using std::asin, std::acos, std::atan, std::atan2, std::sin, std::cos, std::tan;
using std::erf, std::erfc, std::exp, std::exp2, std::expm1;
using std::log, std::log10, std::log1p, std::log2;
using std::pow, std::sqrt, std::cbrt, std::hypot;

// What each number type provides besides <cmath>. Here for double.

// u if a < b, else v. Intervals that overlap give the hull of u and v.
SOBOLEV_INLINE double IfLess(double a, double b, double u, double v) { return a < b ? u : v; }

// −1, 0 or 1. NaN stays NaN.
SOBOLEV_INLINE double Sign(double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : x * 0.0; }

SOBOLEV_INLINE double Square(double x) { return x * x; }

SOBOLEV_INLINE double Reciprocal(double x) { return 1.0 / x; }

// 1/(1 + e^(−x)), to full precision in both tails.
inline double Sigmoid(double x) {
  const double e = std::exp(-std::abs(x));
  return (x < 0 ? e : 1.0) / (1.0 + e);
}

// log(1 + e^x), which tends to e^x on the left and to x on the right.
inline double Softplus(double x) { return std::log1p(std::exp(-std::abs(x))) + (x > 0 ? x : 0.0); }

// The standard normal distribution function Φ(x), to full precision in the left tail.
inline double NormalCdf(double x) { return 0.5 * std::erfc(x * -(0.5 * std::numbers::sqrt2)); }

// The smaller and the larger. Unlike fmin and std::min, they never swallow a NaN.
SOBOLEV_INLINE double Min(double x1, double x2) { return x1 <= x2 ? x1 : x2 < x1 ? x2 : x1 + x2; }
SOBOLEV_INLINE double Max(double x1, double x2) { return x1 >= x2 ? x1 : x2 > x1 ? x2 : x1 + x2; }

// True if x is 0 with all its derivatives, so that whatever it multiplies contributes nothing.
SOBOLEV_INLINE bool IsZero(double x) { return x == 0; }
template <class T>
SOBOLEV_INLINE bool IsZero(const T& x) {
  return x == T(0.0);
}

// True if all parts of x are finite. Types whose products cope with infinity need not say.
SOBOLEV_INLINE bool IsFinite(double x) { return std::abs(x) <= std::numeric_limits<double>::max(); }
template <class T>
SOBOLEV_INLINE bool IsFinite(const T& /*x*/) {
  return true;
}

// a·b, where 0 times anything is 0, also times infinity.
SOBOLEV_INLINE double SafeProduct(double a, double b) { return a == 0 || b == 0 ? 0.0 : a * b; }
// Types whose product already has this property, and types that cannot test, multiply.
template <class T>
SOBOLEV_INLINE T SafeProduct(const T& a, const T& b) {
  return a * b;
}

// A constant of a rule that no double equals, such as ln 2, for the number type T. Types that
// enclose put bounds around it.
template <class T>
struct RoundedConstant {
  SOBOLEV_INLINE static T Of(double c) { return T(c); }
};

// Rules of one variable: Derivative(x, y) = f′(x) with y = f(x).

struct RegularRule {
  static constexpr bool kSingular = false;
};
struct SingularRule {
  static constexpr bool kSingular = true;
};

struct ExpRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& /*x*/, const T& y) {
    return y;
  }
};

struct Exp2Rule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& /*x*/, const T& y) {
    return RoundedConstant<T>::Of(std::numbers::ln2) * y;
  }
};

// y + 1 would lose all digits of e^x on the left.
struct Expm1Rule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return exp(x);
  }
};

struct LogRule : SingularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return Reciprocal(x);
  }
};

struct Log1pRule : SingularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return Reciprocal(T(x + 1.0));
  }
};

struct Log2Rule : SingularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return RoundedConstant<T>::Of(std::numbers::log2e) / x;
  }
};

struct Log10Rule : SingularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return RoundedConstant<T>::Of(std::numbers::log10e) / x;
  }
};

struct SqrtRule : SingularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& /*x*/, const T& y) {
    return 0.5 / y;
  }
};

struct CbrtRule : SingularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& /*x*/, const T& y) {
    return Reciprocal(T(3.0 * Square(y)));
  }
};

struct SinRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return cos(x);
  }
};

struct CosRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return -sin(x);
  }
};

struct TanRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& /*x*/, const T& y) {
    return Square(y) + 1.0;
  }
};

// The factors (1 − x)(1 + x) keep the digits that 1 − x² cancels near +-1.
struct AsinRule : SingularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return Reciprocal(sqrt(T((1.0 - x) * (1.0 + x))));
  }
};

struct AcosRule : SingularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return -1.0 / sqrt(T((1.0 - x) * (1.0 + x)));
  }
};

struct AtanRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return Reciprocal(T(Square(x) + 1.0));
  }
};

struct SinhRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return cosh(x);
  }
};

struct CoshRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return sinh(x);
  }
};

struct TanhRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& /*x*/, const T& y) {
    return (1.0 - y) * (1.0 + y);
  }
};

struct AsinhRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return Reciprocal(sqrt(T(Square(x) + 1.0)));
  }
};

// Two roots, because the product of x − 1 and x + 1 may overflow.
struct AcoshRule : SingularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return Reciprocal(T(sqrt(T(x - 1.0)) * sqrt(T(x + 1.0))));
  }
};

struct AtanhRule : SingularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return Reciprocal(T((1.0 - x) * (1.0 + x)));
  }
};

struct ErfRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return RoundedConstant<T>::Of(2 * std::numbers::inv_sqrtpi) * exp(T(-Square(x)));
  }
};

struct ErfcRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return RoundedConstant<T>::Of(-2 * std::numbers::inv_sqrtpi) * exp(T(-Square(x)));
  }
};

// The standard normal density.
struct NormalCdfRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return RoundedConstant<T>::Of(0.5 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi) *
           exp(T(-0.5 * Square(x)));
  }
};

struct SigmoidRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& /*x*/, const T& y) {
    return y * (1.0 - y);
  }
};

struct SoftplusRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return Sigmoid(x);
  }
};

struct AbsRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return Sign(x);
  }
};

struct SquareRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/) {
    return 2.0 * x;
  }
};

struct ReciprocalRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& /*x*/, const T& y) {
    return -Square(y);
  }
};

// x^c with a constant exponent c, which the caller passes along. Integers c allow negative x.
struct PowConstantRule : SingularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& x, const T& /*y*/, double c) {
    if (c == 0) return T(0.0);
    if (c == 1) return T(1.0);
    if (c == 2) return 2.0 * x;
    return c * pow(x, c - 1.0);
  }
};

// Functions that are constant between jumps (Sign, floor, ceil, trunc, round).
struct StepRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T Derivative(const T& /*x*/, const T& /*y*/) {
    return T(0.0);
  }
};

// Rules of two variables: D1 = ∂f/∂x1 and D2 = ∂f/∂x2 with y = f(x1, x2).

struct MultiplyRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T D1(const T& /*x1*/, const T& x2, const T& /*y*/) {
    return x2;
  }
  template <class T>
  SOBOLEV_INLINE static T D2(const T& x1, const T& /*x2*/, const T& /*y*/) {
    return x1;
  }
};

struct DivideRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T D1(const T& /*x1*/, const T& x2, const T& /*y*/) {
    return Reciprocal(x2);
  }
  template <class T>
  SOBOLEV_INLINE static T D2(const T& /*x1*/, const T& x2, const T& y) {
    return -T(y / x2);
  }
};

// The products are safe in themselves: 0·0^(−1) at x^0 and 0·log 0 at 0^y.
struct PowRule : SingularRule {
  template <class T>
  SOBOLEV_INLINE static T D1(const T& x1, const T& x2, const T& /*y*/) {
    return SafeProduct(x2, T(pow(x1, T(x2 - 1.0))));
  }
  template <class T>
  SOBOLEV_INLINE static T D2(const T& x1, const T& /*x2*/, const T& y) {
    return SafeProduct(y, T(log(x1)));
  }
};

// atan2(x1, x2), the angle of the point with abscissa x2 and ordinate x1. Dividing twice by the
// radius cannot overflow where its square does.
struct Atan2Rule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T D1(const T& x1, const T& x2, const T& /*y*/) {
    const T r = hypot(x1, x2);
    return IfLess(T(0.0), r, T(x2 / r / r), T(0.0));
  }
  template <class T>
  SOBOLEV_INLINE static T D2(const T& x1, const T& x2, const T& /*y*/) {
    const T r = hypot(x1, x2);
    return IfLess(T(0.0), r, T(-x1 / r / r), T(0.0));
  }
};

struct HypotRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T D1(const T& x1, const T& /*x2*/, const T& y) {
    return IfLess(T(0.0), y, T(x1 / y), T(0.0));
  }
  template <class T>
  SOBOLEV_INLINE static T D2(const T& /*x1*/, const T& x2, const T& y) {
    return IfLess(T(0.0), y, T(x2 / y), T(0.0));
  }
};

struct MinRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T D1(const T& x1, const T& x2, const T& /*y*/) {
    return IfLess(x1, x2, T(1.0), T(IfLess(x2, x1, T(0.0), T(0.5))));
  }
  template <class T>
  SOBOLEV_INLINE static T D2(const T& x1, const T& x2, const T& y) {
    return D1(x2, x1, y);
  }
};

struct MaxRule : RegularRule {
  template <class T>
  SOBOLEV_INLINE static T D1(const T& x1, const T& x2, const T& /*y*/) {
    return IfLess(x2, x1, T(1.0), T(IfLess(x1, x2, T(0.0), T(0.5))));
  }
  template <class T>
  SOBOLEV_INLINE static T D2(const T& x1, const T& x2, const T& y) {
    return D1(x2, x1, y);
  }
};

// The functions of one and of two variables with their rules, for the types that define them all.
// clang-format off
#define SOBOLEV_AD_UNARY_FUNCTIONS(X)                           \
  X(exp, ExpRule) X(exp2, Exp2Rule) X(expm1, Expm1Rule)         \
  X(log, LogRule) X(log1p, Log1pRule)                           \
  X(log2, Log2Rule) X(log10, Log10Rule)                         \
  X(sqrt, SqrtRule) X(cbrt, CbrtRule)                           \
  X(sin, SinRule) X(cos, CosRule) X(tan, TanRule)               \
  X(asin, AsinRule) X(acos, AcosRule) X(atan, AtanRule)         \
  X(sinh, SinhRule) X(cosh, CoshRule) X(tanh, TanhRule)         \
  X(asinh, AsinhRule) X(acosh, AcoshRule) X(atanh, AtanhRule)   \
  X(erf, ErfRule) X(erfc, ErfcRule) X(NormalCdf, NormalCdfRule) \
  X(Sigmoid, SigmoidRule) X(Softplus, SoftplusRule)             \
  X(abs, AbsRule) X(Square, SquareRule) X(Reciprocal, ReciprocalRule)
#define SOBOLEV_AD_STEP_FUNCTIONS(X) X(Sign) X(floor) X(ceil) X(trunc) X(round)
#define SOBOLEV_AD_BINARY_FUNCTIONS(X)                          \
  X(pow, PowRule) X(atan2, Atan2Rule) X(hypot, HypotRule)       \
  X(Min, MinRule) X(Max, MaxRule)
// clang-format on

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_ELEMENTARY_H_
