// The vector registers while code for a body is planned (register_plan.h): which symbol each holds,
// and which gives way when there are too few.

#ifndef SOBOLEV_ENGINE_PROGRAM_REGISTER_FILE_H_
#define SOBOLEV_ENGINE_PROGRAM_REGISTER_FILE_H_

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/program/section_body.h"

namespace sobolev::program {

using Register = std::uint8_t;

inline constexpr int kNumRegisters = 32;
inline constexpr int kNoRegister = -1;
inline constexpr std::uint32_t kNever = std::numeric_limits<std::uint32_t>::max();

class RegisterFile {
 public:
  explicit RegisterFile(const Body& body);

  // The operation under way is the one at `position`. Nothing is locked.
  void Start(std::uint32_t position);

  // ---- Symbols

  std::uint32_t NumUses(SymbolId s) const { return first_use_[s + 1] - first_use_[s]; }
  // The next use after the operation under way, or kNever.
  std::uint32_t NextUse(SymbolId s);
  // The next call from the operation under way on, or kNever.
  std::uint32_t NextCall() const { return next_call_[position_]; }
  // The register that holds a symbol, or kNoRegister.
  int Find(SymbolId s) const { return register_of_[s]; }
  // Whether the symbol must be in memory: one that gave way or outlived a call, and is needed
  // again, is read from there, and so is every operand that is no result of the body.
  bool IsInMemory(SymbolId s) const { return in_memory_[s] != 0; }
  void ReadFromMemory(SymbolId s) { in_memory_[s] = 1; }

  // ---- Registers

  // A register that `symbol` keeps throughout. Not for bodies with calls, which overwrite it.
  Register Dedicate(SymbolId symbol);
  // The dedicated register of a symbol, or kNoRegister.
  int DedicatedOf(SymbolId s) const;
  bool IsDedicated(Register reg) const { return is_dedicated_[reg]; }

  // A locked register for a temporary: the symbol whose next use is farthest gives way if need be,
  // and results that are in no memory yet only for others that are three times as far. At least one
  // register must be neither locked nor dedicated.
  Register Allocate();
  // Whether a symbol that is needed again at `next` should be loaded now, at the cost of others.
  bool IsWorthLoading(std::uint32_t next);
  // The register now holds the symbol.
  void Hold(Register reg, SymbolId symbol);
  // The register now holds a temporary.
  void HoldTemporary(Register reg);
  void Free(Register reg);
  // Locked registers do not give way.
  void Lock(Register reg) { is_locked_[reg] = true; }

  // Frees what no later operation needs, and temporaries. Nothing stays locked. Registers keep what
  // is in them until they are written, so that the next step, and only that, may read what is freed
  // here or gives way to its result.
  void ReleaseDead(const Operation& operation);
  // Frees all temporaries but one, which stays locked; kNoRegister for none.
  void ReleaseTemporaries(int kept);
  // A call overwrites all registers: none is dedicated.
  void ReleaseAll();

  // The most registers that were in use at once.
  int peak() const { return peak_; }

 private:
  // The register whose occupant is needed latest, and the distance to that use.
  struct Victim {
    int reg = kNoRegister;
    std::uint64_t distance = 0;
  };

  void CollectUses();
  int FindFree() const;
  Victim FindVictim();
  void Evict(Register reg);
  void Occupy(Register reg, SymbolId occupant);

  const Body& body_;
  std::uint32_t position_ = 0;
  // By symbol.
  std::vector<int> register_of_;
  std::vector<std::uint8_t> in_memory_;
  // By register.
  std::array<SymbolId, kNumRegisters> occupant_;
  std::array<bool, kNumRegisters> is_dedicated_ = {};
  std::array<bool, kNumRegisters> is_locked_ = {};
  int num_dedicated_ = 0;
  int occupied_ = 0;
  int peak_ = 0;
  // Positions of each symbol's uses, as lists in one array, and how far each list is done.
  std::vector<std::uint32_t> first_use_;
  std::vector<std::uint32_t> uses_;
  std::vector<std::uint32_t> cursor_;
  std::vector<std::uint32_t> next_call_;  // By position.
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_REGISTER_FILE_H_
