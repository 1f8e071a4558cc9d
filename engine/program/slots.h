// Slots for the values of a trace: places that a value has for as long as it lives.

#ifndef SOBOLEV_ENGINE_PROGRAM_SLOTS_H_
#define SOBOLEV_ENGINE_PROGRAM_SLOTS_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "engine/program/lowering.h"

namespace sobolev::program {

using Slot = std::uint32_t;

// The slot of an output that is zero at every point.
inline constexpr Slot kZeroOutput = 0xffffffffU;

// Gives values slots, in the order of execution; the slot freed last is taken first. Instructions
// are named by their place in that order.
class SlotAllocator {
 public:
  explicit SlotAllocator(const InstructionList& list)
      : slot_(list.num_values, kZeroOutput), last_use_(list.num_values, 0) {}

  // Uses are told in the order of execution, before any slot is taken.
  void Use(ValueId value, std::uint32_t i) { last_use_[value] = i; }
  // The slot of `value` is never given to another value.
  void Pin(ValueId value) { last_use_[value] = kForever; }

  Slot Take(ValueId value) {
    if (free_.empty()) free_.push_back(num_slots_++);
    slot_[value] = free_.back();
    free_.pop_back();
    return slot_[value];
  }

  // Frees the slots of operands that instruction `i` is the last to use.
  void Release(const Instruction& instruction, std::uint32_t i) {
    ForEachOperand(instruction, [&](ValueId v) {
      if (last_use_[v] != i || slot_[v] == kZeroOutput) return;
      last_use_[v] = kForever;  // An operand may occur twice.
      free_.push_back(slot_[v]);
    });
  }

  // Frees a result of instruction `i` that nobody uses.
  void ReleaseUnused(ValueId value, std::uint32_t i) {
    if (last_use_[value] <= i) free_.push_back(slot_[value]);
  }

  // kZeroOutput if it has none.
  Slot slot(ValueId value) const { return slot_[value]; }
  Slot num_slots() const { return num_slots_; }

 private:
  static constexpr std::uint32_t kForever = std::numeric_limits<std::uint32_t>::max();

  std::vector<Slot> slot_;
  std::vector<std::uint32_t> last_use_;
  std::vector<Slot> free_;
  Slot num_slots_ = 0;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_SLOTS_H_
