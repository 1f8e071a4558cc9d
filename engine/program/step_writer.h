// Writes the steps of a register plan: finds operands, in registers or in memory, and puts results
// into registers. What the operations do with them is register_plan.cc's.

#ifndef SOBOLEV_ENGINE_PROGRAM_STEP_WRITER_H_
#define SOBOLEV_ENGINE_PROGRAM_STEP_WRITER_H_

#include "engine/program/register_file.h"
#include "engine/program/register_plan.h"
#include "engine/program/section_body.h"

namespace sobolev::program {

class StepWriter {
 public:
  explicit StepWriter(const Body& body) : registers_(body) {}

  RegisterFile& registers() { return registers_; }
  const RegisterFile& registers() const { return registers_; }
  RegisterPlan& plan() { return plan_; }

  void Add(const Step& step) { plan_.steps.push_back(step); }

  // Gives the symbol a register of its own, loaded from `initial` before the first iteration.
  void Dedicate(SymbolId symbol, SymbolId initial);

  // ---- Operands

  // Where the symbol is. A register that is named here is locked.
  Source Locate(SymbolId s);
  // The same, in a register if that is worth while.
  Source Fetch(SymbolId s);
  // The same, in a register.
  Source FetchRegister(SymbolId s);
  // Brings a source into a register: the symbol's if it is needed again, else a temporary.
  void Load(Source& source);
  void LoadInto(Register reg, const Source& memory);
  void CopyInto(Register to, const Source& source);

  // ---- Results

  // Where a single step can put the result: operands that die make room for it. That step must be
  // the next one and the last of the operation to read any register.
  Register Target(const Operation& operation);
  // Whether the operation may overwrite the register of one of its operands with its result.
  bool IsOverwritable(const Operation& operation, const Source& source);
  // The register of an overwritable operand is about to hold the result.
  void TakeOver(const Source& source);
  // A result is in `reg`: moves it to its own register if it has one, and stores it.
  void Finish(SymbolId result, Register reg);

 private:
  static Source InRegister(SymbolId s, Register reg) { return {.symbol = s, .reg = reg}; }
  static Source InMemory(SymbolId s) { return {.in_memory = true, .symbol = s}; }

  RegisterFile registers_;
  RegisterPlan plan_;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_STEP_WRITER_H_
