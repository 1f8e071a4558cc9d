// Vector types and activation functions for one instruction set. Included by kernels_impl.h only,
// with SOBOLEV_ISA naming the namespace and SOBOLEV_VECTOR_BYTES the register size.
//
// Every function is a range reduction followed by a polynomial, without branches. The coefficients
// interpolate at Chebyshev nodes; the largest error of the polynomial stands next to each. Results
// are accurate to a few units in the last place of max(1, |result|), and finite for finite z.

#ifndef SOBOLEV_ENGINE_NN_VECTOR_MATH_H_
#define SOBOLEV_ENGINE_NN_VECTOR_MATH_H_

#include <stddef.h>
#include <stdint.h>

namespace sobolev::nn::SOBOLEV_ISA {

template <class T>
struct Simd;

template <>
struct Simd<float> {
  using Vec __attribute__((vector_size(SOBOLEV_VECTOR_BYTES))) = float;
  using Bits __attribute__((vector_size(SOBOLEV_VECTOR_BYTES))) = uint32_t;
  using Stored __attribute__((vector_size(SOBOLEV_VECTOR_BYTES), may_alias)) = float;
  using Anywhere
      __attribute__((vector_size(SOBOLEV_VECTOR_BYTES), may_alias, aligned(sizeof(float)))) = float;
  static constexpr int kWidth = SOBOLEV_VECTOR_BYTES / 4;
  static constexpr uint32_t kMagnitude = 0x7fffffff;
  static constexpr int kMantissaBits = 23;

  // Adding it rounds to an integer, which then stands in the lowest bits.
  static constexpr float kRound = 0x1.8p23F;
  static constexpr float kLowestExponent = -87.0F;  // e^x is 0 below.
  static constexpr float kLn2High = 0x1.62ep-1F;    // 12 bits, so that k·kLn2High is exact.
  static constexpr float kLn2Low = 0x1.0bfbe8p-15F;
  // (eʳ − 1 − r) / r² on |r| <= ln 2 / 2: 7e-9 in eʳ.
  static constexpr float kExp[] = {0.5F, 0.16666577F, 0.0416665547F, 0.00836317325F,
                                   0.00139261763F};
  // (2 atanh(√w)/√w − 2) / w on [0, 1/9]: 2e-8.
  static constexpr float kAtanh[] = {0.666666403F, 0.400075606F, 0.282366198F, 0.26851498F};
  // (x + 4) M(x) in t = (x − 4)/(x + 4), with the Mills ratio M: 2e-7, and 2e-8 in Φ.
  static constexpr float kMills[] = {1.89321913F,     -1.52377231F,   0.970403674F,
                                     -0.46751075F,    0.151482074F,   -0.0190400885F,
                                     -0.00919674927F, 0.00410218754F, 0.00112738489F};
  static constexpr float kMillsEnd = 14.0F;  // e^(−x²/2) is 0 beyond.
  static constexpr float kHalfPi[] = {0x1.92p0F, 0x1.fb4p-12F, 0x1.4442d2p-24F};
  // (sin x / x − 1) / x² and (cos x − 1 + x²/2) / x⁴ in x² on |x| <= π/4: 1e-8 and 1e-9.
  static constexpr float kSin[] = {-0.166666647F, 0.00833274827F, -0.000195878902F};
  static constexpr float kCos[] = {0.0416666647F, -0.0013888303F, 2.45479414e-5F};
};

template <>
struct Simd<double> {
  using Vec __attribute__((vector_size(SOBOLEV_VECTOR_BYTES))) = double;
  using Bits __attribute__((vector_size(SOBOLEV_VECTOR_BYTES))) = uint64_t;
  using Stored __attribute__((vector_size(SOBOLEV_VECTOR_BYTES), may_alias)) = double;
  using Anywhere
      __attribute__((vector_size(SOBOLEV_VECTOR_BYTES), may_alias, aligned(sizeof(double)))) =
          double;
  static constexpr int kWidth = SOBOLEV_VECTOR_BYTES / 8;
  static constexpr uint64_t kMagnitude = 0x7fffffffffffffff;
  static constexpr int kMantissaBits = 52;

  static constexpr double kRound = 0x1.8p52;
  static constexpr double kLowestExponent = -708.0;
  static constexpr double kLn2High = 0x1.62e42feep-1;  // 32 bits.
  static constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
  // 1e-17.
  static constexpr double kExp[] = {
      0.5000000000000001,    0.16666666666666667,    0.041666666666624161,  0.0083333333333300644,
      0.0013888888917197209, 0.00019841269863040922, 2.4801521321606648e-5, 2.7557268479724003e-6,
      2.7620076242527253e-7, 2.510037611136142e-8};
  // 5e-18.
  static constexpr double kAtanh[] = {
      0.66666666666666659,  0.40000000000014583, 0.28571428567108757, 0.22222222717427863,
      0.18181789436132858,  0.15385570064958623, 0.13314144209654936, 0.12001072809590713,
      0.088007384861446739, 0.16164045611943532};
  // 8e-16, and 8e-17 in Φ.
  static constexpr double kMills[] = {
      1.8932190633084848,      -1.5237709108199737,    0.97040955486774029,
      -0.4675409629992524,     0.1513917623056887,     -0.018900450836533104,
      -0.0087222951549086983,  0.0040878553700275568,  0.00033424351499358659,
      -0.00057926722119391599, -4.7772367580083763e-6, 8.8087476728629161e-5,
      1.7755245985283995e-6,   -1.4823176370871445e-5, -1.5317535194945937e-6,
      2.5386909108607742e-6,   6.1412329258824145e-7,  -3.741589206031332e-7,
      -1.5415263697196195e-7,  3.3020398056743359e-8,  1.9260847007075029e-8};
  static constexpr double kMillsEnd = 39.0;
  static constexpr double kHalfPi[] = {0x1.921fb544p0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69};
  // 7e-21 and 4e-19.
  static constexpr double kSin[] = {-0.16666666666666667,    0.0083333333333333315,
                                    -0.00019841269841265065, 2.7557319219339119e-6,
                                    -2.5052106232431161e-8,  1.6058531616384065e-10,
                                    -7.5866969643193669e-13};
  static constexpr double kCos[] = {0.041666666666666665,  -0.0013888888888887397,
                                    2.4801587298765659e-5, -2.7557317271714906e-7,
                                    2.0876146265300599e-9, -1.1382632201990359e-11};
};

template <class T>
using Vec = typename Simd<T>::Vec;
template <class T>
using Bits = typename Simd<T>::Bits;

template <class T>
inline Vec<T> Load(const T* from) {
  return *reinterpret_cast<const typename Simd<T>::Stored*>(from);
}

// From what need not be aligned.
template <class T>
inline Vec<T> LoadAnywhere(const T* from) {
  return *reinterpret_cast<const typename Simd<T>::Anywhere*>(from);
}

template <class T>
inline void Store(T* to, Vec<T> value) {
  *reinterpret_cast<typename Simd<T>::Stored*>(to) = value;
}

template <class T>
inline Vec<T> Broadcast(T value) {
  return Vec<T>{} + value;
}

// Horner's scheme.
template <class T, int kSize>
inline Vec<T> Polynomial(const T (&coefficients)[kSize], Vec<T> x) {
  Vec<T> sum = Broadcast(coefficients[kSize - 1]);
#pragma GCC unroll 32
  for (int i = kSize - 2; i >= 0; --i) sum = sum * x + coefficients[i];
  return sum;
}

template <class T>
inline Vec<T> Magnitude(Vec<T> x) {
  return reinterpret_cast<Vec<T>>(reinterpret_cast<Bits<T>>(x) & Simd<T>::kMagnitude);
}

// eˣ for x <= 0: x = k ln 2 + r, and 2ᵏ is added to the exponent bits of eʳ.
template <class T>
inline Vec<T> ExpOfNegative(Vec<T> x) {
  using S = Simd<T>;
  const Vec<T> rounded = x * static_cast<T>(1.4426950408889634) + S::kRound;
  const Vec<T> k = rounded - S::kRound;
  const Vec<T> r = (x - k * S::kLn2High) - k * S::kLn2Low;
  const Vec<T> exp_r = (Polynomial(S::kExp, r) * r + T{1}) * r + T{1};
  const Bits<T> scaled =
      reinterpret_cast<Bits<T>>(exp_r) + (reinterpret_cast<Bits<T>>(rounded) << S::kMantissaBits);
  return x < S::kLowestExponent ? Vec<T>{} : reinterpret_cast<Vec<T>>(scaled);
}

// What the activations built on the logistic function σ share, from e = e^−|z| ∈ [0, 1].
template <class T>
struct Logistic {
  explicit Logistic(Vec<T> z)
      : e(ExpOfNegative<T>(-Magnitude<T>(z))), reciprocal(T{1} / (e + T{1})) {
    value = (z < T{0} ? e : Broadcast(T{1})) * reciprocal;
    slope = e * reciprocal * reciprocal;
  }

  Vec<T> e;
  Vec<T> reciprocal;  // 1 / (1 + e)
  Vec<T> value;       // σ(z)
  Vec<T> slope;       // σ′(z) = σ(z) σ(−z) = e / (1 + e)²
};

// φ(z), φ′(z), φ″(z) and φ‴(z).
template <class T>
struct Jet {
  Vec<T> a;
  Vec<T> p;
  Vec<T> h;
  Vec<T> k;
};

struct Softplus {
  // log(1 + eᶻ) = max(z, 0) + log(1 + e), and log(1 + e) = 2 atanh(e / (2 + e)).
  // φ‴ = σ′(1 − 2σ), and |1 − 2σ| = (1 − e)/(1 + e).
  template <class T>
  static Jet<T> At(Vec<T> z) {
    const Vec<T> e = ExpOfNegative<T>(-Magnitude<T>(z));
    const Vec<T> one_plus = e + T{1};
    const Vec<T> two_plus = e + T{2};
    const Vec<T> quotient = T{1} / (one_plus * two_plus);
    const Vec<T> reciprocal = quotient * two_plus;
    const Vec<T> scaled = e * reciprocal;
    const Vec<T> s = e * (quotient * one_plus);
    const Vec<T> w = s * s;
    const Vec<T> log1p = (Polynomial(Simd<T>::kAtanh, w) * w + T{2}) * s;
    const Vec<T> h = scaled * reciprocal;
    const Vec<T> bend = h * (reciprocal - scaled);
    return {(z < T{0} ? Vec<T>{} : z) + log1p, z < T{0} ? scaled : reciprocal, h,
            z < T{0} ? bend : -bend};
  }
};

struct Tanh {
  // With e = e^−2|z|: |tanh z| = (1 − e)/(1 + e) and tanh′ z = 4e/(1 + e)²; φ‴ = φ′(4 − 6φ′).
  template <class T>
  static Jet<T> At(Vec<T> z) {
    const Logistic<T> twice(z + z);
    const Vec<T> magnitude = (T{1} - twice.e) * twice.reciprocal;
    const Vec<T> a = z < T{0} ? -magnitude : magnitude;
    const Vec<T> p = twice.slope * T{4};
    return {a, p, a * p * T{-2}, p * (T{4} - T{6} * p)};
  }
};

struct Silu {
  // φ = zσ, φ′ = σ + zσ′, φ″ = σ′(2 + z(1 − 2σ)), φ‴ = σ′(3(1 − 2σ) + z(1 − 6σ′)).
  template <class T>
  static Jet<T> At(Vec<T> z) {
    const Logistic<T> logistic(z);
    return {z * logistic.value, logistic.value + z * logistic.slope,
            logistic.slope * (T{2} + z * (T{1} - T{2} * logistic.value)),
            logistic.slope * (T{3} - T{6} * logistic.value + z * (T{1} - T{6} * logistic.slope))};
  }
};

struct Gelu {
  // With the normal density ϕ and distribution Φ: φ = zΦ, φ′ = Φ + zϕ, φ″ = ϕ(2 − z²),
  // φ‴ = ϕz(z² − 4), and Φ(−x) = ϕ(x) M(x) for x >= 0.
  template <class T>
  static Jet<T> At(Vec<T> z) {
    using S = Simd<T>;
    const Vec<T> magnitude = Magnitude<T>(z);
    const Vec<T> x = magnitude < S::kMillsEnd ? magnitude : Broadcast(S::kMillsEnd);
    const Vec<T> square = x * x;
    const Vec<T> density = ExpOfNegative<T>(square * T{-0.5}) * static_cast<T>(0.39894228040143268);
    const Vec<T> u = T{1} / (x + T{4});
    const Vec<T> tail = density * Polynomial(S::kMills, (x - T{4}) * u) * u;
    const Vec<T> distribution = z < T{0} ? tail : T{1} - tail;
    const Vec<T> signed_x = z < T{0} ? -x : x;
    return {z * distribution, distribution + signed_x * density, density * (T{2} - square),
            density * signed_x * (square - T{4})};
  }
};

struct Sin {
  // z = kπ/2 + r; the last two bits of k choose between ±sin r and ±cos r. Accurate while |z| is
  // below 10⁴ (float) or 10⁶ (double), bounded beyond.
  template <class T>
  static Jet<T> At(Vec<T> z) {
    using S = Simd<T>;
    const Vec<T> rounded = z * static_cast<T>(0.63661977236758134) + S::kRound;
    const Vec<T> k = rounded - S::kRound;
    Vec<T> r = ((z - k * S::kHalfPi[0]) - k * S::kHalfPi[1]) - k * S::kHalfPi[2];
    r = r < T{-1} ? Broadcast(T{-1}) : r;
    r = r > T{1} ? Broadcast(T{1}) : r;
    const Vec<T> w = r * r;
    const Vec<T> sin_r = Polynomial(S::kSin, w) * w * r + r;
    const Vec<T> cos_r = Polynomial(S::kCos, w) * w * w + (T{1} - w * T{0.5});
    const auto quadrant = reinterpret_cast<Bits<T>>(rounded);
    const auto swapped = (quadrant & 1) == 1;
    const Vec<T> sin_z = swapped ? cos_r : sin_r;
    const Vec<T> cos_z = swapped ? sin_r : cos_r;
    const Vec<T> a = (quadrant & 2) == 2 ? -sin_z : sin_z;
    const Vec<T> p = ((quadrant + 1) & 2) == 2 ? -cos_z : cos_z;
    return {a, p, -a, -p};
  }
};

}  // namespace sobolev::nn::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_NN_VECTOR_MATH_H_
