// Loops that are found again in straight-line code.

#include "engine/program/rolling.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/program/unrolled_loops.h"

namespace sobolev::program {
namespace {

std::vector<Section> Sections(const ListMaker& maker) {
  return Roll(maker.list(), Producers(maker.list()));
}

// x ← √(x² + c), step by step.
ValueId AddSteps(ListMaker& maker, ValueId x, ValueId c, int steps) {
  for (int i = 0; i < steps; ++i) {
    const ValueId square = maker.Make(Op::kSquare, x);
    x = maker.Make(Op::kSqrt, maker.Make(Op::kAdd, square, c));
  }
  return x;
}

// The first step and the last may be cut in two where the loop's iterations begin.
void ExpectLoop(const Section& section, std::uint32_t length, std::uint32_t steps) {
  EXPECT_EQ(section.length, length);
  EXPECT_LE(section.iterations, steps);
  EXPECT_GE(section.iterations + 1, steps);
}

std::vector<Section> LoopsAmong(const std::vector<Section>& sections) {
  std::vector<Section> loops;
  std::copy_if(sections.begin(), sections.end(), std::back_inserter(loops),
               [](const Section& s) { return s.iterations > 1; });
  return loops;
}

TEST(RollingTest, FindsTheLoopThatWasUnrolled) {
  ListMaker maker;
  const ValueId x = maker.Input();
  maker.Output(AddSteps(maker, x, maker.Input(), 20));
  const std::vector<Section> loops = LoopsAmong(Sections(maker));
  ASSERT_EQ(loops.size(), 1U);
  ExpectLoop(loops[0], 3, 20);
}

TEST(RollingTest, LeavesWhatDoesNotRepeatAlone) {
  ListMaker maker;
  ValueId x = maker.Input();
  // As different as can be: an operation, then the same twice, then three times.
  for (int count = 1; count < 10; ++count) {
    x = maker.Make(Op::kSqrt, x);
    for (int i = 0; i < count; ++i) x = maker.Make(Op::kSquare, x);
  }
  maker.Output(x);
  const std::vector<Section> sections = Sections(maker);
  ASSERT_EQ(sections.size(), 1U);
  EXPECT_EQ(sections[0].iterations, 1U);
  EXPECT_EQ(sections[0].length, maker.list().instructions.size());
}

TEST(RollingTest, KeepsLoopsAndTheCodeBetweenThemApart) {
  ListMaker maker;
  const ValueId c = maker.Input();
  ValueId x = AddSteps(maker, maker.Input(), c, 12);
  x = maker.Make(Op::kReciprocal, x);
  for (int i = 0; i < 30; ++i) x = maker.Make(Op::kMultiplyAdd, x, x, c);
  maker.Output(x);
  const std::vector<Section> loops = LoopsAmong(Sections(maker));
  ASSERT_EQ(loops.size(), 2U);
  ExpectLoop(loops[0], 3, 12);
  ExpectLoop(loops[1], 1, 30);
  EXPECT_GT(loops[1].first, loops[0].first + loops[0].size());
}

// Sums differ in the signs of their terms and in which terms are products.
TEST(RollingTest, SumsOfOtherShapesAreOtherOperations) {
  for (const bool alternates : {false, true}) {
    ListMaker maker;
    const ValueId x = maker.Input();
    ValueId sum = maker.Input();
    for (int i = 0; i < 40; ++i) {
      // Signs without a period (Thue and Morse).
      const bool is_negative = alternates && std::popcount(static_cast<unsigned>(i)) % 2 == 1;
      sum = maker.Sum({{.a = sum}, {.negative = is_negative, .a = x, .b = x}, {.a = x}});
    }
    maker.Output(sum);
    EXPECT_EQ(LoopsAmong(Sections(maker)).empty(), alternates);
  }
}

// Whatever the list: sections follow each other and are all of it, and the iterations of a loop
// have equal operations.
TEST(RollingTest, SectionsAreTheListInItsOrder) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const UnrolledLoops loops(seed);
    const InstructionList& list = loops.list();
    std::uint32_t end = 0;
    for (const Section& section : Roll(list, Producers(list))) {
      ASSERT_EQ(section.first, end);
      ASSERT_GT(section.size(), 0U);
      end += section.size();
      ASSERT_LE(end, list.instructions.size());
      // What the encoder relies on for 32-bit offsets (section_encoder.cc).
      ASSERT_NE(section.iterations, 2U);
      for (std::uint32_t i = section.first + section.length; i < end; ++i) {
        const Instruction& a = list.instructions[i];
        const Instruction& b = list.instructions[i - section.length];
        ASSERT_EQ(a.op, b.op);
        ASSERT_EQ(a.terms.size(), b.terms.size());
        for (std::size_t t = 0; t < a.terms.size(); ++t) {
          ASSERT_EQ(a.terms[t].negative, b.terms[t].negative);
          ASSERT_EQ(a.terms[t].b == kNoNode, b.terms[t].b == kNoNode);
        }
      }
    }
    EXPECT_EQ(end, list.instructions.size());
  }
}

}  // namespace
}  // namespace sobolev::program
