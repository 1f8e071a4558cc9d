// Fills an IntervalMath for the instruction set that SOBOLEV_ISA and SOBOLEV_VECTOR_BYTES name.
// Included by interval_math_{sse2,avx2,avx512}.cc only.

#ifndef SOBOLEV_TESTS_ENGINE_PROGRAM_INTERVAL_MATH_TABLE_IMPL_H_
#define SOBOLEV_TESTS_ENGINE_PROGRAM_INTERVAL_MATH_TABLE_IMPL_H_

#include <stdint.h>

#include "engine/program/interval_math.h"
#include "tests/engine/program/interval_math_table.h"

namespace sobolev::program::SOBOLEV_ISA {

inline IVec Gather(const ad::Bounds* x) {
  IVec lanes{};
  for (int i = 0; i < kLanes; ++i) {
    lanes.lo[i] = x[i].lo;
    lanes.hi[i] = x[i].hi;
  }
  return lanes;
}

inline void Scatter(const IVec& lanes, ad::Bounds* y) {
  for (int i = 0; i < kLanes; ++i) y[i] = {lanes.lo[i], lanes.hi[i]};
}

template <class Function>
inline UnaryIntervalMap UnaryMapOf(Function /*unused*/) {
  return [](const ad::Bounds* x, ad::Bounds* y, int64_t n) {
    for (int64_t i = 0; i < n; i += kLanes) Scatter(Function{}(Gather(x + i)), y + i);
  };
}

template <class Function>
inline BinaryIntervalMap BinaryMapOf(Function /*unused*/) {
  return [](const ad::Bounds* x1, const ad::Bounds* x2, ad::Bounds* y, int64_t n) {
    for (int64_t i = 0; i < n; i += kLanes) {
      Scatter(Function{}(Gather(x1 + i), Gather(x2 + i)), y + i);
    }
  };
}

inline void Example(const double* x, double* y, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const IVec x1 = {Load(x + i), Load(x + n + i)};
    const IVec x2 = {Load(x + 2 * n + i), Load(x + 3 * n + i)};
    const IVec quotient = Divide(x1, x2);
    const SinCosIVec wave = SinCos(quotient);
    const IVec power = Exp(x2);
    const IVec right = Subtract(quotient, power);
    const IVec left = Add(wave.sin, right);
    const IVec f = Multiply(left, right);
    // f̄ = 1: the adjoint of left is right, and that of right the sum of both.
    const IVec right_bar = Add(left, right);
    const IVec quotient_bar = Add(Multiply(right, wave.cos), right_bar);
    const IVec x1_bar = Divide(quotient_bar, x2);
    const IVec x2_bar = Negate(Add(Multiply(x1_bar, quotient), Multiply(right_bar, power)));
    const IVec results[] = {f, x1_bar, x2_bar};
    for (int64_t k = 0; k < 3; ++k) {
      Store(y + 2 * k * n + i, results[k].lo);
      Store(y + (2 * k + 1) * n + i, results[k].hi);
    }
  }
}

inline IntervalMath IntervalTable() {
  return {
      .negate = UnaryMapOf([](const IVec& x) { return Negate(x); }),
      .abs = UnaryMapOf([](const IVec& x) { return Abs(x); }),
      .floor = UnaryMapOf([](const IVec& x) { return Floor(x); }),
      .square = UnaryMapOf([](const IVec& x) { return Square(x); }),
      .reciprocal = UnaryMapOf([](const IVec& x) { return Reciprocal(x); }),
      .sqrt = UnaryMapOf([](const IVec& x) { return Sqrt(x); }),
      .exp = UnaryMapOf([](const IVec& x) { return Exp(x); }),
      .log = UnaryMapOf([](const IVec& x) { return Log(x); }),
      .sin = UnaryMapOf([](const IVec& x) { return Sin(x); }),
      .cos = UnaryMapOf([](const IVec& x) { return Cos(x); }),
      .tanh = UnaryMapOf([](const IVec& x) { return Tanh(x); }),
      .atan = UnaryMapOf([](const IVec& x) { return LaneByLane(&ad::enclose::Atan, x); }),
      .add = BinaryMapOf([](const IVec& x, const IVec& y) { return Add(x, y); }),
      .subtract = BinaryMapOf([](const IVec& x, const IVec& y) { return Subtract(x, y); }),
      .multiply = BinaryMapOf([](const IVec& x, const IVec& y) { return Multiply(x, y); }),
      .seed_multiply = BinaryMapOf([](const IVec& x, const IVec& y) { return SeedMultiply(x, y); }),
      .divide = BinaryMapOf([](const IVec& x, const IVec& y) { return Divide(x, y); }),
      .min = BinaryMapOf([](const IVec& x, const IVec& y) { return Min(x, y); }),
      .max = BinaryMapOf([](const IVec& x, const IVec& y) { return Max(x, y); }),
      .hull = BinaryMapOf([](const IVec& x, const IVec& y) { return Hull(x, y); }),
      .less = BinaryMapOf([](const IVec& x, const IVec& y) { return Less(x, y); }),
      .less_equal = BinaryMapOf([](const IVec& x, const IVec& y) { return LessEqual(x, y); }),
      .equal = BinaryMapOf([](const IVec& x, const IVec& y) { return Equal(x, y); }),
      .smaller = BinaryMapOf([](const IVec& x, const IVec& y) { return Select(Less(x, y), x, y); }),
      .example = &Example};
}

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_TESTS_ENGINE_PROGRAM_INTERVAL_MATH_TABLE_IMPL_H_
