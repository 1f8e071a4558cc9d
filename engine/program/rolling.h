// Finds loops in straight-line code: instructions that repeat with a fixed period.
//
// A recorded loop is unrolled, and its derivative too. Long sequences of instructions cost more to
// fetch than to execute; a loop found again is executed from the cache, and what one iteration
// hands to the next can stay in registers. Iterations have equal operations. Their operands may be
// any values: machine code (machine_code.h) reads them from tables where it knows no better.

#ifndef SOBOLEV_ENGINE_PROGRAM_ROLLING_H_
#define SOBOLEV_ENGINE_PROGRAM_ROLLING_H_

#include <cstdint>
#include <vector>

#include "engine/program/lowering.h"

namespace sobolev::program {

// Instructions first, …, first + length · iterations − 1. Straight code has one iteration, loops
// have at least three.
struct Section {
  std::uint32_t first = 0;
  std::uint32_t length = 0;
  std::uint32_t iterations = 1;

  std::uint32_t size() const { return length * iterations; }
};

// For each value, the instruction that makes it; kNoNode for inputs and constants.
std::vector<std::uint32_t> Producers(const InstructionList& list);

// Sections that together are the list, in its order.
std::vector<Section> Roll(const InstructionList& list, const std::vector<std::uint32_t>& producers);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_ROLLING_H_
