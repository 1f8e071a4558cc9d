// Elementary functions of vectors of doubles, for the kernels that replay programs.
//
// Included only by files that are compiled for one instruction set, with SOBOLEV_ISA naming the
// namespace and SOBOLEV_VECTOR_BYTES the register size: 16 for SSE2, 32 for AVX2 with FMA, 64 for
// AVX-512 (F, DQ, BW, VL). Everything is inline in that namespace and calls nothing but intrinsics
// and the C library, so no code for one instruction set can be linked in place of another's.
//
// Each function treats all lanes alike, without branches, over the whole range of doubles: NaN in
// gives NaN out, a domain error gives NaN, and infinities, zeros with their sign and subnormals are
// as in the C library. (Only the sine family leaves the vector where |x| > 2²⁰.) Errno and the
// floating-point flags are not part of the contract, and the rounding mode is to nearest.
//
// The bound beside each function, in units in the last place of the result, holds on all three
// instruction sets; vector_math_test measures the error against quadruple precision and fails above
// it. The coefficients are our own: least squares at Chebyshev nodes in 90 digits, weighted for
// the error of the result, where the lowest coefficient is rounded to double first and the others
// are fitted again to what is left. The largest error of the polynomial stands beside each.

#ifndef SOBOLEV_ENGINE_PROGRAM_VECTOR_MATH_H_
#define SOBOLEV_ENGINE_PROGRAM_VECTOR_MATH_H_

#include "engine/program/vector_exp_log.h"
#include "engine/program/vector_hyperbolic.h"
#include "engine/program/vector_special.h"
#include "engine/program/vector_trig.h"
#include "engine/program/vector_types.h"

#endif  // SOBOLEV_ENGINE_PROGRAM_VECTOR_MATH_H_
