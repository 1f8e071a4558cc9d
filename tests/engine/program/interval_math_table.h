// The functions of engine/program/interval_math.h as plain functions of arrays, one table for each
// instruction set, so that a test compiled for any processor can call them.

#ifndef SOBOLEV_TESTS_ENGINE_PROGRAM_INTERVAL_MATH_TABLE_H_
#define SOBOLEV_TESTS_ENGINE_PROGRAM_INTERVAL_MATH_TABLE_H_

#include <stdint.h>

#include "engine/ad/interval_bounds.h"

namespace sobolev::program {

// y[i] = f(x[i]), and so on, for i < n. n is a multiple of 8.
using UnaryIntervalMap = void (*)(const ad::Bounds* x, ad::Bounds* y, int64_t n);
using BinaryIntervalMap = void (*)(const ad::Bounds* x1, const ad::Bounds* x2, ad::Bounds* y,
                                   int64_t n);

struct IntervalMath {
  UnaryIntervalMap negate, abs, floor, square, reciprocal, sqrt;
  UnaryIntervalMap exp, log, sin, cos, tanh, atan;
  BinaryIntervalMap add, subtract, multiply, seed_multiply, divide, min, max, hull;
  BinaryIntervalMap less, less_equal, equal;
  // x1 < x2 ? x1 : x2 by Less and Select.
  BinaryIntervalMap smaller;
  // f = (sin(x1/x2) + x1/x2 − exp(x2)) (x1/x2 − exp(x2)) and its gradient by the adjoint
  // statements, on boxes: lower bounds of n lanes, then upper bounds, of each of x1 and x2 and of
  // each of f, ∂f/∂x1 and ∂f/∂x2.
  void (*example)(const double* x, double* y, int64_t n);
};

extern const IntervalMath kSse2IntervalMath;
extern const IntervalMath kAvx2IntervalMath;
extern const IntervalMath kAvx512IntervalMath;

}  // namespace sobolev::program

#endif  // SOBOLEV_TESTS_ENGINE_PROGRAM_INTERVAL_MATH_TABLE_H_
