#include "engine/program/trace.h"

#include <algorithm>
#include <array>

namespace sobolev::program {
namespace {

// Instructions that may change places with each other. Longer windows make longer groups and keep
// more values alive.
constexpr std::size_t kWindow = 128;

// Chains shorter than this are not worth a group of their own.
constexpr std::size_t kMinChain = 3;

// Whether an instruction can continue the one that made this operand (kernels.h).
bool CanCarry(const Instruction& instruction, ValueId operand) {
  switch (instruction.op) {
    case Op::kAdd:
    case Op::kMultiply:
      return operand == instruction.a || operand == instruction.b;
    case Op::kSubtract:
      return operand == instruction.a;
    case Op::kMultiplyAdd:
    case Op::kNegativeMultiplyAdd:
      return operand == instruction.c && operand != instruction.a && operand != instruction.b;
    default:
      return false;
  }
}

// Orders the instructions of one window such that those of one operation follow each other: it
// takes ready instructions of the operation under way until there are none, then turns to the
// operation with the most. Links of a chain are taken at once.
class WindowScheduler {
 public:
  explicit WindowScheduler(const InstructionList& list)
      : list_(list), producer_(list.num_values, kNoNode) {}

  std::vector<std::uint32_t> Run() {
    std::vector<std::uint32_t> order;
    order.reserve(list_.instructions.size());
    for (std::size_t first = 0; first < list_.instructions.size(); first += kWindow) {
      ScheduleWindow(first, std::min(first + kWindow, list_.instructions.size()), order);
    }
    return order;
  }

 private:
  void ScheduleWindow(std::size_t first, std::size_t end, std::vector<std::uint32_t>& order) {
    const std::size_t count = end - first;
    missing_.assign(count, 0);
    users_.assign(count, {});
    next_link_.assign(count, kNoNode);
    for (std::size_t i = 0; i < count; ++i) {
      const Instruction& instruction = list_.instructions[first + i];
      ForEachOperand(instruction, [&](ValueId operand) {
        const std::uint32_t producer = producer_[operand];
        if (producer == kNoNode || producer < first) return;
        users_[producer - first].push_back(static_cast<std::uint32_t>(i));
        ++missing_[i];
      });
      producer_[instruction.result] = static_cast<std::uint32_t>(first + i);
      if (instruction.result2 != kNoNode) {
        producer_[instruction.result2] = static_cast<std::uint32_t>(first + i);
      }
    }
    FindLinks(first, count);
    for (auto& ready : ready_) ready.clear();
    const auto make_ready = [&](std::uint32_t i) {
      ready_[static_cast<std::size_t>(list_.instructions[first + i].op)].push_back(i);
    };
    for (std::uint32_t i = 0; i < count; ++i) {
      if (missing_[i] == 0) make_ready(i);
    }
    for (std::size_t done = 0; done < count;) {
      auto& ready =
          *std::max_element(ready_.begin(), ready_.end(),
                            [](const auto& a, const auto& b) { return a.size() < b.size(); });
      // Grows while it is walked.
      for (std::size_t k = 0; k < ready.size(); ++k) {
        for (std::uint32_t i = ready[k]; i != kNoNode;) {
          order.push_back(static_cast<std::uint32_t>(first + i));
          ++done;
          std::uint32_t link = kNoNode;
          for (const std::uint32_t user : users_[i]) {
            if (--missing_[user] > 0) continue;
            if (user == next_link_[i]) {
              link = user;
            } else {
              make_ready(user);
            }
          }
          i = link;
        }
      }
      ready.clear();
    }
  }

  // Of the users that could continue an instruction, the one with the longest chain behind it.
  void FindLinks(std::size_t first, std::size_t count) {
    length_.assign(count, 1);
    for (std::size_t i = count; i-- > 0;) {
      const Instruction& instruction = list_.instructions[first + i];
      for (const std::uint32_t user : users_[i]) {
        const Instruction& next = list_.instructions[first + user];
        if (next.op != instruction.op || !CanCarry(next, instruction.result)) continue;
        if (length_[i] > length_[user]) continue;
        length_[i] = length_[user] + 1;
        next_link_[i] = user;
      }
    }
  }

  const InstructionList& list_;
  std::vector<std::uint32_t> producer_;  // By value, its instruction.
  std::vector<std::uint32_t> missing_;   // By instruction of the window, operands not made yet.
  std::vector<std::vector<std::uint32_t>> users_;
  std::vector<std::uint32_t> length_;     // By instruction of the window, of the chain behind it.
  std::vector<std::uint32_t> next_link_;  // By instruction of the window, what continues it.
  std::array<std::vector<std::uint32_t>, kOpCount> ready_;
};

// How many instructions from place i on form a chain.
std::size_t CountLinks(const InstructionList& list, const std::vector<std::uint32_t>& order,
                       std::size_t i) {
  std::size_t count = 1;
  for (; i + count < order.size(); ++count) {
    const Instruction& last = list.instructions[order[i + count - 1]];
    const Instruction& next = list.instructions[order[i + count]];
    if (next.op != last.op || !CanCarry(next, last.result)) break;
  }
  return count;
}

RunKind KindOf(const Term& term) {
  if (term.b == kNoNode) return term.negative ? kMinus : kPlus;
  return term.negative ? kMinusProduct : kPlusProduct;
}

// Writes the operands of a sum as kernels.h describes them.
void EncodeSum(const std::vector<Term>& terms, const SlotAllocator& slots,
               std::vector<std::uint32_t>& operands) {
  const std::size_t runs = operands.size();
  operands.push_back(0);
  for (std::size_t i = 0; i < terms.size();) {
    const RunKind kind = KindOf(terms[i]);
    operands.push_back(kind);
    const std::size_t count = operands.size();
    operands.push_back(0);
    for (; i < terms.size() && KindOf(terms[i]) == kind; ++i) {
      ++operands[count];
      operands.push_back(slots.slot(terms[i].a));
      if (terms[i].b != kNoNode) operands.push_back(slots.slot(terms[i].b));
    }
    ++operands[runs];
  }
}

}  // namespace

Trace Schedule(InstructionList list) {
  const std::vector<std::uint32_t> order = WindowScheduler(list).Run();
  const auto always = [](ValueId) { return true; };
  SlotAllocator slots(list, order);
  Trace trace;
  trace.input_indices = slots.TakeInputs();
  trace.constants = slots.TakeConstants(always);
  std::size_t chain_end = 0;  // Instructions before it belong to the chain under way.
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    Instruction& instruction = list.instructions[order[i]];
    const std::size_t links = i < chain_end ? 0 : CountLinks(list, order, i);
    const bool starts_chain = links >= kMinChain;
    if (starts_chain || i == chain_end || trace.groups.empty() ||
        trace.groups.back().op != instruction.op) {
      trace.groups.push_back({.op = instruction.op,
                              .is_chain = starts_chain,
                              .count = 0,
                              .offset = static_cast<std::uint32_t>(trace.operands.size())});
    }
    if (starts_chain) {
      chain_end = i + links;
    } else if (i < chain_end && instruction.a != list.instructions[order[i - 1]].result &&
               instruction.c == kNoNode) {
      std::swap(instruction.a, instruction.b);  // The carried operand stands first.
    }
    ++trace.groups.back().count;
    const std::size_t result = trace.operands.size();
    trace.operands.push_back(0);
    if (instruction.result2 != kNoNode) trace.operands.push_back(0);
    for (const ValueId operand : {instruction.a, instruction.b, instruction.c}) {
      if (operand != kNoNode) trace.operands.push_back(slots.slot(operand));
    }
    if (instruction.op == Op::kSumOfProducts) {
      EncodeSum(instruction.terms, slots, trace.operands);
    }
    slots.Execute(instruction, i, always);
    trace.operands[result] = slots.slot(instruction.result);
    if (instruction.result2 != kNoNode) {
      trace.operands[result + 1] = slots.slot(instruction.result2);
    }
  }
  trace.output_slots = slots.OutputSlots();
  trace.num_slots = slots.num_slots();
  return trace;
}

double CostOf(const Graph& graph, std::span<const NodeId> outputs) {
  const std::vector<bool> needed = graph.Reachable(outputs);
  double cost = 0;
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (needed[id]) cost += Traits(graph.node(id).op).cost;
  }
  return cost;
}

}  // namespace sobolev::program
