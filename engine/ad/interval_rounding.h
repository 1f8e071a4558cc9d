// Directed rounding without touching the processor's rounding mode.
//
// The hardware rounds to nearest. An error-free transform (TwoSum, TwoProduct) then gives the
// rounding error itself, whose sign says on which side of the exact result the rounded one lies: if
// it is the wrong side, we step to the neighbouring number. So exact results stay exact, and all
// others are rounded as tightly as hardware rounding up or down would do.
//
// The transforms are exact unless something under- or overflows; where that may happen we step
// always. Errors that are NaN (from infinities) also step, hence the tests `error >= 0 ? s : ...`.
// A lower bound that overflows is thereby the largest finite number, as it must be. Subnormal
// numbers must be on (no FTZ, no DAZ), and the compiler must keep to IEEE arithmetic (no
// -ffast-math).

#ifndef SOBOLEV_ENGINE_AD_INTERVAL_ROUNDING_H_
#define SOBOLEV_ENGINE_AD_INTERVAL_ROUNDING_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace sobolev::ad::directed {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kLargest = std::numeric_limits<double>::max();

constexpr double Magnitude(double x) { return x < 0 ? -x : x; }

// The next larger and the next smaller double. Infinities and NaN stay.
constexpr double NextUp(double x) {
  if (!(x < kInfinity) || x == -kInfinity) return x == -kInfinity ? -kLargest : x;
  if (x == 0) return std::numeric_limits<double>::denorm_min();
  const auto bits = std::bit_cast<std::int64_t>(x);
  return std::bit_cast<double>(bits + (x > 0 ? 1 : -1));
}
constexpr double NextDown(double x) { return -NextUp(-x); }

// value + error is exact.
struct Transformed {
  double value;
  double error;
};

// Knuth's TwoSum: exact whenever a + b does not overflow.
constexpr Transformed TwoSum(double a, double b) {
  const double sum = a + b;
  const double b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}

// Dekker's product of Veltkamp halves: exact if |a|, |b| <= 2^995 and |ab| is 0 or at least 2^-969,
// so that every partial product is a multiple of the smallest subnormal.
constexpr Transformed TwoProduct(double a, double b) {
  constexpr double kSplitter = 0x1p27 + 1;
  const double a_scaled = kSplitter * a;
  const double a_high = a_scaled - (a_scaled - a);
  const double a_low = a - a_high;
  const double b_scaled = kSplitter * b;
  const double b_high = b_scaled - (b_scaled - b);
  const double b_low = b - b_high;
  const double product = a * b;
  const double error =
      ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
  return {product, error};
}

// Whether TwoProduct(a, b) with this product is known to be exact.
constexpr bool ProductIsExact(double a, double b, double product) {
  return Magnitude(product) >= 0x1p-969 && Magnitude(a) <= 0x1p995 && Magnitude(b) <= 0x1p995 &&
         Magnitude(product) <= 0x1p995;
}

constexpr double AddDown(double a, double b) {
  const Transformed sum = TwoSum(a, b);
  return sum.error >= 0 ? sum.value : NextDown(sum.value);
}
constexpr double AddUp(double a, double b) { return -AddDown(-a, -b); }

// 0 times anything is 0, also times infinity: a bound that stands for "arbitrarily large".
constexpr double MultiplyDown(double a, double b) {
  if (a == 0 || b == 0) return 0;
  const double product = a * b;
  if (!ProductIsExact(a, b, product)) {
    const bool is_infinite = Magnitude(a) == kInfinity || Magnitude(b) == kInfinity;
    const bool is_positive_underflow = product == 0 && (a > 0) == (b > 0);
    return is_infinite || is_positive_underflow ? product : NextDown(product);
  }
  return TwoProduct(a, b).error >= 0 ? product : NextDown(product);
}
constexpr double MultiplyUp(double a, double b) { return -MultiplyDown(-a, b); }

// b is not 0, and not both are infinite. The residual a − qb of the rounded quotient q is
// representable, so the computed one has its sign.
constexpr double DivideDown(double a, double b) {
  if (a == 0) return 0;
  const double quotient = a / b;
  if (Magnitude(b) == kInfinity) return 0;  // The limit of a/b.
  if (Magnitude(a) == kInfinity) return quotient;
  const Transformed product = TwoProduct(quotient, b);
  if (!ProductIsExact(quotient, b, product.value) || Magnitude(a) > 0x1p995 ||
      Magnitude(quotient) < 0x1p-1022) {
    return quotient == 0 && (a > 0) == (b > 0) ? 0 : NextDown(quotient);
  }
  const double residual = (a - product.value) - product.error;
  return (b > 0 ? residual : -residual) >= 0 ? quotient : NextDown(quotient);
}
constexpr double DivideUp(double a, double b) { return -DivideDown(-a, b); }

// x >= 0.
inline double SqrtDown(double x) {
  const double root = std::sqrt(x);  // IEEE 754 demands the nearest number.
  if (x == 0 || x == kInfinity) return x;
  if (x < 0x1p-960 || x > 0x1p960) return NextDown(root);
  const Transformed square = TwoProduct(root, root);
  return (x - square.value) - square.error >= 0 ? root : NextDown(root);
}
inline double SqrtUp(double x) {
  const double root = std::sqrt(x);
  if (x == 0 || x == kInfinity) return x;
  if (x < 0x1p-960 || x > 0x1p960) return NextUp(root);
  const Transformed square = TwoProduct(root, root);
  return (x - square.value) - square.error <= 0 ? root : NextUp(root);
}

constexpr double PowerOfTwo(int k) {
  return std::bit_cast<double>(static_cast<std::int64_t>(k + 1023) << 52);
}

// x·2^k for 2^-100 <= |x| <= 2^100 or x = 0, and |k| <= 1800: in two steps, so that only the last
// can round, and only if it under- or overflows. Going back is exact and tells whether it did.
constexpr double ScaleDown(double x, int k) {
  const int half = k / 2;
  const double scaled = x * PowerOfTwo(half) * PowerOfTwo(k - half);
  const double back = scaled * PowerOfTwo(half - k) * PowerOfTwo(-half);
  return back <= x ? scaled : NextDown(scaled);
}
constexpr double ScaleUp(double x, int k) { return -ScaleDown(-x, k); }

}  // namespace sobolev::ad::directed

#endif  // SOBOLEV_ENGINE_AD_INTERVAL_ROUNDING_H_
