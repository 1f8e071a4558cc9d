// The bytes of instructions, against those of an independent assembler.

#include "engine/program/assembler.h"

#include <cstdint>
#include <iomanip>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace sobolev::program {
namespace {

std::string Hex(const Assembler& assembler) {
  std::ostringstream hex;
  for (const std::uint8_t byte : assembler.code()) {
    hex << std::hex << std::setw(2) << std::setfill('0') << int{byte} << ' ';
  }
  std::string text = hex.str();
  text.pop_back();
  return text;
}

VectorOperand Zmm(std::uint8_t number) { return {.number = number, .address = {}}; }

VectorOperand At(Gpr base, std::int32_t displacement, Gpr index = kNoGpr) {
  return {.is_memory = true,
          .address = {.base = base, .index = index, .displacement = displacement}};
}

VectorOperand Everywhere(Gpr base, std::int32_t displacement, Gpr index = kNoGpr) {
  VectorOperand operand = At(base, displacement, index);
  operand.address.is_broadcast = true;
  return operand;
}

std::string Vector(VectorOpcode opcode, int first, int second, const VectorOperand& last,
                   int mask = 0, bool zeroes = false) {
  Assembler assembler;
  assembler.Vector(opcode, first, second, last, mask, zeroes);
  return Hex(assembler);
}

std::string WithImmediate(VectorOpcode opcode, int first, int second, const VectorOperand& last,
                          std::uint8_t immediate) {
  Assembler assembler;
  assembler.VectorImmediate(opcode, first, second, last, immediate);
  return Hex(assembler);
}

template <class Emit>
std::string Scalar(const Emit& emit) {
  Assembler assembler;
  emit(assembler);
  return Hex(assembler);
}

TEST(AssemblerTest, NumbersAllVectorRegisters) {
  EXPECT_EQ(Vector(opcode::kAdd, 1, 2, Zmm(3)), "62 f1 ed 48 58 cb");
  EXPECT_EQ(Vector(opcode::kAdd, 31, 15, Zmm(16)), "62 21 85 48 58 f8");
  EXPECT_EQ(Vector(opcode::kSqrt, 11, 0, Zmm(22)), "62 31 fd 48 51 de");
  EXPECT_EQ(Vector(opcode::kMove, 20, 0, Zmm(4)), "62 e1 fd 48 28 e4");
}

TEST(AssemblerTest, KnowsItsOpcodes) {
  EXPECT_EQ(Vector(opcode::kXor, 1, 2, Zmm(3)), "62 f1 ed 48 57 cb");
  EXPECT_EQ(Vector(opcode::kMin, 1, 2, Zmm(3)), "62 f1 ed 48 5d cb");
  EXPECT_EQ(Vector(opcode::kMax, 1, 2, Zmm(3)), "62 f1 ed 48 5f cb");
  EXPECT_EQ(Vector(opcode::kMultiplyAdd132, 1, 2, Zmm(3)), "62 f2 ed 48 98 cb");
  EXPECT_EQ(Vector(opcode::kMultiplyAdd213, 1, 2, At(kRbx, 64)), "62 f2 ed 48 a8 4b 01");
  EXPECT_EQ(Vector(opcode::kMultiplyAdd231, 28, 29, Everywhere(kRbp, 8)), "62 62 95 50 b8 65 01");
  EXPECT_EQ(Vector(opcode::kMultiplySubtract132, 1, 2, Zmm(3)), "62 f2 ed 48 9a cb");
  EXPECT_EQ(Vector(opcode::kMultiplySubtract213, 1, 2, Zmm(3)), "62 f2 ed 48 aa cb");
  EXPECT_EQ(Vector(opcode::kMultiplySubtract231, 1, 2, Zmm(3)), "62 f2 ed 48 ba cb");
  EXPECT_EQ(Vector(opcode::kNegativeMultiplyAdd132, 1, 2, Zmm(3)), "62 f2 ed 48 9c cb");
  EXPECT_EQ(Vector(opcode::kNegativeMultiplyAdd213, 1, 2, Zmm(3)), "62 f2 ed 48 ac cb");
  EXPECT_EQ(Vector(opcode::kNegativeMultiplyAdd231, 1, 2, Zmm(3)), "62 f2 ed 48 bc cb");
  EXPECT_EQ(WithImmediate(opcode::kRound, 4, 0, Zmm(5), 9), "62 f3 fd 48 09 e5 09");
}

// A displacement takes one byte if it is −128 to 127 times what is read, else four.
TEST(AssemblerTest, ShortensDisplacements) {
  EXPECT_EQ(Vector(opcode::kSubtract, 9, 24, At(kRbx, 0)), "62 71 bd 40 5c 0b");
  EXPECT_EQ(Vector(opcode::kMultiply, 0, 30, At(kRbx, 64)), "62 f1 8d 40 59 43 01");
  EXPECT_EQ(Vector(opcode::kMultiply, 0, 0, At(kRbx, 8128)), "62 f1 fd 48 59 43 7f");
  EXPECT_EQ(Vector(opcode::kMultiply, 0, 0, At(kRbx, 8192)), "62 f1 fd 48 59 83 00 20 00 00");
  EXPECT_EQ(Vector(opcode::kMultiply, 0, 0, At(kRbx, -8192)), "62 f1 fd 48 59 43 80");
  EXPECT_EQ(Vector(opcode::kMultiply, 0, 0, At(kRbx, 68)), "62 f1 fd 48 59 83 44 00 00 00");
  EXPECT_EQ(Vector(opcode::kDivide, 7, 6, Everywhere(kRbp, 0)), "62 f1 cd 58 5e 7d 00");
  EXPECT_EQ(Vector(opcode::kDivide, 7, 6, Everywhere(kRbp, 1016)), "62 f1 cd 58 5e 7d 7f");
  EXPECT_EQ(Vector(opcode::kDivide, 7, 6, Everywhere(kRbp, 1024)), "62 f1 cd 58 5e bd 00 04 00 00");
}

// rsp and r12 need a byte more, rbp and r13 a displacement.
TEST(AssemblerTest, AddressesByEveryKindOfRegister) {
  EXPECT_EQ(Vector(opcode::kLoad, 17, 0, At(kRbx, 128, kR12)), "62 a1 fd 48 10 4c 23 02");
  EXPECT_EQ(Vector(opcode::kStore, 8, 0, At(kRbx, 0, kRax)), "62 71 fd 48 11 04 03");
  EXPECT_EQ(Vector(opcode::kLoad, 3, 0, At(kRsp, 64)), "62 f1 fd 48 10 5c 24 01");
  EXPECT_EQ(Vector(opcode::kLoad, 3, 0, At(kR13, 0)), "62 d1 fd 48 10 5d 00");
  EXPECT_EQ(Vector(opcode::kLoad, 3, 0, At(kR12, 0)), "62 d1 fd 48 10 1c 24");
  EXPECT_EQ(Vector(opcode::kBroadcast, 5, 0, Everywhere(kRbp, 8, kR15)), "62 b2 fd 48 19 6c 3d 01");
  EXPECT_EQ(Vector(opcode::kAnd, 1, 2, Everywhere(kRbp, 8)), "62 f1 ed 58 54 4d 01");
}

TEST(AssemblerTest, Masks) {
  EXPECT_EQ(Vector(opcode::kMove, 20, 0, Zmm(4), 1), "62 e1 fd 49 28 e4");
  EXPECT_EQ(Vector(opcode::kMove, 2, 0, Zmm(4), 1, true), "62 f1 fd c9 28 d4");
  EXPECT_EQ(Vector(opcode::kBroadcast, 5, 0, Everywhere(kRbp, 16), 1, true),
            "62 f2 fd c9 19 6d 02");
  EXPECT_EQ(Vector(opcode::kBlend, 1, 2, Zmm(3), 1), "62 f2 ed 49 65 cb");
  EXPECT_EQ(Vector(opcode::kMultiply, 1, 2, Zmm(3), 1, true), "62 f1 ed c9 59 cb");
  EXPECT_EQ(WithImmediate(opcode::kCompare, 1, 19, Zmm(3), kNotEqual), "62 f1 e5 40 c2 cb 04");
  EXPECT_EQ(WithImmediate(opcode::kCompare, 1, 19, At(kRbx, 64), kLessSignaling),
            "62 f1 e5 40 c2 4b 01 01");
}

TEST(AssemblerTest, ScalarInstructions) {
  EXPECT_EQ(Scalar([](Assembler& a) { a.Push(kRbx); }), "53");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Push(kR12); }), "41 54");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Pop(kR15); }), "41 5f");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Pop(kRbp); }), "5d");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Return(); }), "c3");
  EXPECT_EQ(Scalar([](Assembler& a) { a.ClearUpperParts(); }), "c5 f8 77");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Move(kRbx, kRdi); }), "48 89 fb");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Move(kRax, kRsp); }), "48 89 e0");
  EXPECT_EQ(Scalar([](Assembler& a) { a.MoveConstant(kRbp, 0x1122334455667788); }),
            "48 bd 88 77 66 55 44 33 22 11");
  EXPECT_EQ(Scalar([](Assembler& a) {
              a.Load32(kRax, {.base = kRbp, .index = kR12, .displacement = 4096});
            }),
            "42 8b 84 25 00 10 00 00");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Load64(kRsp, {.base = kRsp, .displacement = 128}); }),
            "48 8b a4 24 80 00 00 00");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Store64({.base = kRsp, .displacement = 128}, kRax); }),
            "48 89 84 24 80 00 00 00");
  EXPECT_EQ(Scalar([](Assembler& a) { a.LoadAddress(kRdi, {.base = kRsp}); }), "48 8d 3c 24");
  EXPECT_EQ(Scalar([](Assembler& a) { a.LoadAddress(kRdi, {.base = kRsp, .displacement = 64}); }),
            "48 8d 7c 24 40");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Clear(kR12); }), "4d 31 e4");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Clear(kRcx); }), "48 31 c9");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Add(kR12, 64); }), "49 83 c4 40");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Add(kR13, 384); }), "49 81 c5 80 01 00 00");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Add(kRsp, -192); }), "48 81 c4 40 ff ff ff");
  EXPECT_EQ(Scalar([](Assembler& a) { a.And(kRsp, -64); }), "48 83 e4 c0");
  EXPECT_EQ(Scalar([](Assembler& a) { a.Compare(kR14, 4096); }), "49 81 fe 00 10 00 00");
  EXPECT_EQ(Scalar([](Assembler& a) { a.CallAt({.base = kRbp, .displacement = 8}); }), "ff 55 08");
}

// Back to the start from the end of a jump of six bytes.
TEST(AssemblerTest, JumpsAreRelativeToTheirEnd) {
  EXPECT_EQ(Scalar([](Assembler& a) { a.JumpIfNotEqual(0); }), "0f 85 fa ff ff ff");
}

}  // namespace
}  // namespace sobolev::program
