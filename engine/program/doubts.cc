#include "engine/program/doubts.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/program/op.h"

namespace sobolev::program {
namespace {

constexpr std::uint8_t kBothScopes = kWithinTrace | kAcrossTraces;

bool IsComparison(Op op) { return op == Op::kLess || op == Op::kLessEqual || op == Op::kEqual; }

// Whether a result may be infinite or NaN though the operands are numbers. What only spreads NaN,
// as products with infinities do, is no source of them.
bool MayBeUndefined(Op op) {
  switch (op) {
    case Op::kReciprocal:
    case Op::kSqrt:
    case Op::kLog:
    case Op::kLog1p:
    case Op::kTan:
    case Op::kAsin:
    case Op::kAcos:
    case Op::kAcosh:
    case Op::kAtanh:
    case Op::kDivide:
    case Op::kPow:
      return true;
    default:
      return false;
  }
}

struct SingleInstruction {
  Group group;  // Of it alone.
  std::span<const std::uint32_t> operands;
  Slot result = 0;
};

std::vector<SingleInstruction> InstructionsOf(const Trace& trace) {
  std::vector<SingleInstruction> instructions;
  for (const Group& group : trace.groups) {
    const auto arity = static_cast<std::uint32_t>(Traits(group.op).arity);
    instructions.reserve(instructions.size() + group.count);
    Group single = group;
    single.count = 1;
    single.doubts = 0;
    for (std::uint32_t i = 0; i < group.count; ++i, single.offset += 1 + arity) {
      const std::span<const std::uint32_t> all(trace.operands.data() + single.offset, 1 + arity);
      instructions.push_back({.group = single, .operands = all.subspan(1), .result = all[0]});
    }
  }
  return instructions;
}

// Backwards: in which scopes a comparison may follow from what a slot holds. Marks the operations
// that leave doubts.
void MarkSources(const Trace& trace, std::vector<SingleInstruction>& instructions) {
  std::vector<std::uint8_t> is_compared(trace.num_slots, 0);
  for (const Slot output : trace.output_slots) {
    if (output != kZeroOutput) is_compared[output] = kAcrossTraces;
  }
  for (std::size_t i = instructions.size(); i-- > 0;) {
    auto& [group, operands, result] = instructions[i];
    const std::uint8_t scopes = IsComparison(group.op) ? kBothScopes : is_compared[result];
    is_compared[result] = 0;  // The slot held something else before.
    for (const Slot operand : operands) is_compared[operand] |= scopes;
    if (MayBeUndefined(group.op)) group.doubts = scopes;
  }
}

// Forwards: in which scopes the value in a slot may be infinite or NaN. Marks the comparisons that
// heed doubts; masks themselves are numbers.
void MarkComparisons(const Trace& trace, std::vector<SingleInstruction>& instructions) {
  std::vector<std::uint8_t> is_doubtful(trace.num_slots, 0);
  std::fill_n(is_doubtful.begin(), trace.input_indices.size(), std::uint8_t{kAcrossTraces});
  for (const auto& [slot, constant] : trace.constants) {
    is_doubtful[slot] = std::isfinite(constant) ? 0 : kBothScopes;
  }
  for (auto& [group, operands, result] : instructions) {
    std::uint8_t scopes = MayBeUndefined(group.op) ? kBothScopes : 0;
    for (const Slot operand : operands) scopes |= is_doubtful[operand];
    if (IsComparison(group.op)) group.doubts = std::exchange(scopes, std::uint8_t{0});
    is_doubtful[result] = scopes;
  }
}

}  // namespace

void MarkDoubts(Trace& trace) {
  std::vector<SingleInstruction> instructions = InstructionsOf(trace);
  MarkSources(trace, instructions);
  MarkComparisons(trace, instructions);
  std::vector<Group> groups;
  auto instruction = instructions.begin();
  for (const Group& group : trace.groups) {
    for (std::uint32_t i = 0; i < group.count; ++i, ++instruction) {
      const bool continues = i > 0 && groups.back().doubts == instruction->group.doubts;
      if (continues) {
        ++groups.back().count;
      } else {
        groups.push_back(instruction->group);
      }
    }
  }
  trace.groups = std::move(groups);
}

bool HasUndefinedConstant(const Trace& trace) {
  return std::any_of(trace.constants.begin(), trace.constants.end(),
                     [](const auto& constant) { return !std::isfinite(constant.second); });
}

}  // namespace sobolev::program
