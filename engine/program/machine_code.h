// Machine code for a list of instructions, for processors with AVX-512.
//
// The interpreter (kernels.h) is bound by memory: every operand is read from its slot and every
// result written there. Here loops are found again (rolling.h), values stay in registers for as
// long as they are needed soon (register_plan.h), and constants are broadcast from one number. Each
// lane goes through the same operations in the same order as in the interpreter, so results have
// the same bits. The code is plain data until it is complete; its pages are never writable and
// executable at once.

#ifndef SOBOLEV_ENGINE_PROGRAM_MACHINE_CODE_H_
#define SOBOLEV_ENGINE_PROGRAM_MACHINE_CODE_H_

#include <cstddef>
#include <memory>

#include "engine/program/executable_memory.h"
#include "engine/program/kernels.h"
#include "engine/program/trace.h"

namespace sobolev::program {

class MachineCode {
 public:
  // Whether code can be made and run here.
  static bool IsAvailable();

  // For slots of `lanes` lanes, a multiple of 8, or 0 to choose. `trace` becomes the trace of the
  // code: one without groups.
  //
  // Returns null, with `trace` as it was, if the list is so long that code would gain nothing, or
  // if the operating system refuses pages for it, now or always: what must run anyway is left to
  // the interpreter.
  static std::unique_ptr<const MachineCode> Make(const InstructionList& list, Index lanes,
                                                 Trace& trace);

  Index lanes() const { return lanes_; }
  // Executes the code on the first `points` lanes, rounded up to a register. `slots` is aligned to
  // 64 bytes.
  void Run(double* slots, Index points) const;

 private:
  using Entry = void (*)(double* slots);

  MachineCode(Index lanes, std::size_t size) : lanes_(lanes), memory_(size) {}

  Index lanes_;
  ExecutableMemory memory_;
  Entry entry_ = nullptr;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_MACHINE_CODE_H_
