// From a graph to instructions: what is needed, in a good order, with fused operations.
//
// Lowering drops what no output needs and orders the rest. In fast arithmetic it then shares
// reciprocals among divisions, pairs sines with cosines, and contracts sums: a chain of additions
// t₁ ± t₂ ± … becomes one instruction per run of terms, evaluated from left to right with fused
// multiply-adds, whose products are never stored. In strict arithmetic every node is an
// instruction.

#ifndef SOBOLEV_ENGINE_PROGRAM_LOWERING_H_
#define SOBOLEV_ENGINE_PROGRAM_LOWERING_H_

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
