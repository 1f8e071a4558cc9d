// Exponentials, logarithms and powers for one instruction set. Part of vector_math.h.
//
// Exponentials: x = k ln 2 + r with |r| <= ln 2 / 2, and eˣ = 2ᵏ eʳ. Logarithms: x = 2ᵏ (1 + f)
// with √½ <= 1 + f < √2, and log(1 + f) = 2 atanh(s) for s = f / (2 + f), |s| < 0.172. Each has one
// reduction here, which the other functions of the family build on. Where a plain double would
// spend too much of the error bound, the reduction returns an unevaluated sum of two.

#ifndef SOBOLEV_ENGINE_PROGRAM_VECTOR_EXP_LOG_H_
#define SOBOLEV_ENGINE_PROGRAM_VECTOR_EXP_LOG_H_

#include "engine/program/vector_types.h"

namespace sobolev::program::SOBOLEV_ISA {

// ln 2: 42 bits, so that k kLn2High is exact for |k| < 2¹¹, and the next 53.
inline constexpr double kLn2High = 0x1.62e42fefa38p-1;
inline constexpr double kLn2Low = 0x1.ef35793c7673p-45;
inline constexpr double kLog2E = 1.4426950408889634;

// eˣ is infinite above the last and 0 below the first, also when computed.
inline constexpr double kExpLowest = -746.0;
inline constexpr double kExpHighest = 710.0;

// (eʳ − 1 − r) / r² on |r| <= ln 2 / 2: 3e-19 in eʳ − 1.
inline constexpr double kExp[] = {0.5,
                                  0.16666666666666677,
                                  0.0416666666666666,
                                  0.008333333333321468,
                                  0.0013888888888928326,
                                  0.0001984126988646235,
                                  2.4801587227576575e-5,
                                  2.755724392383305e-6,
                                  2.7557361928014977e-7,
                                  2.5109122929206796e-8,
                                  2.0886594362820896e-9};

// (2 atanh(√w)/√w − 2) / w on w <= 0.172²: 1.3e-18 in the quotient.
inline constexpr double kLog[] = {0.6666666666666736, 0.3999999999940528,  0.2857142874413959,
                                  0.2222219841557859, 0.18183571721187483, 0.15313876171826668,
                                  0.14797582481517352};

// (atanh(√w)/√w − 1 − w/3) / w² on the same w: 9e-23 in the quotient.
inline constexpr double kLogTail[] = {
    0.19999999999999987, 0.1428571428572334,  0.11111111108608947,  0.09090909451965991,
    0.07692277429048289, 0.06668193227921249, 0.058367768350019396, 0.05999308182309825};

// eˣ = 2ᵏ m, with m between √½ and √2.
struct ExpSplit {
  Vec k;
  Vec m;
};

// For kExpLowest <= x <= kExpHighest + 1.
inline ExpSplit SplitExp(Vec x) {
  const Vec k = NearestInteger(x, kLog2E);
  const Vec r = Fma(k, Broadcast(-kLn2Low), Fma(k, Broadcast(-kLn2High), x));
  return {k, Fma(r * r, Polynomial(kExp, r), r) + 1.0};
}

// e^(x + x_low) = 2ᵏ (1 + r + tail), with |tail| < r². The tail makes up for the rounding of r.
struct ExpParts {
  Vec k;
  Vec r;
  Vec tail;
};

inline ExpParts ExpPartsOf(Vec x, Vec x_low) {
  const Vec k = NearestInteger(x, kLog2E);
  const Vec r_high = Fma(k, Broadcast(-kLn2High), x);
  const Vec r = Fma(k, Broadcast(-kLn2Low), r_high);
  const Vec r_low = Fma(k, Broadcast(-kLn2Low), r_high - r) + x_low;
  const Vec tail = (r * r) * Polynomial(kExp, r);
  return {k, r, Fma(r_low, r + tail, r_low) + tail};
}

// eˣ. Error below 1 ulp.
inline Vec Exp(Vec x) {
  const ExpSplit e = SplitExp(Clamp(x, kExpLowest, kExpHighest));
  return Scale(e.m, e.k);
}

// e^(x + x_low), for |x_low| far below 1. Error below 1 ulp.
inline Vec Exp(DoubleVec x) {
  const Vec high = Clamp(x.high, kExpLowest, kExpHighest);
  const ExpParts e = ExpPartsOf(high, Blend(high == x.high, x.low, Vec{}));
  return Scale((e.r + e.tail) + 1.0, e.k);
}

// scale (eˣ − 1) = (2ᵏ scale − scale) + 2ᵏ scale r + 2ᵏ scale tail, where all but the last term is
// exact. For −40 <= x; scale is 1 or 1/2.
inline DoubleVec ScaledExpm1(Vec x, double scale) {
  const ExpParts e = ExpPartsOf(x, Vec{});
  const Vec power = PowerOfTwo(scale == 1.0 ? e.k : e.k - 1.0);
  const DoubleVec one = FastTwoSum(Broadcast(-scale), power);
  const DoubleVec sum = FastTwoSum(one.high, power * e.r);
  return {sum.high, Fma(power, e.tail, sum.low + one.low)};
}

// eˣ − 1. Error below 1.1 ulp. Halved inside, since 2¹⁰²⁴ is no double.
inline Vec Expm1(Vec x) {
  const DoubleVec half = ScaledExpm1(Clamp(x, -40.0, kExpHighest), 0.5);
  return Abs(x) < 0x1p-54 ? x : 2.0 * (half.high + half.low);
}

// k ln 2 + log(1 + f) + c, where √½ <= 1 + f < √2 and |c| < 2⁻⁵³ is a small correction. With
// h = f²/2: log(1 + f) = f − h + s (h + R), as 2s = f − s f and R = 2 atanh(s)/s − 2.
inline Vec AssembleLog(Vec k, Vec f, Vec c) {
  const Vec s = f / (f + 2.0);
  const Vec w = s * s;
  const Vec h = f * (f * 0.5);
  const Vec R = w * Polynomial(kLog, w);
  const Vec low = h - Fma(s, h + R, Fma(k, Broadcast(kLn2Low), c));
  return Fma(k, Broadcast(kLn2High), f - low);
}

// What a logarithm of x is where x is not a positive finite number, and `log` elsewhere.
inline Vec WithLogSpecials(Vec x, Vec log) {
#if SOBOLEV_VECTOR_BYTES == 64
  // From the lowest: NaN, NaN -> NaN; ±0 -> −∞; 1 -> log; −∞ -> NaN; ∞ -> ∞; x < 0 -> NaN.
  return _mm512_mask_fixupimm_pd(log, kAllLanes, x, _mm512_set1_epi64(0x03530422), 0);
#else
  const Vec special = x < 0.0 ? Broadcast(kNan) : x;
  const Mask is_regular = (x > 0.0) & (x < kInfinity);
  return is_regular ? log : Blend(x == 0.0, Broadcast(-kInfinity), special);
#endif
}

// log x. Error below 1.1 ulp.
inline Vec Log(Vec x) {
  const SplitVec split = Split(x);
  return WithLogSpecials(x, AssembleLog(split.k, split.m - 1.0, Vec{}));
}

// log(1 + x). The rounding error of u = 1 + x goes into f, and what f cannot hold is divided by 1 +
// f to first order. Error below 1.5 ulp.
inline Vec Log1p(Vec x) {
  const Vec u = x + 1.0;
  const Mask is_small = Abs(x) < 1.0;
  const Vec larger = is_small ? Broadcast(1.0) : x;
  const Vec u_low = (larger - u) + (is_small ? x : Broadcast(1.0));
  const SplitVec split = Split(u);
  // u >= 2⁻⁵³, and above 2¹⁰²² the low part no longer counts.
  const Vec low = u_low * PowerOfTwo(MaxOrSecond(Broadcast(-1022.0), -split.k));
  const Vec m = split.m - 1.0;
  const DoubleVec f = FastTwoSum(m, low);
  const Vec correction = f.low * Fma(f.high, f.high - 1.0, Broadcast(1.0));
  const Vec log = WithLogSpecials(u, AssembleLog(split.k, f.high, correction));
  return Abs(x) < 0x1p-54 ? x : log;
}

// log(1 + f) as a sum of two, good to about 2⁻⁶⁰ of it where f is small.
inline DoubleVec LogOfOnePlus(Vec f) {
  const Vec s = f / (f + 2.0);
  const Vec w = s * s;
  const Vec h = f * (f * 0.5);
  const DoubleVec sum = FastTwoSum(f, -h);
  return FastTwoSum(sum.high, Fma(s, Fma(w, Polynomial(kLog, w), h), sum.low));
}

// k unit + log(1 + f) / ln b, the logarithm to the base b of x.
inline Vec LogToBase(Vec x, double per_ln_high, double per_ln_low, double unit_high,
                     double unit_low) {
  const SplitVec split = Split(x);
  const DoubleVec log = LogOfOnePlus(split.m - 1.0);
  const DoubleVec product = TwoProduct(log.high, Broadcast(per_ln_high));
  const DoubleVec sum = FastTwoSum(split.k * unit_high, product.high);
  const Vec low = Fma(log.low, Broadcast(per_ln_high),
                      Fma(log.high, Broadcast(per_ln_low), product.low + sum.low));
  return WithLogSpecials(x, sum.high + Fma(split.k, Broadcast(unit_low), low));
}

// log₂ x. Error below 1 ulp.
inline Vec Log2(Vec x) { return LogToBase(x, kLog2E, 0x1.777d0ffda0d24p-56, 1.0, 0.0); }

// log₁₀ x. Error below 1 ulp.
inline Vec Log10(Vec x) {
  return LogToBase(x, 0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57, 0x1.34413509f78p-2,
                   0x1.fef311f12b358p-46);
}

// log x as a sum of two, to 2⁻⁶⁷ of it, for positive finite x. All steps of
// log(1 + f) = 2s (1 + w (1/3 + w T(w))) but the polynomial T carry a low part.
inline DoubleVec LogInTwo(Vec x) {
  const SplitVec split = Split(x);
  const Vec f = split.m - 1.0;
  const DoubleVec two_plus = FastTwoSum(Broadcast(2.0), f);
  const Vec reciprocal = 1.0 / two_plus.high;
  const Vec s = f * reciprocal;
  const Vec s_low = reciprocal * Fma(-s, two_plus.low, Residual(f, s, two_plus.high));
  DoubleVec w = TwoProduct(s, s);
  w.low = Fma(s + s, s_low, w.low);

  const Vec third_low = Fma(w.high, Polynomial(kLogTail, w.high), Broadcast(0x1.5555555555555p-56));
  const DoubleVec inner = FastTwoSum(Broadcast(0x1.5555555555555p-2), third_low);
  DoubleVec series = TwoProduct(w.high, inner.high);
  series.low = Fma(w.high, inner.low, Fma(w.low, inner.high, series.low));
  DoubleVec excess = TwoProduct(s, series.high);
  excess.low = Fma(s, series.low, Fma(s_low, series.high, excess.low));

  const DoubleVec half = FastTwoSum(s, excess.high);
  const Vec half_low = half.low + (s_low + excess.low);
  const DoubleVec sum = FastTwoSum(split.k * kLn2High, half.high + half.high);
  const Vec low = sum.low + Fma(split.k, Broadcast(kLn2Low), half_low + half_low);
  return {sum.high, low};
}

// xʸ, with the special values of IEEE 754. Error below 1 ulp.
inline Vec Pow(Vec x, Vec y) {
  const Vec magnitude = Abs(x);
  const DoubleVec log = LogInTwo(magnitude);
  // No x but 1 has |log x| < 2⁻⁵⁴, so any |y| above 2⁶⁴ overflows or underflows.
  const Vec exponent = Clamp(y, -0x1p65, 0x1p65);
  DoubleVec product = TwoProduct(exponent, log.high);
  product.low = Fma(exponent, log.low, product.low);
  Vec power = Exp(product);

  const Mask is_extreme = (magnitude == 0.0) | (magnitude == kInfinity);
  const Mask is_infinite = (magnitude > 1.0) ^ (y < 0.0);
  power = is_extreme ? Blend(is_infinite, kInfinity, 0.0) : power;
  const Vec half = y * 0.5;
  const Mask is_integer = Floor(y) == y;
  const Mask is_odd = is_integer & (Floor(half) != half);
  power = FlipSign(power, SignOf(x) & reinterpret_cast<Bits>(is_odd));
  const Mask is_invalid = (x < 0.0) & (x > -kInfinity) & ~is_integer;
  power = is_invalid ? Broadcast(kNan) : power;
  power = (IsNan(x) | IsNan(y)) ? x + y : power;
  return ((y == 0.0) | (x == 1.0)) ? Broadcast(1.0) : power;
}

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_PROGRAM_VECTOR_EXP_LOG_H_
