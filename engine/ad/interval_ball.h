// A real number known as a double-double with a proven error: the tool that proves the enclosures
// of elementary functions.
//
// A Ball says: the number lies within `error` of high + low, where low is the part that high
// rounded away, so the centre has about 106 bits. Every operation adds to the error what it may
// have lost. A formula evaluated in balls is therefore its own error analysis; what remains to
// prove by hand are the remainders of truncated series and the few terms that are evaluated in
// plain double.
//
// With u = 2^-53, sums, products, quotients and roots of double-doubles, by the usual algorithms,
// are off by at most 3u², 7u², 15u² and 4u² relatively, up to terms in u³ (Joldes, Muller and
// Popescu, Tight and rigorous error bounds for basic building blocks of double-word arithmetic, ACM
// TOMS 44(2), 2017). We charge kLoss = 64u² = 2^-100. Errors are computed in double to nearest;
// each formula below takes fewer than ten roundings of nonnegative terms, which kSafety covers.
//
// Centres are 0 or between 2^-450 and 2^450 in magnitude, so that nothing here under- or overflows
// except low parts and errors that are negligible then. Callers see to that.

#ifndef SOBOLEV_ENGINE_AD_INTERVAL_BALL_H_
#define SOBOLEV_ENGINE_AD_INTERVAL_BALL_H_

#include <cmath>

#include "engine/ad/interval_bounds.h"
#include "engine/ad/interval_rounding.h"

namespace sobolev::ad {

struct Ball {
  double high;
  double low;
  double error;

  static constexpr double kLoss = 0x1p-100;
  static constexpr double kSafety = 1 + 0x1p-40;

  // NOLINTNEXTLINE(google-explicit-constructor): numbers are balls of radius zero.
  constexpr Ball(double exact) : high(exact), low(0), error(0) {}
  constexpr Ball(double high_in, double low_in, double error_in)
      : high(high_in), low(low_in), error(error_in) {}

  // A constant given as the two doubles nearest to it: the rest is below 2^-106 of it.
  static constexpr Ball Constant(double high, double low) {
    return {high, low, directed::Magnitude(high) * kLoss};
  }

  constexpr Ball WithError(double more) const { return {high, low, (error + more) * kSafety}; }
  // This ball times 2^k, exactly. |k| <= 900.
  constexpr Ball Scaled(int k) const {
    const double power = directed::PowerOfTwo(k);
    return {high * power, low * power, error * power};
  }

  constexpr Ball operator-() const { return {-high, -low, error}; }

  friend constexpr Ball operator+(const Ball& x, const Ball& y) {
    const directed::Transformed sum = directed::TwoSum(x.high, y.high);
    if (x.low == 0 && y.low == 0) return {sum.value, sum.error, (x.error + y.error) * kSafety};
    const directed::Transformed lows = directed::TwoSum(x.low, y.low);
    const directed::Transformed first = directed::TwoSum(sum.value, sum.error + lows.value);
    const directed::Transformed total = directed::TwoSum(first.value, first.error + lows.error);
    return {total.value, total.error,
            (x.error + y.error + directed::Magnitude(total.value) * kLoss) * kSafety};
  }
  friend constexpr Ball operator-(const Ball& x, const Ball& y) { return x + -y; }

  friend constexpr Ball operator*(const Ball& x, const Ball& y) {
    const directed::Transformed product = directed::TwoProduct(x.high, y.high);
    const double x_size = directed::Magnitude(x.high);
    const double y_size = directed::Magnitude(y.high);
    // The magnitudes of the centres are at most those of the high parts times 1 + u.
    const double spread = x_size * y.error + y_size * x.error + x.error * y.error;
    if (x.low == 0 && y.low == 0) return {product.value, product.error, spread * kSafety};
    const double cross = x.high * y.low + x.low * y.high;
    const directed::Transformed total = directed::TwoSum(product.value, product.error + cross);
    return {total.value, total.error,
            (spread + directed::Magnitude(total.value) * kLoss) * kSafety};
  }

  // y is not near 0: its error is at most half its magnitude.
  friend constexpr Ball operator/(const Ball& x, const Ball& y) {
    const double first = x.high / y.high;
    const Ball product = Ball(y.high, y.low, 0) * first;
    const double residual = (Ball(x.high, x.low, 0) - product).high;
    if (residual == 0 && y.low == 0 && x.error == 0 && y.error == 0) return first;
    const directed::Transformed total = directed::TwoSum(first, residual / y.high);
    // |x/y − x'/y'| <= (|x − x'| + |x'/y'| |y − y'|) / |y|, and |y| >= |y'| − error.
    const double size = directed::Magnitude(total.value);
    const double least = directed::Magnitude(y.high) * (1 - 0x1p-50) - y.error;
    return {total.value, total.error,
            ((x.error + size * y.error) / least * (1 + 0x1p-45) + size * kLoss) * kSafety};
  }
};

// √x for x > 0 with an error below half its magnitude; the root of the exact 0 is 0.
inline Ball Sqrt(const Ball& x) {
  if (x.high == 0) return 0.0;
  const double root = std::sqrt(x.high);
  const Ball residual = Ball(x.high, x.low, 0) - Ball(root) * Ball(root);
  if (residual.high == 0 && residual.error == 0 && x.error == 0) return root;
  const directed::Transformed total = directed::TwoSum(root, residual.high / (2 * root));
  // |√x − √x'| <= |x − x'| / √x' for the centre x' >= 2 error, and then twice for safety.
  return {total.value, total.error, (2 * x.error / root + root * Ball::kLoss) * Ball::kSafety};
}

// The tightest bounds that a ball proves.
constexpr Bounds ToBounds(const Ball& x) {
  return {directed::AddDown(x.high, directed::AddDown(x.low, -x.error)),
          directed::AddUp(x.high, directed::AddUp(x.low, x.error))};
}

// The same for x·2^k, which may over- or underflow: x as for directed::ScaleDown.
constexpr Bounds ToBounds(const Ball& x, int k) {
  const Bounds unscaled = ToBounds(x);
  return {directed::ScaleDown(unscaled.lo, k), directed::ScaleUp(unscaled.hi, k)};
}

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_INTERVAL_BALL_H_
