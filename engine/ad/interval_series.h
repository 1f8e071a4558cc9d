// The four series from which all point bounds are made, in balls: e^r − 1, the inverse hyperbolic
// tangent, sine and cosine, and the arc tangent; with the reductions to their small arguments.
//
// Each series is Taylor's. Its first terms are summed in balls, which prove themselves. The rest,
// a small multiple of a high power of the argument, is summed in double by Horner's scheme: with
// u = 2^-53, n coefficients of decreasing size, each rounded once, the sum is off by at most
// (2n + 2)u times the sum of magnitudes, and truncation adds less than twice the first omitted
// term. Both stand next to each tail. Horner sees the high part of its argument only; as arguments
// are below 1 and slopes below 1/9, the low part changes the tail by less than 2^-54/9, and the
// error of the argument by less than itself.

#ifndef SOBOLEV_ENGINE_AD_INTERVAL_SERIES_H_
#define SOBOLEV_ENGINE_AD_INTERVAL_SERIES_H_

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "engine/ad/interval_ball.h"

namespace sobolev::ad {

inline constexpr Ball kLn2 = Ball::Constant(0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56);
inline constexpr Ball kHalfPi = Ball::Constant(0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54);
inline constexpr Ball kPi = Ball::Constant(0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53);

// 1/n, within the loss of one division.
constexpr Ball Fraction(double n) { return Ball(1.0) / Ball(n); }

// c₀ + c₁ x + c₂ x² + ... in double.
template <std::size_t kSize>
constexpr double Horner(const double (&coefficients)[kSize], double x) {
  double sum = coefficients[kSize - 1];
  for (std::size_t i = kSize - 1; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

// The tail at x; `bound` covers all but the error of x.
template <std::size_t kSize>
constexpr Ball Tail(const double (&coefficients)[kSize], const Ball& x, double bound) {
  return {Horner(coefficients, x.high), 0, bound + x.error};
}

// e^r − 1 for |r| <= 0.35, with a relative error below 2^-62.
inline Ball Expm1Series(const Ball& r) {
  // Σ_{n>=6} r^(n−6)/n!: magnitudes sum to at most 1.06/720; 12 coefficients lose 26u of it, that
  // is 2^-57.7; the term r^12/18! is 2^-70.7.
  static constexpr double kTail[] = {
      1.0 / 720,           1.0 / 5040,           1.0 / 40320,           1.0 / 362880,
      1.0 / 3628800,       1.0 / 39916800,       1.0 / 479001600,       1.0 / 6227020800,
      1.0 / 8.71782912e10, 1.0 / 1.307674368e12, 1.0 / 2.0922789888e13, 1.0 / 3.55687428096e14};
  constexpr Ball kSixth = Fraction(6);
  constexpr Ball kTwentyFourth = Fraction(24);
  constexpr Ball kHundredTwentieth = Fraction(120);
  const Ball tail = Tail(kTail, r, 0x1p-57);
  return r * ((((tail * r + kHundredTwentieth) * r + kTwentyFourth) * r + kSixth) * r * r +
              Ball(0.5) * r + 1.0);
}

// e^x = power · 2^k with |x| < 1100 and power between 0.7 and 1.42. Any integer k near x / ln 2
// would do.
struct ScaledBall {
  Ball power;
  int k;
};
inline ScaledBall ExpOf(const Ball& x) {
  const double k = std::nearbyint(x.high * 0x1.71547652b82fep+0);
  return {Expm1Series(x - kLn2 * Ball(k)) + 1.0, static_cast<int>(k)};
}

// e^x − 1 for |x| < 300, with a relative error below 2^-59.
inline Ball Expm1Of(const Ball& x) {
  if (std::abs(x.high) < 0.34) return Expm1Series(x);
  const ScaledBall e = ExpOf(x);
  return e.power.Scaled(e.k) - 1.0;
}

// 2 artanh(s) = log((1 + s)/(1 − s)) for |s| <= 0.175, with a relative error below 2^-70.
inline Ball TwiceAtanhSeries(const Ball& s) {
  // Σ_{n>=4} w^(n−4)/(2n + 1) with w = s² <= 0.0307: 2^-51.6 is lost, the term w^11/31 is 2^-60.
  static constexpr double kTail[] = {1.0 / 9,  1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19,
                                     1.0 / 21, 1.0 / 23, 1.0 / 25, 1.0 / 27, 1.0 / 29};
  constexpr Ball kThird = Fraction(3);
  constexpr Ball kFifth = Fraction(5);
  constexpr Ball kSeventh = Fraction(7);
  const Ball w = s * s;
  const Ball tail = Tail(kTail, w, 0x1p-51);
  return Ball(2.0) * s * ((((tail * w + kSeventh) * w + kFifth) * w + kThird) * w + 1.0);
}

// log x = k ln 2 + log m with m between √½ and √2, for x > 0.
struct LogParts {
  double k;
  Ball log_m;
};
inline LogParts LogPartsOf(const Ball& x) {
  int k = 0;
  if (std::frexp(x.high, &k) < 0x1.6a09e667f3bcdp-1) --k;
  const Ball m = x.Scaled(-k);
  return {static_cast<double>(k), TwiceAtanhSeries((m - 1.0) / (m + 1.0))};
}
inline Ball LogOf(const Ball& x) {
  const LogParts parts = LogPartsOf(x);
  return kLn2 * Ball(parts.k) + parts.log_m;
}

// log(1 + t) for t > −0.3, without losing digits of a small t.
inline Ball Log1pOf(const Ball& t) {
  if (t.high < 0.41) return TwiceAtanhSeries(t / (t + 2.0));
  return LogOf(t + 1.0);
}

// sin r and cos r for |r| <= 0.79, with relative errors below 2^-65 and 2^-61.
inline Ball SinSeries(const Ball& r) {
  // Σ_{n>=4} ± w^(n−4)/(2n + 1)! with w = r² <= 0.6242: 14u/9! is 2^-67.6, w^6/21! is 2^-69.
  static constexpr double kTail[] = {1.0 / 362880,           -1.0 / 39916800,
                                     1.0 / 6227020800,       -1.0 / 1.307674368e12,
                                     1.0 / 3.55687428096e14, -1.0 / 1.21645100408832e17};
  constexpr Ball kSixth = Fraction(-6);
  constexpr Ball kHundredTwentieth = Fraction(120);
  constexpr Ball kFiveThousandFortieth = Fraction(-5040);
  const Ball w = r * r;
  const Ball tail = Tail(kTail, w, 0x1p-66);
  return r *
         ((((tail * w + kFiveThousandFortieth) * w + kHundredTwentieth) * w + kSixth) * w + 1.0);
}
inline Ball CosSeries(const Ball& r) {
  // Σ_{n>=4} ± w^(n−4)/(2n)!: 14u/8! is 2^-64.5, w^6/20! is 2^-65.
  static constexpr double kTail[] = {1.0 / 40320,           -1.0 / 3628800,
                                     1.0 / 479001600,       -1.0 / 8.71782912e10,
                                     1.0 / 2.0922789888e13, -1.0 / 6.402373705728e15};
  constexpr Ball kTwentyFourth = Fraction(24);
  constexpr Ball kSevenHundredTwentieth = Fraction(-720);
  const Ball w = r * r;
  const Ball tail = Tail(kTail, w, 0x1p-62);
  return (((tail * w + kSevenHundredTwentieth) * w + kTwentyFourth) * w - 0.5) * w + 1.0;
}

// artan y for 0 <= y <= 1, with a relative error below 2^-68.
inline Ball AtanOfFraction(const Ball& y) {
  // artan(i/8) for i = 1 ... 8.
  static constexpr Ball kTable[] = {Ball(0.0),
                                    Ball::Constant(0x1.fd5ba9aac2f6ep-4, -0x1.cd37686760c17p-59),
                                    Ball::Constant(0x1.f5b75f92c80ddp-3, 0x1.8ab6e3cf7afbdp-57),
                                    Ball::Constant(0x1.6f61941e4def1p-2, -0x1.c63aae6f6e918p-56),
                                    Ball::Constant(0x1.dac670561bb4fp-2, 0x1.a2b7f222f65e2p-56),
                                    Ball::Constant(0x1.1e00babdefeb4p-1, -0x1.928df287a668fp-58),
                                    Ball::Constant(0x1.4978fa3269ee1p-1, 0x1.2419a87f2a458p-56),
                                    Ball::Constant(0x1.700a7c5784634p-1, -0x1.8c34d25aadef6p-56),
                                    Ball::Constant(0x1.921fb54442d18p-1, 0x1.1a62633145c07p-55)};
  // Σ_{n>=3} ± w^(n−3)/(2n + 1) with w = z² <= 0.00391: 16u/7 is 2^-51.8, w^7/21 is 2^-60.
  static constexpr double kTail[] = {-1.0 / 7,  1.0 / 9,  -1.0 / 11, 1.0 / 13,
                                     -1.0 / 15, 1.0 / 17, -1.0 / 19};
  constexpr Ball kThird = Fraction(-3);
  constexpr Ball kFifth = Fraction(5);
  const auto i = static_cast<int>(std::nearbyint(y.high * 8));
  const double c = i * 0.125;
  // artan y − artan c = artan z, and |z| <= |y − c| <= 1/16.
  const Ball z = i == 0 ? y : (y - c) / (y * Ball(c) + 1.0);
  const Ball w = z * z;
  const Ball tail = Tail(kTail, w, 0x1p-51);
  return z * (((tail * w + kFifth) * w + kThird) * w + 1.0) + kTable[i];
}
// artan y for y >= 0.
inline Ball AtanOf(const Ball& y) {
  return y.high > 1 ? kHalfPi - AtanOfFraction(Ball(1.0) / y) : AtanOfFraction(y);
}

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_INTERVAL_SERIES_H_
