// An assembler for the part of x86-64 that replays need: 512-bit arithmetic on doubles with
// embedded broadcasts and masks, and the little scalar code that drives loops.
//
// The encodings are those of the Intel 64 and IA-32 Architectures Software Developer's Manual,
// volume 2, sections 2.1 (scalar) and 2.7 (EVEX). Registers are numbers: 0 to 31 for vectors, 0 to
// 15 for scalars in the order of their encoding, 1 to 7 for masks (0: no mask).

#ifndef SOBOLEV_ENGINE_PROGRAM_ASSEMBLER_H_
#define SOBOLEV_ENGINE_PROGRAM_ASSEMBLER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sobolev::program {

// Scalar registers by name.
enum Gpr : std::int8_t {
  kNoGpr = -1,
  kRax,
  kRcx,
  kRdx,
  kRbx,
  kRsp,
  kRbp,
  kRsi,
  kRdi,
  kR8,
  kR9,
  kR10,
  kR11,
  kR12,
  kR13,
  kR14,
  kR15
};

// [base + index + displacement]. A broadcast operand is one double, given to every lane.
struct Address {
  Gpr base = kNoGpr;
  Gpr index = kNoGpr;
  std::int32_t displacement = 0;
  bool is_broadcast = false;
};

// The last operand of a vector instruction.
struct VectorOperand {
  bool is_memory = false;
  std::uint8_t number = 0;  // Of the register.
  Address address;
};

// A vector instruction: opcode map (1: 0F, 2: 0F 38, 3: 0F 3A) and opcode. All have the prefix 66
// and 64-bit elements.
struct VectorOpcode {
  std::uint8_t map;
  std::uint8_t code;
};

namespace opcode {
inline constexpr VectorOpcode kLoad{1, 0x10};   // vmovupd
inline constexpr VectorOpcode kStore{1, 0x11};  // vmovupd
inline constexpr VectorOpcode kMove{1, 0x28};   // vmovapd
inline constexpr VectorOpcode kBroadcast{2, 0x19};
inline constexpr VectorOpcode kSqrt{1, 0x51};
inline constexpr VectorOpcode kAnd{1, 0x54};
inline constexpr VectorOpcode kXor{1, 0x57};
inline constexpr VectorOpcode kAdd{1, 0x58};
inline constexpr VectorOpcode kMultiply{1, 0x59};
inline constexpr VectorOpcode kSubtract{1, 0x5c};
inline constexpr VectorOpcode kMin{1, 0x5d};
inline constexpr VectorOpcode kDivide{1, 0x5e};
inline constexpr VectorOpcode kMax{1, 0x5f};
inline constexpr VectorOpcode kCompare{1, 0xc2};  // Into a mask; takes a predicate.
inline constexpr VectorOpcode kRound{3, 0x09};    // vrndscalepd; takes a mode.
inline constexpr VectorOpcode kBlend{2, 0x65};    // The last operand where the mask is set.
// The multiply-adds by what they overwrite, as their names say: 213 is x₁ = ±x₂ x₁ ± x₃.
inline constexpr VectorOpcode kMultiplyAdd132{2, 0x98};
inline constexpr VectorOpcode kMultiplyAdd213{2, 0xa8};
inline constexpr VectorOpcode kMultiplyAdd231{2, 0xb8};
inline constexpr VectorOpcode kMultiplySubtract132{2, 0x9a};
inline constexpr VectorOpcode kMultiplySubtract213{2, 0xaa};
inline constexpr VectorOpcode kMultiplySubtract231{2, 0xba};
inline constexpr VectorOpcode kNegativeMultiplyAdd132{2, 0x9c};
inline constexpr VectorOpcode kNegativeMultiplyAdd213{2, 0xac};
inline constexpr VectorOpcode kNegativeMultiplyAdd231{2, 0xbc};
}  // namespace opcode

// Predicates of kCompare.
inline constexpr std::uint8_t kEqualQuiet = 0x00;
inline constexpr std::uint8_t kLessSignaling = 0x01;
inline constexpr std::uint8_t kLessEqualSignaling = 0x02;
inline constexpr std::uint8_t kUnordered = 0x03;
inline constexpr std::uint8_t kNotEqual = 0x04;  // True where either is a NaN.

class Assembler {
 public:
  const std::vector<std::uint8_t>& code() const { return code_; }
  std::size_t size() const { return code_.size(); }

  // first = opcode(second, last). Instructions with two operands ignore `second`, which is then 0.
  // Lanes outside the mask keep what `first` has, or become 0.
  void Vector(VectorOpcode opcode, int first, int second, const VectorOperand& last, int mask = 0,
              bool zeroes = false);
  void VectorImmediate(VectorOpcode opcode, int first, int second, const VectorOperand& last,
                       std::uint8_t immediate);

  void Push(Gpr reg);
  void Pop(Gpr reg);
  void Return() { Byte(0xc3); }
  // Clears all but the low 128 bits of vector registers 0 to 15 (vzeroupper): code for SSE that
  // runs next would otherwise have to merge with them.
  void ClearUpperParts();
  void Move(Gpr to, Gpr from);
  // Returns where the constant stands in the code, to be patched.
  std::size_t MoveConstant(Gpr to, std::uint64_t constant);
  void Load32(Gpr to, const Address& from);  // Zero-extended.
  void Load64(Gpr to, const Address& from);
  void Store64(const Address& to, Gpr from);
  void LoadAddress(Gpr to, const Address& address);
  void Clear(Gpr reg);
  void Add(Gpr reg, std::int32_t constant);
  void And(Gpr reg, std::int32_t constant);
  void Compare(Gpr reg, std::int32_t constant);
  void JumpIfNotEqual(std::size_t target);
  void CallAt(const Address& pointer);

 private:
  void Byte(unsigned byte) { code_.push_back(static_cast<std::uint8_t>(byte)); }
  void Bytes32(std::uint32_t bytes);
  // The bytes that name a register and an operand. Displacements that are multiples of `unit` and
  // small take one byte.
  void ModRm(int reg, const VectorOperand& operand, int unit);
  // A scalar instruction with a memory operand.
  void Scalar(unsigned opcode, int reg, const Address& address, bool is_wide);
  void Arithmetic(int operation, Gpr reg, std::int32_t constant);

  std::vector<std::uint8_t> code_;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_ASSEMBLER_H_
