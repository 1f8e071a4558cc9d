#include "engine/program/machine_code.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "engine/base/isa.h"
#include "engine/program/assembler.h"
#include "engine/program/register_plan.h"
#include "engine/program/section_body.h"
#include "engine/program/section_encoder.h"
#include "engine/program/slots.h"

namespace sobolev::program {
namespace {

constexpr Index kRegisterLanes = 8;
// Displacements have 32 bits with a sign.
constexpr std::size_t kMaxBytes = std::size_t{1} << 30;
constexpr std::int32_t kDataAlignment = 64;
// Places of operands in a list (lowering.h), of half a million instructions with three each. Code
// is made from plans of all its sections at once, which take about 130 bytes per place; and code
// that is much longer is fetched from memory so slowly that the interpreter is faster.
constexpr std::size_t kMaxPlaces = std::size_t{3} << 19;

std::size_t CountPlaces(const InstructionList& list) {
  std::size_t count = 0;
  for (const Instruction& instruction : list.instructions) count += NumPlaces(instruction);
  return count;
}

// One register per slot is as fast as several, for every operation is done once per register. More
// of them share the work of loading and storing points while they stay in the first-level cache;
// two do so for long rows while they stay in the second.
constexpr std::size_t kInnerBytes = std::size_t{24} << 10;
constexpr std::size_t kOuterBytes = std::size_t{288} << 10;
constexpr Index kMaxRegisters = 8;

Index ChooseLanes(Slot num_slots) {
  const auto bytes = [&](Index registers) {
    return num_slots * static_cast<std::size_t>(registers * kRegisterLanes) * sizeof(double);
  };
  Index registers = kMaxRegisters;
  while (registers > 2 && bytes(registers) > kInnerBytes) registers /= 2;
  if (bytes(registers) > kOuterBytes) registers = 1;
  return registers * kRegisterLanes;
}

constexpr std::array kPreserved = {kRbx, kRbp, kR12, kR13, kR14, kR15};

class CodeMaker {
 public:
  CodeMaker(const InstructionList& list, Index lanes)
      : list_(list),
        lanes_(lanes),
        facts_(list_),
        in_memory_(list_.num_values, 0),
        slots_(list_, InOrder(list_)) {}

  // False if the code would be too large.
  bool Run(Trace& trace) {
    PlanSections();
    PlaceResults();
    AssignSlots(trace);
    if (lanes_ == 0) lanes_ = ChooseLanes(trace.num_slots);
    const std::size_t stride = static_cast<std::size_t>(lanes_) * sizeof(double);
    if (trace.num_slots * stride > kMaxBytes) return false;
    Encode(static_cast<std::int32_t>(stride));
    return assembler_.size() + data_.bytes().size() < kMaxBytes;
  }

  Index lanes() const { return lanes_; }
  // The code and, from data_start() on, its data.
  std::size_t size() const { return data_start() + data_.bytes().size(); }

  void Write(std::uint8_t* to) const {
    std::copy(assembler_.code().begin(), assembler_.code().end(), to);
    std::copy(data_.bytes().begin(), data_.bytes().end(), to + data_start());
    const auto data = reinterpret_cast<std::uintptr_t>(to + data_start());
    std::memcpy(to + data_pointer_, &data, sizeof(data));
  }

 private:
  void PlanSections() {
    for (const ValueId output : list_.outputs) {
      if (output != kNoNode) in_memory_[output] = 1;
    }
    for (const Section& section : Roll(list_, facts_.producers)) {
      bodies_.push_back(MakeBody(list_, facts_, section, in_memory_));
      plans_.push_back(PlanRegisters(bodies_.back()));
    }
  }

  // A result that is in memory in one iteration is so in all, but for carried ones of which only
  // the last is needed there.
  void PlaceResults() {
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      const Body& body = bodies_[i];
      const std::uint32_t iterations = body.section.iterations;
      for (SymbolId s = 0; s < body.symbols.size(); ++s) {
        const Symbol& symbol = body.symbols[s];
        if (symbol.kind != Symbol::Kind::kResult || !body.Exists(symbol)) continue;
        const auto value = [&](std::uint32_t k) { return ValueOf(list_, body, symbol, k); };
        const std::uint32_t end = symbol.is_carried() ? iterations - 1 : iterations;
        bool is_in_memory = plans_[i].in_memory[s] != 0;
        for (std::uint32_t k = 0; k < end; ++k) {
          is_in_memory = is_in_memory || in_memory_[value(k)] != 0;
        }
        for (std::uint32_t k = 0; k < iterations && is_in_memory; ++k) in_memory_[value(k)] = 1;
      }
    }
  }

  void AssignSlots(Trace& trace) {
    const auto has_slot = [&](ValueId value) { return in_memory_[value] != 0; };
    trace.input_indices = slots_.TakeInputs();
    trace.constants = slots_.TakeConstants(has_slot);
    const auto size = static_cast<std::uint32_t>(list_.instructions.size());
    for (std::uint32_t i = 0; i < size; ++i) slots_.Execute(list_.instructions[i], i, has_slot);
    trace.output_slots = slots_.OutputSlots();
    trace.num_slots = slots_.num_slots();
  }

  void Encode(std::int32_t stride) {
    const bool has_calls =
        std::any_of(bodies_.begin(), bodies_.end(), [](const Body& b) { return b.has_calls; });
    const Address saved_stack{.base = kRsp, .displacement = kCallFrameBytes};
    for (const Gpr reg : kPreserved) assembler_.Push(reg);
    assembler_.Move(kSlotBase, kRdi);
    data_pointer_ = assembler_.MoveConstant(kDataBase, 0);
    if (has_calls) {
      assembler_.Move(kRax, kRsp);
      assembler_.Add(kRsp, -(kCallFrameBytes + kDataAlignment));
      assembler_.And(kRsp, -kDataAlignment);
      assembler_.Store64(saved_stack, kRax);
    }
    const CodeContext context{.list = list_,
                              .facts = facts_,
                              .slots = slots_,
                              .kernels = kAvx512LaneKernels,
                              .stride = stride,
                              .assembler = assembler_,
                              .data = data_};
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      EncodeSection(context, bodies_[i], plans_[i]);
    }
    if (has_calls) assembler_.Load64(kRsp, saved_stack);
    for (auto reg = kPreserved.rbegin(); reg != kPreserved.rend(); ++reg) assembler_.Pop(*reg);
    assembler_.ClearUpperParts();
    assembler_.Return();
  }

  std::size_t data_start() const {
    return (assembler_.size() + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
  }

  static std::vector<std::uint32_t> InOrder(const InstructionList& list) {
    std::vector<std::uint32_t> order(list.instructions.size());
    std::iota(order.begin(), order.end(), 0U);
    return order;
  }

  const InstructionList& list_;
  Index lanes_;
  ValueFacts facts_;
  std::vector<std::uint8_t> in_memory_;  // By value, whether it has a slot.
  std::vector<Body> bodies_;
  std::vector<RegisterPlan> plans_;
  SlotAllocator slots_;
  Assembler assembler_;
  CodeData data_;
  std::size_t data_pointer_ = 0;  // Where the code says where its data is.
};

}  // namespace

bool MachineCode::IsAvailable() {
  return BestIsa() == Isa::kAvx512 && ExecutableMemory::IsAvailable();
}

std::unique_ptr<const MachineCode> MachineCode::Make(const InstructionList& list, Index lanes,
                                                     Trace& trace) {
  if (CountPlaces(list) > kMaxPlaces) return nullptr;
  Trace made;
  CodeMaker maker(list, lanes);
  if (!maker.Run(made)) return nullptr;
  std::unique_ptr<MachineCode> code(new MachineCode(maker.lanes(), maker.size()));
  if (code->memory_.data() == nullptr) return nullptr;
  maker.Write(code->memory_.data());
  if (!code->memory_.Seal()) return nullptr;
  code->entry_ = reinterpret_cast<Entry>(code->memory_.data());
  trace = std::move(made);
  return code;
}

void MachineCode::Run(double* slots, Index points) const {
  for (Index lane = 0; lane < points; lane += kRegisterLanes) entry_(slots + lane);
}

}  // namespace sobolev::program
