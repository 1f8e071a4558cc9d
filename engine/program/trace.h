// A compiled graph: groups of instructions over slots, ready to be replayed on blocks of points.
//
// Compilation reorders instructions within a window so that many of one operation follow each
// other, and gives every value a slot for as long as it lives. The fewer slots, the more of a block
// stays in the cache: for long traces that, and not the arithmetic, decides the speed. Immutable.

#ifndef SOBOLEV_ENGINE_PROGRAM_TRACE_H_
#define SOBOLEV_ENGINE_PROGRAM_TRACE_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/program/kernels.h"
#include "engine/program/lowering.h"
#include "engine/program/slots.h"

namespace sobolev::program {

struct Trace {
  std::vector<Group> groups;
  std::vector<std::uint32_t> operands;
  Slot num_slots = 0;
  // Input `input_indices[k]` is loaded into slot k. Ascending.
  std::vector<std::uint32_t> input_indices;
  // Filled once per workspace; no instruction writes there.
  std::vector<std::pair<Slot, double>> constants;
  std::vector<Slot> output_slots;
};

Trace Schedule(InstructionList list);

// About what the trace of `outputs` costs: the costs (op.h) of the nodes that they need, whatever
// lowering would fuse or share.
double CostOf(const Graph& graph, std::span<const NodeId> outputs);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_TRACE_H_
