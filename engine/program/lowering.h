// From a graph to instructions: what is needed, in a good order, with fused operations.
//
// Lowering drops what no output needs and orders the rest. In fast arithmetic it then shares
// reciprocals among divisions, pairs sines with cosines, and contracts sums: a chain of additions
// t₁ ± t₂ ± … becomes one instruction per run of terms, evaluated from left to right with fused
// multiply-adds, whose products are never stored. In strict arithmetic every node is an
// instruction.

#ifndef SOBOLEV_ENGINE_PROGRAM_LOWERING_H_
#define SOBOLEV_ENGINE_PROGRAM_LOWERING_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/program/graph.h"

namespace sobolev::program {

// Names the result of an instruction, an input or a constant.
using ValueId = std::uint32_t;

// A term of a sum of products.
struct Term {
  bool negative = false;
  ValueId a = kNoNode;
  ValueId b = kNoNode;  // kNoNode: the term is a alone.
};

struct Instruction {
  Op op = Op::kAdd;
  ValueId result = kNoNode;
  ValueId result2 = kNoNode;  // The cosine of kSinCos.
  ValueId a = kNoNode;
  ValueId b = kNoNode;
  ValueId c = kNoNode;
  std::vector<Term> terms;  // Of kSumOfProducts.
};

// An instruction's operands have places: those of a, b and c, or two for each term of a sum.
inline std::size_t NumPlaces(const Instruction& instruction) {
  return instruction.terms.empty() ? 3 : 2 * instruction.terms.size();
}

// kNoNode where there is none.
inline ValueId OperandAt(const Instruction& instruction, std::size_t place) {
  if (!instruction.terms.empty()) {
    const Term& term = instruction.terms[place / 2];
    return place % 2 == 0 ? term.a : term.b;
  }
  return place == 0 ? instruction.a : place == 1 ? instruction.b : instruction.c;
}

template <class Visit>
void ForEachOperand(const Instruction& instruction, const Visit& visit) {
  for (std::size_t place = 0; place < NumPlaces(instruction); ++place) {
    const ValueId operand = OperandAt(instruction, place);
    if (operand != kNoNode) visit(operand);
  }
}

struct InstructionList {
  std::vector<Instruction> instructions;
  ValueId num_values = 0;
  std::vector<std::pair<ValueId, NodeId>> inputs;     // Value and index of each input in use.
  std::vector<std::pair<ValueId, double>> constants;  // In use.
  std::vector<ValueId> outputs;                       // kNoNode where the graph's output is.
};

struct LoweringOptions {
  bool contract = true;  // Fast arithmetic.
  // Nodes from this one on are placed right after their last operand (tangents next to values);
  // nodes before keep their order (adjoints stay in the reverse sweep).
  NodeId eager_from = kNoNode;
};

InstructionList Lower(const Graph& graph, std::span<const NodeId> outputs,
                      const LoweringOptions& options);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_LOWERING_H_
