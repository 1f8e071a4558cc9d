// Proven enclosures of functions in the lanes of registers, for replaying programs on boxes.
//
// Included only by files that are compiled for one instruction set, with SOBOLEV_ISA naming the
// namespace and SOBOLEV_VECTOR_BYTES the register size, as vector_math.h. Each function encloses
// what the scalar function of the same name does (engine/ad/interval_extended.h, and for those that
// are not there engine/ad/interval_functions.h), a few units in the last place wider; it treats
// unbounded and empty lanes likewise.
//
// The exponential, the logarithm, sine, cosine and the hyperbolic tangent are evaluated to nearest
// at both ends of the interval and then widened by their error. The errors are derived next to each
// kernel, in units of u = 2^-53: a rounded operation is off by at most u of its result, and by half
// a unit in the last place absolutely, which is u/4 for results in [1/4, 1/2), u/2 in [1/2, 1), u
// in [1, 2). All products and sums are charged separately, so that the bounds hold with and without
// fused multiply-add. Polynomials are Taylor's, whose remainders have closed forms.
//
// Width of the result of a point, in units in the last place, with AVX-512 and without: Exp 5 and
// 12, Log 7 and 11, Sin and Cos 5 and 10, Tanh 12 and 16, arithmetic 1 and 2 or 3; the others as
// their scalar functions. Next to their zeros Sin and Cos of arguments up to 2^20 are up to 2^-98
// wider.

#ifndef SOBOLEV_ENGINE_PROGRAM_INTERVAL_MATH_H_
#define SOBOLEV_ENGINE_PROGRAM_INTERVAL_MATH_H_

#include "engine/program/interval_lanes.h"

namespace sobolev::program::SOBOLEV_ISA {

// ln 2 in two parts: products of the first, which has 42 bits, with integers below 2^11 are exact,
// and 1100 times what both leave out is below 2^-91.
inline constexpr double kIntervalLn2High = 0x1.62e42fefa38p-1;
inline constexpr double kIntervalLn2Low = 0x1.ef35793c7673p-45;

// ---- Exponential -------------------------------------------------------------------------------

// (e^r − 1 − r)/r² for |r| <= 0.34658 to r^11/13!. The remainder changes e^r by less than 0.06u of
// it. Horner's last two steps lose u(|Q| + |r Q₁|) and 4u of r Q₁ before: with |Q| < 0.565 and
// |Q₁| < 0.19 less than 0.9u.
inline Vec ExpTail(Vec r) {
  constexpr double kCoefficients[] = {
      1.0 / 2,     1.0 / 6,      1.0 / 24,      1.0 / 120,      1.0 / 720,       1.0 / 5040,
      1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  return Polynomial(kCoefficients, r);
}

// e^x = 2^k y with |x − k ln 2| <= 0.34658, |k| <= 1080.
struct ScaledExp {
  Vec k;
  Vec y;
};

// y is off by less than 2u of it. x − k·High is exact, being a multiple of 2^-54 below 1/2 (and x
// itself if k = 0). The rounding of r costs u/4 of e^r, the rest of the reduction below 2^-86. The
// square and its product with the tail lose 2u of r² Q and 0.9u of r², together 0.245u, or 0.21u if
// r < 0; t another u/4; and y = 1 + t loses u if r > 0, or u/2 where y >= 0.7071 otherwise. That is
// 1.9u of e^r >= 1, or 1.2u/0.7071 = 1.7u.
inline constexpr double kExpError = 2 * kUlp;
inline ScaledExp ExpKernel(Vec x) {
  const Vec k = NearestInteger(x, 0x1.71547652b82fep0);
  const Vec high = Fma(-k, Broadcast(kIntervalLn2High), x);
  const Vec r = Fma(-k, Broadcast(kIntervalLn2Low), high);
  const Vec t = Fma(r * r, ExpTail(r), r);
  return {k, t + 1.0};
}

inline IVec Exp(const IVec& x) {
  // Beyond these ends e^x over- or underflows, which scaling does in the right direction.
  const ScaledExp lo = ExpKernel(Clamp(x.lo, -746.0, 710.0));
  const ScaledExp hi = ExpKernel(Clamp(x.hi, -746.0, 710.0));
  return {ScaleDown(Widened(lo.y, kExpError).lo, lo.k), ScaleUp(Widened(hi.y, kExpError).hi, hi.k)};
}

// ---- Logarithm ---------------------------------------------------------------------------------

// log x for positive finite x = 2^k m, √½ <= m < √2, off by less than 2.5u of it.
//
// With f = m − 1, which is exact, s = f/(2 + f) and R = 2(s²/3 + s⁴/5 + ...),
// log m = f − A, where A = f²/2 − s(f²/2 + R). |s| <= 0.1716, f²/2 <= 0.0858, R <= 0.0201, and s is
// off by 2u of it, R by 10u; the remainder of R after s^20/21 changes log m by less than 0.01u of
// it. So s(f²/2 + R) <= 0.0182 is off by 0.12u, and A <= 0.068 by 0.27u altogether.
// k = 0: A is off by at most 0.78u of log m (it shrinks with f², and log m with f), the difference
// loses u of it.
// k ≠ 0: k·High is exact. Subtracting k·Low from A and that from f loses 0.0625u and u/4 at most,
// 0.59u with the error of A. |log x| >= 0.3465, and the last sum loses half a unit in the last
// place: (0.59 + 0.25)u/0.3465 = 2.43u below 1/2, (0.59 + 0.5)u/0.5 = 2.2u from there on, and less
// beyond 1.
inline constexpr double kLogError = 2.5 * kUlp;
inline Vec LogKernel(Vec x) {
  constexpr double kCoefficients[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11,
                                      2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21};
  const SplitVec split = Split(x);
  const Vec f = split.m - 1.0;
  const Vec s = f / (f + 2.0);
  const Vec w = s * s;
  const Vec half_square = 0.5 * f * f;
  const Vec a = half_square - s * Fma(w, Polynomial(kCoefficients, w), half_square);
  const Vec rest = f - Fma(-split.k, Broadcast(kIntervalLn2Low), a);
  return Fma(split.k, Broadcast(kIntervalLn2High), rest);
}

inline IVec Log(const IVec& x) {
  const Vec lo = Widened(LogKernel(x.lo), kLogError).lo;
  const Vec hi = Widened(LogKernel(x.hi), kLogError).hi;
  // The largest double has the logarithm 709.78.
  const Vec hi_or_infinity = x.hi > kLargest ? Broadcast(kInfinity) : hi;
  // The logarithm of 0 is −∞.
  const Mask has_values = x.hi >= 0.0;
  const Vec hi_or_pole = x.hi > 0.0 ? hi_or_infinity : Broadcast(-kLargest);
  return {has_values ? (x.lo > 0.0 ? lo : Broadcast(-kInfinity)) : Broadcast(kNan),
          has_values ? hi_or_pole : Broadcast(kNan)};
}

// ---- Sine and cosine ---------------------------------------------------------------------------

// x = k π/2 + r + r_low with |r| <= 0.7855 and |r_low| at most half a unit in the last place of r,
// for |x| <= 2^20, off by less than 2^-119 |k|.
//
// k has 20 bits and the first two parts of π/2 have 33 each, so that their products with k are
// exact. The first difference is exact, being a multiple of 2^-53 below 1. `low` is the exact error
// of the second: by Dekker's FastTwoSum if |high| >= |second|; otherwise all are multiples of 2^-66
// and second is below 2^-13, so that both subtractions are exact. The parts leave out 2^-122.8 of
// π/2; forming k·Third and subtracting it lose 2u of 2^-68.7 |k|; and where |high| is smaller than
// it, the last difference loses as much.
struct AngleWithinQuadrant {
  Vec k;
  Vec r;
  Vec r_low;
};
inline constexpr double kAngleError = 0x1p-119;
inline constexpr double kLargestAngle = 0x1p20;
inline AngleWithinQuadrant ReduceWithinQuadrant(Vec x) {
  const Vec k = NearestInteger(x, 0x1.45f306dc9c883p-1);
  const Vec first = Fma(-k, Broadcast(0x1.921fb544p0), x);
  const Vec second = Rounded(k * 0x1.0b4611a6p-34);
  const Vec high = first - second;
  const Vec low = Fma(-k, Broadcast(0x1.3198a2e037073p-69), (first - high) - second);
  const Vec r = high + low;
  return {k, r, (high - r) + low};
}

// sin(r + r_low) and cos(r + r_low), off by less than 2u of them. w = r² <= 0.6171 is off by u.
//
// sin = r + (r_low (1 − w/2) + r w S), S to w^7/17!: the remainder is below 0.01u. S is off by 2.1u
// and |r w S| <= 0.1012 |r|, so that their product is off by 5.1u, or 0.52u |r|; the terms of r_low
// that are left out are below 0.02u |r|, the inner sum loses 0.1u |r|; together 0.64u |r| <=
// 0.72u |sin|, and the last sum loses u |sin|.
//
// cos = a + ((1 − a) − w/2 + w² C − r r_low) with a = 1 − w/2 rounded, whose error the second term
// restores exactly; C to w^6/16!. w costs 0.31u; w² C <= 0.0159 is off by 6u, 0.1u; the remainder
// is below 0.02u; r_low's products, at most 0.4u themselves, lose or leave out 0.05u; the inner
// sums 0.03u; the last sum u/2. That is 1.01u, and cos >= 0.7068.
inline constexpr double kSinCosError = 2 * kUlp;
struct SinCosPair {
  Vec sin;
  Vec cos;
};
inline SinCosPair SinCosKernel(Vec r, Vec r_low) {
  constexpr double kSinTaylor[] = {
      -1.0 / 6,        1.0 / 120,        -1.0 / 5040,           1.0 / 362880,
      -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1.307674368e12, 1.0 / 3.55687428096e14};
  constexpr double kCosTaylor[] = {
      1.0 / 24,        -1.0 / 720,           1.0 / 40320,          -1.0 / 3628800,
      1.0 / 479001600, -1.0 / 8.71782912e10, 1.0 / 2.0922789888e13};
  const Vec w = r * r;
  const Vec half = w * 0.5;
  const Vec sin_rest = Fma(r * w, Polynomial(kSinTaylor, w), Fma(-half, r_low, r_low));
  const Vec a = 1.0 - half;
  const Vec cos_rest = Fma(w * w, Polynomial(kCosTaylor, w), Fma(-r, r_low, (1.0 - a) - half));
  return {r + sin_rest, a + cos_rest};
}

// sin and cos of an interval. In the quadrants' numbers j = ⌊x/(π/2)⌋ of its ends, sin has a
// maximum in the interval if some number of the form 4n + 1 lies in (j_lo, j_hi], that is, if the
// next one after j_lo does. If an end is so near to such a point that rounding puts it on the wrong
// side, then the bounds at this end contain the extremum anyway, for there cos r rounds to 1.
struct SinCosOfEnd {
  IVec sin;
  IVec cos;
  Bits quadrant;  // j plus a constant multiple of 4.
};
inline SinCosOfEnd SinCosAt(Vec x) {
  const AngleWithinQuadrant angle = ReduceWithinQuadrant(x);
  const SinCosPair of_r = SinCosKernel(angle.r, angle.r_low);
  const Bits k = IntegerBits(angle.k, 0.0);
  const Mask is_odd = MaskOf(k << 63) != 0;
  const Vec sin = is_odd ? of_r.cos : of_r.sin;
  const Vec cos = is_odd ? of_r.sin : of_r.cos;
  const Vec absolute = Abs(angle.k) * kAngleError;
  return {Widened(FlipSign(sin, (k << 62) & kSignBit), kSinCosError, absolute),
          Widened(FlipSign(cos, ((k + 1) << 62) & kSignBit), kSinCosError, absolute),
          k + reinterpret_cast<Bits>(Mask{angle.r < 0.0})};
}

struct SinCosIVec {
  IVec sin;
  IVec cos;
};
// The wave whose maxima are at quadrants 4n + kMaximum and whose minima are two further on.
template <uint64_t kMaximum>
inline IVec Wave(const IVec& x, const IVec& at_lo, const IVec& at_hi, Bits quadrant_lo,
                 Bits quadrant_hi) {
  const Mask quadrants = MaskOf(quadrant_hi - quadrant_lo);
  const Mask has_maximum = MaskOf((kMaximum - 1 - quadrant_lo) & 3) < quadrants;
  const Mask has_minimum = MaskOf((kMaximum + 1 - quadrant_lo) & 3) < quadrants;
  const Vec lo = MaxOrSecond(Broadcast(-1.0), MinOrSecond(at_lo.lo, at_hi.lo));
  const Vec hi = MinOrSecond(Broadcast(1.0), MaxOrSecond(at_lo.hi, at_hi.hi));
  const Mask is_reducible = (x.lo >= -kLargestAngle) & (x.hi <= kLargestAngle);
  const Mask is_nonempty = x.lo <= x.hi;
  const Vec lowest = Blend(is_nonempty, -1.0, kNan);
  const Vec highest = Blend(is_nonempty, 1.0, kNan);
  return {is_reducible & ~has_minimum ? lo : lowest, is_reducible & ~has_maximum ? hi : highest};
}

inline SinCosIVec SinCos(const IVec& x) {
  const SinCosOfEnd lo = SinCosAt(x.lo);
  const SinCosOfEnd hi = SinCosAt(x.hi);
  return {Wave<1>(x, lo.sin, hi.sin, lo.quadrant, hi.quadrant),
          Wave<0>(x, lo.cos, hi.cos, lo.quadrant, hi.quadrant)};
}
inline IVec Sin(const IVec& x) { return SinCos(x).sin; }
inline IVec Cos(const IVec& x) { return SinCos(x).cos; }

// ---- Hyperbolic tangent ------------------------------------------------------------------------

// tanh x = E/(E + 2) with E = e^2x − 1, for 0 <= x <= 22, off by less than 5u of it.
//
// With 2x = k ln 2 + r + r_low, t = e^r − 1 = r + (r_low + r² Q), where r_low (e^r − 1) is left
// out. k = 0: r is exact, and r² Q <= 0.164 t is off by 3.7u: t is off by 1.6u of it with the last
// sum. k = 1: t is off by 0.56u if r < 0 (0.21u from r² Q, 0.07u left out, 0.28u from sums), else
// 0.62u. E = 1 + 2t >= 0.414 loses u/4 below 1/2 and u/2 below 1: (1.12 + 0.25)u/0.414 = 3.3u of it
// at most. For k >= 2, and beyond 1, E is off by less than 3u. An error of E counts 2/(E + 2) in
// the quotient: 2.74u where E is smallest for k = 1, less elsewhere; the sum E + 2 and the division
// lose u each.
inline constexpr double kTanhError = 5 * kUlp;
inline Vec TanhKernel(Vec x) {
  const Vec z = x + x;
  const Vec k = NearestInteger(z, 0x1.71547652b82fep0);
  const Vec high = Fma(-k, Broadcast(kIntervalLn2High), z);
  const Vec low = Rounded(k * kIntervalLn2Low);
  const Vec r = high - low;
  const Vec t = r + Fma(r * r, ExpTail(r), (high - r) - low);
  const Vec power = PowerOfTwo(k);
  const Vec e = Fma(power, t, power - 1.0);
  return e / (e + 2.0);
}

inline IVec Tanh(const IVec& x) {
  const auto at = [](Vec end) {
    const Vec magnitude = MinOrSecond(Broadcast(22.0), Abs(end));
    return Widened(FlipSign(TanhKernel(magnitude), SignOf(end)), kTanhError);
  };
  // Beyond 22 the bound at 22 and the limit 1 enclose.
  return {MaxOrSecond(Broadcast(-1.0), MinOrSecond(Broadcast(1.0 - kUlp), at(x.lo).lo)),
          MinOrSecond(Broadcast(1.0), MaxOrSecond(Broadcast(kUlp - 1.0), at(x.hi).hi))};
}

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_PROGRAM_INTERVAL_MATH_H_
