// The operations of an evaluation trace.
//
// Masks, the results of comparisons, are the numbers 1 and 0, so that every node is one number.
// A comparison with NaN is 0.
//
// This header includes nothing that has inline functions: the kernels (kernels.h) are compiled for
// processors that the rest of the program may not run on.

#ifndef SOBOLEV_ENGINE_PROGRAM_OPCODE_H_
#define SOBOLEV_ENGINE_PROGRAM_OPCODE_H_

#include <stdint.h>

namespace sobolev::program {

enum class Op : uint8_t {
  kInput,     // The input of index a.
  kConstant,  // The constant of index a.
  // One operand.
  kNegate,
  kSquare,
  kReciprocal,
  kAbs,
  kSign,  // −1, 0 or 1.
  kFloor,
  kSqrt,
  kCbrt,
  kExp,
  kExpm1,
  kLog,
  kLog1p,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kTanh,
  kAsinh,
  kAcosh,
  kAtanh,
  kErf,
  kErfc,
  kNormalCdf,  // Φ(x) = erfc(−x/√2) / 2.
  kSigmoid,    // 1 / (1 + e^−x).
  kSoftplus,   // log(1 + e^x).
  // Two operands.
  kAdd,
  kSubtract,
  kMultiply,
  kSeedMultiply,  // a·b, and 0 where a = 0 whatever b is: a seed times a partial that may be
                  // infinite.
  kDivide,
  kPow,
  kAtan2,
  kHypot,
  kMin,
  kMax,
  kLess,
  kLessEqual,
  kEqual,
  // Three operands.
  kSelect,  // a ≠ 0 ? b : c, where a is a mask.
  // Made by lowering only (lowering.h), never part of a graph.
  kMultiplyAdd,          // a·b + c.
  kNegativeMultiplyAdd,  // c − a·b.
  kMultiplySubtract,     // a·b − c.
  kSinCos,               // sin and cos of one argument, two results.
  kSumOfProducts,        // Σ ± aₖ·bₖ from left to right; plain terms have bₖ = 1.
};

inline constexpr int kOpCount = static_cast<int>(Op::kSumOfProducts) + 1;

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_OPCODE_H_
