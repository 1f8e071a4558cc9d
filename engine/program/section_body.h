// The body of a section of code, as operations on symbols.
//
// A symbol names what one place in the body holds, iteration after iteration: a result, or a column
// of operands made elsewhere, or constants. A result that the next iteration takes up where this
// one left it is carried: its symbol then stands for the old value before the operation that makes
// the new one, and is never needed after it.

#ifndef SOBOLEV_ENGINE_PROGRAM_SECTION_BODY_H_
#define SOBOLEV_ENGINE_PROGRAM_SECTION_BODY_H_

#include <array>
#include <cstdint>
#include <vector>

#include "engine/program/rolling.h"

namespace sobolev::program {

using SymbolId = std::uint32_t;
inline constexpr SymbolId kNoSymbol = 0xffffffffU;

struct Symbol {
  enum class Kind : std::uint8_t {
    kResult,
    kColumn,     // Values in slots.
    kConstants,  // A column of constants.
    kConstant,   // One number for all iterations.
  };
  Kind kind = Kind::kConstant;
  // The same value in all iterations, made before the section: what may be loaded before the loop.
  bool is_fixed = true;
  std::uint32_t position = 0;  // A result's, or a place where the column is an operand.
  std::uint32_t place = 0;     // 1 for the second result.
  double constant = 0;
  // Of a carried result, what the first iteration finds, made before the section; else kNoSymbol.
  SymbolId initial = kNoSymbol;

  bool is_carried() const { return initial != kNoSymbol; }
};

struct Operation {
  Op op = Op::kAdd;
  std::array<SymbolId, 2> results = {kNoSymbol, kNoSymbol};
  // In order; factors of terms one after the other, kNoSymbol where a term has one.
  std::vector<SymbolId> operands;
  // By term of a sum.
  std::vector<bool> negative;
};

struct Body {
  Section section;
  std::vector<Symbol> symbols;
  std::vector<Operation> operations;
  bool has_calls = false;  // Then nothing is carried: a call leaves no register as it was.

  // Whether a result symbol names a result: operations have one or two.
  bool Exists(const Symbol& result) const {
    return operations[result.position].results[result.place] != kNoSymbol;
  }
};

// Whether machine code for an operation is a call of a function: of one that the kernels have
// (LaneKernels::function). Everything else has instructions of its own (register_plan.h).
bool IsCall(Op op);

// What is asked of the values of a list many times.
struct ValueFacts {
  explicit ValueFacts(const InstructionList& list);

  std::vector<std::uint32_t> producers;
  std::vector<std::uint32_t> constants;  // By value, its place in list.constants, or kNoNode.
};

// `in_memory`, by value, learns what the section reads from slots. If that is a result of the
// section itself, it learns the same of the first iteration's, so that all are stored at once.
Body MakeBody(const InstructionList& list, const ValueFacts& facts, const Section& section,
              std::vector<std::uint8_t>& in_memory);

// The value of a column or result in iteration k.
ValueId ValueOf(const InstructionList& list, const Body& body, const Symbol& symbol,
                std::uint32_t k);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_SECTION_BODY_H_
