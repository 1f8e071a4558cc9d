// Fills a VectorMath for the instruction set that SOBOLEV_ISA and SOBOLEV_VECTOR_BYTES name.
// Included by vector_math_{sse2,avx2,avx512}.cc only.

#ifndef SOBOLEV_TESTS_ENGINE_PROGRAM_VECTOR_MATH_TABLE_IMPL_H_
#define SOBOLEV_TESTS_ENGINE_PROGRAM_VECTOR_MATH_TABLE_IMPL_H_

#include <stdint.h>

#include "engine/program/vector_math.h"
#include "tests/engine/program/vector_math_table.h"

namespace sobolev::program::SOBOLEV_ISA {

template <class Function>
inline UnaryMap Unary(Function /*unused*/) {
  return [](const double* x, double* y, int64_t n) {
    for (int64_t i = 0; i < n; i += kLanes) Store(y + i, Function{}(Load(x + i)));
  };
}

template <class Function>
inline BinaryMap Binary(Function /*unused*/) {
  return [](const double* x, const double* y, double* z, int64_t n) {
    for (int64_t i = 0; i < n; i += kLanes) Store(z + i, Function{}(Load(x + i), Load(y + i)));
  };
}

inline VectorMath Table() {
  return {.exp = Unary([](Vec x) { return Exp(x); }),
          .expm1 = Unary([](Vec x) { return Expm1(x); }),
          .log = Unary([](Vec x) { return Log(x); }),
          .log1p = Unary([](Vec x) { return Log1p(x); }),
          .log2 = Unary([](Vec x) { return Log2(x); }),
          .log10 = Unary([](Vec x) { return Log10(x); }),
          .sqrt = Unary([](Vec x) { return Sqrt(x); }),
          .cbrt = Unary([](Vec x) { return Cbrt(x); }),
          .sin = Unary([](Vec x) { return Sin(x); }),
          .cos = Unary([](Vec x) { return Cos(x); }),
          .tan = Unary([](Vec x) { return Tan(x); }),
          .asin = Unary([](Vec x) { return Asin(x); }),
          .acos = Unary([](Vec x) { return Acos(x); }),
          .atan = Unary([](Vec x) { return Atan(x); }),
          .sinh = Unary([](Vec x) { return Sinh(x); }),
          .cosh = Unary([](Vec x) { return Cosh(x); }),
          .tanh = Unary([](Vec x) { return Tanh(x); }),
          .asinh = Unary([](Vec x) { return Asinh(x); }),
          .acosh = Unary([](Vec x) { return Acosh(x); }),
          .atanh = Unary([](Vec x) { return Atanh(x); }),
          .erf = Unary([](Vec x) { return Erf(x); }),
          .erfc = Unary([](Vec x) { return Erfc(x); }),
          .normal_cdf = Unary([](Vec x) { return NormalCdf(x); }),
          .sigmoid = Unary([](Vec x) { return Sigmoid(x); }),
          .softplus = Unary([](Vec x) { return Softplus(x); }),
          .abs = Unary([](Vec x) { return Abs(x); }),
          .sign = Unary([](Vec x) { return Sign(x); }),
          .floor = Unary([](Vec x) { return Floor(x); }),
          .pow = Binary([](Vec x, Vec y) { return Pow(x, y); }),
          .atan2 = Binary([](Vec y, Vec x) { return Atan2(y, x); }),
          .hypot = Binary([](Vec x, Vec y) { return Hypot(x, y); }),
          .min = Binary([](Vec x, Vec y) { return Min(x, y); }),
          .max = Binary([](Vec x, Vec y) { return Max(x, y); })};
}

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_TESTS_ENGINE_PROGRAM_VECTOR_MATH_TABLE_IMPL_H_
