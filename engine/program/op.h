// What is known of each operation of a trace: its name, operands, cost, and its value on numbers.

#ifndef SOBOLEV_ENGINE_PROGRAM_OP_H_
#define SOBOLEV_ENGINE_PROGRAM_OP_H_

#include <string_view>

#include "engine/program/opcode.h"

namespace sobolev::program {

struct OpTraits {
  Op op;
  std::string_view name;
  int arity;         // Operands; kSumOfProducts has any number and says 0.
  bool commutative;  // op(a, b) = op(b, a) to the bit.
  double cost;       // About how many multiplications of vectors one takes.
};

const OpTraits& Traits(Op op);

// The value of an operation on numbers, as <cmath> computes it: the reference of every executor.
// Operands beyond the arity are ignored.
double Apply(Op op, double a, double b, double c);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_OP_H_
