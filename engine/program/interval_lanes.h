// Intervals in the lanes of registers: rounding outwards and arithmetic. Part of interval_math.h,
// which says how to include it.
//
// AVX-512 rounds up or down instruction by instruction. The other instruction sets round to nearest
// and then move by at least one unit in the last place; sums, which are often exact and often 0,
// move only if TwoSum says that they must. An interval that ends at 0 never crosses it by rounding,
// so that signs stay certain. All of it remains valid if the compiler fuses products into sums.

#ifndef SOBOLEV_ENGINE_PROGRAM_INTERVAL_LANES_H_
#define SOBOLEV_ENGINE_PROGRAM_INTERVAL_LANES_H_

#include <immintrin.h>

#include "engine/ad/interval_bounds.h"
#include "engine/ad/interval_extended.h"
#include "engine/ad/interval_functions.h"
#include "engine/program/vector_types.h"

namespace sobolev::program::SOBOLEV_ISA {

// One interval per lane: lo <= hi, or two NaN for the empty set. lo < ∞ and hi > −∞.
struct IVec {
  Vec lo;
  Vec hi;
};

inline constexpr double kLargest = 0x1.fffffffffffffp1023;
inline constexpr double kUlp = 0x1p-53;  // u, the largest relative error of a rounding to nearest.

// The scalar function in each lane: for functions that have no vector form, and for the rare lanes
// of the others. It is called, and so was compiled for every processor.
inline IVec LaneByLane(ad::Bounds (*function)(const ad::Bounds&), const IVec& x) {
  IVec y = x;
  for (int i = 0; i < kLanes; ++i) {
    const ad::Bounds bounds = function({x.lo[i], x.hi[i]});
    y.lo[i] = bounds.lo;
    y.hi[i] = bounds.hi;
  }
  return y;
}
inline IVec LaneByLane(ad::Bounds (*function)(const ad::Bounds&, const ad::Bounds&), const IVec& x1,
                       const IVec& x2) {
  IVec y = x1;
  for (int i = 0; i < kLanes; ++i) {
    const ad::Bounds bounds = function({x1.lo[i], x1.hi[i]}, {x2.lo[i], x2.hi[i]});
    y.lo[i] = bounds.lo;
    y.hi[i] = bounds.hi;
  }
  return y;
}

// y, but the scalar function where a lane is special: what a lane holds must not depend on the
// others.
template <class Function, class... Operands>
inline IVec WithSpecialLanes(const IVec& y, Mask special, Function* function,
                             const Operands&... operands) {
  if (__builtin_expect(static_cast<int>(Any(special)), 0) == 0) return y;
  const IVec exact = LaneByLane(function, operands...);
  return {Blend(special, exact.lo, y.lo), Blend(special, exact.hi, y.hi)};
}

inline Mask IsUnordered(Vec a, Vec b) { return IsNan(a) | IsNan(b); }

// ---- Rounding ----------------------------------------------------------------------------------

#if SOBOLEV_VECTOR_BYTES == 64

inline constexpr int kDown = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
inline constexpr int kUp = _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC;

inline Vec AddDown(Vec a, Vec b) { return _mm512_maskz_add_round_pd(kAllLanes, a, b, kDown); }
inline Vec AddUp(Vec a, Vec b) { return _mm512_maskz_add_round_pd(kAllLanes, a, b, kUp); }

inline Vec MultiplyDown(Vec a, Vec b) { return _mm512_maskz_mul_round_pd(kAllLanes, a, b, kDown); }
inline Vec MultiplyUp(Vec a, Vec b) { return _mm512_maskz_mul_round_pd(kAllLanes, a, b, kUp); }
inline Vec DivideDown(Vec a, Vec b) { return _mm512_maskz_div_round_pd(kAllLanes, a, b, kDown); }
inline Vec DivideUp(Vec a, Vec b) { return _mm512_maskz_div_round_pd(kAllLanes, a, b, kUp); }
inline Vec SqrtDown(Vec a) { return _mm512_maskz_sqrt_round_pd(kAllLanes, a, kDown); }
inline Vec SqrtUp(Vec a) { return _mm512_maskz_sqrt_round_pd(kAllLanes, a, kUp); }

// [y − relative |y| − absolute, y + ...]. relative and absolute are nonnegative.
inline IVec Widened(Vec y, double relative, Vec absolute) {
  const Vec radius =
      _mm512_maskz_fmadd_round_pd(kAllLanes, Abs(y), Broadcast(relative), absolute, kUp);
  return {_mm512_maskz_sub_round_pd(kAllLanes, y, radius, kDown), AddUp(y, radius)};
}
inline IVec Widened(Vec y, double relative) {
  const Vec size = Abs(y);
  return {_mm512_maskz_fnmadd_round_pd(kAllLanes, size, Broadcast(relative), y, kDown),
          _mm512_maskz_fmadd_round_pd(kAllLanes, size, Broadcast(relative), y, kUp)};
}

// 2^k x for positive x.
inline Vec ScaleDown(Vec x, Vec k) { return _mm512_maskz_scalef_round_pd(kAllLanes, x, k, kDown); }
inline Vec ScaleUp(Vec x, Vec k) { return _mm512_maskz_scalef_round_pd(kAllLanes, x, k, kUp); }

#else

// A number below x; NaN stays. With |x| >= 2^52 ulp(x) the product is at least (1/2 + u) ulp(x)
// before it is rounded, so that the difference cannot round back to x; for subnormal x the last
// summand alone is one step.
inline Vec Below(Vec x) {
  const Vec finite = MinOrSecond(Broadcast(kLargest), x);
  return finite - Fma(Abs(finite), Broadcast(kUlp * (1 + 0x1p-51)), Broadcast(0x1p-1074));
}
inline Vec Above(Vec x) { return -Below(-x); }

// Knuth's TwoSum tells the side on which the rounded sum lies. The error is NaN if something is
// infinite: then Below keeps −∞, and turns an overflow into a finite bound.
inline Vec AddDown(Vec a, Vec b) {
  const Vec sum = a + b;
  const Vec b_part = sum - a;
  const Vec error = (a - (sum - b_part)) + (b - b_part);
  return error >= 0.0 ? sum : Below(sum);
}
inline Vec AddUp(Vec a, Vec b) { return -AddDown(-a, -b); }

// A rounded 0 tells by its sign on which side of 0 the exact result lies, unless a factor is 0.
inline Vec MultiplyDown(Vec a, Vec b) {
  const Vec product = a * b;
  const Mask is_positive = MaskOf(SignOf(product)) == 0;
  const Mask stays_zero = (product == 0.0) & (is_positive | (a == 0.0) | (b == 0.0));
  return stays_zero ? Vec{} : Below(product);
}
inline Vec MultiplyUp(Vec a, Vec b) { return -MultiplyDown(-a, b); }
inline Vec DivideDown(Vec a, Vec b) {
  const Vec quotient = a / b;
  const Mask is_positive = MaskOf(SignOf(quotient)) == 0;
  const Mask stays_zero = (quotient == 0.0) & (is_positive | (a == 0.0));
  return stays_zero ? Vec{} : Below(quotient);
}
inline Vec DivideUp(Vec a, Vec b) { return -DivideDown(-a, b); }
inline Vec SqrtDown(Vec a) {
  const Vec root = Sqrt(a);
  return root == 0.0 ? root : Below(root);
}
inline Vec SqrtUp(Vec a) {
  const Vec root = Sqrt(a);
  return root == 0.0 ? root : Above(root);
}

// Forming the radius loses 3u of it, and adding it to y a little more than u |y|: the surplus
// covers that, and twice the smallest number covers the loss where numbers are subnormal.
inline IVec Widened(Vec y, double relative, Vec absolute) {
  const Vec radius =
      Fma(Abs(y), Broadcast(relative + 3 * kUlp), absolute * (1 + 0x1p-50)) + 0x1p-1073;
  return {y - radius, y + radius};
}
inline IVec Widened(Vec y, double relative) { return Widened(y, relative, Vec{}); }

inline Vec ScaleDown(Vec x, Vec k) {
  const Vec scaled = MinOrSecond(Broadcast(kLargest), Scale(x, k));
  return scaled < 0x1p-1021 ? MaxOrSecond(Vec{}, scaled - 0x1p-1074) : scaled;
}
inline Vec ScaleUp(Vec x, Vec k) {
  const Vec scaled = Scale(x, k);
  return scaled < 0x1p-1021 ? scaled + 0x1p-1074 : scaled;
}

#endif

// ---- Arithmetic --------------------------------------------------------------------------------

inline IVec Negate(const IVec& x) { return {-x.hi, -x.lo}; }

inline IVec Add(const IVec& x, const IVec& y) { return {AddDown(x.lo, y.lo), AddUp(x.hi, y.hi)}; }

inline IVec Subtract(const IVec& x, const IVec& y) { return Add(x, Negate(y)); }

// The extremes are among the four products of bounds. 0 times ∞ is NaN in a lane; such lanes and
// empty ones are rare and go to the scalar function.
inline IVec Multiply(const IVec& x, const IVec& y) {
  const Vec low_low = x.lo * y.lo;
  const Vec low_high = x.lo * y.hi;
  const Vec high_low = x.hi * y.lo;
  const Vec high_high = x.hi * y.hi;
  const Mask special = IsUnordered(low_low, low_high) | IsUnordered(high_low, high_high);
#if SOBOLEV_VECTOR_BYTES == 64
  const IVec product = {
      MinOrSecond(MinOrSecond(MultiplyDown(x.lo, y.lo), MultiplyDown(x.lo, y.hi)),
                  MinOrSecond(MultiplyDown(x.hi, y.lo), MultiplyDown(x.hi, y.hi))),
      MaxOrSecond(MaxOrSecond(MultiplyUp(x.lo, y.lo), MultiplyUp(x.lo, y.hi)),
                  MaxOrSecond(MultiplyUp(x.hi, y.lo), MultiplyUp(x.hi, y.hi)))};
#else
  // Rounding to nearest keeps the order of the products, so only the extremes need to move. Where
  // no product can be negative, the lower bound must not become so.
  const Vec lo =
      Below(MinOrSecond(MinOrSecond(low_low, low_high), MinOrSecond(high_low, high_high)));
  const Vec hi =
      Above(MaxOrSecond(MaxOrSecond(low_low, low_high), MaxOrSecond(high_low, high_high)));
  const Mask has_negative = ((x.lo < 0.0) & (y.hi > 0.0)) | ((x.hi > 0.0) & (y.lo < 0.0));
  const Mask has_positive = ((x.lo < 0.0) & (y.lo < 0.0)) | ((x.hi > 0.0) & (y.hi > 0.0));
  const IVec product = {has_negative ? lo : MaxOrSecond(Vec{}, lo),
                        has_positive ? hi : MinOrSecond(Vec{}, hi)};
#endif
  return WithSpecialLanes(product, special, &ad::enclose::Multiply, x, y);
}

// a b, and 0 where a is 0 even if b is empty: a seed times a partial derivative.
inline IVec SeedMultiply(const IVec& a, const IVec& b) {
  const IVec product = Multiply(a, b);
  const Mask is_zero = ((a.lo == 0.0) & (a.hi == 0.0)) | ((b.lo == 0.0) & (b.hi == 0.0)) |
                       ((a.lo <= 0.0) & (a.hi >= 0.0) & IsNan(b.lo));
  return {is_zero ? Vec{} : product.lo, is_zero ? Vec{} : product.hi};
}

// The sign of y turned positive, each bound of x has one extreme partner. Divisors that contain 0,
// empty lanes and the like go to the scalar function.
inline IVec Divide(const IVec& x, const IVec& y) {
  const Mask is_negative = y.hi < 0.0;
  const IVec a = {is_negative ? -x.hi : x.lo, is_negative ? -x.lo : x.hi};
  const IVec b = {is_negative ? -y.hi : y.lo, is_negative ? -y.lo : y.hi};
  const Mask special = ~((b.lo > 0.0) & (a.lo <= a.hi));
  const IVec quotient = {DivideDown(a.lo, a.lo >= 0.0 ? b.hi : b.lo),
                         DivideUp(a.hi, a.hi >= 0.0 ? b.lo : b.hi)};
  return WithSpecialLanes(quotient, special, &ad::enclose::extended::Divide, x, y);
}

inline IVec Reciprocal(const IVec& x) {
  const Mask special = ~((x.lo > 0.0) | (x.hi < 0.0));
  const IVec reciprocal = {DivideDown(Broadcast(1.0), x.hi), DivideUp(Broadcast(1.0), x.lo)};
  return WithSpecialLanes(reciprocal, special, &ad::enclose::extended::Reciprocal, x);
}

inline IVec Abs(const IVec& x) {
  const Vec a = Abs(x.lo);
  const Vec b = Abs(x.hi);
  const Mask has_zero = (x.lo <= 0.0) & (x.hi >= 0.0);
  return {has_zero ? Vec{} : MinOrSecond(a, b), MaxOrSecond(a, b)};
}

inline IVec Square(const IVec& x) {
  const IVec size = Abs(x);
  return {MultiplyDown(size.lo, size.lo), MultiplyUp(size.hi, size.hi)};
}

inline IVec Sqrt(const IVec& x) {
  // The comparison is false for empty lanes, which stay NaN by themselves.
  const Vec lo = MaxOrSecond(Vec{}, x.lo);
  return {SqrtDown(x.hi < 0.0 ? x.hi : lo), SqrtUp(x.hi)};
}

inline IVec Min(const IVec& x, const IVec& y) { return {Min(x.lo, y.lo), Min(x.hi, y.hi)}; }
inline IVec Max(const IVec& x, const IVec& y) { return {Max(x.lo, y.lo), Max(x.hi, y.hi)}; }

inline IVec Floor(const IVec& x) { return {Floor(x.lo), Floor(x.hi)}; }

// ---- Comparisons and choices -------------------------------------------------------------------

// Masks are [1, 1] for certainly, [0, 0] for certainly not, [0, 1] otherwise. An empty operand is
// NaN, of which every comparison is false; where an operand may be NaN at some points of the box
// only, see Doubted.
inline IVec CertaintyOf(Mask is_certain, Mask is_possible) {
  return {Blend(is_certain, 1.0, 0.0), Blend(is_possible, 1.0, 0.0)};
}
inline IVec Less(const IVec& x, const IVec& y) { return CertaintyOf(x.hi < y.lo, x.lo < y.hi); }
inline IVec LessEqual(const IVec& x, const IVec& y) {
  return CertaintyOf(x.hi <= y.lo, x.lo <= y.hi);
}
inline IVec Equal(const IVec& x, const IVec& y) {
  return CertaintyOf((x.lo == y.hi) & (x.hi == y.lo), (x.lo <= y.hi) & (y.lo <= x.hi));
}
// The outcome of a comparison of operands that may be NaN: it may be false.
inline IVec Doubted(const IVec& mask, Mask may_be_nan) {
  return {Blend(may_be_nan, Vec{}, mask.lo), mask.hi};
}

// The smallest interval that contains both.
inline IVec Hull(const IVec& x, const IVec& y) {
  const Mask x_is_empty = IsNan(x.lo);
  return {x_is_empty ? y.lo : MinOrSecond(y.lo, x.lo), x_is_empty ? y.hi : MaxOrSecond(y.hi, x.hi)};
}

// x where the mask is certain, y where it is certainly not, else the hull of both.
inline IVec Select(const IVec& mask, const IVec& x, const IVec& y) {
  const IVec hull = Hull(x, y);
  const Mask takes_x = mask.lo > 0.0;
  const Mask takes_y = mask.hi == 0.0;
  return {takes_x ? x.lo : takes_y ? y.lo : hull.lo, takes_x ? x.hi : takes_y ? y.hi : hull.hi};
}

// ---- Where functions are undefined -------------------------------------------------------------

// The lanes in which a function may be infinite or NaN though its arguments are numbers. Empty
// lanes are among them.
inline Mask IsNotWithin(const IVec& x, double lo, double hi) {
  return ~((x.lo >= lo) & (x.hi <= hi));
}
inline Mask IsNotInside(const IVec& x, double lo, double hi) {
  return ~((x.lo > lo) & (x.hi < hi));
}
inline Mask MayBeZero(const IVec& x) { return ~((x.lo > 0.0) | (x.hi < 0.0)); }
inline Mask IsUnbounded(const IVec& x) { return IsNotInside(x, -kInfinity, kInfinity); }
// Of x^y. A single integer is fine for bases of any sign, as far as 0 goes.
inline Mask MayPowBeUndefined(const IVec& x, const IVec& y) {
  const Mask is_integer = (y.lo == y.hi) & (Floor(y.lo) == y.lo);
  const Mask has_power = (x.lo >= 0.0) | (is_integer & (x.lo <= x.hi));
  return ~(has_power & (~MayBeZero(x) | (y.lo >= 0.0)) & (y.lo <= y.hi));
}

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_PROGRAM_INTERVAL_LANES_H_
