// Lists of instructions as recorded loops leave them: unrolled, with values that iterations hand
// on, values that never change, and columns of inputs and constants.
//
// Every list is defined and of moderate size everywhere: a position of a body is known to be in
// [1/2, 1] (positive), in [−1, 1] (unit), or to grow no faster than the number of operations
// (wide), and operations take only what keeps it so.

#ifndef SOBOLEV_TESTS_ENGINE_PROGRAM_UNROLLED_LOOPS_H_
#define SOBOLEV_TESTS_ENGINE_PROGRAM_UNROLLED_LOOPS_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/program/lowering.h"

namespace sobolev::program {

// Writes instructions by hand.
class ListMaker {
 public:
  ValueId Input() {
    list_.inputs.emplace_back(list_.num_values, static_cast<NodeId>(list_.inputs.size()));
    return list_.num_values++;
  }
  ValueId Constant(double constant) {
    list_.constants.emplace_back(list_.num_values, constant);
    return list_.num_values++;
  }
  ValueId Make(Op op, ValueId a, ValueId b = kNoNode, ValueId c = kNoNode) {
    return Add({.op = op, .a = a, .b = b, .c = c, .terms = {}});
  }
  ValueId Sum(std::vector<Term> terms) {
    return Add({.op = Op::kSumOfProducts, .terms = std::move(terms)});
  }
  // The sine; the cosine is the next value.
  ValueId SinCos(ValueId a) {
    const ValueId sine = Make(Op::kSinCos, a);
    list_.instructions.back().result2 = list_.num_values++;
    return sine;
  }
  void Output(ValueId value) { list_.outputs.push_back(value); }

  const InstructionList& list() const { return list_; }
  ValueId num_values() const { return list_.num_values; }

 private:
  ValueId Add(Instruction instruction) {
    instruction.result = list_.num_values++;
    list_.instructions.push_back(std::move(instruction));
    return list_.instructions.back().result;
  }

  InstructionList list_;
};

// A random list of some loops with straight code between them. A seed names one for ever.
class UnrolledLoops {
 public:
  // Every input is in [1/2, 1] if its index is even, else in [−1, 1].
  explicit UnrolledLoops(std::uint64_t seed) : rng_(seed) {
    for (int i = 0; i < kNumInputs; ++i) {
      Know(maker_.Input(), i % 2 == 0 ? Range::kPositive : Range::kUnit);
    }
    for (int i = 0; i < 4; ++i) Know(maker_.Constant(2 * rng_.Uniform() - 1), Range::kUnit);
    Know(maker_.Constant(0.0), Range::kUnit);
    Know(maker_.Constant(0.75), Range::kPositive);
    for (std::uint64_t loops = 1 + rng_.Below(3); loops > 0; --loops) {
      AddLoop(rng_.Below(8), 1);
      const std::uint64_t length = Chance(0.4) ? 33 + rng_.Below(31) : 1 + rng_.Below(32);
      AddLoop(length, 4 + rng_.Below(8));
    }
    AddLoop(rng_.Below(60), 1);
    for (const ValueId result : results_) {
      if (Chance(0.1)) maker_.Output(result);
    }
    maker_.Output(results_.empty() ? 0 : results_.back());
  }

  static constexpr int kNumInputs = 12;
  const InstructionList& list() const { return maker_.list(); }

 private:
  enum class Range : std::uint8_t { kPositive, kUnit, kWide };

  // What an operand is in each iteration.
  enum class Kind : std::uint8_t {
    kSame,       // A result of the same iteration.
    kBefore,     // A result of an iteration before; in the first ones another value.
    kFixed,      // One value known before the loop.
    kColumn,     // Values known before the loop, in turn.
    kConstants,  // A constant of its own.
    kFirst,      // A result of the first iteration, or before that is made, something known.
    kLast,       // Something known, and in the last iteration a result of it.
  };
  static constexpr std::size_t kNone = ~std::size_t{0};
  static constexpr std::size_t kFar = 32;  // Operations, as in rolling.cc.
  struct Operand {
    Kind kind = Kind::kFixed;
    Range range = Range::kUnit;
    std::size_t position = 0;  // Of a result.
    std::size_t lag = 0;
    std::size_t start = kNone;  // The position whose result stands for what is before the first.
    std::size_t first = 0;      // Among what is known; a column takes every `stride`-th from there.
    std::size_t stride = 0;
  };
  // An operation with the ranges of its operands and its result.
  struct Form {
    Op op = Op::kAdd;
    Range result = Range::kWide;
    std::array<Range, 3> operands = {};
    std::size_t arity = 0;
  };
  struct Position {
    Form form;
    std::vector<Operand> operands;
    std::vector<std::uint8_t> signs;  // Of a sum's terms: 1 is negative, 2 a product.
  };

  bool Chance(double probability) { return rng_.Uniform() < probability; }

  void Know(ValueId value, Range range) {
    for (auto r = static_cast<std::size_t>(range); r < known_.size(); ++r) {
      known_[r].push_back(value);
    }
  }
  ValueId Known(Range range, std::size_t place) const {
    const auto& values = known_[static_cast<std::size_t>(range)];
    return values[place % values.size()];
  }

  void AddLoop(std::size_t length, std::size_t iterations) {
    constexpr std::array kCallChances = {0.0, 0.0, 0.04, 0.3};
    call_chance_ = kCallChances[rng_.Below(kCallChances.size())];
    unusual_chance_ = Chance(0.5) ? 0.0 : 0.05;
    near_chance_ = Chance(0.5) ? 0.4 : 0.95;
    body_.clear();
    while (body_.size() < length) body_.push_back(RandomPosition());
    for (std::size_t p = 0; p < length; ++p) AddOperands(p);
    made_.clear();
    for (std::size_t k = 0; k < iterations; ++k) {
      made_.emplace_back();
      for (const Position& position : body_) Unroll(position, k, k + 1 == iterations);
    }
    for (const auto& iteration : made_) {
      for (std::size_t p = 0; p < iteration.size(); ++p) {
        results_.push_back(iteration[p]);
        if (Chance(0.2)) Know(iteration[p], body_[p].form.result);
      }
    }
  }

  void Unroll(const Position& position, std::size_t k, bool is_last) {
    std::vector<ValueId> operands;
    operands.reserve(position.operands.size());
    for (const Operand& operand : position.operands) {
      operands.push_back(ValueOf(operand, k, is_last));
    }
    if (position.form.op == Op::kSinCos) return made_.back().push_back(maker_.SinCos(operands[0]));
    if (position.form.op != Op::kSumOfProducts) {
      operands.resize(3, kNoNode);
      return made_.back().push_back(
          maker_.Make(position.form.op, operands[0], operands[1], operands[2]));
    }
    std::vector<Term> terms;
    terms.reserve(position.signs.size());
    std::size_t next = 0;
    for (const std::uint8_t sign : position.signs) {
      Term term{.negative = (sign & 1U) != 0, .a = operands[next++]};
      if ((sign & 2U) != 0) term.b = operands[next++];
      terms.push_back(term);
    }
    made_.back().push_back(maker_.Sum(std::move(terms)));
  }

  ValueId ValueOf(const Operand& operand, std::size_t k, bool is_last) {
    const auto made = [&](std::size_t iteration) { return made_[iteration][operand.position]; };
    const std::size_t p = made_.back().size();
    const ValueId known = Known(operand.range, operand.first + k * operand.stride);
    switch (operand.kind) {
      case Kind::kSame:
        return made(k);
      case Kind::kBefore:
        if (k >= operand.lag) return made(k - operand.lag);
        return operand.start < p ? made_[k][operand.start] : Known(operand.range, operand.first);
      case Kind::kFixed:
      case Kind::kColumn:
        return known;
      case Kind::kConstants:
        return maker_.Constant(operand.range == Range::kPositive ? 0.5 + 0.5 * rng_.Uniform()
                                                                 : 2 * rng_.Uniform() - 1);
      case Kind::kFirst:
        return k > 0 || operand.position < p ? made(0) : known;
      case Kind::kLast:
        return is_last && operand.position < p ? made(k) : known;
    }
    return known;
  }

  Operand RandomOperand(Range range, std::size_t p) {
    constexpr std::array kUsual = {Kind::kSame,  Kind::kSame,   Kind::kSame,     Kind::kBefore,
                                   Kind::kFixed, Kind::kColumn, Kind::kConstants};
    constexpr std::array kUnusual = {Kind::kFirst, Kind::kLast};
    Operand operand{.kind = Chance(unusual_chance_) ? kUnusual[rng_.Below(kUnusual.size())]
                                                    : kUsual[rng_.Below(kUsual.size())],
                    .range = range};
    operand.first = rng_.Below(64);
    if (operand.kind == Kind::kColumn || (operand.kind == Kind::kLast && Chance(0.5))) {
      operand.stride = 1 + rng_.Below(2);
    }
    if (operand.kind == Kind::kBefore) {
      operand.lag = Chance(0.9) ? 1 : 2;
      // Often its own last result, as sums and states have it.
      const bool is_own = body_[p].form.result <= range && Chance(0.5);
      SetPosition(operand, is_own ? p : RandomResult(range, body_.size(), 0.2));
      if (Chance(0.3)) operand.start = RandomResult(range, p > kFar ? p - kFar : p, 0.2);
    } else if (operand.kind == Kind::kSame) {
      SetPosition(operand, RandomResult(range, p, near_chance_));
    } else if (operand.kind == Kind::kFirst || operand.kind == Kind::kLast) {
      // Often far away: operands made close by must repeat, or there is no loop to be found.
      const bool is_far = p > kFar && Chance(0.8);
      SetPosition(operand, RandomResult(range, is_far ? p - kFar : body_.size(), 0.2));
    }
    return operand;
  }

  void SetPosition(Operand& operand, std::size_t position) {
    if (position == kNone) operand.kind = Kind::kFixed;
    operand.position = position;
  }

  // A position before `end` whose result is in the range, one of the last few with that chance;
  // kNone if there is none.
  std::size_t RandomResult(Range range, std::size_t end, double near_chance) {
    std::vector<std::size_t> fitting;
    for (std::size_t q = 0; q < end; ++q) {
      if (body_[q].form.result <= range) fitting.push_back(q);
    }
    if (fitting.empty()) return kNone;
    const std::size_t window =
        Chance(near_chance) ? std::min<std::size_t>(fitting.size(), 4) : fitting.size();
    return fitting[fitting.size() - 1 - rng_.Below(window)];
  }

  // An operation without operands yet: those may be results of later positions.
  Position RandomPosition() {
    constexpr Range kP = Range::kPositive;
    constexpr Range kU = Range::kUnit;
    constexpr Range kW = Range::kWide;
    static constexpr std::array kArithmetic = {
        Form{Op::kNegate, kU, {kU}, 1},
        Form{Op::kNegate, kW, {kW}, 1},
        Form{Op::kSquare, kU, {kU}, 1},
        Form{Op::kReciprocal, kW, {kP}, 1},
        Form{Op::kAbs, kU, {kU}, 1},
        Form{Op::kAbs, kW, {kW}, 1},
        Form{Op::kFloor, kW, {kW}, 1},
        Form{Op::kSqrt, kP, {kP}, 1},
        Form{Op::kAdd, kW, {kW, kU}, 2},
        Form{Op::kAdd, kW, {kU, kW}, 2},
        Form{Op::kSubtract, kW, {kU, kW}, 2},
        Form{Op::kSubtract, kW, {kW, kU}, 2},
        Form{Op::kMultiply, kU, {kU, kU}, 2},
        Form{Op::kMultiply, kU, {kP, kU}, 2},
        Form{Op::kSeedMultiply, kU, {kU, kU}, 2},
        Form{Op::kDivide, kW, {kU, kP}, 2},
        Form{Op::kMin, kP, {kP, kP}, 2},
        Form{Op::kMin, kW, {kW, kW}, 2},
        Form{Op::kMax, kP, {kU, kP}, 2},
        Form{Op::kMax, kW, {kW, kW}, 2},
        Form{Op::kLess, kU, {kW, kW}, 2},
        Form{Op::kLessEqual, kU, {kW, kW}, 2},
        Form{Op::kEqual, kU, {kW, kW}, 2},
        Form{Op::kSelect, kU, {kU, kU, kU}, 3},
        Form{Op::kSelect, kW, {kU, kW, kW}, 3},
        Form{Op::kMultiplyAdd, kW, {kU, kU, kW}, 3},
        Form{Op::kMultiplyAdd, kW, {kU, kU, kU}, 3},
        Form{Op::kNegativeMultiplyAdd, kW, {kU, kU, kW}, 3},
        Form{Op::kMultiplySubtract, kW, {kU, kU, kW}, 3},
        Form{Op::kSumOfProducts, kW, {}, 0},
        Form{Op::kSumOfProducts, kW, {}, 0},
    };
    static constexpr std::array kCalls = {
        Form{Op::kPow, kW, {kP, kU}, 2},   Form{Op::kPow, kW, {kP, kP}, 2},
        Form{Op::kAtan2, kW, {kW, kW}, 2}, Form{Op::kAtan2, kW, {kU, kU}, 2},
        Form{Op::kHypot, kW, {kU, kU}, 2}, Form{Op::kExp, kW, {kU}, 1},
        Form{Op::kSin, kU, {kW}, 1},       Form{Op::kTanh, kU, {kW}, 1},
        Form{Op::kSign, kU, {kW}, 1},      Form{Op::kSinCos, kU, {kW}, 1},
    };
    const Form& form = Chance(call_chance_) ? kCalls[rng_.Below(kCalls.size())]
                                            : kArithmetic[rng_.Below(kArithmetic.size())];
    return {.form = form, .operands = {}, .signs = {}};
  }

  void AddOperands(std::size_t p) {
    Position& position = body_[p];
    for (std::size_t i = 0; i < position.form.arity; ++i) {
      position.operands.push_back(RandomOperand(position.form.operands[i], p));
    }
    if (position.form.op == Op::kSumOfProducts) AddTerms(position, p);
  }

  // At most one term is wide, and the first is not subtracted.
  void AddTerms(Position& position, std::size_t p) {
    const std::uint64_t count = 2 + rng_.Below(5);
    const std::uint64_t wide = rng_.Below(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      const bool is_product = i != wide && Chance(0.6);
      const bool is_negative = i > 0 && Chance(0.5);
      position.signs.push_back(
          static_cast<std::uint8_t>((is_negative ? 1 : 0) + (is_product ? 2 : 0)));
      position.operands.push_back(RandomOperand(i == wide ? Range::kWide : Range::kUnit, p));
      if (is_product) position.operands.push_back(RandomOperand(Range::kUnit, p));
    }
  }

  Rng rng_;
  ListMaker maker_;
  std::array<std::vector<ValueId>, 3> known_;  // By range, what is in it.
  std::vector<ValueId> results_;
  // Of the loop under way.
  double call_chance_ = 0;
  double near_chance_ = 0;     // Of results that are just made.
  double unusual_chance_ = 0;  // Of results of the first or the last iteration.
  std::vector<Position> body_;
  std::vector<std::vector<ValueId>> made_;  // By iteration and position.
};

}  // namespace sobolev::program

#endif  // SOBOLEV_TESTS_ENGINE_PROGRAM_UNROLLED_LOOPS_H_
