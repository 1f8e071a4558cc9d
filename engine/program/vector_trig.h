// Trigonometric functions and their inverses for one instruction set. Part of vector_math.h.
//
// |x| = k π/2 + r with |r| <= π/4, where r is a sum of two doubles: k times the leading parts of
// π/2 is subtracted without error, so that r is accurate even where x is the double closest to a
// multiple of π/2. That holds for |x| <= 2²⁰; beyond, the C library computes the lanes of such a
// vector one by one. The inverse functions reduce to an arc tangent on [0, tan π/8] or an arc sine
// on [0, 1/2].

#ifndef SOBOLEV_ENGINE_PROGRAM_VECTOR_TRIG_H_
#define SOBOLEV_ENGINE_PROGRAM_VECTOR_TRIG_H_

#include "engine/program/vector_types.h"

namespace sobolev::program::SOBOLEV_ISA {

// (sin √w / √w − 1) / w and (cos √w − 1 + w/2) / w² on w <= (π/4)²: 4e-18 and 6e-20 in the result.
inline constexpr double kSin[] = {-0.1666666666666663,   0.008333333333321974,
                                  -0.000198412698295229, 2.7557313608031443e-6,
                                  -2.505074662800555e-8, 1.5896201015007677e-10};
inline constexpr double kCos[] = {0.04166666666666659,   -0.0013888888888872347,
                                  2.480158728846744e-5,  -2.7557314080711417e-7,
                                  2.0875688730829875e-9, -1.1357962206478123e-11};

// (asin √w / √w − 1) / w on w <= 1/4: 1e-18 in the quotient.
inline constexpr double kAsin[] = {
    0.1666666666666676,   0.07499999999971095,   0.044642857174224136, 0.03038194272950777,
    0.022372214318213676, 0.017351624732641444,  0.013980662389073067, 0.011400238094136402,
    0.01077270078341017,  0.0037352343200085705, 0.021636856974466507, -0.020898809490814328,
    0.03256583927490458};

// (atan √w / √w − 1) / w on w <= tan² π/8: 1.4e-18 in the quotient.
inline constexpr double kAtan[] = {-0.33333333333333187, 0.199999999999512,    -0.14285714279992967,
                                   0.11111110774550974,  -0.090908975288639,   0.07692056526049987,
                                   -0.06663065650544724, 0.058476313278459605, -0.05038224365861292,
                                   0.03803891545435764,  -0.017880855586546687};

inline constexpr double kHalfPi = 0x1.921fb54442d18p0;
inline constexpr double kHalfPiLow = 0x1.1a62633145c07p-54;

// π/4 in 51 bits, so that its multiples to 4 are exact, and the next 53.
inline constexpr double kQuarterPi51 = 0x1.921fb54442d18p-1;
inline constexpr double kQuarterPi51Low = 0x1.1a62633145c07p-55;

inline constexpr double kLargestFastAngle = 0x1p20;

// r = high + low and the last bits of k.
struct ReducedAngle {
  DoubleVec r;
  Bits k;
};

// For 0 <= x <= kLargestFastAngle.
inline ReducedAngle ReduceAngle(Vec x) {
  const Vec k = NearestInteger(x, 0.63661977236758134);
  const Bits bits = IntegerBits(k, 0.0);
  if constexpr (kHasFma) {
    // The first difference is exact: a multiple of 2⁻⁵³ below 1.
    const Vec first = Fma(k, Broadcast(-kHalfPi), x);
    const DoubleVec second = TwoProduct(k, Broadcast(kHalfPiLow));
    const DoubleVec sum = FastTwoSum(first, -second.high);
    return {{sum.high, Fma(k, Broadcast(0x1.f1976b7ed8fbcp-110), sum.low - second.low)}, bits};
  } else {
    // Parts of 33 bits, so that their products with k are exact.
    const Vec first = x - k * 0x1.921fb544p0;
    const DoubleVec second = FastTwoSum(first, k * -0x1.0b4611a6p-34);
    const DoubleVec third = FastTwoSum(second.high, k * -0x1.3198a2ep-69);
    const Vec low = (second.low + third.low) - k * 0x1.b839a252049c1p-104;
    return {{third.high, low}, bits};
  }
}

// sin r and cos r as unevaluated sums, where a low part may reach a tenth of the high one. The low
// part of r enters to first order.
struct ReducedSinCos {
  DoubleVec sin;
  DoubleVec cos;
};

inline ReducedSinCos SinCosOfReduced(DoubleVec r) {
  const Vec w = r.high * r.high;
  const Vec half = 0.5 * w;
  const Vec cos_high = 1.0 - half;
  const Vec cos_low = (1.0 - cos_high) - half + Fma(w * w, Polynomial(kCos, w), -(r.high * r.low));
  const Vec sin_low = Fma(r.high * w, Polynomial(kSin, w), r.low * cos_high);
  return {{r.high, sin_low}, {cos_high, cos_low}};
}

struct SinCosVec {
  Vec sin;
  Vec cos;
};

// One lane after the other, where |x| > kLargestFastAngle.
[[gnu::noinline, gnu::cold]] inline SinCosVec SinCosOfLarge(Vec x, SinCosVec fast) {
  for (int lane = 0; lane < kLanes; ++lane) {
    if (__builtin_fabs(x[lane]) > kLargestFastAngle) {
      fast.sin[lane] = __builtin_sin(x[lane]);
      fast.cos[lane] = __builtin_cos(x[lane]);
    }
  }
  return fast;
}

// sin x and cos x. Error below 1 ulp.
inline SinCosVec SinCos(Vec x) {
  const Vec magnitude = Abs(x);
  const ReducedAngle angle = ReduceAngle(magnitude);
  const ReducedSinCos reduced = SinCosOfReduced(angle.r);
  const Vec sin = reduced.sin.high + reduced.sin.low;
  const Vec cos = reduced.cos.high + reduced.cos.low;
  const Mask is_swapped = MaskOf(-(angle.k & 1));
  const Bits sin_sign = SignOf(x) ^ ((angle.k & 2) << 62);
  const Bits cos_sign = ((angle.k + 1) & 2) << 62;
  const SinCosVec fast = {FlipSign(Blend(is_swapped, cos, sin), sin_sign),
                          FlipSign(Blend(is_swapped, sin, cos), cos_sign)};
  return __builtin_expect(Any(magnitude > kLargestFastAngle), 0) ? SinCosOfLarge(x, fast) : fast;
}

inline Vec Sin(Vec x) { return SinCos(x).sin; }

inline Vec Cos(Vec x) { return SinCos(x).cos; }

[[gnu::noinline, gnu::cold]] inline Vec TanOfLarge(Vec x, Vec fast) {
  for (int lane = 0; lane < kLanes; ++lane) {
    if (__builtin_fabs(x[lane]) > kLargestFastAngle) fast[lane] = __builtin_tan(x[lane]);
  }
  return fast;
}

// tan x, as sin r / cos r or −cos r / sin r. Error below 1 ulp.
inline Vec Tan(Vec x) {
  const Vec magnitude = Abs(x);
  const ReducedAngle angle = ReduceAngle(magnitude);
  const ReducedSinCos reduced = SinCosOfReduced(angle.r);
  const DoubleVec sin = FastTwoSum(reduced.sin.high, reduced.sin.low);
  const DoubleVec cos = FastTwoSum(reduced.cos.high, reduced.cos.low);
  const Mask is_swapped = MaskOf(-(angle.k & 1));
  const Vec tan =
      Quotient({Blend(is_swapped, cos.high, sin.high), Blend(is_swapped, cos.low, sin.low)},
               {Blend(is_swapped, sin.high, cos.high), Blend(is_swapped, sin.low, cos.low)});
  const Vec fast = FlipSign(tan, SignOf(x) ^ (angle.k << 63));
  return __builtin_expect(Any(magnitude > kLargestFastAngle), 0) ? TanOfLarge(x, fast) : fast;
}

// asin x = x + x w P(w) with w = x² up to 1/2, and π/2 − 2 asin √((1 − |x|)/2) beyond. Error below
// 2 ulp.
inline Vec Asin(Vec x) {
  const Vec magnitude = Abs(x);
  const Mask is_large = magnitude > 0.5;
  const Vec w = is_large ? 0.5 - 0.5 * magnitude : x * x;
  const Vec s = is_large ? Sqrt(w) : magnitude;
  const Vec tail = (s * w) * Polynomial(kAsin, w);
  const DoubleVec rest = FastTwoSum(Broadcast(kHalfPi), -2.0 * s);
  const Vec large = rest.high + (rest.low - (2.0 * tail - kHalfPiLow));
  return FlipSign(is_large ? large : s + tail, SignOf(x));
}

// acos x = 2 asin √((1 − x)/2) above 1/2, and by symmetry below −1/2. Error below 2 ulp.
inline Vec Acos(Vec x) {
  const Vec magnitude = Abs(x);
  const Mask is_large = magnitude > 0.5;
  const Vec w = is_large ? 0.5 - 0.5 * magnitude : x * x;
  const Vec s = is_large ? Sqrt(w) : x;
  const Vec tail = (s * w) * Polynomial(kAsin, w);
  const Vec angle = 2.0 * (s + tail);
  const Vec near_end =
      x < 0.0 ? Fma(s, Broadcast(-2.0), Broadcast(2 * kHalfPi)) - (2.0 * tail - 2 * kHalfPiLow)
              : angle;
  return is_large ? near_end : (kHalfPi - s) - (tail - kHalfPiLow);
}

// The angle of the point (x, y), which is y / x turned into quarters of π and an arc tangent on
// |t| <= tan π/8. x_sign tells the left half plane, −0 included. For y >= 0 and |x| below 2¹⁰²².
inline Vec AngleOf(Vec y, Vec x, Bits x_sign) {
  const Mask is_steep = y > x;
  const Vec small = is_steep ? x : y;
  const Vec large = is_steep ? y : x;
  const Mask is_diagonal = small > large * 0.41421356237309503;
  const Vec t = (is_diagonal ? small - large : small) / (is_diagonal ? small + large : large);
  const Vec w = t * t;
  // The angle is eighths π/4 ± atan t.
  const Mask is_left = x_sign != 0;
  Vec eighths = Blend(is_diagonal, 1.0, 0.0);
  eighths = is_steep ? 2.0 - eighths : eighths;
  eighths = is_left ? 4.0 - eighths : eighths;
  const Bits sign = reinterpret_cast<Bits>(is_steep ^ is_left) & kSignBit;
  const Vec tail = FlipSign((t * w) * Polynomial(kAtan, w), sign);
  const Vec low = Fma(eighths, Broadcast(kQuarterPi51Low), tail);
  return Fma(eighths, Broadcast(kQuarterPi51), FlipSign(t, sign) + low);
}

// atan x. Error below 2.5 ulp.
inline Vec Atan(Vec x) { return FlipSign(AngleOf(Abs(x), Broadcast(1.0), Bits{}), SignOf(x)); }

// The angle of the point (x, y) in (−π, π], with the special values of IEEE 754. Error below 2.5
// ulp.
inline Vec Atan2(Vec y, Vec x) {
  Vec y_magnitude = Abs(y);
  Vec x_magnitude = Abs(x);
  const Vec larger = Max(x_magnitude, y_magnitude);
  // Infinity becomes 1 and all that is finite beside it 0; (0, 0) becomes (1, 0).
  const Mask is_infinite = larger == kInfinity;
  y_magnitude = is_infinite ? Blend(y_magnitude == kInfinity, 1.0, 0.0) : y_magnitude;
  x_magnitude = is_infinite ? Blend(x_magnitude == kInfinity, 1.0, 0.0) : x_magnitude;
  x_magnitude = larger == 0.0 ? Broadcast(1.0) : x_magnitude;
  // A power of two, so that the sum of the two cannot overflow and their ratio is no matter of
  // subnormals.
  const Vec scale =
      Blend(larger > 0x1p1020, Broadcast(0.25), Blend(larger < 0x1p-900, 0x1p100, 1.0));
  const Vec angle = AngleOf(y_magnitude * scale, x_magnitude * scale, SignOf(x));
  return FlipSign(IsNan(x) | IsNan(y) ? x + y : angle, SignOf(y));
}

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_PROGRAM_VECTOR_TRIG_H_
