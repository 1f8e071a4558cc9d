#include "engine/ad/interval_points.h"

#include <cmath>

#include "engine/ad/interval_ball.h"
#include "engine/ad/interval_rounding.h"
#include "engine/ad/interval_series.h"

namespace sobolev::ad::at {

namespace {

using directed::kInfinity;
using directed::kLargest;
using directed::NextDown;
using directed::NextUp;

constexpr double kTiniest = 0x1p-1074;
constexpr Bounds kTowardsInfinity = {kLargest, kInfinity};
constexpr Bounds kBelowOne = {1 - 0x1p-53, 1};

constexpr Bounds Negated(const Bounds& x) { return {-x.hi, -x.lo}; }

// f(x) from f(|x|) of an odd function.
template <class F>
Bounds Odd(double x, const F& f) {
  return std::signbit(x) ? Negated(f(-x)) : f(x);
}

// Of a value v with x − |ulp| <= v <= x, and with x <= v <= x + |ulp|, for x >= 0. Functions with
// f(x) = x(1 − δ) use them where 0 <= δ < 2^-54.
Bounds JustBelow(double x) { return {x == 0 ? 0 : NextDown(x), x}; }
Bounds JustAbove(double x) { return {x, x == 0 ? 0 : NextUp(x)}; }
// The threshold for functions with δ < x²/2 or so.
constexpr double kTiny = 0x1p-28;

// e^x(1 + δ) with |δ| <= `spread`, for any x.
Bounds SpreadExp(const Ball& x, double spread, int shift) {
  if (x.high > 1000) return kTowardsInfinity;
  if (x.high < -1000) return {0, kTiniest};
  const ScaledBall e = ExpOf(x);
  return ToBounds(e.power.WithError(2 * spread), e.k + shift);
}

LogParts LogPartsAt(double x) {
  int k = 0;
  const double fraction = std::frexp(x, &k);
  LogParts parts = LogPartsOf(fraction);
  parts.k += k;
  return parts;
}

}  // namespace

Bounds Exp(double x) {
  if (x == 0) return {1, 1};
  if (std::abs(x) < 0x1p-55) return x < 0 ? kBelowOne : JustAbove(1);
  return SpreadExp(x, 0, 0);
}

Bounds Exp2(double x) {
  if (x > 1100) return kTowardsInfinity;
  if (x < -1100) return {0, kTiniest};
  const double k = std::nearbyint(x);
  const Ball r = Ball(x - k) * kLn2;  // x − k is exact.
  const Ball power = x == k ? Ball(1.0) : Expm1Series(r) + 1.0;
  return ToBounds(power, static_cast<int>(k));
}

Bounds Expm1(double x) {
  if (std::abs(x) < 0x1p-55) {  // x <= e^x − 1 <= x + x².
    return {x, x == 0 ? 0 : NextUp(x)};
  }
  if (x < -60) return {-1, NextUp(-1)};
  if (x <= 60) return ToBounds(Expm1Of(x));
  return SpreadExp(x, 0x1p-80, 0);
}

Bounds Log(double x) {
  if (x == 0) return {-kInfinity, -kLargest};
  if (x == kInfinity) return kTowardsInfinity;
  const LogParts parts = LogPartsAt(x);
  return ToBounds(kLn2 * Ball(parts.k) + parts.log_m);
}

Bounds Log1p(double x) {
  if (x == -1) return {-kInfinity, -kLargest};
  if (std::abs(x) < 0x1p-55) return {x == 0 ? 0 : NextDown(x), x};  // x − x² <= log(1 + x) <= x.
  if (x < -0.29) return ToBounds(LogOf(Ball(1.0) + x));
  if (x < 0x1p60) return ToBounds(Log1pOf(x));
  const Bounds log = Log(x);  // log(1 + x) − log x < 1/x.
  return {log.lo, NextUp(log.hi)};
}

Bounds Log2(double x) {
  if (x == 0) return {-kInfinity, -kLargest};
  if (x == kInfinity) return kTowardsInfinity;
  constexpr Ball kLog2E = Ball::Constant(0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56);
  const LogParts parts = LogPartsAt(x);
  return ToBounds(Ball(parts.k) + kLog2E * parts.log_m);
}

Bounds Log10(double x) {
  if (x == 0) return {-kInfinity, -kLargest};
  if (x == kInfinity) return kTowardsInfinity;
  constexpr Ball kLog10E = Ball::Constant(0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57);
  const LogParts parts = LogPartsAt(x);
  return ToBounds(kLog10E * (kLn2 * Ball(parts.k) + parts.log_m));
}

Bounds Cbrt(double x) {
  return Odd(x, [](double magnitude) -> Bounds {
    if (magnitude == 0 || magnitude == kInfinity) return {magnitude, magnitude};
    int k = 0;
    double m = std::frexp(magnitude, &k);
    for (; k % 3 != 0; ++k) m *= 0.5;
    // The library proposes a root, and one Newton step in balls proves it: with t = (m − r³)/r³,
    // ∛m = r ∛(1 + t) = r(1 + t/3 − t²/9 + ...), where the rest is below t² for |t| < 1/2.
    const double root = std::cbrt(m);
    const Ball cube = Ball(root) * Ball(root) * Ball(root);
    const Ball t = (Ball(m) - cube) / cube;
    const double t_size = std::abs(t.high) + t.error;
    const Ball better = Ball(root) + Ball(root) * t * Fraction(3);
    return ToBounds(better.WithError(2 * root * t_size * t_size), k / 3);
  });
}

Bounds Sinh(double x) {
  return Odd(x, [](double z) {
    if (z < kTiny) return JustAbove(z);
    if (z > 40) return SpreadExp(z, 0x1p-100, -1);
    const Ball e = Expm1Of(z);
    return ToBounds(Ball(0.5) * (e + e / (e + 1.0)));
  });
}

Bounds Cosh(double x) {
  const double z = std::abs(x);
  if (z < kTiny) return JustAbove(1);
  if (z > 40) return SpreadExp(z, 0x1p-100, -1);
  const Ball e = Expm1Of(z) + 1.0;
  return ToBounds(Ball(0.5) * (e + Ball(1.0) / e));
}

Bounds Tanh(double x) {
  return Odd(x, [](double z) {
    if (z < kTiny) return JustBelow(z);
    if (z > 22) return kBelowOne;  // 1 − tanh z < 2e^(−2z) < 2^-62.
    const Ball e = Expm1Of(2 * z);
    return ToBounds(e / (e + 2.0));
  });
}

namespace {

// log(2x) for x >= 2^60, which asinh x and acosh x are to within 1/x².
Bounds LogOfDouble(double x) {
  if (x == kInfinity) return kTowardsInfinity;
  const LogParts parts = LogPartsAt(x);
  return ToBounds((kLn2 * Ball(parts.k + 1) + parts.log_m).WithError(0x1p-119));
}

}  // namespace

Bounds Asinh(double x) {
  return Odd(x, [](double z) {
    if (z < kTiny) return JustBelow(z);
    if (z >= 0x1p60) return LogOfDouble(z);
    const Ball square = Ball(z) * Ball(z);
    return ToBounds(Log1pOf(square / (Sqrt(square + 1.0) + 1.0) + z));
  });
}

Bounds Acosh(double x) {
  if (x >= 0x1p60) return LogOfDouble(x);
  const Ball t = Ball(x) - 1.0;
  return ToBounds(Log1pOf(Sqrt(t * (t + 2.0)) + t));
}

Bounds Atanh(double x) {
  return Odd(x, [](double z) -> Bounds {
    if (z < kTiny) return JustAbove(z);
    if (z == 1) return kTowardsInfinity;
    const Ball twice = z < 0.17 ? TwiceAtanhSeries(z) : LogOf((Ball(z) + 1.0) / (Ball(1.0) - z));
    return ToBounds(Ball(0.5) * twice);
  });
}

Bounds Asin(double x) {
  return Odd(x, [](double z) {
    if (z < kTiny) return JustAbove(z);
    if (z == 1) return ToBounds(kHalfPi);
    return ToBounds(AtanOf(Ball(z) / Sqrt((Ball(1.0) - z) * (Ball(1.0) + z))));
  });
}

Bounds Acos(double x) {
  if (x == 1) return {0, 0};
  if (x == -1) return ToBounds(kPi);
  return ToBounds(Ball(2.0) * AtanOf(Sqrt((Ball(1.0) - x) / (Ball(1.0) + x))));
}

Bounds Atan(double x) {
  return Odd(x, [](double z) {
    if (z < kTiny) return JustBelow(z);
    if (z > 0x1p100) return ToBounds(kHalfPi.WithError(0x1p-100));  // π/2 − 1/z
    return ToBounds(AtanOf(z));
  });
}

Angle Trigonometric(double x) {
  if (std::abs(x) < kTiny) {
    const Bounds below = Odd(x, JustBelow);
    const Bounds above = Odd(x, JustAbove);
    return {below, x == 0 ? Bounds{1, 1} : kBelowOne, above, x < 0 ? -1.0 : 0.0};
  }
  // π/2 in parts of 33, 33 and 53 bits. |k| < 2^20, so that k times the first two are exact; the
  // three together are off by less than 2^-122.
  const double k = std::nearbyint(x * 0x1.45f306dc9c883p-1);
  const Ball high = Ball(x) - Ball(k * 0x1.921fb544p+0) - Ball(k * 0x1.0b4611a6p-34);
  const Ball r = (high - Ball(k) * Ball(0x1.3198a2e037073p-69)).WithError(std::abs(k) * 0x1p-122);
  const Ball sin_r = SinSeries(r);
  const Ball cos_r = CosSeries(r);
  const int turns = static_cast<int>(k) & 3;
  const Ball& sin_or_cos = turns % 2 == 0 ? sin_r : cos_r;
  const Ball& cos_or_sin = turns % 2 == 0 ? cos_r : sin_r;
  const Ball sin = turns >= 2 ? -sin_or_cos : sin_or_cos;
  const Ball cos = turns == 1 || turns == 2 ? -cos_or_sin : cos_or_sin;
  const bool is_at_pole = std::abs(cos.high) <= 4 * cos.error;
  const auto clamp = [](const Bounds& b) {
    return Bounds{std::fmax(b.lo, -1), std::fmin(b.hi, 1)};
  };
  return {clamp(ToBounds(sin)), clamp(ToBounds(cos)),
          is_at_pole ? Bounds{-kInfinity, kInfinity} : ToBounds(sin / cos), r.high < 0 ? k - 1 : k};
}

Bounds IntegerPow(double x, int n) {
  if (x == 0) return n > 0 ? Bounds{0, 0} : kTowardsInfinity;
  if (x == kInfinity) return n > 0 ? kTowardsInfinity : Bounds{0, kTiniest};
  int k = 0;
  const double m = std::frexp(x, &k);
  Ball power = m;
  for (int i = 1; i < std::abs(n); ++i) power = power * Ball(m);
  if (n < 0) power = Ball(1.0) / power;
  const int shift = k * n;
  if (shift > 1100) return kTowardsInfinity;
  if (shift < -1200) return {0, kTiniest};
  return ToBounds(power, shift);
}

Bounds Pow(double x, double y) {
  if (y == 0 || x == 1) return {1, 1};
  if (x == 0 || x == kInfinity || std::isinf(y)) {
    const bool grows = x == 0 ? y < 0 : x == kInfinity ? y > 0 : (x > 1) == (y > 0);
    return grows ? kTowardsInfinity : Bounds{0, x == 0 ? 0 : kTiniest};
  }
  const LogParts parts = LogPartsAt(x);
  const Ball log = kLn2 * Ball(parts.k) + parts.log_m;
  const double exponent = log.high * y;
  if (exponent > 1000) return kTowardsInfinity;
  if (exponent < -1000) return {0, kTiniest};
  if (std::abs(exponent) < 0x1p-60) return {1 - 0x1p-53, 1 + 0x1p-52};
  return SpreadExp(log * Ball(y), 0, 0);
}

Bounds Hypot(double x, double y) {
  const double larger = std::fmax(std::abs(x), std::abs(y));
  const double smaller = std::fmin(std::abs(x), std::abs(y));
  if (smaller == 0 || larger == kInfinity) return {larger, larger};
  int k = 0;
  const Ball a = std::frexp(larger, &k);
  // The smaller may underflow when it is negligible: then it counts as an error of 2^-200.
  const double scaled = std::ldexp(smaller, -k);
  const bool is_negligible = scaled < 0x1p-200;
  const Ball b = is_negligible ? Ball(0.0) : Ball(scaled);
  const Ball root = Sqrt(a * a + b * b);
  return ToBounds(is_negligible ? root.WithError(0x1p-200) : root, k);
}

Bounds Atan2(double y, double x) {
  if (y == 0) return x < 0 ? ToBounds(kPi) : Bounds{0, 0};
  if (x == 0) return ToBounds(kHalfPi);
  if (y == kInfinity && std::abs(x) == kInfinity) return {0, ToBounds(kPi).hi};
  if (y == kInfinity) return ToBounds(kHalfPi);
  if (x == kInfinity) return {0, kTiniest};
  if (x == -kInfinity) return ToBounds(kPi);
  int k_y = 0;
  int k_x = 0;
  const Ball q = Ball(std::frexp(y, &k_y)) / Ball(std::frexp(std::abs(x), &k_x));
  const int k = k_y - k_x;
  if (k > 110) return ToBounds(kHalfPi.WithError(0x1p-100));
  if (k < -110 && x < 0) return ToBounds(kPi.WithError(0x1p-100));
  if (k < -1200) return {0, kTiniest};
  if (k < -110) {  // q·2^k(1 − δ) with δ < 2^-200.
    const Bounds quotient = ToBounds(q, k);
    return {quotient.lo == 0 ? 0 : NextDown(quotient.lo), quotient.hi};
  }
  const Ball angle = AtanOf(q.Scaled(k));
  return ToBounds(x < 0 ? kPi - angle : angle);
}

}  // namespace sobolev::ad::at
