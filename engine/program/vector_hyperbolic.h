// Hyperbolic functions, their inverses and the logistic pair for one instruction set. Part of
// vector_math.h.
//
// All are odd or even, or become so after a simple change, and are computed for |x|: then only
// e^−|x| or e^|x| − 1 occurs, which neither overflows early nor cancels.

#ifndef SOBOLEV_ENGINE_PROGRAM_VECTOR_HYPERBOLIC_H_
#define SOBOLEV_ENGINE_PROGRAM_VECTOR_HYPERBOLIC_H_

#include "engine/program/vector_exp_log.h"
#include "engine/program/vector_types.h"

namespace sobolev::program::SOBOLEV_ISA {

// (sinh √w / √w − 1) / w on w <= 1: 3e-19 in the quotient.
inline constexpr double kSinh[] = {
    0.16666666666666669,   0.00833333333333297,   0.00019841269841531202, 2.755731913037927e-6,
    2.5052126856094766e-8, 1.605700052085293e-10, 7.765897596002476e-13};

// e^|x| / 2, infinite above the range of sinh and cosh.
inline Vec HalfExpOfMagnitude(Vec x) {
  const ExpSplit e = SplitExp(MinOrSecond(Broadcast(kExpHighest + 1.0), Abs(x)));
  return Scale(e.m, e.k - 1.0);
}

// cosh x = E + 1/(4E) with E = e^|x| / 2. Error below 2 ulp.
inline Vec Cosh(Vec x) {
  const Vec E = HalfExpOfMagnitude(x);
  return E + 0.25 / E;
}

// sinh |x| = E − 1/(4E); below 1 that would cancel, and the series takes over. Error below 2 ulp.
inline Vec Sinh(Vec x) {
  const Vec E = HalfExpOfMagnitude(x);
  const Vec w = x * x;
  const Vec series = Fma(x * w, Polynomial(kSinh, w), x);
  return Abs(x) < 1.0 ? series : FlipSign(E - 0.25 / E, SignOf(x));
}

// tanh |x| = −t / (2 + t) with t = e^(−2|x|) − 1. All roundings but the last are made up for. Error
// below 1 ulp.
inline Vec Tanh(Vec x) {
  const DoubleVec expm1 = ScaledExpm1(-2.0 * MinOrSecond(Broadcast(20.0), Abs(x)), 1.0);
  const DoubleVec t = FastTwoSum(expm1.high, expm1.low);
  const DoubleVec sum = FastTwoSum(Broadcast(2.0), t.high);
  return CopySign(Quotient(t, {sum.high, sum.low + t.low}), x);
}

// 1 / (1 + e^−x). Error below 2 ulp.
inline Vec Sigmoid(Vec x) {
  const Vec e = Exp(-Abs(x));
  const DoubleVec sum = FastTwoSum(Broadcast(1.0), e);
  const Vec quotient = 1.0 / sum.high;
  const Vec residual = Fma(-quotient, sum.low, Residual(Broadcast(1.0), quotient, sum.high));
  const Vec reciprocal = Fma(residual, quotient, quotient);
  return x < 0.0 ? e * reciprocal : reciprocal;
}

// log(1 + eˣ) = max(x, 0) + log(1 + e) with e = e^−|x|. Error below 2 ulp.
inline Vec Softplus(Vec x) {
  const Vec e = Exp(-Abs(x));
  // 1 + e = 1 + f or 2 (1 + f).
  const Mask is_large = e > 0.41421356237309503;
  const Vec f = is_large ? 0.5 * (e - 1.0) : e;
  const Vec log = AssembleLog(Blend(is_large, 1.0, 0.0), f, Vec{});
  return MaxOrSecond(Vec{}, x) + log;
}

// log(x + √(x² ± 1)) is log 2x to the last bit for x beyond this.
inline constexpr double kSquareDominates = 0x1p28;

// asinh |x| = log(1 + (|x| + x² / (1 + √(1 + x²)))). Error below 2.5 ulp.
inline Vec Asinh(Vec x) {
  const Vec magnitude = Abs(x);
  const Mask is_large = magnitude > kSquareDominates;
  const Vec a = MinOrSecond(Broadcast(kSquareDominates), magnitude);
  const Vec square = a * a;
  const Vec excess = a + square / (Sqrt(square + 1.0) + 1.0);
  const Vec log = Log1p(is_large ? magnitude - 1.0 : excess);
  return FlipSign(log + Blend(is_large, 0.69314718055994531, 0.0), SignOf(x));
}

// acosh x = log(1 + (t + √(2t + t²))) with t = x − 1, for x >= 1. Error below 2.5 ulp.
inline Vec Acosh(Vec x) {
  const Mask is_large = x > kSquareDominates;
  const Vec t = x - 1.0;
  const Vec excess = t + Sqrt(Fma(t, t, t + t));
  const Vec log = Log1p(is_large ? t : excess) + Blend(is_large, 0.69314718055994531, 0.0);
  return x < 1.0 ? Broadcast(kNan) : log;
}

// atanh |x| = log(1 + 2|x| / (1 − |x|)) / 2, for |x| <= 1. Error below 2.5 ulp.
inline Vec Atanh(Vec x) {
  const Vec magnitude = Abs(x);
  const Vec log = Log1p((magnitude + magnitude) / (1.0 - magnitude));
  return FlipSign(0.5 * log, SignOf(x));
}

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_PROGRAM_VECTOR_HYPERBOLIC_H_
