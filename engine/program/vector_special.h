// The error function, the normal distribution and roots for one instruction set. Part of
// vector_math.h.
//
// The tails of erfc and of the normal distribution are e^(−x²) times a slowly varying factor, the
// scaled complementary error function. The square is kept as a sum of two: at x = 27 its rounding
// alone would cost 400 units in the last place.

#ifndef SOBOLEV_ENGINE_PROGRAM_VECTOR_SPECIAL_H_
#define SOBOLEV_ENGINE_PROGRAM_VECTOR_SPECIAL_H_

#include "engine/program/vector_exp_log.h"
#include "engine/program/vector_types.h"

namespace sobolev::program::SOBOLEV_ISA {

// E(t) = (x + 13/4) e^(x²) erfc x in t = (x − 13/4) / (x + 13/4), for 0 <= x <= 28: 1.2e-17 of it.
inline constexpr double kErfcx[] = {
    1.0811797647743422,     -0.9129949832951062,    0.645733777384307,      -0.3751649422637346,
    0.17200591888547312,    -0.056675219034214366,  0.009529321787967192,   0.0018073247803180416,
    -0.0014879109372712047, 0.00015936024290565958, 0.00014751047241904995, -4.313812778636597e-5,
    -1.5309191262343256e-5, 7.426661596602591e-6,   2.0120255110094693e-6,  -1.2012735919320273e-6,
    -3.542675237838794e-7,  1.8705060534822196e-7,  7.270445192297977e-8,   -2.496939690401405e-8,
    -1.3245589616607034e-8, 1.9999048199662854e-9,  1.3786755614036317e-9};

// (erf √w / √w − 2/√π) / w on w <= 1/2: 4e-19 in the quotient.
inline constexpr double kErf[] = {
    -0.3761263890318374,    0.11283791670954255,    -0.02686617064485202,   0.005223977620928969,
    -0.0008548326599788016, 0.00012055308201049671, -1.4924718017965064e-5, 1.6439494286612464e-6,
    -1.6022294303404572e-7, 1.1798192560536215e-8};

// z^(−1/3) in z − 1, for √½ <= z < √2: 1e-6.
inline constexpr double kReciprocalCubeRoot[] = {
    1.0000007723672912,  -0.33334261321404013, 0.22207302705694842, -0.17209643377068853,
    0.14794706881369302, -0.14110980095744347, 0.09265875003764842};

// erfc x = e^(−x²) E(t) / (x + 13/4), for 0 <= x <= 28 where x and x² are sums of two. What the
// roundings of the quotients change goes into the exponent, to first order: with
// 1/(x + 13/4) = y (1 + rho), t is off by t_low, and E′/E is close to −0.88 + 0.4t.
inline Vec ErfcOfPositive(DoubleVec x, DoubleVec square) {
  const Vec d = x.high + 3.25;
  const Vec d_low = (x.high - (d - 3.25)) + x.low;
  const Vec n = x.high - 3.25;
  const Vec n_low = (x.high - (n + 3.25)) + x.low;
  const Vec y = 1.0 / d;
  const Vec rho = Fma(-y, d_low, Residual(Broadcast(1.0), y, d));
  const Vec t = n * y;
  const Vec t_low = Fma(-t, d_low, Residual(n, t, d) + n_low) * y;
  const Vec low = Fma(t_low, Fma(t, Broadcast(0.4), Broadcast(-0.88)), rho);
  return Exp(DoubleVec{-square.high, low - square.low}) * (Polynomial(kErfcx, t) * y);
}

// erf x, by its series up to √½ and 1 − erfc |x| beyond. Error below 2 ulp.
inline Vec Erf(Vec x) {
  const Vec magnitude = MinOrSecond(Broadcast(28.0), Abs(x));
  const Vec w = magnitude * magnitude;
  const Vec correction = Fma(w, Polynomial(kErf, w), Broadcast(0x1.1ae3a914fed8p-56));
  const Vec series = Fma(magnitude, correction, magnitude * 0x1.20dd750429b6dp0);
  const Vec erfc = ErfcOfPositive({magnitude, Vec{}}, TwoProduct(magnitude, magnitude));
  return FlipSign(w < 0.5 ? series : 1.0 - erfc, SignOf(x));
}

// erfc x = 1 − erf x, with its right tail to the smallest number. Error below 4 ulp.
inline Vec Erfc(Vec x) {
  const Vec magnitude = MinOrSecond(Broadcast(28.0), Abs(x));
  const Vec tail = ErfcOfPositive({magnitude, Vec{}}, TwoProduct(magnitude, magnitude));
  return x < 0.0 ? 2.0 - tail : tail;
}

// Φ(x), the distribution function of the standard normal law: erfc(−x/√2) / 2. The square is that
// of x, halved without error. Error below 4 ulp.
inline Vec NormalCdf(Vec x) {
  const Vec magnitude = MinOrSecond(Broadcast(39.0), Abs(x));
  const DoubleVec square = TwoProduct(magnitude, magnitude);
  DoubleVec scaled = TwoProduct(magnitude, Broadcast(0x1.6a09e667f3bcdp-1));
  scaled.low = Fma(magnitude, Broadcast(-0x1.bdd3413b26456p-55), scaled.low);
  const Vec tail = 0.5 * ErfcOfPositive(scaled, {0.5 * square.high, 0.5 * square.low});
  return x < 0.0 ? tail : 1.0 - tail;
}

// ∛x. With |x| = 2ᵏ m and k = 3j + i for −1 <= i <= 1, a polynomial and one step of Newton's kind
// give z = b^(−1/3) for b = 2ⁱ m, and the last step is taken on b z² = ∛b. Error below 1 ulp.
inline Vec Cbrt(Vec x) {
  const Vec magnitude = Abs(x);
  const SplitVec split = Split(magnitude);
  const Vec j = NearestInteger(split.k, 0.33333333333333331);
  const Vec i = Fma(j, Broadcast(-3.0), split.k);
  const Vec b = split.m * Blend(i > 0.0, Broadcast(2.0), Blend(i < 0.0, 0.5, 1.0));
  const Vec unscaled = Polynomial(kReciprocalCubeRoot, split.m - 1.0);
  const Vec rough = unscaled * Blend(i > 0.0, Broadcast(0.79370052598409974),
                                     Blend(i < 0.0, 1.2599210498948732, 1.0));
  const Vec error = Fma(-b * rough, rough * rough, Broadcast(1.0));
  const Vec z = Fma(rough, error * Fma(error, Broadcast(2.0 / 9), Broadcast(1.0 / 3)), rough);
  const Vec square = z * z;
  const Vec root = b * square;
  const DoubleVec root_square = TwoProduct(root, root);
  const Vec residual = Residual(b, root_square.high, root) - root_square.low * root;
  const Vec cbrt = Fma(residual, square * (1.0 / 3), root) * PowerOfTwo(j);
  const Mask is_regular = (magnitude > 0.0) & (magnitude < kInfinity);
  return is_regular ? FlipSign(cbrt, SignOf(x)) : x;
}

// √(x² + y²) without overflow or underflow on the way; infinite if either is, even beside a NaN.
// Error below 1.5 ulp.
inline Vec Hypot(Vec x, Vec y) {
  const Vec a = Abs(x);
  const Vec b = Abs(y);
  const Vec larger = Max(a, b);
  const Mask is_huge = larger > 0x1p500;
  const Mask is_tiny = larger < 0x1p-450;
  const Vec scale = Blend(is_huge, Broadcast(0x1p-600), Blend(is_tiny, 0x1p600, 1.0));
  const Vec unscale = Blend(is_huge, Broadcast(0x1p600), Blend(is_tiny, 0x1p-600, 1.0));
  const Vec a_scaled = a * scale;
  const Vec b_scaled = b * scale;
  const Vec hypot = Sqrt(Fma(a_scaled, a_scaled, b_scaled * b_scaled)) * unscale;
  return ((a == kInfinity) | (b == kInfinity)) ? Broadcast(kInfinity) : hypot;
}

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_PROGRAM_VECTOR_SPECIAL_H_
