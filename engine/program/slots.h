// Slots for the values of a trace: places that a value has for as long as it lives.

#ifndef SOBOLEV_ENGINE_PROGRAM_SLOTS_H_
#define SOBOLEV_ENGINE_PROGRAM_SLOTS_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "engine/program/lowering.h"

namespace sobolev::program {

using Slot = std::uint32_t;

// The slot of an output that is zero at every point, and of a value that has none.
inline constexpr Slot kZeroOutput = 0xffffffffU;

// Gives values slots, in the order of execution; the slot freed last is taken first. First come the
// inputs, then constants, then the instructions one by one. Those are named by their place in that
// order. Outputs and constants keep their slots for ever.
class SlotAllocator {
 public:
  // Instruction order[i] of the list, which must outlive this, is the i-th to be executed.
  SlotAllocator(const InstructionList& list, std::span<const std::uint32_t> order)
      : list_(list), slot_(list.num_values, kZeroOutput), last_use_(list.num_values, 0) {
    for (std::uint32_t i = 0; i < order.size(); ++i) {
      ForEachOperand(list.instructions[order[i]], [&](ValueId v) { last_use_[v] = i; });
    }
    for (const ValueId output : list.outputs) {
      if (output != kNoNode) last_use_[output] = kForever;
    }
  }

  // Slots 0, 1, … for the inputs, in the order of their indices, which are returned.
  std::vector<std::uint32_t> TakeInputs() {
    auto inputs = list_.inputs;
    std::sort(inputs.begin(), inputs.end(),
              [](const auto& a, const auto& b) { return a.second < b.second; });
    std::vector<std::uint32_t> indices;
    indices.reserve(inputs.size());
    for (const auto& [value, index] : inputs) {
      Take(value);
      indices.push_back(index);
    }
    return indices;
  }

  // Slots for the constants of which has_slot(value) is true, and what they hold.
  template <class HasSlot>
  std::vector<std::pair<Slot, double>> TakeConstants(const HasSlot& has_slot) {
    std::vector<std::pair<Slot, double>> constants;
    for (const auto& [value, constant] : list_.constants) {
      if (!has_slot(value)) continue;
      last_use_[value] = kForever;
      constants.emplace_back(Take(value), constant);
    }
    return constants;
  }

  // Frees the slots of operands that instruction `i` is the last to use, and gives slots to those
  // of its results of which has_slot(value) is true: perhaps the very same ones. Results that
  // nobody uses are free again afterwards.
  template <class HasSlot>
  void Execute(const Instruction& instruction, std::uint32_t i, const HasSlot& has_slot) {
    ForEachOperand(instruction, [&](ValueId v) {
      if (last_use_[v] != i || slot_[v] == kZeroOutput) return;
      last_use_[v] = kForever;  // An operand may occur twice.
      free_.push_back(slot_[v]);
    });
    for (const ValueId result : {instruction.result, instruction.result2}) {
      if (result != kNoNode && has_slot(result)) Take(result);
    }
    for (const ValueId result : {instruction.result, instruction.result2}) {
      if (result != kNoNode && has_slot(result) && last_use_[result] <= i) {
        free_.push_back(slot_[result]);
      }
    }
  }

  // By output.
  std::vector<Slot> OutputSlots() const {
    std::vector<Slot> slots;
    slots.reserve(list_.outputs.size());
    for (const ValueId output : list_.outputs) {
      slots.push_back(output == kNoNode ? kZeroOutput : slot_[output]);
    }
    return slots;
  }

  // The slot that a value has or had last.
  Slot slot(ValueId value) const { return slot_[value]; }
  Slot num_slots() const { return num_slots_; }

 private:
  static constexpr std::uint32_t kForever = std::numeric_limits<std::uint32_t>::max();

  Slot Take(ValueId value) {
    if (free_.empty()) free_.push_back(num_slots_++);
    slot_[value] = free_.back();
    free_.pop_back();
    return slot_[value];
  }

  const InstructionList& list_;
  std::vector<Slot> slot_;               // By value.
  std::vector<std::uint32_t> last_use_;  // By value, an instruction.
  std::vector<Slot> free_;
  Slot num_slots_ = 0;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_SLOTS_H_
