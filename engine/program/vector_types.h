// Vectors of doubles for one instruction set: the arithmetic below the elementary functions. Part
// of vector_math.h, which says how to include it.
//
// All that differs between instruction sets is in this file. SSE2 has no fused multiply-add, no
// rounding instruction and no operations on exponents, so they are made of other operations here.
// Where a rounding error must be known exactly, TwoProduct and Residual give it on every processor;
// the compiler may fuse products into sums anywhere else without harm.

#ifndef SOBOLEV_ENGINE_PROGRAM_VECTOR_TYPES_H_
#define SOBOLEV_ENGINE_PROGRAM_VECTOR_TYPES_H_

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

namespace sobolev::program::SOBOLEV_ISA {

using Vec __attribute__((vector_size(SOBOLEV_VECTOR_BYTES))) = double;
using Bits __attribute__((vector_size(SOBOLEV_VECTOR_BYTES))) = uint64_t;
// What a comparison of two Vec gives: all bits of a lane, or none.
using Mask __attribute__((vector_size(SOBOLEV_VECTOR_BYTES))) = int64_t;
// A Vec in memory, which need not be aligned.
using StoredVec __attribute__((vector_size(SOBOLEV_VECTOR_BYTES), may_alias, aligned(8))) = double;

inline constexpr ptrdiff_t kLanes = SOBOLEV_VECTOR_BYTES / 8;
inline constexpr double kInfinity = __builtin_inf();
inline constexpr double kNan = __builtin_nan("");
inline constexpr uint64_t kSignBit = uint64_t{1} << 63;
inline constexpr double kSmallestNormal = 0x1p-1022;

inline Vec Load(const double* from) { return *reinterpret_cast<const StoredVec*>(from); }

inline void Store(double* to, Vec value) { *reinterpret_cast<StoredVec*>(to) = value; }

inline Vec Broadcast(double value) { return Vec{} + value; }

inline Bits BitsOf(Vec x) { return reinterpret_cast<Bits>(x); }

inline Vec FromBits(Bits bits) { return reinterpret_cast<Vec>(bits); }

inline Mask MaskOf(Bits bits) { return reinterpret_cast<Mask>(bits); }

// a where the mask is set, b elsewhere.
inline Vec Blend(Mask mask, Vec a, Vec b) { return mask ? a : b; }

inline Vec Blend(Mask mask, double a, double b) { return mask ? Broadcast(a) : Broadcast(b); }

inline Mask IsNan(Vec x) { return x != x; }  // NOLINT(misc-redundant-expression)

// The sign bit of each lane, to be given to another vector with FlipSign.
inline Bits SignOf(Vec x) { return BitsOf(x) & kSignBit; }

inline Vec FlipSign(Vec x, Bits sign) { return FromBits(BitsOf(x) ^ sign); }

inline Vec Abs(Vec x) { return FromBits(BitsOf(x) & ~kSignBit); }

// The magnitude of x with the sign of `sign`.
inline Vec CopySign(Vec x, Vec sign) {
  return FromBits((BitsOf(x) & ~kSignBit) | (BitsOf(sign) & kSignBit));
}

// −1, 0 or 1. A zero keeps its sign and a NaN stays.
inline Vec Sign(Vec x) { return ((x < 0.0) | (x > 0.0)) ? CopySign(Broadcast(1.0), x) : x; }

#if SOBOLEV_VECTOR_BYTES == 64

inline constexpr bool kHasFma = true;

// A mask of all lanes, which costs no instruction. Intrinsics without a mask start from an
// undefined register, of which compilers warn.
inline constexpr __mmask8 kAllLanes = 0xff;

inline bool Any(Mask mask) { return _mm512_movepi64_mask(reinterpret_cast<__m512i>(mask)) != 0; }

inline Vec Fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_pd(a, b, c); }

// Correctly rounded, as IEEE 754 demands.
inline Vec Sqrt(Vec x) { return _mm512_maskz_sqrt_pd(kAllLanes, x); }

inline Vec Floor(Vec x) {
  return _mm512_maskz_roundscale_pd(kAllLanes, x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

// The smaller and the larger one; b where either is a NaN.
inline Vec MinOrSecond(Vec a, Vec b) { return _mm512_maskz_min_pd(kAllLanes, a, b); }
inline Vec MaxOrSecond(Vec a, Vec b) { return _mm512_maskz_max_pd(kAllLanes, a, b); }

// 2ᵏ x for integers |k| <= 2040, rounded once even if the result is subnormal.
inline Vec Scale(Vec x, Vec k) { return _mm512_maskz_scalef_pd(kAllLanes, x, k); }

#elif SOBOLEV_VECTOR_BYTES == 32

inline constexpr bool kHasFma = true;

inline bool Any(Mask mask) { return _mm256_movemask_pd(reinterpret_cast<Vec>(mask)) != 0; }

inline Vec Fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_pd(a, b, c); }

inline Vec Sqrt(Vec x) { return _mm256_sqrt_pd(x); }

inline Vec Floor(Vec x) { return _mm256_floor_pd(x); }

inline Vec MinOrSecond(Vec a, Vec b) { return _mm256_min_pd(a, b); }
inline Vec MaxOrSecond(Vec a, Vec b) { return _mm256_max_pd(a, b); }

#else

inline constexpr bool kHasFma = false;

inline bool Any(Mask mask) { return _mm_movemask_pd(reinterpret_cast<Vec>(mask)) != 0; }

inline Vec Fma(Vec a, Vec b, Vec c) { return a * b + c; }

inline Vec Sqrt(Vec x) { return _mm_sqrt_pd(x); }

// Adding 2⁵² to a magnitude rounds it to an integer. Beyond 2⁵² all doubles are integers.
inline Vec Floor(Vec x) {
  const Vec magnitude = Abs(x);
  const Vec nearest = FlipSign((magnitude + 0x1p52) - 0x1p52, SignOf(x));
  const Vec floor = nearest - Blend(nearest > x, 1.0, 0.0);
  return magnitude < 0x1p52 ? floor : x;
}

inline Vec MinOrSecond(Vec a, Vec b) { return _mm_min_pd(a, b); }
inline Vec MaxOrSecond(Vec a, Vec b) { return _mm_max_pd(a, b); }

#endif

// The sum lies in [2⁵², 2⁵³), so the lowest bits of its pattern are those of the integer k +
// offset.
inline Bits IntegerBits(Vec k, double offset) { return BitsOf(k + (0x1.8p52 + offset)); }

// 2ᵏ for integers −1022 <= k <= 1023.
inline Vec PowerOfTwo(Vec k) { return FromBits(IntegerBits(k, 1023.0) << 52); }

#if SOBOLEV_VECTOR_BYTES != 64

// 2ᵏ = 2^⌊k/2⌋ 2^⌈k/2⌉, neither of which leaves the range; only the last product rounds.
inline Vec Scale(Vec x, Vec k) {
  const Bits biased = IntegerBits(k, 2046.0);
  const Bits half = biased >> 1;
  return (x * FromBits(half << 52)) * FromBits((biased - half) << 52);
}

#endif

// Both operands are looked at: a NaN in either gives NaN.
inline Vec Min(Vec a, Vec b) { return IsNan(a) ? a : MinOrSecond(a, b); }
inline Vec Max(Vec a, Vec b) { return IsNan(a) ? a : MaxOrSecond(a, b); }

// x moved into [low, high]; a NaN stays.
inline Vec Clamp(Vec x, double low, double high) {
  return MinOrSecond(Broadcast(high), MaxOrSecond(Broadcast(low), x));
}

// The nearest integer to a b, for |a b| < 2⁵⁰.
inline Vec NearestInteger(Vec a, double b) {
  return Fma(a, Broadcast(b), Broadcast(0x1.8p52)) - 0x1.8p52;
}

// Horner's scheme.
template <int kSize>
inline Vec Polynomial(const double (&coefficients)[kSize], Vec x) {
  Vec sum = Broadcast(coefficients[kSize - 1]);
#pragma GCC unroll 32
  for (int i = kSize - 2; i >= 0; --i) sum = Fma(sum, x, Broadcast(coefficients[i]));
  return sum;
}

// The unevaluated sum of a double and one about 2⁻⁵³ of it or less.
struct DoubleVec {
  Vec high;
  Vec low;
};

// a + b exactly, if |a| >= |b| or a is 0 or a multiple of the last place of b (Dekker 1971).
inline DoubleVec FastTwoSum(Vec a, Vec b) {
  const Vec sum = a + b;
  return {sum, (a - sum) + b};
}

// Keeps a product from being fused into the sums that use it.
inline Vec Rounded(Vec product) {
  asm("" : "+v"(product));
  return product;
}

// a b exactly, unless it overflows or its low part is subnormal. Without a fused operation the
// factors are split into halves of 26 bits (Veltkamp; Dekker 1971), which needs them below 2⁹⁹⁵.
inline DoubleVec TwoProduct(Vec a, Vec b) {
  const Vec product = Rounded(a * b);
  if constexpr (kHasFma) {
    return {product, Fma(a, b, -product)};
  } else {
    const Vec a_scaled = a * 0x1.0000002p27;
    const Vec b_scaled = b * 0x1.0000002p27;
    const Vec a_high = a_scaled - (a_scaled - a);
    const Vec b_high = b_scaled - (b_scaled - b);
    const Vec a_low = a - a_high;
    const Vec b_low = b - b_high;
    const Vec low = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    return {product, low};
  }
}

// c − a b with one rounding, where a b is within a few units in the last place of c.
inline Vec Residual(Vec c, Vec a, Vec b) {
  if constexpr (kHasFma) {
    return Fma(-a, b, c);
  } else {
    const DoubleVec product = TwoProduct(a, b);
    return (c - product.high) - product.low;
  }
}

// a / b, little more than half a unit in the last place off. The magnitude of b must lie within
// 2⁻⁹⁰⁰ and 2¹⁰²², as its reciprocal is taken first.
inline Vec Quotient(DoubleVec a, DoubleVec b) {
  const Vec reciprocal = 1.0 / b.high;
  const Vec quotient = a.high * reciprocal;
  const Vec residual = Fma(-quotient, b.low, Residual(a.high, quotient, b.high) + a.low);
  return Fma(residual, reciprocal, quotient);
}

// x = 2ᵏ m with √½ <= m < √2, for positive finite x, subnormals included. What comes of other x is
// of no use.
struct SplitVec {
  Vec k;
  Vec m;
};

#if SOBOLEV_VECTOR_BYTES == 64

inline SplitVec Split(Vec x) {
  const Vec k = _mm512_maskz_getexp_pd(kAllLanes, x);
  const Vec m = _mm512_maskz_getmant_pd(kAllLanes, x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero);
  const auto is_large = _mm512_cmp_pd_mask(m, Broadcast(1.4142135623730951), _CMP_GE_OQ);
  return {_mm512_mask_add_pd(k, is_large, k, Broadcast(1.0)),
          _mm512_mask_mul_pd(m, is_large, m, Broadcast(0.5))};
}

#else

inline SplitVec Split(Vec x) {
  constexpr uint64_t kHalfRoot = 0x3fe6a09e667f3bcd;  // √½
  constexpr uint64_t kOne = 0x3ff0000000000000;
  constexpr uint64_t kMantissa = 0x000fffffffffffff;
  const Mask is_subnormal = x < kSmallestNormal;
  const Bits shifted = BitsOf(is_subnormal ? x * 0x1p54 : x) + (kOne - kHalfRoot);
  // The exponent becomes the last bits of 2⁵².
  const Vec exponent = FromBits((shifted >> 52) | BitsOf(Broadcast(0x1p52)));
  return {exponent - Blend(is_subnormal, 0x1p52 + 1077.0, 0x1p52 + 1023.0),
          FromBits((shifted & kMantissa) + kHalfRoot)};
}

#endif

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_PROGRAM_VECTOR_TYPES_H_
