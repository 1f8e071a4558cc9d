#include "engine/program/machine_code.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "engine/base/isa.h"
#include "engine/program/assembler.h"
#include "engine/program/register_plan.h"
#include "engine/program/section_body.h"
#include "engine/program/section_encoder.h"

namespace sobolev::program {
namespace {

constexpr int kVectorRegisters = 32;
constexpr std::size_t kRegisterLanes = 8;
// Displacements have 32 bits with a sign.
constexpr std::size_t kMaxBytes = std::size_t{1} << 30;
constexpr std::int32_t kDataAlignment = 64;

constexpr std::array kPreserved = {kRbx, kRbp, kR12, kR13, kR14, kR15};

class CodeMaker {
 public:
  CodeMaker(const InstructionList& list, const CodeOptions& options)
      : list_(list),
        options_(options),
        facts_(list),
        in_memory_(list.num_values, 0),
        slots_(list) {}

  // False if the code would be too large.
  bool Run(Trace& trace) {
    PlanSections();
    PlaceResults();
    AssignSlots(trace);
    const std::size_t stride = options_.lanes * sizeof(double);
    if (slots_.num_slots() * stride > kMaxBytes) return false;
    Encode(static_cast<std::int32_t>(stride));
    return assembler_.size() + data_.bytes().size() < kMaxBytes;
  }

  // The code and, from data_start() on, its data.
  std::size_t size() const { return data_start() + data_.bytes().size(); }

  void Write(std::uint8_t* to) const {
    std::copy(assembler_.code().begin(), assembler_.code().end(), to);
    std::copy(data_.bytes().begin(), data_.bytes().end(), to + data_start());
    const auto data = reinterpret_cast<std::uintptr_t>(to + data_start());
    std::memcpy(to + data_pointer_, &data, sizeof(data));
  }

 private:
  int count() const { return kVectorRegisters / options_.registers; }

  void PlanSections() {
    for (const ValueId output : list_.outputs) {
      if (output != kNoNode) in_memory_[output] = 1;
    }
    for (const Section& section : Roll(list_, facts_.producers)) {
      bodies_.push_back(MakeBody(list_, facts_, section, MaxCarried(count()), in_memory_));
      plans_.push_back(PlanRegisters(bodies_.back(), count()));
    }
  }

  // A result that is in memory in one iteration is so in all.
  void PlaceResults() {
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      const Body& body = bodies_[i];
      for (const Operation& operation : body.operations) {
        for (const SymbolId s : operation.results) {
          if (s == kNoSymbol) continue;
          const Symbol& symbol = body.symbols[s];
          bool is_in_memory = plans_[i].in_memory[s] != 0;
          for (std::uint32_t k = 0; k < body.section.iterations && !is_in_memory; ++k) {
            is_in_memory = in_memory_[ValueOf(list_, body, symbol, k)] != 0;
          }
          for (std::uint32_t k = 0; k < body.section.iterations && is_in_memory; ++k) {
            in_memory_[ValueOf(list_, body, symbol, k)] = 1;
          }
        }
      }
    }
  }

  void AssignSlots(Trace& trace) {
    const auto size = static_cast<std::uint32_t>(list_.instructions.size());
    for (std::uint32_t i = 0; i < size; ++i) {
      ForEachOperand(list_.instructions[i], [&](ValueId v) { slots_.Use(v, i); });
    }
    for (const ValueId output : list_.outputs) {
      if (output != kNoNode) slots_.Pin(output);
    }
    auto inputs = list_.inputs;
    std::sort(inputs.begin(), inputs.end(),
              [](const auto& a, const auto& b) { return a.second < b.second; });
    for (const auto& [value, index] : inputs) {
      slots_.Take(value);
      trace.input_indices.push_back(index);
    }
    for (const auto& [value, constant] : list_.constants) {
      if (in_memory_[value] == 0) continue;
      slots_.Pin(value);
      trace.constants.emplace_back(slots_.Take(value), constant);
    }
    for (std::uint32_t i = 0; i < size; ++i) {
      const Instruction& instruction = list_.instructions[i];
      slots_.Release(instruction, i);
      const bool has_slot = in_memory_[instruction.result] != 0;
      const bool has_slot2 = instruction.result2 != kNoNode && in_memory_[instruction.result2] != 0;
      if (has_slot) slots_.Take(instruction.result);
      if (has_slot2) slots_.Take(instruction.result2);
      if (has_slot2) slots_.ReleaseUnused(instruction.result2, i);
      if (has_slot) slots_.ReleaseUnused(instruction.result, i);
      trace.cost += CostOf(instruction);
    }
    for (const ValueId output : list_.outputs) {
      trace.output_slots.push_back(output == kNoNode ? kZeroOutput : slots_.slot(output));
    }
    trace.num_instructions = size;
    trace.num_slots = slots_.num_slots();
  }

  void Encode(std::int32_t stride) {
    const bool has_calls =
        std::any_of(bodies_.begin(), bodies_.end(), [](const Body& b) { return b.has_calls; });
    const std::int32_t frame = CallFrameBytes(options_.registers);
    const Address saved_stack{.base = kRsp, .displacement = frame};
    for (const Gpr reg : kPreserved) assembler_.Push(reg);
    assembler_.Move(kSlotBase, kRdi);
    data_pointer_ = assembler_.MoveConstant(kDataBase, 0);
    if (has_calls) {
      assembler_.Move(kRax, kRsp);
      assembler_.Add(kRsp, -(frame + kDataAlignment));
      assembler_.And(kRsp, -kDataAlignment);
      assembler_.Store64(saved_stack, kRax);
    }
    const CodeContext context{.list = list_,
                              .facts = facts_,
                              .slots = slots_,
                              .kernels = kAvx512LaneKernels,
                              .registers = options_.registers,
                              .stride = stride,
                              .assembler = assembler_,
                              .data = data_};
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      EncodeSection(context, bodies_[i], plans_[i]);
    }
    if (has_calls) assembler_.Load64(kRsp, saved_stack);
    for (auto reg = kPreserved.rbegin(); reg != kPreserved.rend(); ++reg) assembler_.Pop(*reg);
    assembler_.Return();
  }

  std::size_t data_start() const {
    return (assembler_.size() + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
  }

  const InstructionList& list_;
  CodeOptions options_;
  ValueFacts facts_;
  std::vector<std::uint8_t> in_memory_;  // By value, whether it has a slot.
  SlotAllocator slots_;
  std::vector<Body> bodies_;
  std::vector<RegisterPlan> plans_;
  Assembler assembler_;
  CodeData data_;
  std::size_t data_pointer_ = 0;  // Where the code says where its data is.
};

}  // namespace

bool MachineCode::IsAvailable() {
  return BestIsa() == Isa::kAvx512 && ExecutableMemory::IsAvailable();
}

std::unique_ptr<const MachineCode> MachineCode::Make(const InstructionList& list,
                                                     const CodeOptions& options, Trace& trace) {
  Trace made;
  CodeMaker maker(list, options);
  if (!maker.Run(made)) return nullptr;
  std::unique_ptr<MachineCode> code(new MachineCode(options, maker.size()));
  maker.Write(code->memory_.data());
  if (!code->memory_.Seal()) return nullptr;
  trace = std::move(made);
  return code;
}

void MachineCode::Run(double* slots) const {
  const auto code = reinterpret_cast<void (*)(double*)>(
      reinterpret_cast<std::uintptr_t>(memory_.data()));
  const std::size_t step = static_cast<std::size_t>(options_.registers) * kRegisterLanes;
  for (std::size_t lane = 0; lane < options_.lanes; lane += step) code(slots + lane);
}

}  // namespace sobolev::program
