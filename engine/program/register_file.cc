#include "engine/program/register_file.h"

#include <algorithm>
#include <cassert>

namespace sobolev::program {
namespace {

// An occupant that is no symbol: something needed by one operation only.
constexpr SymbolId kTemporary = kNoSymbol - 1;
// How much farther the next use of a result must be to give way before what has its memory anyway:
// to load again is cheaper than to store and load again.
constexpr std::uint64_t kCleanBonus = 3;

}  // namespace

RegisterFile::RegisterFile(const Body& body)
    : body_(body),
      register_of_(body.symbols.size(), kNoRegister),
      in_memory_(body.symbols.size(), 0) {
  occupant_.fill(kNoSymbol);
  CollectUses();
}

void RegisterFile::CollectUses() {
  const auto for_each = [&](const auto& visit) {
    for (std::uint32_t p = 0; p < body_.operations.size(); ++p) {
      for (const SymbolId s : body_.operations[p].operands) {
        if (s != kNoSymbol) visit(s, p);
      }
    }
  };
  first_use_.assign(body_.symbols.size() + 1, 0);
  for_each([&](SymbolId s, std::uint32_t) { ++first_use_[s + 1]; });
  for (std::size_t s = 0; s < body_.symbols.size(); ++s) first_use_[s + 1] += first_use_[s];
  uses_.resize(first_use_.back());
  cursor_.assign(first_use_.begin(), first_use_.end() - 1);
  std::vector<std::uint32_t> end = cursor_;
  for_each([&](SymbolId s, std::uint32_t p) { uses_[end[s]++] = p; });
  next_call_.assign(body_.operations.size() + 1, kNever);
  for (std::size_t p = body_.operations.size(); p-- > 0;) {
    const bool is_call = IsCall(body_.operations[p].op);
    next_call_[p] = is_call ? static_cast<std::uint32_t>(p) : next_call_[p + 1];
  }
}

void RegisterFile::Start(std::uint32_t position) {
  position_ = position;
  is_locked_.fill(false);
}

std::uint32_t RegisterFile::NextUse(SymbolId s) {
  std::uint32_t& cursor = cursor_[s];
  while (cursor < first_use_[s + 1] && uses_[cursor] <= position_) ++cursor;
  return cursor < first_use_[s + 1] ? uses_[cursor] : kNever;
}

Register RegisterFile::Dedicate(SymbolId symbol) {
  const auto reg = static_cast<Register>(kNumRegisters - 1 - num_dedicated_++);
  is_dedicated_[reg] = true;
  Hold(reg, symbol);
  return reg;
}

int RegisterFile::DedicatedOf(SymbolId s) const {
  const int reg = register_of_[s];
  return reg != kNoRegister && is_dedicated_[reg] ? reg : kNoRegister;
}

int RegisterFile::FindFree() const {
  for (int reg = 0; reg < kNumRegisters; ++reg) {
    if (occupant_[reg] == kNoSymbol && !is_locked_[reg]) return reg;
  }
  return kNoRegister;
}

RegisterFile::Victim RegisterFile::FindVictim() {
  Victim victim;
  for (int reg = 0; reg < kNumRegisters; ++reg) {
    const SymbolId s = occupant_[reg];
    if (is_locked_[reg] || is_dedicated_[reg] || s == kTemporary) continue;
    const bool is_clean = body_.symbols[s].kind != Symbol::Kind::kResult || IsInMemory(s);
    const std::uint64_t distance =
        (std::uint64_t{NextUse(s)} - position_) * (is_clean ? kCleanBonus : 1);
    if (victim.reg == kNoRegister || distance > victim.distance) {
      victim = {.reg = reg, .distance = distance};
    }
  }
  return victim;
}

void RegisterFile::Evict(Register reg) {
  const SymbolId s = occupant_[reg];
  if (NextUse(s) != kNever) ReadFromMemory(s);
  Free(reg);
}

Register RegisterFile::Allocate() {
  int reg = FindFree();
  if (reg == kNoRegister) {
    reg = FindVictim().reg;
    assert(reg != kNoRegister && "operations lock few registers, and few are dedicated");
    Evict(static_cast<Register>(reg));
  }
  Lock(static_cast<Register>(reg));
  HoldTemporary(static_cast<Register>(reg));
  return static_cast<Register>(reg);
}

bool RegisterFile::IsWorthLoading(std::uint32_t next) {
  if (next == kNever || NextCall() < next) return false;
  if (FindFree() != kNoRegister) return true;
  const Victim victim = FindVictim();
  return victim.reg != kNoRegister && victim.distance > kCleanBonus * (next - position_);
}

void RegisterFile::Occupy(Register reg, SymbolId occupant) {
  if (occupant_[reg] == kNoSymbol) ++occupied_;
  peak_ = std::max(peak_, occupied_);
  occupant_[reg] = occupant;
}

void RegisterFile::Hold(Register reg, SymbolId symbol) {
  Occupy(reg, symbol);
  register_of_[symbol] = reg;
}

void RegisterFile::HoldTemporary(Register reg) {
  Free(reg);
  Occupy(reg, kTemporary);
}

void RegisterFile::Free(Register reg) {
  if (occupant_[reg] == kNoSymbol) return;
  if (occupant_[reg] != kTemporary) register_of_[occupant_[reg]] = kNoRegister;
  occupant_[reg] = kNoSymbol;
  --occupied_;
}

void RegisterFile::ReleaseDead(const Operation& operation) {
  for (const SymbolId s : operation.operands) {
    if (s == kNoSymbol || register_of_[s] == kNoRegister) continue;
    const auto reg = static_cast<Register>(register_of_[s]);
    if (!is_dedicated_[reg] && NextUse(s) == kNever) Free(reg);
  }
  ReleaseTemporaries(kNoRegister);
}

void RegisterFile::ReleaseTemporaries(int kept) {
  for (int reg = 0; reg < kNumRegisters; ++reg) {
    if (occupant_[reg] == kTemporary && reg != kept) Free(static_cast<Register>(reg));
    is_locked_[reg] = reg == kept;
  }
}

void RegisterFile::ReleaseAll() {
  for (int reg = 0; reg < kNumRegisters; ++reg) {
    if (occupant_[reg] != kNoSymbol) Evict(static_cast<Register>(reg));
  }
}

}  // namespace sobolev::program
