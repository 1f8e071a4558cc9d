// Reverse-mode differentiation of scalars: a number that records what is computed with it.
//
// Adjoint<T> is a value and the slot of the tape where its adjoint will stand (tape.h explains the
// tape and shows an example). Expressions record one statement per assignment; copies record
// nothing. Constants and whatever depends on constants only record nothing either, and need no
// tape. T may be any trivially copyable number type: Adjoint<Tangent<double>> gives second
// derivatives (tangent over adjoint), Adjoint<Interval<double>> significances. An Adjoint serves
// as an Eigen scalar. Comparisons look at values only. The rules and the conventions at the edges
// stand in elementary.h.

#ifndef SOBOLEV_ENGINE_AD_ADJOINT_H_
#define SOBOLEV_ENGINE_AD_ADJOINT_H_

#include <cmath>
#include <concepts>
#include <limits>
#include <type_traits>

#include <Eigen/Core>

#include "engine/ad/adjoint_expressions.h"
#include "engine/ad/eigen_traits.h"
#include "engine/ad/elementary.h"
#include "engine/ad/tape.h"

namespace sobolev::ad {

// A node of adjoint_expressions.h.
template <class E>
concept AdjointNode = requires(const E& e) {
  typename E::Number;
  { E::kArguments + 0 } -> std::same_as<int>;
  { e.slots() } -> std::same_as<Slot>;
};

template <class T>
class Adjoint {
 public:
  Adjoint() = default;
  // A constant.
  template <std::convertible_to<T> U>
  // NOLINTNEXTLINE(google-explicit-constructor): constants mix freely with variables.
  SOBOLEV_INLINE Adjoint(const U& constant) : value_(constant) {}
  // Records the expression.
  template <AdjointNode E>
  requires std::same_as<typename E::Number, T>
      // NOLINTNEXTLINE(google-explicit-constructor): this is how expressions end.
      SOBOLEV_INLINE Adjoint(const E& expression)
      : value_(expression.value()), slot_(RecordExpression(expression)) {}
  // The result that a tape recorded in that slot.
  SOBOLEV_INLINE Adjoint(const T& value, Slot slot) : value_(value), slot_(slot) {}

  SOBOLEV_INLINE const T& value() const { return value_; }
  SOBOLEV_INLINE Slot slot() const { return slot_; }

  template <class E>
  SOBOLEV_INLINE Adjoint& operator+=(const E& y) {
    return *this = *this + y;
  }
  template <class E>
  SOBOLEV_INLINE Adjoint& operator-=(const E& y) {
    return *this = *this - y;
  }
  template <class E>
  SOBOLEV_INLINE Adjoint& operator*=(const E& y) {
    return *this = *this * y;
  }
  template <class E>
  SOBOLEV_INLINE Adjoint& operator/=(const E& y) {
    return *this = *this / y;
  }

 private:
  template <class E>
  SOBOLEV_INLINE static Slot RecordExpression(const E& expression) {
    if (expression.slots() == 0) return 0;
    return Tape<T>::template Record<E::kArguments>([&](typename Tape<T>::Recorder& recorder) {
      expression.template Push<false>(recorder, One());
    });
  }

  T value_{};
  Slot slot_ = 0;
};

// ----- Operands: variables, expressions, and constants beside one of these -----

template <class X>
struct AdjointOperandTraits {
  static constexpr bool kIsOperand = false;
};
template <class T>
struct AdjointOperandTraits<Adjoint<T>> {
  static constexpr bool kIsOperand = true;
  using Number = T;
};
template <AdjointNode E>
struct AdjointOperandTraits<E> {
  static constexpr bool kIsOperand = true;
  using Number = typename E::Number;
};

template <class X>
concept AdjointOperand = AdjointOperandTraits<X>::kIsOperand;
template <class X>
using NumberOf = typename AdjointOperandTraits<X>::Number;
// A constant in an expression with X.
template <class C, class X>
concept AdjointConstantFor = !AdjointOperand<C> && std::convertible_to<C, NumberOf<X>>;

template <class T>
SOBOLEV_INLINE AdjointLeaf<T> NodeOf(const Adjoint<T>& x) {
  return {x.value(), x.slot()};
}
template <AdjointNode E>
SOBOLEV_INLINE const E& NodeOf(const E& expression) {
  return expression;
}
template <class T, class C>
SOBOLEV_INLINE auto ConstantNode(const C& c) {
  if constexpr (std::is_arithmetic_v<C>) {
    return AdjointConstant<T, double>{static_cast<double>(c)};
  } else {
    return AdjointConstant<T, T>{T(c)};
  }
}

template <class Operation, class L, class R>
SOBOLEV_INLINE auto MakeBinary(const L& left, const R& right) {
  return AdjointBinary<Operation, L, R>(left, right);
}

// ----- Arithmetic -----

template <AdjointOperand X>
SOBOLEV_INLINE X operator+(const X& x) {
  return x;
}
template <AdjointOperand X>
SOBOLEV_INLINE auto operator-(const X& x) {
  return AdjointNegation(NodeOf(x));
}

#define SOBOLEV_AD_DEFINE(function, Operation)                                    \
  template <AdjointOperand L, AdjointOperand R>                                   \
  SOBOLEV_INLINE auto function(const L& left, const R& right) {                   \
    return MakeBinary<Operation>(NodeOf(left), NodeOf(right));                    \
  }                                                                               \
  template <AdjointOperand L, AdjointConstantFor<L> C>                            \
  SOBOLEV_INLINE auto function(const L& left, const C& right) {                   \
    return MakeBinary<Operation>(NodeOf(left), ConstantNode<NumberOf<L>>(right)); \
  }                                                                               \
  template <AdjointOperand R, AdjointConstantFor<R> C>                            \
  SOBOLEV_INLINE auto function(const C& left, const R& right) {                   \
    return MakeBinary<Operation>(ConstantNode<NumberOf<R>>(left), NodeOf(right)); \
  }
SOBOLEV_AD_DEFINE(operator+, AddOperation)
SOBOLEV_AD_DEFINE(operator-, SubtractOperation)
SOBOLEV_AD_DEFINE(operator*, MultiplyOperation)
SOBOLEV_AD_DEFINE(operator/, DivideOperation)

// ----- Comparisons -----

template <class X>
SOBOLEV_INLINE const auto& ValueOf(const X& x) {
  if constexpr (AdjointOperand<X>) {
    return x.value();
  } else {
    return x;
  }
}

#define SOBOLEV_AD_DEFINE_COMPARISON(op)                           \
  template <AdjointOperand L, AdjointOperand R>                    \
  SOBOLEV_INLINE bool operator op(const L& left, const R& right) { \
    return left.value() op right.value();                          \
  }                                                                \
  template <AdjointOperand L, AdjointConstantFor<L> C>             \
  SOBOLEV_INLINE bool operator op(const L& left, const C& right) { \
    return left.value() op right;                                  \
  }                                                                \
  template <AdjointOperand R, AdjointConstantFor<R> C>             \
  SOBOLEV_INLINE bool operator op(const C& left, const R& right) { \
    return left op right.value();                                  \
  }
SOBOLEV_AD_DEFINE_COMPARISON(==)
SOBOLEV_AD_DEFINE_COMPARISON(!=)
SOBOLEV_AD_DEFINE_COMPARISON(<)
SOBOLEV_AD_DEFINE_COMPARISON(>)
SOBOLEV_AD_DEFINE_COMPARISON(<=)
SOBOLEV_AD_DEFINE_COMPARISON(>=)
#undef SOBOLEV_AD_DEFINE_COMPARISON

// ----- The functions of elementary.h, found by argument -----

#define SOBOLEV_AD_DEFINE_UNARY(function, Rule)                     \
  struct function##Function {                                       \
    template <class T>                                              \
    SOBOLEV_INLINE static T Value(const T& x) {                     \
      return function(x);                                           \
    }                                                               \
  };                                                                \
  template <AdjointOperand X>                                       \
  SOBOLEV_INLINE auto function(const X& x) {                        \
    using Node = std::remove_cvref_t<decltype(NodeOf(x))>;          \
    return AdjointUnary<function##Function, Rule, Node>(NodeOf(x)); \
  }
SOBOLEV_AD_UNARY_FUNCTIONS(SOBOLEV_AD_DEFINE_UNARY)
#undef SOBOLEV_AD_DEFINE_UNARY

#define SOBOLEV_AD_DEFINE_STEP(function)                           \
  template <AdjointOperand X>                                      \
  SOBOLEV_INLINE Adjoint<NumberOf<X>> function(const X& x) {       \
    return Adjoint<NumberOf<X>>(NumberOf<X>(function(x.value()))); \
  }
SOBOLEV_AD_STEP_FUNCTIONS(SOBOLEV_AD_DEFINE_STEP)
#undef SOBOLEV_AD_DEFINE_STEP

#define SOBOLEV_AD_DEFINE_BINARY(function, Rule)                       \
  struct function##Function {                                          \
    template <class T>                                                 \
    SOBOLEV_INLINE static T Value(const T& x1, const T& x2) {          \
      return function(x1, x2);                                         \
    }                                                                  \
  };                                                                   \
  using function##Operation = RuleOperation<function##Function, Rule>; \
  SOBOLEV_AD_DEFINE(function, function##Operation)
SOBOLEV_AD_BINARY_FUNCTIONS(SOBOLEV_AD_DEFINE_BINARY)
#undef SOBOLEV_AD_DEFINE_BINARY
#undef SOBOLEV_AD_DEFINE

// xᶜ for a constant exponent.
template <AdjointOperand X, AdjointConstantFor<X> C>
requires std::is_arithmetic_v<C> SOBOLEV_INLINE auto pow(const X& x, const C& exponent) {
  using Node = std::remove_cvref_t<decltype(NodeOf(x))>;
  return AdjointPower<Node>(NodeOf(x), static_cast<double>(exponent));
}

// x − n y with the integer n = trunc(x/y).
template <AdjointOperand L, AdjointOperand R>
Adjoint<NumberOf<L>> fmod(const L& x, const R& y) {
  using std::fmod;
  using T = NumberOf<L>;
  const T n = trunc(T(x.value() / y.value()));
  const Adjoint<T> result = x - y * n;
  return Adjoint<T>(fmod(x.value(), y.value()), result.slot());
}

template <AdjointOperand X, AdjointOperand Y, AdjointOperand Z>
SOBOLEV_INLINE auto fma(const X& x, const Y& y, const Z& z) {
  return x * y + z;
}

template <AdjointOperand X>
SOBOLEV_INLINE auto fabs(const X& x) {
  return abs(x);
}

// So that `using std::max; max(x, y)` finds the convention of this engine.
template <AdjointOperand L, AdjointOperand R>
SOBOLEV_INLINE auto min(const L& x1, const R& x2) {
  return Min(x1, x2);
}
template <AdjointOperand X>
SOBOLEV_INLINE auto min(const X& x1, const X& x2) {
  return Min(x1, x2);
}
template <AdjointOperand L, AdjointOperand R>
SOBOLEV_INLINE auto max(const L& x1, const R& x2) {
  return Max(x1, x2);
}
template <AdjointOperand X>
SOBOLEV_INLINE auto max(const X& x1, const X& x2) {
  return Max(x1, x2);
}

template <AdjointOperand X>
SOBOLEV_INLINE bool isnan(const X& x) {
  using std::isnan;
  return isnan(x.value());
}
template <AdjointOperand X>
SOBOLEV_INLINE bool isinf(const X& x) {
  using std::isinf;
  return isinf(x.value());
}
template <AdjointOperand X>
SOBOLEV_INLINE bool isfinite(const X& x) {
  using std::isfinite;
  return isfinite(x.value());
}

// ----- What elementary.h asks of every number type -----

template <class T>
SOBOLEV_INLINE bool IsZero(const Adjoint<T>& x) {
  return x.slot() == 0 && IsZero(x.value());
}

template <class T>
SOBOLEV_INLINE bool IsFinite(const Adjoint<T>& x) {
  return IsFinite(x.value());
}

struct SafeMultiplyFunction {
  template <class T>
  SOBOLEV_INLINE static T Value(const T& a, const T& b) {
    return SafeProduct(a, b);
  }
};
template <class T>
SOBOLEV_INLINE Adjoint<T> SafeProduct(const Adjoint<T>& a, const Adjoint<T>& b) {
  return MakeBinary<RuleOperation<SafeMultiplyFunction, MultiplyRule>>(NodeOf(a), NodeOf(b));
}

// Decided values take one branch; undecided intervals enclose both, as do their partials.
template <class T>
Adjoint<T> IfLess(const Adjoint<T>& a, const Adjoint<T>& b, const Adjoint<T>& u,
                  const Adjoint<T>& v) {
  const T weight_u = IfLess(a.value(), b.value(), T(1.0), T(0.0));
  if (IsZero(weight_u)) return v;
  const T weight_v = IfLess(a.value(), b.value(), T(0.0), T(1.0));
  if (IsZero(weight_v)) return u;
  const Adjoint<T> hull = u * weight_u + v * weight_v;
  return Adjoint<T>(IfLess(a.value(), b.value(), u.value(), v.value()), hull.slot());
}

}  // namespace sobolev::ad

// The limits of T, which convert to constants.
template <class T>
struct std::numeric_limits<sobolev::ad::Adjoint<T>> : std::numeric_limits<T> {};

namespace Eigen {

template <class T>
struct NumTraits<sobolev::ad::Adjoint<T>>
    : sobolev::ad::EigenTraits<sobolev::ad::Adjoint<T>, T, 4> {};

template <class T, class Op>
struct ScalarBinaryOpTraits<sobolev::ad::Adjoint<T>, double, Op> {
  using ReturnType = sobolev::ad::Adjoint<T>;
};
template <class T, class Op>
struct ScalarBinaryOpTraits<double, sobolev::ad::Adjoint<T>, Op> {
  using ReturnType = sobolev::ad::Adjoint<T>;
};

}  // namespace Eigen

#endif  // SOBOLEV_ENGINE_AD_ADJOINT_H_
