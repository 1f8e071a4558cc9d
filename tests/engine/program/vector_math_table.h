// The elementary functions of engine/program/vector_math.h as plain functions of arrays, one table
// for each instruction set, so that a test compiled for any processor can call them.

#ifndef SOBOLEV_TESTS_ENGINE_PROGRAM_VECTOR_MATH_TABLE_H_
#define SOBOLEV_TESTS_ENGINE_PROGRAM_VECTOR_MATH_TABLE_H_

#include <stdint.h>

namespace sobolev::program {

// y[i] = f(x[i]), and z[i] = f(x[i], y[i]), for i < n. n is a multiple of 8.
using UnaryMap = void (*)(const double* x, double* y, int64_t n);
using BinaryMap = void (*)(const double* x, const double* y, double* z, int64_t n);

struct VectorMath {
  UnaryMap exp, expm1, log, log1p, log2, log10, sqrt, cbrt;
  UnaryMap sin, cos, tan, asin, acos, atan;
  UnaryMap sinh, cosh, tanh, asinh, acosh, atanh;
  UnaryMap erf, erfc, normal_cdf, sigmoid, softplus;
  UnaryMap abs, sign, floor;
  BinaryMap pow, atan2, hypot, min, max;
};

extern const VectorMath kSse2VectorMath;
extern const VectorMath kAvx2VectorMath;
extern const VectorMath kAvx512VectorMath;

}  // namespace sobolev::program

#endif  // SOBOLEV_TESTS_ENGINE_PROGRAM_VECTOR_MATH_TABLE_H_
