#include "engine/program/step_writer.h"

#include <algorithm>

namespace sobolev::program {

void StepWriter::Dedicate(SymbolId symbol, SymbolId initial) {
  plan_.residents.push_back(
      {.reg = registers_.Dedicate(symbol), .symbol = symbol, .initial = initial});
  registers_.ReadFromMemory(initial);
}

Source StepWriter::Locate(SymbolId s) {
  const int reg = registers_.Find(s);
  if (reg == kNoRegister) {
    registers_.ReadFromMemory(s);
    return InMemory(s);
  }
  registers_.Lock(static_cast<Register>(reg));
  return InRegister(s, static_cast<Register>(reg));
}

Source StepWriter::Fetch(SymbolId s) {
  Source source = Locate(s);
  if (source.in_memory && registers_.IsWorthLoading(registers_.NextUse(s))) Load(source);
  return source;
}

Source StepWriter::FetchRegister(SymbolId s) {
  Source source = Locate(s);
  Load(source);
  return source;
}

void StepWriter::Load(Source& source) {
  if (!source.in_memory) return;
  const Register reg = registers_.Allocate();
  LoadInto(reg, source);
  if (registers_.NextUse(source.symbol) != kNever) registers_.Hold(reg, source.symbol);
  source = InRegister(source.symbol, reg);
}

void StepWriter::LoadInto(Register reg, const Source& memory) {
  Add({.kind = Step::Kind::kLoad, .to = reg, .last = memory});
}

void StepWriter::CopyInto(Register to, const Source& source) {
  if (source.in_memory) {
    LoadInto(to, source);
  } else {
    Add({.kind = Step::Kind::kMove, .to = to, .first = source.reg});
  }
}

Register StepWriter::Target(const Operation& operation) {
  registers_.ReleaseDead(operation);
  const int dedicated = registers_.DedicatedOf(operation.results[0]);
  return dedicated != kNoRegister ? static_cast<Register>(dedicated) : registers_.Allocate();
}

bool StepWriter::IsOverwritable(const Operation& operation, const Source& source) {
  if (source.in_memory) return false;
  if (std::count(operation.operands.begin(), operation.operands.end(), source.symbol) > 1) {
    return false;
  }
  if (registers_.IsDedicated(source.reg)) return source.symbol == operation.results[0];
  return registers_.NextUse(source.symbol) == kNever;
}

void StepWriter::TakeOver(const Source& source) {
  if (!registers_.IsDedicated(source.reg)) registers_.HoldTemporary(source.reg);
}

void StepWriter::Finish(SymbolId result, Register reg) {
  const int dedicated = registers_.DedicatedOf(result);
  if (dedicated != kNoRegister && dedicated != reg) {
    Add({.kind = Step::Kind::kMove, .to = static_cast<Register>(dedicated), .first = reg});
    registers_.Free(reg);
    reg = static_cast<Register>(dedicated);
  }
  Add({.kind = Step::Kind::kStore, .to = reg, .last = InMemory(result)});
  if (dedicated != kNoRegister) return;
  if (registers_.NextUse(result) == kNever) {
    registers_.Free(reg);
  } else {
    registers_.Hold(reg, result);
  }
}

}  // namespace sobolev::program
