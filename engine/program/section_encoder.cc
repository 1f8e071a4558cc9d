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
    for (const auto& [reg, symbol] : plan_.preloads) LoadSymbol(reg, symbol);
    const std::size_t start = assembler_.size();
    for (const Step& step : plan_.steps) Encode(step);
    const std::uint32_t iterations = body_.section.iterations;
    if (iterations == 1) return;
    for (const auto& [stride, index] : index_of_) assembler_.Add(index, stride);
    const auto& [stride, index] = *index_of_.begin();
    assembler_.Compare(index, stride * static_cast<std::int32_t>(iterations));
    assembler_.JumpIfNotEqual(start);
  }

 private:
  // ---- Places

  void FindPlaces() {
    places_.resize(body_.symbols.size());
    has_place_.assign(body_.symbols.size(), 0);
    for (SymbolId s = 0; s < body_.symbols.size(); ++s) {
      const Symbol& symbol = body_.symbols[s];
      if (symbol.kind == Symbol::Kind::kResult) {
        if (Exists(symbol) && context_.slots.slot(Value(symbol, 0)) != kZeroOutput) FindSlots(s);
      } else if (plan_.in_memory[s] != 0) {
        FindOperands(s);
      }
    }
  }

  bool Exists(const Symbol& symbol) const {
    return body_.operations[symbol.position].results[symbol.place] != kNoSymbol;
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
    places_[s] = {.start = context_.data.Table(entries),
                  .stride = kEntryBytes,
                  .is_in_table = true};
  }

  // One index register per stride. The rarest strides go to tables if there are too many.
  void ChooseIndices() {
    if (body_.section.iterations == 1) return;
    std::map<std::int32_t, int> uses;
    for (SymbolId s = 0; s < places_.size(); ++s) {
      if (has_place_[s] != 0 && places_[s].stride != 0) ++uses[places_[s].stride];
    }
    const std::size_t available =
        body_.has_calls ? kPreservedIndices : kIndexRegisters.size();
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

  VectorOperand Register(int reg, int r) const {
    return {.number = static_cast<std::uint8_t>(reg * context_.registers + r), .address = {}};
  }

  int Number(int reg, int r) const { return reg * context_.registers + r; }

  // The memory of a symbol; what must be looked up in a table goes through rax.
  Address Locate(SymbolId s) {
    const Place& place = places_[s];
    Address address{.base = place.base, .displacement = place.start};
    if (place.is_in_table) {
      address.base = kDataBase;
      address.index = index_of_.at(place.stride);
      assembler_.Load32(kRax, address);
      return {.base = kSlotBase, .index = kRax};
    }
    if (place.stride != 0) address.index = index_of_.at(place.stride);
    address.is_broadcast = place.base == kDataBase;
    return address;
  }

  // The part of a slot for register r of a group.
  static VectorOperand Part(Address address, int r) {
    if (!address.is_broadcast) address.displacement += r * kRegisterBytes;
    return {.is_memory = true, .address = address};
  }

  void LoadPart(int number, const Address& address, int r) {
    assembler_.Vector(address.is_broadcast ? opcode::kBroadcast : opcode::kLoad, number, 0,
                      Part(address, r));
  }

  void LoadSymbol(int reg, SymbolId symbol) {
    const Address address = Locate(symbol);
    for (int r = 0; r < context_.registers; ++r) LoadPart(Number(reg, r), address, r);
  }

  // Calls encode(r, operand) for each register of the group.
  template <class EncodePart>
  void ForEachPart(const Source& last, const EncodePart& encode) {
    const Address address = last.in_memory ? Locate(last.symbol) : Address{};
    for (int r = 0; r < context_.registers; ++r) {
      encode(r, last.in_memory ? Part(address, r) : Register(last.reg, r));
    }
  }

  // ---- Steps

  void Encode(const Step& step) {
    using Kind = Step::Kind;
    const auto mask = [](int r) { return 1 + r; };
    switch (step.kind) {
      case Kind::kLoad:
        return LoadSymbol(step.to, step.last.symbol);
      case Kind::kStore:
        if (has_place_[step.last.symbol] == 0) return;
        return ForEachPart(step.last, [&](int r, const VectorOperand& to) {
          assembler_.Vector(opcode::kStore, Number(step.to, r), 0, to);
        });
      case Kind::kMove:
        for (int r = 0; r < context_.registers; ++r) {
          assembler_.Vector(opcode::kMove, Number(step.to, r), 0, Register(step.first, r));
        }
        return;
      case Kind::kUnary:
        return ForEachPart(step.last, [&](int r, const VectorOperand& last) {
          assembler_.Vector(step.opcode, Number(step.to, r), 0, last);
        });
      case Kind::kRound:
        return ForEachPart(step.last, [&](int r, const VectorOperand& last) {
          constexpr std::uint8_t kDownQuiet = 0x09;
          assembler_.VectorImmediate(opcode::kRound, Number(step.to, r), 0, last, kDownQuiet);
        });
      case Kind::kBinary:
        return ForEachPart(step.last, [&](int r, const VectorOperand& last) {
          assembler_.Vector(step.opcode, Number(step.to, r), Number(step.first, r), last);
        });
      case Kind::kCompare:
        return ForEachPart(step.last, [&](int r, const VectorOperand& last) {
          assembler_.VectorImmediate(opcode::kCompare, mask(r), Number(step.first, r), last,
                                     step.predicate);
        });
      case Kind::kBinaryOrZero:
        return ForEachPart(step.last, [&](int r, const VectorOperand& last) {
          assembler_.Vector(step.opcode, Number(step.to, r), Number(step.first, r), last, mask(r),
                            true);
        });
      case Kind::kLoadOrZero:
        return ForEachPart(step.last, [&](int r, const VectorOperand& last) {
          assembler_.Vector(last.is_memory ? opcode::kBroadcast : opcode::kMove,
                            Number(step.to, r), 0, last, mask(r), true);
        });
      case Kind::kMoveWhere:
        for (int r = 0; r < context_.registers; ++r) {
          assembler_.Vector(opcode::kMove, Number(step.to, r), 0, Register(step.first, r), mask(r));
        }
        return;
      case Kind::kChoose:
        return ForEachPart(step.last, [&](int r, const VectorOperand& last) {
          assembler_.Vector(opcode::kBlend, Number(step.to, r), Number(step.first, r), last,
                            mask(r));
        });
      case Kind::kCall:
        return context_.registers == 1 ? CallOnce(step) : CallForEach(step);
    }
  }

  // ---- Calls

  static Address Frame(std::int32_t part) {
    return {.base = kRsp, .displacement = part * kRegisterBytes};
  }

  Address FunctionAt(Op op) {
    const auto pointer = std::bit_cast<std::uint64_t>(context_.kernels.function(op));
    return {.base = kDataBase, .displacement = context_.data.Number(pointer)};
  }

  void MoveTo(int number, const Source& source) {
    if (source.in_memory) {
      LoadPart(number, Locate(source.symbol), 0);
    } else if (source.reg != number) {
      assembler_.Vector(opcode::kMove, number, 0, Register(source.reg, 0));
    }
  }

  // With one register per slot, operands go to registers 0 and 1.
  void CallOnce(const Step& step) {
    const bool has_second = step.second.symbol != kNoSymbol;
    Source first = step.last;
    if (has_second && !step.second.in_memory && step.second.reg == 0) {
      if (!first.in_memory && first.reg == 1) {
        constexpr std::uint8_t kSpare = 31;
        MoveTo(kSpare, first);
        first.reg = kSpare;
      }
      MoveTo(1, step.second);
      MoveTo(0, first);
    } else {
      MoveTo(0, first);
      if (has_second) MoveTo(1, step.second);
    }
    if (step.op != Op::kSinCos) return assembler_.CallAt(FunctionAt(step.op));
    assembler_.LoadAddress(kRdi, Frame(0));
    assembler_.CallAt(FunctionAt(step.op));
    LoadPart(0, Frame(0), 0);
    LoadPart(1, Frame(1), 0);
  }

  // A call for each register of the group; what it must not lose waits in the frame.
  void CallForEach(const Step& step) {
    const int registers = context_.registers;
    const bool has_second = step.second.symbol != kNoSymbol;
    const auto keep = [&](const Source& source, int part) {
      if (source.in_memory) return;
      for (int r = 0; r < registers; ++r) {
        assembler_.Vector(opcode::kStore, Number(source.reg, r), 0, Part(Frame(part), r));
      }
    };
    const auto fetch = [&](int number, const Source& source, int part, int r) {
      LoadPart(number, source.in_memory ? Locate(source.symbol) : Frame(part), r);
    };
    keep(step.last, 0);
    if (has_second) keep(step.second, registers);
    const int results = 2 * registers;
    const bool is_pair = step.op == Op::kSinCos;
    for (int r = 0; r < registers; ++r) {
      fetch(0, step.last, 0, r);
      if (has_second) fetch(1, step.second, registers, r);
      if (is_pair) assembler_.LoadAddress(kRdi, Frame(results + 2 * r));
      assembler_.CallAt(FunctionAt(step.op));
      if (!is_pair) assembler_.Vector(opcode::kStore, 0, 0, Part(Frame(results), r));
    }
    for (int r = 0; r < registers; ++r) {
      LoadPart(Number(0, r), Frame(is_pair ? results + 2 * r : results + r), 0);
      if (is_pair) LoadPart(Number(1, r), Frame(results + 2 * r + 1), 0);
    }
  }

  const CodeContext& context_;
  const Body& body_;
  const RegisterPlan& plan_;
  Assembler& assembler_;
  std::vector<Place> places_;  // By symbol.
  std::vector<std::uint8_t> has_place_;
  std::map<std::int32_t, Gpr> index_of_;  // By stride.
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
