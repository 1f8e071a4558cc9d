#include "engine/program/section_body.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "engine/program/kernels.h"

namespace sobolev::program {
namespace {

// Each takes a register; the rest is for everything else.
constexpr std::size_t kMaxCarried = 16;

class BodyMaker {
 public:
  BodyMaker(const InstructionList& list, const ValueFacts& facts, const Section& section,
            std::vector<std::uint8_t>& in_memory)
      : list_(list), facts_(facts), section_(section), in_memory_(in_memory) {
    body_.section = section;
    const auto first = list.instructions.begin() + section.first;
    body_.has_calls = std::any_of(first, first + section.length,
                                  [](const Instruction& i) { return IsCall(i.op); });
  }

  Body Run() {
    AddResults();
    for (std::uint32_t p = 0; p < section_.length; ++p) {
      const Instruction& instruction = At(0, p);
      Operation& operation = body_.operations[p];
      for (std::uint32_t place = 0; place < NumPlaces(instruction); ++place) {
        const ValueId operand = OperandAt(instruction, place);
        if (operand == kNoNode && instruction.terms.empty()) break;
        operation.operands.push_back(operand == kNoNode ? kNoSymbol : SymbolAt(p, place));
      }
      for (const Term& term : instruction.terms) operation.negative.push_back(term.negative);
      AddImpliedConstant(operation);
    }
    return std::move(body_);
  }

 private:
  const Instruction& At(std::uint32_t k, std::uint32_t p) const {
    return list_.instructions[section_.first + k * section_.length + p];
  }
  ValueId OperandOf(std::uint32_t k, std::uint32_t p, std::uint32_t place) const {
    return OperandAt(At(k, p), place);
  }

  // Whether the section makes what this instruction makes; inputs and constants have none.
  bool IsInside(std::uint32_t producer) const {
    return producer != kNoNode && producer >= section_.first &&
           producer - section_.first < section_.size();
  }

  // The results come first: symbol 2p is the result of operation p, 2p + 1 its second one.
  void AddResults() {
    for (std::uint32_t p = 0; p < section_.length; ++p) {
      const Instruction& instruction = At(0, p);
      Operation operation{.op = instruction.op, .operands = {}, .negative = {}};
      for (std::uint32_t place = 0; place < 2; ++place) {
        body_.symbols.push_back({.kind = Symbol::Kind::kResult,
                                 .is_fixed = section_.iterations == 1,
                                 .position = p,
                                 .place = place});
      }
      operation.results[0] = 2 * p;
      if (instruction.result2 != kNoNode) operation.results[1] = 2 * p + 1;
      body_.operations.push_back(std::move(operation));
    }
  }

  SymbolId ResultSymbol(std::uint32_t position, ValueId value, std::uint32_t k) const {
    return 2 * position + (At(k, position).result == value ? 0 : 1);
  }

  SymbolId SymbolAt(std::uint32_t p, std::uint32_t place) {
    const SymbolId internal = ResultOfIteration(p, place, 0);
    if (internal != kNoSymbol) return internal;
    if (section_.iterations > 1 && !body_.has_calls) {
      const SymbolId carried = ResultOfIteration(p, place, 1);
      if (carried != kNoSymbol && Carry(carried, p, place)) return carried;
    }
    return ColumnAt(p, place);
  }

  // The result that the operand is in every iteration: made in the same one (lag 0), before p, or
  // in the one before (lag 1), not before p.
  SymbolId ResultOfIteration(std::uint32_t p, std::uint32_t place, std::uint32_t lag) const {
    const ValueId value = OperandOf(lag, p, place);
    const std::uint32_t producer = facts_.producers[value];
    if (producer == kNoNode || producer < section_.first) return kNoSymbol;
    const std::uint32_t position = producer - section_.first;
    if (position >= section_.length || (lag == 0) != (position < p)) return kNoSymbol;
    const SymbolId symbol = ResultSymbol(position, value, 0);
    for (std::uint32_t k = lag; k < section_.iterations; ++k) {
      const Instruction& maker = At(k - lag, position);
      const ValueId made = symbol % 2 == 0 ? maker.result : maker.result2;
      if (OperandOf(k, p, place) != made) return kNoSymbol;
    }
    return symbol;
  }

  // Makes a result carried; false if it starts with a result of this very loop, is carried already
  // from another start, or there are too many.
  bool Carry(SymbolId result, std::uint32_t p, std::uint32_t place) {
    const ValueId start = OperandOf(0, p, place);
    // It is read before the loop, so that it must have been made before.
    if (IsInside(facts_.producers[start])) return false;
    const auto known = starts_.find(result);
    if (known != starts_.end()) return known->second == start;
    if (starts_.size() == kMaxCarried) return false;
    starts_.emplace(result, start);
    SymbolId initial = 0;
    if (facts_.constants[start] != kNoNode) {
      initial = Constant(list_.constants[facts_.constants[start]].second);
    } else {
      in_memory_[start] = 1;
      initial = static_cast<SymbolId>(body_.symbols.size());
      // Only the first iteration reads here.
      body_.symbols.push_back({.kind = Symbol::Kind::kColumn, .position = p, .place = place});
    }
    body_.symbols[result].initial = initial;
    return true;
  }

  SymbolId Constant(double value) {
    const auto [entry, is_new] = constants_.emplace(std::bit_cast<std::uint64_t>(value),
                                                    static_cast<SymbolId>(body_.symbols.size()));
    if (is_new) body_.symbols.push_back({.kind = Symbol::Kind::kConstant, .constant = value});
    return entry->second;
  }

  SymbolId ColumnAt(std::uint32_t p, std::uint32_t place) {
    const ValueId first = OperandOf(0, p, place);
    // What the first iteration makes may be the operand of all, but is no value from before.
    bool is_fixed = !IsInside(facts_.producers[first]);
    bool are_constants = true;
    std::uint64_t hash = 0;
    for (std::uint32_t k = 0; k < section_.iterations; ++k) {
      const ValueId value = OperandOf(k, p, place);
      is_fixed = is_fixed && value == first;
      are_constants = are_constants && facts_.constants[value] != kNoNode;
      hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
      hash ^= hash >> 31;
    }
    if (are_constants && is_fixed) return Constant(list_.constants[facts_.constants[first]].second);
    const auto [begin, end] = columns_.equal_range(hash);
    for (auto entry = begin; entry != end; ++entry) {
      const Symbol& other = body_.symbols[entry->second];
      bool is_same = true;
      for (std::uint32_t k = 0; k < section_.iterations && is_same; ++k) {
        is_same = OperandOf(k, p, place) == OperandOf(k, other.position, other.place);
      }
      if (is_same) return entry->second;
    }
    const auto id = static_cast<SymbolId>(body_.symbols.size());
    columns_.emplace(hash, id);
    body_.symbols.push_back(
        {.kind = are_constants ? Symbol::Kind::kConstants : Symbol::Kind::kColumn,
         .is_fixed = is_fixed,
         .position = p,
         .place = place});
    for (std::uint32_t k = 0; k < section_.iterations && !are_constants; ++k) {
      ReadFromMemory(OperandOf(k, p, place));
    }
    return id;
  }

  // A result of this section that is read within it must be in memory by then, which holds only if
  // every iteration stores it: see PlaceResults in machine_code.cc. Asking for the first one's
  // does.
  void ReadFromMemory(ValueId value) {
    in_memory_[value] = 1;
    const std::uint32_t producer = facts_.producers[value];
    if (!IsInside(producer)) return;
    const Instruction& maker = list_.instructions[producer];
    const Instruction& counterpart = At(0, (producer - section_.first) % section_.length);
    in_memory_[maker.result == value ? counterpart.result : counterpart.result2] = 1;
  }

  // Some operations become others with a constant for their last operand.
  void AddImpliedConstant(Operation& operation) {
    switch (operation.op) {
      case Op::kNegate:
        operation.operands.push_back(Constant(-0.0));
        break;
      case Op::kAbs:
        operation.operands.push_back(Constant(std::bit_cast<double>(~std::uint64_t{0} >> 1)));
        break;
      case Op::kReciprocal:
      case Op::kLess:
      case Op::kLessEqual:
      case Op::kEqual:
        operation.operands.push_back(Constant(1.0));
        break;
      case Op::kSeedMultiply:
      case Op::kSelect:
        operation.operands.push_back(Constant(0.0));
        break;
      default:
        break;
    }
  }

  const InstructionList& list_;
  const ValueFacts& facts_;
  const Section& section_;
  std::vector<std::uint8_t>& in_memory_;
  Body body_;
  std::unordered_map<SymbolId, ValueId> starts_;
  std::unordered_map<std::uint64_t, SymbolId> constants_;  // By their bits.
  std::unordered_multimap<std::uint64_t, SymbolId> columns_;
};

}  // namespace

// The functions are the same ones for every instruction set, and this table may be asked on every
// processor.
bool IsCall(Op op) { return kSse2LaneKernels.function(op) != nullptr; }

ValueFacts::ValueFacts(const InstructionList& list)
    : producers(Producers(list)), constants(list.num_values, kNoNode) {
  for (std::uint32_t i = 0; i < list.constants.size(); ++i) constants[list.constants[i].first] = i;
}

Body MakeBody(const InstructionList& list, const ValueFacts& facts, const Section& section,
              std::vector<std::uint8_t>& in_memory) {
  return BodyMaker(list, facts, section, in_memory).Run();
}

ValueId ValueOf(const InstructionList& list, const Body& body, const Symbol& symbol,
                std::uint32_t k) {
  const Instruction& instruction =
      list.instructions[body.section.first + k * body.section.length + symbol.position];
  if (symbol.kind != Symbol::Kind::kResult) return OperandAt(instruction, symbol.place);
  return symbol.place == 0 ? instruction.result : instruction.result2;
}

}  // namespace sobolev::program
