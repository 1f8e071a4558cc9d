// Machine code against the interpreter of the same instructions: the same bits, whatever the loops,
// the registers and the number of points.

#include "engine/program/machine_code.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include "engine/base/isa.h"
#include "engine/base/rng.h"
#include "engine/program/op.h"
#include "engine/program/replay.h"
#include "engine/program/rolling.h"
#include "engine/program/section_body.h"
#include "tests/engine/program/unrolled_loops.h"

namespace sobolev::program {
namespace {

// The outputs [output][point] at random inputs.
class Outputs {
 public:
  Outputs(const Replayer& replayer, Index points, std::uint64_t seed) : points_(points) {
    const Trace& trace = replayer.trace();
    Replayer::Workspace workspace(replayer);
    for (std::size_t k = 0; k < trace.input_indices.size(); ++k) {
      const std::uint32_t index = trace.input_indices[k];
      Rng rng(seed + index);
      double* const slot = workspace.slots() + static_cast<Index>(k) * replayer.stride();
      for (Index lane = 0; lane < replayer.lanes(); ++lane) {
        const double uniform = rng.Uniform();
        slot[lane] = index % 2 == 0 ? 0.5 + 0.5 * uniform : 2 * uniform - 1;
      }
    }
    workspace.Run(points);
    for (const Slot slot : trace.output_slots) {
      const double* const lanes = workspace.slots() + Index{slot} * replayer.stride();
      values_.insert(values_.end(), lanes, lanes + points);
    }
  }

  const std::vector<double>& values() const { return values_; }

  // The same numbers to the bit, or both none.
  void ExpectEqual(const Outputs& expected) const {
    ASSERT_EQ(values_.size(), expected.values_.size());
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const double got = values_[i];
      const double want = expected.values_[i];
      const bool is_same = std::bit_cast<std::uint64_t>(got) == std::bit_cast<std::uint64_t>(want);
      ASSERT_TRUE(is_same || (std::isnan(got) && std::isnan(want)))
          << "output " << i / static_cast<std::size_t>(points_) << ", point "
          << i % static_cast<std::size_t>(points_) << ": got " << got << ", expected " << want;
    }
  }

 private:
  Index points_;
  std::vector<double> values_;
};

// Replays the list both ways.
void ExpectSameBits(const InstructionList& list, Index lanes, Index points, std::uint64_t seed) {
  const Replayer interpreter(list, LaneKind::kFast, Isa::kAvx512, lanes, Executor::kInterpreter);
  const Replayer code(list, LaneKind::kFast, Isa::kAvx512, lanes);
  ASSERT_NE(code.code(), nullptr);
  Outputs(code, points, seed).ExpectEqual(Outputs(interpreter, points, seed));
}

class MachineCodeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!MachineCode::IsAvailable()) GTEST_SKIP() << "no machine code on this processor";
  }
};

TEST_F(MachineCodeTest, RandomLoopsHaveTheBitsOfTheInterpreter) {
  constexpr std::array<Index, 4> kLanes = {8, 16, 32, 64};
  constexpr std::uint64_t kSeeds = 3000;
  std::uint64_t with_loops = 0;
  std::size_t finite = 0;
  std::size_t all = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const UnrolledLoops loops(seed);
    const InstructionList& list = loops.list();
    const auto sections = Roll(list, Producers(list));
    with_loops += std::any_of(sections.begin(), sections.end(),
                              [](const Section& s) { return s.iterations > 1; })
                      ? 1
                      : 0;
    Rng rng(seed);
    const Index lanes = kLanes[seed % kLanes.size()];
    const auto points = static_cast<Index>(1 + rng.Below(static_cast<std::uint64_t>(lanes)));
    ExpectSameBits(list, lanes, points, seed);
    if (HasFatalFailure()) return;  // One failing list is enough to read.
    const Replayer replayer(list, LaneKind::kFast, Isa::kAvx512, lanes);
    const Outputs outputs(replayer, points, seed);
    for (const double value : outputs.values()) {
      finite += std::isfinite(value) ? 1 : 0;
      ++all;
    }
  }
  // The lists are what they claim to be.
  EXPECT_GT(with_loops, kSeeds * 8 / 10);
  EXPECT_EQ(finite, all);
}

TEST_F(MachineCodeTest, KnowsEveryOperation) {
  for (int i = 0; i < kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    if (op == Op::kInput || op == Op::kConstant) continue;
    SCOPED_TRACE(Traits(op).name);
    ListMaker maker;
    const ValueId x = maker.Input();
    const ValueId y = maker.Input();
    const ValueId z = maker.Input();
    const int arity = Traits(op).arity;
    if (op == Op::kSinCos) {
      const ValueId sine = maker.SinCos(y);
      maker.Output(sine);
      maker.Output(sine + 1);
    } else if (op == Op::kSumOfProducts) {
      maker.Output(maker.Sum({{.a = x}, {.negative = true, .a = y, .b = z}, {.a = z, .b = z}}));
    } else {
      maker.Output(maker.Make(op, x, arity > 1 ? y : kNoNode, arity > 2 ? z : kNoNode));
    }
    ExpectSameBits(maker.list(), 8, 8, 1);
  }
}

// Which operations are calls does not depend on the processor.
TEST(SectionBodyTest, AllKernelsHaveFunctionsForTheSameOperations) {
  for (int i = 0; i < kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    SCOPED_TRACE(Traits(op).name);
    EXPECT_EQ(kAvx512LaneKernels.function(op) != nullptr, IsCall(op));
    EXPECT_EQ(kAvx2LaneKernels.function(op) != nullptr, IsCall(op));
  }
}

// Calls take their operands in the first two registers, where other values may be.
TEST_F(MachineCodeTest, CallsFindTheirOperandsInAnyTwoRegisters) {
  constexpr std::size_t kLive = 32;  // As many as there are registers.
  constexpr std::array kOps = {Op::kAdd, Op::kSubtract, Op::kMultiply};
  for (std::size_t i = 0; i < kLive; ++i) {
    for (std::size_t k = 0; k < kLive; ++k) {
      SCOPED_TRACE("operands " + std::to_string(i) + " and " + std::to_string(k));
      Rng rng(1);  // Operations without a pattern, or they became a loop.
      ListMaker maker;
      const auto combine = [&](ValueId a, ValueId b) {
        return maker.Make(kOps[rng.Below(kOps.size())], a, b);
      };
      std::vector<ValueId> live = {maker.Make(Op::kMultiply, maker.Input(), maker.Input())};
      while (live.size() < kLive) live.push_back(combine(live.back(), live.front()));
      ValueId sum = maker.Make(Op::kAtan2, live[i], live[k]);
      for (const ValueId value : live) sum = combine(sum, value);
      maker.Output(sum);
      ExpectSameBits(maker.list(), 8, 8, 1);
      if (HasFatalFailure()) return;
    }
  }
}

// A body of `length` operations, without calls, that uses few registers: in iteration k position 0
// is 0.875 cₖ₋₁ + x, the last is the one before times operand(k, results), and every iteration is
// summed up.
template <class ChooseOperand>
InstructionList LongLoop(std::size_t length, std::size_t iterations, const ChooseOperand& operand) {
  ListMaker maker;
  const ValueId x = maker.Input();
  const ValueId start = maker.Input();
  const ValueId other = maker.Input();
  const ValueId scale = maker.Constant(0.875);
  // Opaque: a start that an instruction makes.
  ValueId sum = maker.Make(Op::kSqrt, other);
  std::vector<ValueId> carried;
  for (std::size_t k = 0; k < iterations; ++k) {
    carried.push_back(maker.Make(Op::kMultiplyAdd, k == 0 ? start : carried.back(), scale, x));
    ValueId last = maker.Make(Op::kMultiply, x, scale);
    for (std::size_t p = 2; p + 2 < length; ++p)
      last = maker.Make(Op::kMultiplyAdd, last, scale, x);
    last = maker.Make(Op::kMultiply, last, operand(k, carried, other));
    sum = maker.Make(Op::kAdd, sum, last);
  }
  maker.Output(sum);
  maker.Output(carried.back());
  return maker.list();
}

void ExpectOneLoop(const InstructionList& list, std::uint32_t length) {
  const auto sections = Roll(list, Producers(list));
  EXPECT_TRUE(std::any_of(sections.begin(), sections.end(), [&](const Section& s) {
    return s.iterations > 3 && s.length == length;
  })) << "no loop was found";
}

// What the first iteration makes is no value from before the loop, though all iterations use it.
TEST_F(MachineCodeTest, IterationsUseAResultOfTheFirst) {
  for (const std::size_t length : {36, 40, 63}) {
    const InstructionList list = LongLoop(
        length, 6, [](std::size_t, const auto& carried, ValueId) { return carried.front(); });
    ExpectOneLoop(list, static_cast<std::uint32_t>(length));
    ExpectSameBits(list, 8, 8, 1);
  }
}

// The last of a row of results that stay in a register is read from memory before the loop ends.
TEST_F(MachineCodeTest, TheLastIterationReadsAResultThatIsOtherwiseCarried) {
  for (const std::size_t length : {36, 40, 63}) {
    const InstructionList list =
        LongLoop(length, 6, [](std::size_t k, const auto& carried, ValueId other) {
          return k == 5 ? carried.back() : other;
        });
    ExpectOneLoop(list, static_cast<std::uint32_t>(length));
    ExpectSameBits(list, 8, 8, 1);
  }
}

// What a loop carries may start with a result of its own first iteration.
TEST_F(MachineCodeTest, CarriedValuesStartWithAResultOfTheFirstIteration) {
  constexpr std::size_t kLength = 48;
  constexpr std::size_t kCarrier = 40;  // Too far from the first operation to be told apart.
  ListMaker maker;
  const ValueId x = maker.Input();
  const ValueId scale = maker.Constant(0.875);
  ValueId carried = kNoNode;
  ValueId sum = maker.Make(Op::kSqrt, maker.Input());
  for (std::size_t k = 0; k < 6; ++k) {
    const ValueId first = maker.Make(Op::kSubtract, x, scale);
    ValueId last = first;
    for (std::size_t p = 1; p < kCarrier; ++p) last = maker.Make(Op::kMultiplyAdd, last, scale, x);
    carried = maker.Make(Op::kMultiplyAdd, k == 0 ? first : carried, scale, x);
    for (std::size_t p = kCarrier + 1; p + 2 < kLength; ++p) {
      last = maker.Make(Op::kMultiplyAdd, last, scale, x);
    }
    last = maker.Make(Op::kMultiply, last, carried);
    sum = maker.Make(Op::kAdd, sum, last);
  }
  maker.Output(sum);
  ExpectOneLoop(maker.list(), kLength);
  ExpectSameBits(maker.list(), 8, 8, 1);
}

// A list of products, with half a million instructions and one more.
TEST_F(MachineCodeTest, LeavesVeryLongListsToTheInterpreter) {
  ListMaker maker;
  ValueId product = maker.Input();
  const ValueId factor = maker.Constant(0.875);
  for (int i = 0; i <= 1 << 19; ++i) product = maker.Make(Op::kMultiply, product, factor);
  maker.Output(product);
  Trace trace;
  EXPECT_EQ(MachineCode::Make(maker.list(), 8, trace), nullptr);
  EXPECT_TRUE(trace.input_indices.empty());
  EXPECT_TRUE(trace.output_slots.empty());
}

// Bit 2 of XINUSE, which xgetbv reads with ecx = 1: the upper halves of the first sixteen registers
// of 256 bits are not all zero.
bool AreUpperHalvesInUse() {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
  return (low & 4U) != 0;
}

// Whether the processor has XINUSE, and reports it without delay.
bool KnowsUpperHalves() {
  std::uint32_t eax = 0xd;
  std::uint32_t ebx = 0;
  std::uint32_t ecx = 1;
  std::uint32_t edx = 0;
  asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  if ((eax & 4U) == 0) return false;
  asm volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
  const bool before = AreUpperHalvesInUse();
  asm volatile("vzeroupper" ::: "xmm0");
  return before && !AreUpperHalvesInUse();
}

// Code for SSE, as the caller's is, would slow down if registers were left wide.
TEST_F(MachineCodeTest, LeavesNoWideRegistersBehind) {
  if (!KnowsUpperHalves()) GTEST_SKIP() << "the processor does not tell";
  ListMaker maker;
  maker.Output(maker.Make(Op::kSquare, maker.Input()));
  Trace trace;
  const auto code = MachineCode::Make(maker.list(), 8, trace);
  ASSERT_NE(code, nullptr);
  LaneBuffer slots(std::size_t{trace.num_slots} * 8);
  code->Run(slots.data(), 8);
  EXPECT_FALSE(AreUpperHalvesInUse());
}

}  // namespace
}  // namespace sobolev::program
