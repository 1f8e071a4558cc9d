#include "engine/program/rematerialization.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "engine/program/rolling.h"

namespace sobolev::program {
namespace {

constexpr std::uint32_t kNever = std::numeric_limits<std::uint32_t>::max();
// Between uses this many instructions apart a value is likely to leave the first-level cache.
constexpr std::uint32_t kFar = 1024;
// Lifetimes of operands may grow by this much, and what was made anew serves this long.
constexpr std::uint32_t kNear = 32;
// To store and load a value costs about as much as this many multiplications.
constexpr int kMaxCost = 2;
constexpr int kExpensive = kMaxCost + 1;
// Values needed more often are kept.
constexpr std::size_t kMaxFarUses = 4;

int CostOfRemaking(const Instruction& instruction) {
  switch (instruction.op) {
    case Op::kNegate:
    case Op::kSquare:
    case Op::kAbs:
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kMultiplyAdd:
    case Op::kNegativeMultiplyAdd:
    case Op::kMultiplySubtract:
      return 1;
    case Op::kSumOfProducts:
      return static_cast<int>(instruction.terms.size());
    default:
      return kExpensive;
  }
}

class Rematerializer {
 public:
  explicit Rematerializer(const InstructionList& list)
      : list_(list),
        producers_(Producers(list)),
        last_use_(list.num_values, 0),
        far_uses_(list.num_values),
        state_(list.num_values, State::kLocal),
        copies_(list.num_values) {}

  InstructionList Run() {
    FindUses();
    for (std::uint32_t i = 0; i < size(); ++i) Decide(list_.instructions[i]);
    InstructionList result = list_;
    result.instructions.clear();
    made_ = &result;
    for (std::uint32_t i = 0; i < size(); ++i) {
      Instruction instruction = list_.instructions[i];
      Redirect(instruction, i);
      result.instructions.push_back(std::move(instruction));
    }
    return result;
  }

 private:
  enum class State : std::uint8_t {
    kLocal,    // Needed near where it is made only.
    kKept,     // Kept for far uses.
    kDropped,  // Made anew for far uses.
  };
  struct Copy {
    ValueId value = kNoNode;
    std::size_t made = 0;  // The instruction of the new list.
  };

  std::uint32_t size() const { return static_cast<std::uint32_t>(list_.instructions.size()); }

  bool IsFar(ValueId value, std::uint32_t use) const {
    return producers_[value] != kNoNode && use - producers_[value] > kFar;
  }

  void FindUses() {
    for (std::uint32_t i = 0; i < size(); ++i) {
      ForEachOperand(list_.instructions[i], [&](ValueId v) {
        last_use_[v] = i;
        if (IsFar(v, i) && far_uses_[v].size() <= kMaxFarUses) far_uses_[v].push_back(i);
      });
    }
    for (const ValueId output : list_.outputs) {
      if (output == kNoNode) continue;
      last_use_[output] = kNever - kNear;
      state_[output] = State::kKept;
    }
    for (const auto& constant : list_.constants) last_use_[constant.first] = kNever - kNear;
    for (const auto& input : list_.inputs) state_[input.first] = State::kKept;
    for (const auto& constant : list_.constants) state_[constant.first] = State::kKept;
  }

  // Operands come first, so that what a value is made from has been decided.
  void Decide(const Instruction& instruction) {
    const ValueId v = instruction.result;
    if (instruction.result2 != kNoNode) state_[instruction.result2] = State::kKept;
    if (far_uses_[v].empty() || state_[v] == State::kKept) return;
    const bool can_drop =
        far_uses_[v].size() <= kMaxFarUses &&
        std::all_of(far_uses_[v].begin(), far_uses_[v].end(),
                    [&](std::uint32_t use) { return CostAt(v, use) <= kMaxCost; });
    state_[v] = can_drop ? State::kDropped : State::kKept;
  }

  // What it costs to make a value anew for a use, from what is kept until then.
  int CostAt(ValueId value, std::uint32_t use) const {
    if (producers_[value] == kNoNode) return kExpensive;
    const Instruction& instruction = list_.instructions[producers_[value]];
    int cost = CostOfRemaking(instruction);
    ForEachOperand(instruction, [&](ValueId operand) {
      if (cost <= kMaxCost && !IsAvailable(operand, use)) cost += CostAt(operand, use);
    });
    return cost;
  }

  bool IsAvailable(ValueId value, std::uint32_t use) const {
    return state_[value] == State::kKept && last_use_[value] + kNear >= use;
  }

  void Redirect(Instruction& instruction, std::uint32_t i) {
    const auto redirect = [&](ValueId& operand) {
      if (operand != kNoNode && state_[operand] == State::kDropped && IsFar(operand, i)) {
        operand = CopyOf(operand, i);
      }
    };
    for (ValueId* operand : {&instruction.a, &instruction.b, &instruction.c}) redirect(*operand);
    for (Term& term : instruction.terms) {
      redirect(term.a);
      redirect(term.b);
    }
  }

  ValueId CopyOf(ValueId value, std::uint32_t use) {
    if (IsAvailable(value, use)) return value;
    Copy& copy = copies_[value];
    if (copy.value != kNoNode && copy.made + kNear >= made_->instructions.size()) return copy.value;
    Instruction instruction = list_.instructions[producers_[value]];
    for (ValueId* operand : {&instruction.a, &instruction.b, &instruction.c}) {
      if (*operand != kNoNode) *operand = CopyOf(*operand, use);
    }
    for (Term& term : instruction.terms) {
      term.a = CopyOf(term.a, use);
      if (term.b != kNoNode) term.b = CopyOf(term.b, use);
    }
    instruction.result = made_->num_values++;
    copy = {.value = instruction.result, .made = made_->instructions.size()};
    made_->instructions.push_back(std::move(instruction));
    return copies_[value].value;
  }

  const InstructionList& list_;
  std::vector<std::uint32_t> producers_;
  std::vector<std::uint32_t> last_use_;  // By value.
  std::vector<std::vector<std::uint32_t>> far_uses_;
  std::vector<State> state_;
  std::vector<Copy> copies_;
  InstructionList* made_ = nullptr;
};

}  // namespace

InstructionList Rematerialize(const InstructionList& list) { return Rematerializer(list).Run(); }

}  // namespace sobolev::program
