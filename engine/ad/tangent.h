// Forward-mode differentiation of scalars: a value that carries its tangent.
//
// Tangent<T> holds v and v̇ and computes with both by the chain rule: f(x) has the tangent
// f′(x) ẋ. Seed ẋ = 1 in one input and the results carry the partial derivatives with respect to
// it. T may be a Tangent itself, which gives second derivatives. It also serves as an Eigen scalar.
// Comparisons look at values only.

#ifndef SOBOLEV_ENGINE_AD_TANGENT_H_
#define SOBOLEV_ENGINE_AD_TANGENT_H_

#include <cmath>
#include <compare>
#include <concepts>
#include <numbers>

#include <Eigen/Core>

namespace sobolev::ad {

template <class T>
struct Tangent {
  T value{};
  T dot{};

  Tangent() = default;
  // A constant, from T or from any number that converts to T.
  template <class U>
  requires std::convertible_to<U, T>
  // NOLINTNEXTLINE(google-explicit-constructor): constants mix freely with variables.
  Tangent(const U& constant) : value(constant) {}
  Tangent(const T& value_in, const T& dot_in) : value(value_in), dot(dot_in) {}

  Tangent& operator+=(const Tangent& y) { return *this = *this + y; }
  Tangent& operator-=(const Tangent& y) { return *this = *this - y; }
  Tangent& operator*=(const Tangent& y) { return *this = *this * y; }
  Tangent& operator/=(const Tangent& y) { return *this = *this / y; }

  friend Tangent operator+(const Tangent& x) { return x; }
  friend Tangent operator-(const Tangent& x) { return {-x.value, -x.dot}; }
  friend Tangent operator+(const Tangent& x, const Tangent& y) {
    return {x.value + y.value, x.dot + y.dot};
  }
  friend Tangent operator-(const Tangent& x, const Tangent& y) {
    return {x.value - y.value, x.dot - y.dot};
  }
  friend Tangent operator*(const Tangent& x, const Tangent& y) {
    return {x.value * y.value, x.dot * y.value + x.value * y.dot};
  }
  friend Tangent operator/(const Tangent& x, const Tangent& y) {
    const T quotient = x.value / y.value;
    return {quotient, (x.dot - quotient * y.dot) / y.value};
  }

  friend bool operator==(const Tangent& x, const Tangent& y) { return x.value == y.value; }
  friend auto operator<=>(const Tangent& x, const Tangent& y) { return x.value <=> y.value; }
};

// The functions below are found by argument, next to those of <cmath> for the innermost numbers.

template <class T>
Tangent<T> exp(const Tangent<T>& x) {
  using std::exp;
  const T e = exp(x.value);
  return {e, e * x.dot};
}

template <class T>
Tangent<T> log(const Tangent<T>& x) {
  using std::log;
  return {log(x.value), x.dot / x.value};
}

template <class T>
Tangent<T> log1p(const Tangent<T>& x) {
  using std::log1p;
  return {log1p(x.value), x.dot / (T(1) + x.value)};
}

template <class T>
Tangent<T> sqrt(const Tangent<T>& x) {
  using std::sqrt;
  const T root = sqrt(x.value);
  return {root, x.dot / (T(2) * root)};
}

// xᵉ for a constant exponent.
template <class T>
Tangent<T> pow(const Tangent<T>& x, double exponent) {
  using std::pow;
  return {pow(x.value, exponent), T(exponent) * pow(x.value, exponent - 1) * x.dot};
}

// xʸ for x > 0.
template <class T>
Tangent<T> pow(const Tangent<T>& x, const Tangent<T>& y) {
  return exp(y * log(x));
}

template <class T>
Tangent<T> sin(const Tangent<T>& x) {
  using std::cos, std::sin;
  return {sin(x.value), cos(x.value) * x.dot};
}

template <class T>
Tangent<T> cos(const Tangent<T>& x) {
  using std::cos, std::sin;
  return {cos(x.value), -sin(x.value) * x.dot};
}

template <class T>
Tangent<T> tanh(const Tangent<T>& x) {
  using std::tanh;
  const T y = tanh(x.value);
  return {y, (T(1) - y * y) * x.dot};
}

template <class T>
Tangent<T> erf(const Tangent<T>& x) {
  using std::erf, std::exp;
  return {erf(x.value), T(2 * std::numbers::inv_sqrtpi) * exp(-x.value * x.value) * x.dot};
}

template <class T>
Tangent<T> abs(const Tangent<T>& x) {
  return x < Tangent<T>(0) ? -x : x;
}

}  // namespace sobolev::ad

namespace Eigen {

template <class T>
struct NumTraits<sobolev::ad::Tangent<T>> : GenericNumTraits<sobolev::ad::Tangent<T>> {
  using Real = sobolev::ad::Tangent<T>;
  using NonInteger = sobolev::ad::Tangent<T>;
  using Nested = sobolev::ad::Tangent<T>;
  using Literal = typename NumTraits<T>::Literal;
  // NOLINTBEGIN(readability-identifier-naming): the names are Eigen's.
  enum {
    IsInteger = 0,
    IsSigned = 1,
    IsComplex = 0,
    RequireInitialization = 1,
    ReadCost = 2 * static_cast<int>(NumTraits<T>::ReadCost),
    AddCost = 2 * static_cast<int>(NumTraits<T>::AddCost),
    MulCost = 3 * static_cast<int>(NumTraits<T>::MulCost) + static_cast<int>(NumTraits<T>::AddCost)
  };
  // NOLINTEND(readability-identifier-naming)
};

}  // namespace Eigen

#endif  // SOBOLEV_ENGINE_AD_TANGENT_H_
