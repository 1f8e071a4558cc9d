// Which registers a body of code computes in: operations on symbols become steps on registers.
//
// Symbols stay in registers until their last use; when there are too few, the one whose next use is
// farthest gives way (Belady 1966). What gives way or outlives a call must be in memory: a result
// is stored right where it is made, once, and nothing is stored when it gives way. So what has its
// memory anyway gives way sooner than a result whose store that would bring about. A memory operand
// that is needed once is left to the instruction that needs it.
//
// Invariants. A body with calls has no residents, for a call overwrites every register. A register
// that is freed may be read by the very next step and by no later one.

#ifndef SOBOLEV_ENGINE_PROGRAM_REGISTER_PLAN_H_
#define SOBOLEV_ENGINE_PROGRAM_REGISTER_PLAN_H_

#include <cstdint>
#include <vector>

#include "engine/program/assembler.h"
#include "engine/program/register_file.h"
#include "engine/program/section_body.h"

namespace sobolev::program {

// A register or the memory of a symbol.
struct Source {
  bool in_memory = false;
  SymbolId symbol = kNoSymbol;
  Register reg = 0;
};

struct Step {
  enum class Kind : std::uint8_t {
    kLoad,          // to = last
    kStore,         // The memory of symbol last, if it has some, = to
    kMove,          // to = first
    kUnary,         // to = opcode(last)
    kRound,         // to = ⌊last⌋
    kBinary,        // to = opcode(first, last), or to = opcode(to, first, last)
    kCompare,       // mask = first ? last
    kBinaryOrZero,  // to = mask ? opcode(first, last) : 0
    kLoadOrZero,    // to = mask ? last : 0
    kMoveWhere,     // to = mask ? first : to
    kChoose,        // to = mask ? last : first
    kCall,          // to (, to + 1) = op(last, second)
  };
  Kind kind = Kind::kMove;
  Op op = Op::kAdd;  // Of kCall.
  VectorOpcode opcode{};
  std::uint8_t predicate = 0;  // Of kCompare.
  Register to = 0;
  Register first = 0;
  Source last;
  Source second;  // Of kCall; without a symbol if there is none.
};

struct RegisterPlan {
  // A symbol that has a register of its own throughout the loop: a carried result, or one that
  // never changes. The memory of `initial` is loaded before the first iteration.
  struct Resident {
    Register reg = 0;
    SymbolId symbol = kNoSymbol;
    SymbolId initial = kNoSymbol;
  };

  std::vector<Step> steps;
  std::vector<Resident> residents;
  std::vector<std::uint8_t> in_memory;  // By symbol, whether steps read it from memory.
};

RegisterPlan PlanRegisters(const Body& body);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_REGISTER_PLAN_H_
