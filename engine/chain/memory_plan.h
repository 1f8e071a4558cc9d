// How to compute the Jacobian of a chain within a memory, move by move.
//
// Jacobians of factor i are taken at its inputs z_i, which the factors before it compute from z_0.
// Held in memory are numbers: the n_i of each z_i that is there, but for z_0, which is always there
// and counts for nothing; the m_j n_i of each F'_{j,i}; and, while an adjoint goes through factor i
// or accumulates it, its tape of E_i. During a move its operands and its result are both held.

#ifndef SOBOLEV_ENGINE_CHAIN_MEMORY_PLAN_H_
#define SOBOLEV_ENGINE_CHAIN_MEMORY_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/chain/chain_plan.h"
#include "engine/chain/cost.h"
#include "engine/chain/jacobian_chain.h"

namespace sobolev::chain {

struct MemoryMove {
  enum class Kind {
    kEvaluate,  // z_{i+1} from z_i, in E_i multiply-adds of the weight of tangents.
    kDrop,      // z_i is forgotten.
    kStep,      // A step of the plan; its operands are forgotten.
  };

  Kind kind = Kind::kEvaluate;
  int index = 0;  // Of the factor i, or of the step.
  Cost cost;
  Cost memory;  // Held during the move.

  friend bool operator==(const MemoryMove&, const MemoryMove&) = default;
};

struct MemoryPlan {
  ChainPlan plan;  // Steps in the order of moves.
  std::vector<MemoryMove> moves;
  Cost evaluation;       // The sum over kEvaluate.
  Cost cost;             // The sum over all moves.
  Cost memory;           // The most that a move holds.
  bool optimal = false;  // Proven: no plan within the memory asked for costs less.
};

// A line for each move, with what it costs and what is held during it. Factors are numbered from 1,
// and "z3" is what factor 3 computes.
std::string ToText(const MemoryPlan& plan);

// A move before it has a place in a plan.
struct PlannedMove {
  MemoryMove::Kind kind = MemoryMove::Kind::kEvaluate;
  int factor = 0;  // Of kEvaluate and kDrop.
  // Of kStep: what it is and makes, and k of a product.
  StepKind step = StepKind::kProduct;
  int first = 0;
  int last = 0;
  int split = 0;
};

// Moves from the first to the last, what they cost, and the most that one of them holds.
struct PlannedMoves {
  std::vector<PlannedMove> moves;
  std::uint64_t cost = 0;
  std::uint64_t memory = 0;
};

// The plan with these moves, which find their operands and end with the Jacobian of the chain
// alone; optimal is false.
MemoryPlan RecordMoves(const JacobianChain& chain, const std::vector<PlannedMove>& moves,
                       const ChainWeights& weights = {});

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_MEMORY_PLAN_H_
