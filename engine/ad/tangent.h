// Forward-mode differentiation of scalars: a value that carries its tangents.
//
// Tangent<T, N> holds v and N tangents v̇ and computes with all by the chain rule: f(x) has the
// tangents f′(x) ẋ. Seed ẋ = 1 in one input and the results carry the partial derivatives with
// respect to it. Several directions share the work on values and fill the lanes of the processor.
// T may be any number type of the engine: a Tangent for second derivatives, an Adjoint, an
// Interval. Tangents serve as Eigen scalars. Comparisons look at values only. The rules and the
// conventions at the edges stand in elementary.h.

#ifndef SOBOLEV_ENGINE_AD_TANGENT_H_
#define SOBOLEV_ENGINE_AD_TANGENT_H_

#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <type_traits>

#include <Eigen/Core>

#include "engine/ad/eigen_traits.h"
#include "engine/ad/elementary.h"

namespace sobolev::ad {

// N numbers that compute as one vector. The tangents of one direction are just a T.
template <class T, int N>
struct Directions {
  T lane[N]{};

  SOBOLEV_INLINE T& operator[](int i) { return lane[i]; }
  SOBOLEV_INLINE const T& operator[](int i) const { return lane[i]; }

  // The function of every lane, of the same lane of one or two others.
  template <class F>
  SOBOLEV_INLINE static Directions Map(const F& f) {
    Directions result;
    for (int i = 0; i < N; ++i) result.lane[i] = f(i);
    return result;
  }

  SOBOLEV_INLINE friend Directions operator+(const Directions& u, const Directions& v) {
    return Map([&](int i) { return u.lane[i] + v.lane[i]; });
  }
  SOBOLEV_INLINE friend Directions operator-(const Directions& u, const Directions& v) {
    return Map([&](int i) { return u.lane[i] - v.lane[i]; });
  }
  SOBOLEV_INLINE friend Directions operator-(const Directions& u) {
    return Map([&](int i) { return -u.lane[i]; });
  }
  template <class C>
  SOBOLEV_INLINE friend Directions operator*(const Directions& u, const C& c) {
    return Map([&](int i) { return u.lane[i] * c; });
  }
  template <class C>
  SOBOLEV_INLINE friend Directions operator/(const Directions& u, const C& c) {
    return Map([&](int i) { return u.lane[i] / c; });
  }
  SOBOLEV_INLINE friend Directions SafeProduct(const Directions& u, const T& c) {
    return Map([&](int i) { return SafeProduct(u.lane[i], c); });
  }
  SOBOLEV_INLINE friend bool IsZero(const Directions& u) {
    bool is_zero = true;
    for (const T& x : u.lane) is_zero = is_zero && IsZero(x);
    return is_zero;
  }
  SOBOLEV_INLINE friend bool IsFinite(const Directions& u) {
    bool is_finite = true;
    for (const T& x : u.lane) is_finite = is_finite && IsFinite(x);
    return is_finite;
  }
};

// Powers of two of doubles fill vector registers; the compiler would take an array of them apart
// into scalars. The alignment is that of a double, so that Tangents need no special allocation.
template <int N>
requires(std::has_single_bit(static_cast<unsigned>(N))) struct Directions<double, N> {
  using Vec [[gnu::vector_size(N * sizeof(double)), gnu::aligned(alignof(double))]] = double;

  Vec lanes{};

  SOBOLEV_INLINE double& operator[](int i) { return reinterpret_cast<double*>(&lanes)[i]; }
  SOBOLEV_INLINE const double& operator[](int i) const {
    return reinterpret_cast<const double*>(&lanes)[i];
  }

  SOBOLEV_INLINE friend Directions operator+(const Directions& u, const Directions& v) {
    return {u.lanes + v.lanes};
  }
  SOBOLEV_INLINE friend Directions operator-(const Directions& u, const Directions& v) {
    return {u.lanes - v.lanes};
  }
  SOBOLEV_INLINE friend Directions operator-(const Directions& u) { return {-u.lanes}; }
  SOBOLEV_INLINE friend Directions operator*(const Directions& u, double c) {
    return {u.lanes * c};
  }
  SOBOLEV_INLINE friend Directions operator/(const Directions& u, double c) {
    return {u.lanes / c};
  }
  SOBOLEV_INLINE friend Directions SafeProduct(const Directions& u, double c) {
    if (c == 0) return {};
    return {u.lanes == 0 ? Vec{} : u.lanes * c};
  }
  SOBOLEV_INLINE friend bool IsZero(const Directions& u) {
    bool is_zero = true;
    for (int i = 0; i < N; ++i) is_zero = is_zero && u[i] == 0;
    return is_zero;
  }
  SOBOLEV_INLINE friend bool IsFinite(const Directions& u) {
    bool is_finite = true;
    for (int i = 0; i < N; ++i) is_finite = is_finite && IsFinite(u[i]);
    return is_finite;
  }
  template <class F>
  SOBOLEV_INLINE static Directions Map(const F& f) {
    Directions result;
    for (int i = 0; i < N; ++i) result[i] = f(i);
    return result;
  }
};

// What may stand for a constant T, and the numbers among that.
template <class U, class T>
concept ConstantOf = std::convertible_to<U, T>;
template <class U, class T>
concept PlainConstantOf = ConstantOf<U, T> && std::is_arithmetic_v<U>;

// A constant in a formula of T: numbers stay double all the way down, other types become T.
template <class T, class U>
SOBOLEV_INLINE auto AsConstant(const U& c) {
  if constexpr (std::is_arithmetic_v<U>) {
    return static_cast<double>(c);
  } else {
    return T(c);
  }
}

template <class T, int N = 1>
struct Tangent {
  using Dot = std::conditional_t<N == 1, T, Directions<T, N>>;

  T value{};
  Dot dot{};

  Tangent() = default;
  // A constant, from T or from any number that converts to T.
  template <ConstantOf<T> U>
  // NOLINTNEXTLINE(google-explicit-constructor): constants mix freely with variables.
  SOBOLEV_INLINE Tangent(const U& constant) : value(constant) {}
  SOBOLEV_INLINE Tangent(const T& value_in, const Dot& dot_in) : value(value_in), dot(dot_in) {}

  // The input of direction i: tangent 1 there, 0 elsewhere.
  static Tangent Seed(const T& value, int i = 0) {
    Tangent x(value);
    if constexpr (N == 1) {
      x.dot = T(1.0);
    } else {
      x.dot[i] = T(1.0);
    }
    return x;
  }

  template <class U>
  SOBOLEV_INLINE Tangent& operator+=(const U& y) {
    return *this = *this + y;
  }
  template <class U>
  SOBOLEV_INLINE Tangent& operator-=(const U& y) {
    return *this = *this - y;
  }
  template <class U>
  SOBOLEV_INLINE Tangent& operator*=(const U& y) {
    return *this = *this * y;
  }
  template <class U>
  SOBOLEV_INLINE Tangent& operator/=(const U& y) {
    return *this = *this / y;
  }

  SOBOLEV_INLINE friend Tangent operator+(const Tangent& x) { return x; }
  SOBOLEV_INLINE friend Tangent operator-(const Tangent& x) { return {-x.value, -x.dot}; }

  SOBOLEV_INLINE friend Tangent operator+(const Tangent& x, const Tangent& y) {
    return {x.value + y.value, x.dot + y.dot};
  }
  SOBOLEV_INLINE friend Tangent operator-(const Tangent& x, const Tangent& y) {
    return {x.value - y.value, x.dot - y.dot};
  }
  SOBOLEV_INLINE friend Tangent operator*(const Tangent& x, const Tangent& y) {
    return {x.value * y.value, x.dot * y.value + y.dot * x.value};
  }
  // The quotient and the reciprocal are two divisions that run side by side.
  SOBOLEV_INLINE friend Tangent operator/(const Tangent& x, const Tangent& y) {
    const T quotient = x.value / y.value;
    return {quotient, (x.dot - y.dot * quotient) * T(Reciprocal(y.value))};
  }

  // With a constant on one side.
  template <ConstantOf<T> U>
  SOBOLEV_INLINE friend Tangent operator+(const Tangent& x, const U& c) {
    return {x.value + AsConstant<T>(c), x.dot};
  }
  template <ConstantOf<T> U>
  SOBOLEV_INLINE friend Tangent operator+(const U& c, const Tangent& x) {
    return {AsConstant<T>(c) + x.value, x.dot};
  }
  template <ConstantOf<T> U>
  SOBOLEV_INLINE friend Tangent operator-(const Tangent& x, const U& c) {
    return {x.value - AsConstant<T>(c), x.dot};
  }
  template <ConstantOf<T> U>
  SOBOLEV_INLINE friend Tangent operator-(const U& c, const Tangent& x) {
    return {AsConstant<T>(c) - x.value, -x.dot};
  }
  template <ConstantOf<T> U>
  SOBOLEV_INLINE friend Tangent operator*(const Tangent& x, const U& c) {
    return {x.value * AsConstant<T>(c), x.dot * AsConstant<T>(c)};
  }
  template <ConstantOf<T> U>
  SOBOLEV_INLINE friend Tangent operator*(const U& c, const Tangent& x) {
    return {AsConstant<T>(c) * x.value, x.dot * AsConstant<T>(c)};
  }
  template <ConstantOf<T> U>
  SOBOLEV_INLINE friend Tangent operator/(const Tangent& x, const U& c) {
    return {x.value / AsConstant<T>(c), x.dot / AsConstant<T>(c)};
  }
  template <ConstantOf<T> U>
  SOBOLEV_INLINE friend Tangent operator/(const U& c, const Tangent& x) {
    const T quotient = AsConstant<T>(c) / x.value;
    return {quotient, -x.dot * T(quotient / x.value)};
  }

  SOBOLEV_INLINE friend bool operator==(const Tangent& x, const Tangent& y) {
    return x.value == y.value;
  }
  SOBOLEV_INLINE friend bool operator!=(const Tangent& x, const Tangent& y) {
    return x.value != y.value;
  }
  SOBOLEV_INLINE friend bool operator<(const Tangent& x, const Tangent& y) {
    return x.value < y.value;
  }
  SOBOLEV_INLINE friend bool operator>(const Tangent& x, const Tangent& y) {
    return x.value > y.value;
  }
  SOBOLEV_INLINE friend bool operator<=(const Tangent& x, const Tangent& y) {
    return x.value <= y.value;
  }
  SOBOLEV_INLINE friend bool operator>=(const Tangent& x, const Tangent& y) {
    return x.value >= y.value;
  }
};

// What elementary.h asks of every number type.

template <class T, int N>
SOBOLEV_INLINE bool IsZero(const Tangent<T, N>& x) {
  return IsZero(x.value) && IsZero(x.dot);
}

template <class T, int N>
SOBOLEV_INLINE bool IsFinite(const Tangent<T, N>& x) {
  return IsFinite(x.value) && IsFinite(x.dot);
}

template <class T, int N>
SOBOLEV_INLINE Tangent<T, N> SafeProduct(const Tangent<T, N>& a, const Tangent<T, N>& b) {
  return {SafeProduct(a.value, b.value), SafeProduct(a.dot, b.value) + SafeProduct(b.dot, a.value)};
}

// Decided values take one branch; undecided intervals the hull of both, tangents included.
template <class T, int N>
SOBOLEV_INLINE Tangent<T, N> IfLess(const Tangent<T, N>& a, const Tangent<T, N>& b,
                                    const Tangent<T, N>& u, const Tangent<T, N>& v) {
  const auto select = [&](const T& u_i, const T& v_i) -> T {
    return IfLess(a.value, b.value, u_i, v_i);
  };
  if constexpr (N == 1) {
    return {select(u.value, v.value), select(u.dot, v.dot)};
  } else {
    return {select(u.value, v.value),
            Directions<T, N>::Map([&](int i) { return select(u.dot[i], v.dot[i]); })};
  }
}

// ẏ = f′(x) ẋ. Where the partial may be infinite, a zero tangent stays zero.
template <class Rule, class T, class Dot>
SOBOLEV_INLINE Dot Chain(const T& partial, const Dot& dot) {
  if constexpr (Rule::kSingular) {
    return SafeProduct(dot, partial);
  } else {
    return dot * partial;
  }
}

// The functions of elementary.h, found by argument.

#define SOBOLEV_AD_DEFINE(function, Rule)                                        \
  template <class T, int N>                                                      \
  SOBOLEV_INLINE Tangent<T, N> function(const Tangent<T, N>& x) {                \
    const T y = function(x.value);                                               \
    return {y, Chain<Rule>(T(Rule::template Derivative<T>(x.value, y)), x.dot)}; \
  }
SOBOLEV_AD_UNARY_FUNCTIONS(SOBOLEV_AD_DEFINE)
#undef SOBOLEV_AD_DEFINE

#define SOBOLEV_AD_DEFINE(function)                               \
  template <class T, int N>                                       \
  SOBOLEV_INLINE Tangent<T, N> function(const Tangent<T, N>& x) { \
    return Tangent<T, N>(T(function(x.value)));                   \
  }
SOBOLEV_AD_STEP_FUNCTIONS(SOBOLEV_AD_DEFINE)
#undef SOBOLEV_AD_DEFINE

#define SOBOLEV_AD_DEFINE(function, Rule)                                                   \
  template <class T, int N>                                                                 \
  SOBOLEV_INLINE Tangent<T, N> function(const Tangent<T, N>& x1, const Tangent<T, N>& x2) { \
    const T y = function(x1.value, x2.value);                                               \
    return {y, Chain<Rule>(T(Rule::template D1<T>(x1.value, x2.value, y)), x1.dot) +        \
                   Chain<Rule>(T(Rule::template D2<T>(x1.value, x2.value, y)), x2.dot)};    \
  }                                                                                         \
  template <class T, int N, ConstantOf<T> U>                                                \
  SOBOLEV_INLINE Tangent<T, N> function(const Tangent<T, N>& x1, const U& c) {              \
    const T x2(c);                                                                          \
    const T y = function(x1.value, x2);                                                     \
    return {y, Chain<Rule>(T(Rule::template D1<T>(x1.value, x2, y)), x1.dot)};              \
  }                                                                                         \
  template <class T, int N, ConstantOf<T> U>                                                \
  SOBOLEV_INLINE Tangent<T, N> function(const U& c, const Tangent<T, N>& x2) {              \
    const T x1(c);                                                                          \
    const T y = function(x1, x2.value);                                                     \
    return {y, Chain<Rule>(T(Rule::template D2<T>(x1, x2.value, y)), x2.dot)};              \
  }
SOBOLEV_AD_BINARY_FUNCTIONS(SOBOLEV_AD_DEFINE)
#undef SOBOLEV_AD_DEFINE

// xᶜ for a constant exponent.
template <class T, int N, PlainConstantOf<T> C>
SOBOLEV_INLINE Tangent<T, N> pow(const Tangent<T, N>& x, const C& exponent) {
  const auto c = static_cast<double>(exponent);
  const T y = pow(x.value, c);
  return {y, Chain<PowConstantRule>(T(PowConstantRule::Derivative<T>(x.value, y, c)), x.dot)};
}

// x − n y with the integer n = trunc(x/y).
template <class T, int N>
Tangent<T, N> fmod(const Tangent<T, N>& x, const Tangent<T, N>& y) {
  using std::fmod;
  const T n = trunc(T(x.value / y.value));
  return {fmod(x.value, y.value), x.dot - y.dot * n};
}

template <class T, int N>
SOBOLEV_INLINE Tangent<T, N> fma(const Tangent<T, N>& x, const Tangent<T, N>& y,
                                 const Tangent<T, N>& z) {
  return x * y + z;
}

template <class T, int N>
SOBOLEV_INLINE Tangent<T, N> fabs(const Tangent<T, N>& x) {
  return abs(x);
}

// So that `using std::max; max(x, y)` finds the convention of this engine.
template <class T, int N>
SOBOLEV_INLINE Tangent<T, N> min(const Tangent<T, N>& x1, const Tangent<T, N>& x2) {
  return Min(x1, x2);
}
template <class T, int N>
SOBOLEV_INLINE Tangent<T, N> max(const Tangent<T, N>& x1, const Tangent<T, N>& x2) {
  return Max(x1, x2);
}

// Of the value, as comparisons are.
template <class T, int N>
SOBOLEV_INLINE bool isnan(const Tangent<T, N>& x) {
  using std::isnan;
  return isnan(x.value);
}
template <class T, int N>
SOBOLEV_INLINE bool isinf(const Tangent<T, N>& x) {
  using std::isinf;
  return isinf(x.value);
}
template <class T, int N>
SOBOLEV_INLINE bool isfinite(const Tangent<T, N>& x) {
  using std::isfinite;
  return isfinite(x.value);
}

template <class T, int N>
struct RoundedConstant<Tangent<T, N>> {
  SOBOLEV_INLINE static Tangent<T, N> Of(double c) {
    return Tangent<T, N>(RoundedConstant<T>::Of(c));
  }
};

}  // namespace sobolev::ad

// The limits of T, which convert to constants.
template <class T, int N>
struct std::numeric_limits<sobolev::ad::Tangent<T, N>> : std::numeric_limits<T> {};

namespace Eigen {

template <class T, int N>
struct NumTraits<sobolev::ad::Tangent<T, N>>
    : sobolev::ad::EigenTraits<sobolev::ad::Tangent<T, N>, T, N + 1> {};

template <class T, int N, class Op>
struct ScalarBinaryOpTraits<sobolev::ad::Tangent<T, N>, double, Op> {
  using ReturnType = sobolev::ad::Tangent<T, N>;
};
template <class T, int N, class Op>
struct ScalarBinaryOpTraits<double, sobolev::ad::Tangent<T, N>, Op> {
  using ReturnType = sobolev::ad::Tangent<T, N>;
};

}  // namespace Eigen

#endif  // SOBOLEV_ENGINE_AD_TANGENT_H_
