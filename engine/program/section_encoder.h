// From a body's steps to machine code.
//
// Memory operands lie in slots or, if they are constants, behind the code. Where the places of a
// symbol in consecutive iterations are equally far apart, an index register that grows by that
// distance finds them; where they are not, a table of places does. One of the index registers also
// counts the iterations. rax is scratch: it holds the place that was looked up last, for the very
// next instruction.
//
// All offsets, and a stride times the iterations, fit 32 bits with a sign because machine_code.cc
// bounds what slots and data take.

#ifndef SOBOLEV_ENGINE_PROGRAM_SECTION_ENCODER_H_
#define SOBOLEV_ENGINE_PROGRAM_SECTION_ENCODER_H_

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "engine/program/assembler.h"
#include "engine/program/kernels.h"
#include "engine/program/register_plan.h"
#include "engine/program/section_body.h"
#include "engine/program/slots.h"

namespace sobolev::program {

// Constants, tables and pointers to functions, which code reads relative to one register.
class CodeData {
 public:
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

  // Places of what is added, relative to the start. A number is kept once.
  std::int32_t Number(std::uint64_t bits);
  std::int32_t Numbers(const std::vector<double>& numbers);
  std::int32_t Table(const std::vector<std::uint32_t>& entries);

 private:
  std::int32_t Append(const void* from, std::size_t size);

  std::vector<std::uint8_t> bytes_;
  std::unordered_map<std::uint64_t, std::int32_t> numbers_;
};

// What the sections of one program share.
struct CodeContext {
  const InstructionList& list;
  const ValueFacts& facts;
  const SlotAllocator& slots;  // Values without a slot are in registers only.
  const LaneKernels& kernels;
  std::int32_t stride;  // Bytes from slot to slot.
  Assembler& assembler;
  CodeData& data;
};

// Scalar registers that hold the addresses of slot 0 and of the data.
inline constexpr Gpr kSlotBase = kRbx;
inline constexpr Gpr kDataBase = kRbp;

// What a call with two results needs on the stack.
inline constexpr std::int32_t kCallFrameBytes = 128;

void EncodeSection(const CodeContext& context, const Body& body, const RegisterPlan& plan);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_SECTION_ENCODER_H_
