#include "engine/program/section_encoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <map>

namespace sobolev::program {
namespace {

constexpr std::int32_t kRegisterBytes = 64;
constexpr std::int32_t kNumberBytes = 8;
constexpr std::int32_t kEntryBytes = 4;
constexpr int kMask = 1;  // The mask that comparisons set.

// Free for indices. Calls preserve the first four.
constexpr std::array kIndexRegisters = {kR12, kR13, kR14, kR15, kRcx, kRdx,
                                        kRsi, kRdi, kR8,  kR9,  kR10, kR11};
constexpr std::size_t kPreservedIndices = 4;

// Where a symbol's memory is: at `start` in the first iteration, then every `stride` bytes.
struct Place {
  Gpr base = kSlotBase;
  std::int32_t start = 0;
  std::int32_t stride = 0;
  // Of a table instead, whose entries are relative to the base.
  bool is_in_table = false;
};

class SectionEncoder {
 public:
  SectionEncoder(const CodeContext& context, const Body& body, const RegisterPlan& plan)
      : context_(context), body_(body), plan_(plan), assembler_(context.assembler) {}

  void Run() {
    FindPlaces();
    ChooseIndices();
    for (const auto& [stride, index] : index_of_) assembler_.Clear(index);
    for (const auto& resident : plan_.residents) Load(resident.reg, Locate(resident.initial));
    const std::size_t start = assembler_.size();
    for (const Step& step : plan_.steps) Encode(step);
    const std::uint32_t iterations = body_.section.iterations;
    if (iterations == 1) return;
    for (const auto& [stride, index] : index_of_) assembler_.Add(index, stride);
    const auto& [stride, index] = *index_of_.begin();
    // Places a stride apart span at most kMaxBytes (machine_code.cc) from the first iteration to
    // the last; loops have three or more, so that one stride more still fits 32 bits.
    assembler_.Compare(index, stride * static_cast<std::int32_t>(iterations));
    assembler_.JumpIfNotEqual(start);
    StoreLast();
  }

 private:
  // Carried results that only code after the loop needs in memory.
  void StoreLast() {
    for (const RegisterPlan::Resident& resident : plan_.residents) {
      const Symbol& symbol = body_.symbols[resident.symbol];
      if (!symbol.is_carried() || has_place_[resident.symbol] != 0) continue;
      const Slot slot = context_.slots.slot(Value(symbol, body_.section.iterations - 1));
      if (slot == kZeroOutput) continue;
      const Address address{.base = kSlotBase,
                            .displacement = static_cast<std::int32_t>(slot) * context_.stride};
      assembler_.Vector(opcode::kStore, resident.reg, 0, InMemory(address));
    }
  }

  // ---- Places

  void FindPlaces() {
    places_.resize(body_.symbols.size());
    has_place_.assign(body_.symbols.size(), 0);
    for (SymbolId s = 0; s < body_.symbols.size(); ++s) {
      const Symbol& symbol = body_.symbols[s];
      if (symbol.kind == Symbol::Kind::kResult) {
        if (body_.Exists(symbol) && context_.slots.slot(Value(symbol, 0)) != kZeroOutput)
          FindSlots(s);
      } else if (plan_.in_memory[s] != 0) {
        FindOperands(s);
      }
    }
  }

  ValueId Value(const Symbol& symbol, std::uint32_t k) const {
    return ValueOf(context_.list, body_, symbol, k);
  }

  void FindOperands(SymbolId s) {
    const Symbol& symbol = body_.symbols[s];
    if (symbol.kind == Symbol::Kind::kColumn) return FindSlots(s);
    has_place_[s] = 1;
    places_[s] = {.base = kDataBase};
    if (symbol.kind == Symbol::Kind::kConstant) {
      places_[s].start = context_.data.Number(std::bit_cast<std::uint64_t>(symbol.constant));
      return;
    }
    std::vector<double> numbers;
    for (std::uint32_t k = 0; k < body_.section.iterations; ++k) {
      const ValueId value = Value(symbol, k);
      numbers.push_back(context_.list.constants[context_.facts.constants[value]].second);
    }
    places_[s].start = context_.data.Numbers(numbers);
    places_[s].stride = kNumberBytes;
  }

  void FindSlots(SymbolId s) {
    const Symbol& symbol = body_.symbols[s];
    has_place_[s] = 1;
    const auto offset = [&](std::uint32_t k) {
      return static_cast<std::int32_t>(context_.slots.slot(Value(symbol, k))) * context_.stride;
    };
    Place& place = places_[s];
    place.start = offset(0);
    const std::uint32_t iterations = symbol.is_fixed ? 1 : body_.section.iterations;
    if (iterations == 1) return;
    place.stride = offset(1) - place.start;
    for (std::uint32_t k = 2; k < iterations; ++k) {
      if (offset(k) - offset(k - 1) != place.stride) return MoveToTable(s);
    }
  }

  void MoveToTable(SymbolId s) {
    const Symbol& symbol = body_.symbols[s];
    std::vector<std::uint32_t> entries;
    for (std::uint32_t k = 0; k < body_.section.iterations; ++k) {
      entries.push_back(context_.slots.slot(Value(symbol, k)) *
                        static_cast<std::uint32_t>(context_.stride));
    }
    places_[s] = {
        .start = context_.data.Table(entries), .stride = kEntryBytes, .is_in_table = true};
  }

  // One index register per stride. The rarest strides go to tables if there are too many.
  void ChooseIndices() {
    if (body_.section.iterations == 1) return;
    std::map<std::int32_t, int> uses;
    for (SymbolId s = 0; s < places_.size(); ++s) {
      if (has_place_[s] != 0 && places_[s].stride != 0) ++uses[places_[s].stride];
    }
    const std::size_t available = body_.has_calls ? kPreservedIndices : kIndexRegisters.size();
    // Strides of numbers and tables have no substitute.
    const auto weight = [&](std::int32_t stride) {
      return stride == kEntryBytes || stride == kNumberBytes ? 1 << 30 : uses.at(stride);
    };
    while (uses.size() > available) {
      const auto rarest =
          std::min_element(uses.begin(), uses.end(), [&](const auto& a, const auto& b) {
            return weight(a.first) < weight(b.first);
          })->first;
      for (SymbolId s = 0; s < places_.size(); ++s) {
        if (has_place_[s] != 0 && places_[s].stride == rarest) MoveToTable(s);
      }
      uses[kEntryBytes] += uses.at(rarest);
      uses.erase(rarest);
    }
    if (uses.empty()) uses[1] = 0;  // Something must count.
    std::size_t next = 0;
    for (const auto& entry : uses) index_of_[entry.first] = kIndexRegisters[next++];
  }

  // ---- Operands

  static VectorOperand InRegister(Register reg) { return {.number = reg, .address = {}}; }

  static VectorOperand InMemory(const Address& address) {
    return {.is_memory = true, .address = address};
  }

  // The memory of a symbol. What must be looked up in a table goes through rax.
  Address Locate(SymbolId s) {
    const Place& place = places_[s];
    Address address{.base = place.base, .displacement = place.start};
    if (place.stride != 0) address.index = index_of_.at(place.stride);
    if (place.is_in_table) {
      address.base = kDataBase;
      assembler_.Load32(kRax, address);
      return {.base = kSlotBase, .index = kRax};
    }
    address.is_broadcast = place.base == kDataBase;
    return address;
  }

  VectorOperand Locate(const Source& source) {
    return source.in_memory ? InMemory(Locate(source.symbol)) : InRegister(source.reg);
  }

  void Load(Register reg, const Address& address) {
    assembler_.Vector(address.is_broadcast ? opcode::kBroadcast : opcode::kLoad, reg, 0,
                      InMemory(address));
  }

  void Move(Register to, const Source& source) {
    if (source.in_memory) return Load(to, Locate(source.symbol));
    if (source.reg != to) assembler_.Vector(opcode::kMove, to, 0, InRegister(source.reg));
  }

  // ---- Steps

  void Encode(const Step& step) {
    using Kind = Step::Kind;
    constexpr std::uint8_t kRoundDown = 0x09;  // Without an exception for what is cut off.
    switch (step.kind) {
      case Kind::kLoad:
        return Load(step.to, Locate(step.last.symbol));
      case Kind::kStore:
        if (has_place_[step.last.symbol] == 0) return;
        return assembler_.Vector(opcode::kStore, step.to, 0, Locate(step.last));
      case Kind::kMove:
        return assembler_.Vector(opcode::kMove, step.to, 0, InRegister(step.first));
      case Kind::kUnary:
        return assembler_.Vector(step.opcode, step.to, 0, Locate(step.last));
      case Kind::kRound:
        return assembler_.VectorImmediate(opcode::kRound, step.to, 0, Locate(step.last),
                                          kRoundDown);
      case Kind::kBinary:
        return assembler_.Vector(step.opcode, step.to, step.first, Locate(step.last));
      case Kind::kCompare:
        return assembler_.VectorImmediate(opcode::kCompare, kMask, step.first, Locate(step.last),
                                          step.predicate);
      case Kind::kBinaryOrZero:
        return assembler_.Vector(step.opcode, step.to, step.first, Locate(step.last), kMask, true);
      case Kind::kLoadOrZero: {
        const VectorOperand last = Locate(step.last);
        return assembler_.Vector(last.is_memory ? opcode::kBroadcast : opcode::kMove, step.to, 0,
                                 last, kMask, true);
      }
      case Kind::kMoveWhere:
        return assembler_.Vector(opcode::kMove, step.to, 0, InRegister(step.first), kMask);
      case Kind::kChoose:
        return assembler_.Vector(opcode::kBlend, step.to, step.first, Locate(step.last), kMask);
      case Kind::kCall:
        return Call(step);
    }
  }

  // Operands go to registers 0 and 1, and there the results are. Whatever else is in a register is
  // dead or in memory, for a call overwrites all of them.
  void Call(const Step& step) {
    MoveOperands(step.last, step.second);
    const auto function = std::bit_cast<std::uint64_t>(context_.kernels.function(step.op));
    const Address pointer{.base = kDataBase, .displacement = context_.data.Number(function)};
    if (step.op != Op::kSinCos) return assembler_.CallAt(pointer);
    const Address sines{.base = kRsp};
    const Address cosines{.base = kRsp, .displacement = kRegisterBytes};
    assembler_.LoadAddress(kRdi, sines);
    assembler_.CallAt(pointer);
    Load(0, sines);
    Load(1, cosines);
  }

  // The first operand may be in the way of the second, or the second in that of the first.
  void MoveOperands(const Source& first, const Source& second) {
    const bool is_binary = second.symbol != kNoSymbol;
    if (!is_binary || second.in_memory || second.reg != 0) {
      Move(0, first);
      if (is_binary) Move(1, second);
      return;
    }
    constexpr Register kSpare = 2;  // Neither operand is there if they must change places.
    Source kept = first;
    if (!first.in_memory && first.reg == 1) {
      Move(kSpare, first);
      kept.reg = kSpare;
    }
    Move(1, second);
    Move(0, kept);
  }

  const CodeContext& context_;
  const Body& body_;
  const RegisterPlan& plan_;
  Assembler& assembler_;
  std::vector<Place> places_;  // By symbol.
  std::vector<std::uint8_t> has_place_;
  std::map<std::int32_t, Gpr> index_of_;  // By stride. Of a loop never empty: one counts.
};

}  // namespace

std::int32_t CodeData::Append(const void* from, std::size_t size) {
  const std::size_t place = (bytes_.size() + kNumberBytes - 1) / kNumberBytes * kNumberBytes;
  bytes_.resize(place + size);
  std::memcpy(bytes_.data() + place, from, size);
  return static_cast<std::int32_t>(place);
}

std::int32_t CodeData::Number(std::uint64_t bits) {
  const auto [entry, is_new] = numbers_.emplace(bits, 0);
  if (is_new) entry->second = Append(&bits, sizeof(bits));
  return entry->second;
}

std::int32_t CodeData::Numbers(const std::vector<double>& numbers) {
  return Append(numbers.data(), numbers.size() * sizeof(double));
}

std::int32_t CodeData::Table(const std::vector<std::uint32_t>& entries) {
  return Append(entries.data(), entries.size() * sizeof(std::uint32_t));
}

void EncodeSection(const CodeContext& context, const Body& body, const RegisterPlan& plan) {
  SectionEncoder(context, body, plan).Run();
}

}  // namespace sobolev::program
