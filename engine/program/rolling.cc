#include "engine/program/rolling.h"

#include <algorithm>

namespace sobolev::program {
namespace {

constexpr std::uint32_t kMaxPeriod = 64;
constexpr std::uint32_t kMinIterations = 3;
// Shorter loops cost more at their ends than they save.
constexpr std::uint32_t kMinSize = 24;
// Operands made this close by are part of what must repeat: they are handed on within an iteration
// or to the next.
constexpr std::uint32_t kNear = 32;

constexpr std::uint64_t Mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 29);
}

class Roller {
 public:
  Roller(const InstructionList& list, const std::vector<std::uint32_t>& producers)
      : list_(list),
        producers_(producers),
        size_(static_cast<std::uint32_t>(list.instructions.size())) {}

  std::vector<Section> Run() {
    FindRepeats();
    for (std::uint32_t i = 0; i < size_;) {
      const std::uint32_t iterations = IterationsAt(i);
      if (iterations == 0) {
        ++i;
        continue;
      }
      Section loop = Rotate({.first = i, .length = repeats_[i].period, .iterations = iterations});
      if (CanPrepend(loop)) {
        loop.first -= loop.length;
        ++loop.iterations;
      }
      AddStraight(loop.first);
      sections_.push_back(loop);
      i = end_ = loop.first + loop.size();
    }
    AddStraight(size_);
    return std::move(sections_);
  }

 private:
  // The longest repeat from an instruction on.
  struct Repeat {
    std::uint32_t period = 0;
    std::uint32_t size = 0;  // A multiple of the period.
  };

  // How far back operand `place` of instruction i was made; 0 if not by an instruction.
  std::uint32_t Distance(std::uint32_t i, std::size_t place) const {
    const ValueId operand = OperandAt(list_.instructions[i], place);
    if (operand == kNoNode || producers_[operand] == kNoNode) return 0;
    return i - producers_[operand];
  }

  std::uint64_t TokenOf(std::uint32_t i) const {
    const Instruction& instruction = list_.instructions[i];
    std::uint64_t token = Mix(static_cast<std::uint64_t>(instruction.op), instruction.terms.size());
    for (const Term& term : instruction.terms) {
      token = Mix(token, (term.negative ? 2U : 0U) + (term.b == kNoNode ? 0U : 1U));
    }
    for (std::size_t place = 0; place < NumPlaces(instruction); ++place) {
      const std::uint32_t distance = Distance(i, place);
      token = Mix(token, distance <= kNear ? distance : 0);
    }
    return token;
  }

  void FindRepeats() {
    std::vector<std::uint64_t> tokens(size_);
    for (std::uint32_t i = 0; i < size_; ++i) tokens[i] = TokenOf(i);
    repeats_.resize(size_);
    for (std::uint32_t period = 1; period <= std::min(kMaxPeriod, size_ / kMinIterations);
         ++period) {
      std::uint32_t equal = 0;  // Tokens from i on that stand one period later again.
      for (std::uint32_t i = size_ - period; i-- > 0;) {
        equal = tokens[i] == tokens[i + period] ? equal + 1 : 0;
        const std::uint32_t iterations = equal / period + 1;
        if (iterations >= kMinIterations && iterations * period > repeats_[i].size) {
          repeats_[i] = {.period = period, .size = iterations * period};
        }
      }
    }
  }

  // The iterations of a loop that starts at i, before a longer one begins; 0 if it is not worth it.
  std::uint32_t IterationsAt(std::uint32_t i) const {
    const Repeat& repeat = repeats_[i];
    if (repeat.size == 0) return 0;
    std::uint32_t end = i + repeat.size;
    for (std::uint32_t k = i + 1; k < end; ++k) {
      if (repeats_[k].size > repeat.size) end = k;
    }
    std::uint32_t iterations = 1;
    while (i + (iterations + 1) * repeat.period <= end &&
           IsSameBody(i, i + iterations * repeat.period, repeat.period)) {
      ++iterations;
    }
    const bool is_worth_it = iterations >= kMinIterations && iterations * repeat.period >= kMinSize;
    return is_worth_it ? iterations : 0;
  }

  // Tokens are hashes; this is what code for many iterations relies on.
  bool IsSameBody(std::uint32_t i, std::uint32_t k, std::uint32_t length) const {
    for (std::uint32_t p = 0; p < length; ++p) {
      const Instruction& a = list_.instructions[i + p];
      const Instruction& b = list_.instructions[k + p];
      const auto same_term = [](const Term& s, const Term& t) {
        return s.negative == t.negative && (s.b == kNoNode) == (t.b == kNoNode);
      };
      if (a.op != b.op ||
          !std::equal(a.terms.begin(), a.terms.end(), b.terms.begin(), b.terms.end(), same_term)) {
        return false;
      }
    }
    return true;
  }

  // The same loop with its iterations cut where the fewest values cross from one to the next.
  Section Rotate(const Section& loop) const {
    if (loop.iterations <= kMinIterations) return loop;
    Section best = loop;
    std::size_t fewest = CountCrossings(loop.first + loop.length, loop.length);
    for (std::uint32_t shift = 1; shift < loop.length; ++shift) {
      const std::size_t crossings = CountCrossings(loop.first + loop.length + shift, loop.length);
      if (crossings < fewest) {
        fewest = crossings;
        best = {
            .first = loop.first + shift, .length = loop.length, .iterations = loop.iterations - 1};
      }
    }
    return best;
  }

  // Values of the iteration before instruction i that the one from i on uses.
  std::size_t CountCrossings(std::uint32_t i, std::uint32_t length) const {
    std::vector<ValueId> crossing;
    for (std::uint32_t p = 0; p < length; ++p) {
      ForEachOperand(list_.instructions[i + p], [&](ValueId operand) {
        const std::uint32_t producer = producers_[operand];
        if (producer < i && producer + length >= i) crossing.push_back(operand);
      });
    }
    std::sort(crossing.begin(), crossing.end());
    return static_cast<std::size_t>(std::unique(crossing.begin(), crossing.end()) -
                                    crossing.begin());
  }

  // Whether the instructions before a loop are an iteration of it: only what it takes from an
  // iteration before may differ, for the first has none.
  bool CanPrepend(const Section& loop) const {
    if (loop.first < end_ + loop.length) return false;
    const std::uint32_t before = loop.first - loop.length;
    if (!IsSameBody(before, loop.first, loop.length)) return false;
    for (std::uint32_t p = 0; p < loop.length; ++p) {
      for (std::size_t place = 0; place < NumPlaces(list_.instructions[before + p]); ++place) {
        const auto within = [&](std::uint32_t distance) { return distance <= p ? distance : 0; };
        if (within(Distance(before + p, place)) != within(Distance(loop.first + p, place))) {
          return false;
        }
      }
    }
    return true;
  }

  void AddStraight(std::uint32_t end) {
    if (end_ < end) sections_.push_back({.first = end_, .length = end - end_});
  }

  const InstructionList& list_;
  const std::vector<std::uint32_t>& producers_;
  std::uint32_t size_;
  std::vector<Repeat> repeats_;
  std::vector<Section> sections_;
  std::uint32_t end_ = 0;  // Of the sections so far.
};

}  // namespace

std::vector<std::uint32_t> Producers(const InstructionList& list) {
  std::vector<std::uint32_t> producers(list.num_values, kNoNode);
  for (std::uint32_t i = 0; i < list.instructions.size(); ++i) {
    const Instruction& instruction = list.instructions[i];
    producers[instruction.result] = i;
    if (instruction.result2 != kNoNode) producers[instruction.result2] = i;
  }
  return producers;
}

std::vector<Section> Roll(const InstructionList& list,
                          const std::vector<std::uint32_t>& producers) {
  return Roller(list, producers).Run();
}

}  // namespace sobolev::program
