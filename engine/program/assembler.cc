#include "engine/program/assembler.h"

namespace sobolev::program {
namespace {

constexpr int kVectorBytes = 64;
constexpr int kDoubleBytes = 8;

unsigned Bit(int number, int bit) { return (static_cast<unsigned>(number) >> bit) & 1U; }

bool FitsByte(std::int32_t value) { return value >= -128 && value <= 127; }

}  // namespace

void Assembler::Bytes32(std::uint32_t bytes) {
  for (int i = 0; i < 4; ++i) Byte(bytes >> (8 * i) & 0xffU);
}

void Assembler::ModRm(int reg, const VectorOperand& operand, int unit) {
  const unsigned reg_bits = (static_cast<unsigned>(reg) & 7U) << 3;
  if (!operand.is_memory) {
    Byte(0xc0U | reg_bits | (operand.number & 7U));
    return;
  }
  const Address& address = operand.address;
  const std::int32_t displacement = address.displacement;
  const auto base = static_cast<unsigned>(address.base);
  const bool is_short = displacement % unit == 0 && FitsByte(displacement / unit);
  // Base registers rbp and r13 without a displacement mean something else.
  const bool is_none = displacement == 0 && (base & 7U) != kRbp;
  const unsigned mode = is_none ? 0x00U : (is_short ? 0x40U : 0x80U);
  if (address.index == kNoGpr && (base & 7U) != kRsp) {
    Byte(mode | reg_bits | (base & 7U));
  } else {
    Byte(mode | reg_bits | kRsp);
    const Gpr index = address.index == kNoGpr ? kRsp : address.index;
    Byte((static_cast<unsigned>(index) & 7U) << 3 | (base & 7U));
  }
  if (is_none) return;
  if (is_short) {
    Byte(static_cast<std::uint8_t>(displacement / unit));
  } else {
    Bytes32(static_cast<std::uint32_t>(displacement));
  }
}

void Assembler::Vector(VectorOpcode opcode, int first, int second, const VectorOperand& last,
                       int mask, bool zeroes) {
  const Address& address = last.address;
  const int base = last.is_memory ? static_cast<int>(address.base) : last.number;
  // The bit above the low four of a register operand stands where an index has its high bit.
  const unsigned x = !last.is_memory           ? Bit(last.number, 4)
                     : address.index == kNoGpr ? 0U
                                               : Bit(address.index, 3);
  const bool is_broadcast = last.is_memory && address.is_broadcast;
  const bool has_broadcast_bit = is_broadcast && opcode.code != opcode::kBroadcast.code;
  Byte(0x62);
  Byte((Bit(first, 3) ^ 1U) << 7 | (x ^ 1U) << 6 | (Bit(base, 3) ^ 1U) << 5 |
       (Bit(first, 4) ^ 1U) << 4 | opcode.map);
  Byte(0x80U | (~static_cast<unsigned>(second) & 15U) << 3 | 0x04U | 0x01U);
  Byte((zeroes ? 0x80U : 0U) | 0x40U | (has_broadcast_bit ? 0x10U : 0U) |
       (Bit(second, 4) ^ 1U) << 3 | static_cast<unsigned>(mask));
  Byte(opcode.code);
  ModRm(first, last, is_broadcast ? kDoubleBytes : kVectorBytes);
}

void Assembler::VectorImmediate(VectorOpcode opcode, int first, int second,
                                const VectorOperand& last, std::uint8_t immediate) {
  Vector(opcode, first, second, last);
  Byte(immediate);
}

void Assembler::Push(Gpr reg) {
  if (reg >= kR8) Byte(0x41);
  Byte(0x50U | (static_cast<unsigned>(reg) & 7U));
}

void Assembler::Pop(Gpr reg) {
  if (reg >= kR8) Byte(0x41);
  Byte(0x58U | (static_cast<unsigned>(reg) & 7U));
}

void Assembler::ClearUpperParts() {
  for (const unsigned byte : {0xc5U, 0xf8U, 0x77U}) Byte(byte);
}

void Assembler::Move(Gpr to, Gpr from) {
  Byte(0x48U | Bit(from, 3) << 2 | Bit(to, 3));
  Byte(0x89);
  Byte(0xc0U | (static_cast<unsigned>(from) & 7U) << 3 | (static_cast<unsigned>(to) & 7U));
}

std::size_t Assembler::MoveConstant(Gpr to, std::uint64_t constant) {
  Byte(0x48U | Bit(to, 3));
  Byte(0xb8U | (static_cast<unsigned>(to) & 7U));
  const std::size_t place = size();
  Bytes32(static_cast<std::uint32_t>(constant));
  Bytes32(static_cast<std::uint32_t>(constant >> 32));
  return place;
}

void Assembler::Scalar(unsigned opcode, int reg, const Address& address, bool is_wide) {
  const unsigned high_index = address.index == kNoGpr ? 0U : Bit(address.index, 3);
  const unsigned prefix =
      (is_wide ? 8U : 0U) | Bit(reg, 3) << 2 | high_index << 1 | Bit(address.base, 3);
  if (prefix != 0) Byte(0x40U | prefix);
  Byte(opcode);
  ModRm(reg, {.is_memory = true, .address = address}, 1);
}

void Assembler::Load32(Gpr to, const Address& from) { Scalar(0x8b, to, from, false); }
void Assembler::Load64(Gpr to, const Address& from) { Scalar(0x8b, to, from, true); }
void Assembler::Store64(const Address& to, Gpr from) { Scalar(0x89, from, to, true); }
void Assembler::LoadAddress(Gpr to, const Address& address) { Scalar(0x8d, to, address, true); }
void Assembler::CallAt(const Address& pointer) { Scalar(0xff, 2, pointer, false); }

void Assembler::Clear(Gpr reg) {
  Byte(0x48U | Bit(reg, 3) << 2 | Bit(reg, 3));
  Byte(0x31);
  Byte(0xc0U | (static_cast<unsigned>(reg) & 7U) << 3 | (static_cast<unsigned>(reg) & 7U));
}

void Assembler::Arithmetic(int operation, Gpr reg, std::int32_t constant) {
  Byte(0x48U | Bit(reg, 3));
  Byte(FitsByte(constant) ? 0x83 : 0x81);
  Byte(0xc0U | static_cast<unsigned>(operation) << 3 | (static_cast<unsigned>(reg) & 7U));
  if (FitsByte(constant)) {
    Byte(static_cast<std::uint8_t>(constant));
  } else {
    Bytes32(static_cast<std::uint32_t>(constant));
  }
}

void Assembler::Add(Gpr reg, std::int32_t constant) { Arithmetic(0, reg, constant); }
void Assembler::And(Gpr reg, std::int32_t constant) { Arithmetic(4, reg, constant); }
void Assembler::Compare(Gpr reg, std::int32_t constant) { Arithmetic(7, reg, constant); }

void Assembler::JumpIfNotEqual(std::size_t target) {
  Byte(0x0f);
  Byte(0x85);
  // Relative to the end of the instruction.
  Bytes32(static_cast<std::uint32_t>(target) - static_cast<std::uint32_t>(size() + 4));
}

}  // namespace sobolev::program
