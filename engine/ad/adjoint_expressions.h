// Expressions of adjoint variables: what stands right of an assignment, as one object.
//
// x1 * exp(x2) does not compute an Adjoint but a node, which holds its operands and its value. The
// assignment that ends the expression makes one statement of the whole tree: it walks from the
// result to the leaves and multiplies the partials on the way, so that the tape sees only the
// variables. Every node computes its value once, when it is built; partials are formed during the
// walk and may use that value. Nodes copy their leaves (a value and a slot), so an expression
// kept by `auto` stays valid; each of its uses then repeats the walk. All of it is inlined, and no
// node exists at run time.
//
// A node offers:
//   kArguments     how many leaves it has at most, constants not counted
//   value()        its value
//   slots()        the bits of the slots of its leaves, zero if all are constants
//   Push<kSafe>()  the walk, with the partial w of the result with respect to this node. Below a
//                  singular rule kSafe says that w may be infinite and meet a zero.

#ifndef SOBOLEV_ENGINE_AD_ADJOINT_EXPRESSIONS_H_
#define SOBOLEV_ENGINE_AD_ADJOINT_EXPRESSIONS_H_

#include <concepts>
#include <type_traits>

#include "engine/ad/elementary.h"
#include "engine/ad/tape.h"

namespace sobolev::ad {

// The weight 1 at the root, known at compile time: it costs no product and no memory.
struct One {};

// The product w·p of a weight and a partial.
template <bool kSafe, class P>
SOBOLEV_INLINE const P& Weigh(One /*w*/, const P& p) {
  return p;
}
template <bool kSafe, class T, class P>
SOBOLEV_INLINE T Weigh(const T& w, const P& p) {
  if constexpr (kSafe && std::is_same_v<T, P>) {
    return SafeProduct(w, p);
  } else {
    return w * p;
  }
}

template <class T>
SOBOLEV_INLINE T Negated(One /*w*/) {
  return T(-1.0);
}
template <class T>
SOBOLEV_INLINE T Negated(const T& w) {
  return -w;
}

// A variable, or a constant Adjoint.
template <class T>
struct AdjointLeaf {
  using Number = T;
  static constexpr int kArguments = 1;

  T value_;
  Slot slot_;

  SOBOLEV_INLINE const T& value() const { return value_; }
  SOBOLEV_INLINE Slot slots() const { return slot_; }
  template <bool kSafe, class W>
  SOBOLEV_INLINE void Push(typename Tape<T>::Recorder& recorder,
                           [[maybe_unused]] const W& w) const {
    if constexpr (std::is_same_v<W, One>) {
      recorder.PushWithPartialOne(slot_);
    } else {
      recorder.Push(w, slot_);
    }
  }
};

// A constant: a double, or a T if it carries derivatives of other kinds.
template <class T, class C>
struct AdjointConstant {
  using Number = T;
  static constexpr int kArguments = 0;

  C value_;

  SOBOLEV_INLINE const C& value() const { return value_; }
  SOBOLEV_INLINE Slot slots() const { return 0; }
  template <bool kSafe, class W>
  SOBOLEV_INLINE void Push(typename Tape<T>::Recorder& /*recorder*/, const W& /*w*/) const {}
};

// Operations. Each computes its value and the weights of its operands.

struct AddOperation {
  template <class T, class L, class R>
  SOBOLEV_INLINE static T Value(const L& l, const R& r) {
    return l + r;
  }
  template <bool kSafe, class T, class W, class L, class R>
  SOBOLEV_INLINE static const W& Left(const W& w, const L& /*l*/, const R& /*r*/, const T& /*y*/) {
    return w;
  }
  template <bool kSafe, class T, class W, class L, class R>
  SOBOLEV_INLINE static const W& Right(const W& w, const L& /*l*/, const R& /*r*/, const T& /*y*/) {
    return w;
  }
  static constexpr bool kSingular = false;
};

struct SubtractOperation {
  template <class T, class L, class R>
  SOBOLEV_INLINE static T Value(const L& l, const R& r) {
    return l - r;
  }
  template <bool kSafe, class T, class W, class L, class R>
  SOBOLEV_INLINE static const W& Left(const W& w, const L& /*l*/, const R& /*r*/, const T& /*y*/) {
    return w;
  }
  template <bool kSafe, class T, class W, class L, class R>
  SOBOLEV_INLINE static T Right(const W& w, const L& /*l*/, const R& /*r*/, const T& /*y*/) {
    return Negated<T>(w);
  }
  static constexpr bool kSingular = false;
};

struct MultiplyOperation {
  template <class T, class L, class R>
  SOBOLEV_INLINE static T Value(const L& l, const R& r) {
    return l * r;
  }
  template <bool kSafe, class T, class W, class L, class R>
  SOBOLEV_INLINE static T Left(const W& w, const L& /*l*/, const R& r, const T& /*y*/) {
    return T(Weigh<kSafe>(w, r));
  }
  template <bool kSafe, class T, class W, class L, class R>
  SOBOLEV_INLINE static T Right(const W& w, const L& l, const R& /*r*/, const T& /*y*/) {
    return T(Weigh<kSafe>(w, l));
  }
  static constexpr bool kSingular = false;
};

struct DivideOperation {
  template <class T, class L, class R>
  SOBOLEV_INLINE static T Value(const L& l, const R& r) {
    return l / r;
  }
  template <bool kSafe, class T, class W, class L, class R>
  SOBOLEV_INLINE static T Left(const W& w, const L& /*l*/, const R& r, const T& /*y*/) {
    return Weigh<kSafe>(w, T(Reciprocal(r)));
  }
  template <bool kSafe, class T, class W, class L, class R>
  SOBOLEV_INLINE static T Right(const W& w, const L& /*l*/, const R& r, const T& y) {
    return Weigh<kSafe>(w, T(-y * T(Reciprocal(r))));
  }
  static constexpr bool kSingular = false;
};

// The name of a function of two variables and its rule.
template <class Function, class Rule>
struct RuleOperation {
  template <class T, class L, class R>
  SOBOLEV_INLINE static T Value(const L& l, const R& r) {
    return Function::template Value<T>(T(l), T(r));
  }
  template <bool kSafe, class T, class W, class L, class R>
  SOBOLEV_INLINE static T Left(const W& w, const L& l, const R& r, const T& y) {
    constexpr bool kGuards = kSafe || Rule::kSingular;
    return Weigh<kGuards>(w, T(Rule::template D1<T>(T(l), T(r), y)));
  }
  template <bool kSafe, class T, class W, class L, class R>
  SOBOLEV_INLINE static T Right(const W& w, const L& l, const R& r, const T& y) {
    constexpr bool kGuards = kSafe || Rule::kSingular;
    return Weigh<kGuards>(w, T(Rule::template D2<T>(T(l), T(r), y)));
  }
  static constexpr bool kSingular = Rule::kSingular;
};

template <class Operation, class L, class R>
struct AdjointBinary {
  using Number = typename L::Number;
  static_assert(std::is_same_v<Number, typename R::Number>);
  static constexpr int kArguments = L::kArguments + R::kArguments;

  L left;
  R right;
  Number value_;

  SOBOLEV_INLINE AdjointBinary(const L& l, const R& r)
      : left(l), right(r), value_(Operation::template Value<Number>(l.value(), r.value())) {}

  SOBOLEV_INLINE const Number& value() const { return value_; }
  SOBOLEV_INLINE Slot slots() const { return left.slots() | right.slots(); }
  template <bool kSafe, class W>
  SOBOLEV_INLINE void Push(typename Tape<Number>::Recorder& recorder, const W& w) const {
    constexpr bool kBelow = kSafe || Operation::kSingular;
    if constexpr (L::kArguments > 0) {
      left.template Push<kBelow>(recorder, Operation::template Left<kSafe, Number>(
                                               w, left.value(), right.value(), value_));
    }
    if constexpr (R::kArguments > 0) {
      right.template Push<kBelow>(recorder, Operation::template Right<kSafe, Number>(
                                                w, left.value(), right.value(), value_));
    }
  }
};

template <class X>
struct AdjointNegation {
  using Number = typename X::Number;
  static constexpr int kArguments = X::kArguments;

  X x;
  Number value_;

  SOBOLEV_INLINE explicit AdjointNegation(const X& operand)
      : x(operand), value_(-operand.value()) {}

  SOBOLEV_INLINE const Number& value() const { return value_; }
  SOBOLEV_INLINE Slot slots() const { return x.slots(); }
  template <bool kSafe, class W>
  SOBOLEV_INLINE void Push(typename Tape<Number>::Recorder& recorder, const W& w) const {
    x.template Push<kSafe>(recorder, Negated<Number>(w));
  }
};

template <class Function, class Rule, class X>
struct AdjointUnary {
  using Number = typename X::Number;
  static constexpr int kArguments = X::kArguments;

  X x;
  Number value_;

  SOBOLEV_INLINE explicit AdjointUnary(const X& operand)
      : x(operand), value_(Function::template Value<Number>(operand.value())) {}

  SOBOLEV_INLINE const Number& value() const { return value_; }
  SOBOLEV_INLINE Slot slots() const { return x.slots(); }
  template <bool kSafe, class W>
  SOBOLEV_INLINE void Push(typename Tape<Number>::Recorder& recorder, const W& w) const {
    constexpr bool kBelow = kSafe || Rule::kSingular;
    x.template Push<kBelow>(
        recorder, Weigh<kBelow>(w, Number(Rule::template Derivative<Number>(x.value(), value_))));
  }
};

// xᶜ for a constant exponent.
template <class X>
struct AdjointPower {
  using Number = typename X::Number;
  static constexpr int kArguments = X::kArguments;

  X x;
  double exponent;
  Number value_;

  SOBOLEV_INLINE AdjointPower(const X& operand, double c)
      : x(operand), exponent(c), value_(pow(operand.value(), c)) {}

  SOBOLEV_INLINE const Number& value() const { return value_; }
  SOBOLEV_INLINE Slot slots() const { return x.slots(); }
  template <bool kSafe, class W>
  SOBOLEV_INLINE void Push(typename Tape<Number>::Recorder& recorder, const W& w) const {
    x.template Push<true>(
        recorder,
        Weigh<true>(w, Number(PowConstantRule::Derivative<Number>(x.value(), value_, exponent))));
  }
};

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_ADJOINT_EXPRESSIONS_H_
