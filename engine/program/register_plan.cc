#include "engine/program/register_plan.h"

#include <algorithm>
#include <cassert>

#include "engine/program/step_writer.h"

namespace sobolev::program {
namespace {

// Loops shorter than this are left before preloading pays.
constexpr std::uint32_t kMinIterationsToPreload = 4;

// The three forms of a fused operation, by what they overwrite.
struct FusedForms {
  VectorOpcode form132;
  VectorOpcode form213;
  VectorOpcode form231;
};

constexpr FusedForms kAddForms{opcode::kMultiplyAdd132, opcode::kMultiplyAdd213,
                               opcode::kMultiplyAdd231};
constexpr FusedForms kSubtractForms{opcode::kMultiplySubtract132, opcode::kMultiplySubtract213,
                                    opcode::kMultiplySubtract231};
constexpr FusedForms kNegativeForms{opcode::kNegativeMultiplyAdd132,
                                    opcode::kNegativeMultiplyAdd213,
                                    opcode::kNegativeMultiplyAdd231};

class Planner : private StepWriter {
 public:
  explicit Planner(const Body& body) : StepWriter(body), body_(body) {
    for (SymbolId s = 0; s < body.symbols.size(); ++s) {
      if (body.symbols[s].is_carried()) Dedicate(s, body.symbols[s].initial);
    }
  }

  // Gives symbols that never change registers of their own.
  void Pin(const std::vector<SymbolId>& symbols) {
    for (const SymbolId symbol : symbols) Dedicate(symbol, symbol);
  }

  RegisterPlan Run() {
    for (std::uint32_t p = 0; p < body_.operations.size(); ++p) {
      registers().Start(p);
      Plan(body_.operations[p]);
      registers().ReleaseDead(body_.operations[p]);
    }
    for (SymbolId s = 0; s < body_.symbols.size(); ++s) {
      plan().in_memory.push_back(registers().IsInMemory(s) ? 1 : 0);
    }
    return std::move(plan());
  }

  // Registers that were never in use.
  std::size_t num_spare() const {
    return static_cast<std::size_t>(kNumRegisters - registers().peak());
  }

  // Symbols that never change, most used first.
  std::vector<SymbolId> Unchanging() const {
    std::vector<SymbolId> symbols;
    for (SymbolId s = 0; s < body_.symbols.size(); ++s) {
      const Symbol& symbol = body_.symbols[s];
      const bool is_operand = symbol.kind != Symbol::Kind::kResult && registers().NumUses(s) > 0;
      if (symbol.is_fixed && is_operand) symbols.push_back(s);
    }
    std::stable_sort(symbols.begin(), symbols.end(), [&](SymbolId s, SymbolId t) {
      return registers().NumUses(s) > registers().NumUses(t);
    });
    return symbols;
  }

 private:
  void Plan(const Operation& operation) {
    const auto& o = operation.operands;
    switch (operation.op) {
      case Op::kAdd:
        return Binary(operation, opcode::kAdd, o[0], o[1], true);
      case Op::kSubtract:
        return Binary(operation, opcode::kSubtract, o[0], o[1], false);
      case Op::kMultiply:
        return Binary(operation, opcode::kMultiply, o[0], o[1], true);
      case Op::kDivide:
        return Binary(operation, opcode::kDivide, o[0], o[1], false);
      case Op::kSquare:
        return Binary(operation, opcode::kMultiply, o[0], o[0], true);
      case Op::kReciprocal:
        return Binary(operation, opcode::kDivide, o[1], o[0], false);
      case Op::kNegate:
        return Binary(operation, opcode::kXor, o[0], o[1], true);
      case Op::kAbs:
        return Binary(operation, opcode::kAnd, o[0], o[1], true);
      case Op::kSqrt:
        return Unary(operation, {.kind = Step::Kind::kUnary, .opcode = opcode::kSqrt});
      case Op::kFloor:
        return Unary(operation, {.kind = Step::Kind::kRound, .opcode = opcode::kRound});
      case Op::kMultiplyAdd:
        return Fused(operation, kAddForms);
      case Op::kMultiplySubtract:
        return Fused(operation, kSubtractForms);
      case Op::kNegativeMultiplyAdd:
        return Fused(operation, kNegativeForms);
      case Op::kSumOfProducts:
        return Sum(operation);
      case Op::kMin:
        return Extremum(operation, opcode::kMin);
      case Op::kMax:
        return Extremum(operation, opcode::kMax);
      case Op::kLess:
        return Comparison(operation, kLessSignaling);
      case Op::kLessEqual:
        return Comparison(operation, kLessEqualSignaling);
      case Op::kEqual:
        return Comparison(operation, kEqualQuiet);
      case Op::kSeedMultiply:
        return SeedMultiply(operation);
      case Op::kSelect:
        return Select(operation);
      default:
        return Call(operation);
    }
  }

  void Binary(const Operation& operation, VectorOpcode opcode, SymbolId s, SymbolId t,
              bool commutes) {
    Source a = Fetch(s);
    if (s == t) Load(a);
    Source b = s == t ? a : Fetch(t);
    if (commutes && a.in_memory) std::swap(a, b);
    Load(a);
    const Register to = Target(operation);
    Add({.kind = Step::Kind::kBinary, .opcode = opcode, .to = to, .first = a.reg, .last = b});
    Finish(operation.results[0], to);
  }

  void Unary(const Operation& operation, Step step) {
    step.last = Fetch(operation.operands[0]);
    step.to = Target(operation);
    Add(step);
    Finish(operation.results[0], step.to);
  }

  void Fused(const Operation& operation, const FusedForms& forms) {
    Source a = Fetch(operation.operands[0]);
    Source b = Fetch(operation.operands[1]);
    Source c = Fetch(operation.operands[2]);
    Register to = 0;
    if (IsOverwritable(operation, c)) {
      TakeOver(c);
      to = c.reg;
      AddProduct(forms, to, a, b);
    } else if (IsOverwritable(operation, a)) {
      TakeOver(a);
      to = a.reg;
      MultiplyAddInto(forms, to, b, c);
    } else if (IsOverwritable(operation, b)) {
      TakeOver(b);
      to = b.reg;
      MultiplyAddInto(forms, to, a, c);
    } else {
      to = registers().Allocate();
      if (!c.in_memory && (a.in_memory || b.in_memory)) {
        const bool a_first = a.in_memory;
        LoadInto(to, a_first ? a : b);
        MultiplyAddInto(forms, to, a_first ? b : a, c);
      } else {
        CopyInto(to, c);
        AddProduct(forms, to, a, b);
      }
    }
    Finish(operation.results[0], to);
  }

  // to = ±a b ± to.
  void AddProduct(const FusedForms& forms, Register to, Source a, Source b) {
    if (a.in_memory) std::swap(a, b);
    Load(a);
    Add({.kind = Step::Kind::kBinary,
         .opcode = forms.form231,
         .to = to,
         .first = a.reg,
         .last = b});
  }

  // to = ±to b ± c.
  void MultiplyAddInto(const FusedForms& forms, Register to, Source b, const Source& c) {
    if (c.in_memory) Load(b);
    if (b.in_memory) {
      Add({.kind = Step::Kind::kBinary,
           .opcode = forms.form132,
           .to = to,
           .first = c.reg,
           .last = b});
    } else {
      Add({.kind = Step::Kind::kBinary,
           .opcode = forms.form213,
           .to = to,
           .first = b.reg,
           .last = c});
    }
  }

  void Sum(const Operation& operation) {
    const auto& o = operation.operands;
    Register sum = 0;
    std::size_t next = 1;
    if (o[1] != kNoSymbol) {
      Source a = Fetch(o[0]);
      Source b = o[1] == o[0] && !a.in_memory ? a : Fetch(o[1]);
      if (a.in_memory) std::swap(a, b);
      Load(a);
      sum = registers().Allocate();
      Add({.kind = Step::Kind::kBinary,
           .opcode = opcode::kMultiply,
           .to = sum,
           .first = a.reg,
           .last = b});
    } else if (o[3] == kNoSymbol) {
      const Source a = FetchRegister(o[0]);
      const Source b = Fetch(o[2]);
      sum = registers().Allocate();
      Add({.kind = Step::Kind::kBinary,
           .opcode = operation.negative[1] ? opcode::kSubtract : opcode::kAdd,
           .to = sum,
           .first = a.reg,
           .last = b});
      next = 2;
    } else {
      const Source a = Fetch(o[0]);
      if (IsOverwritable(operation, a)) {
        TakeOver(a);
        sum = a.reg;
      } else {
        sum = registers().Allocate();
        CopyInto(sum, a);
      }
    }
    for (std::size_t k = next; k < operation.negative.size(); ++k) {
      registers().ReleaseTemporaries(sum);
      AddTerm(sum, o[2 * k], o[2 * k + 1], operation.negative[k]);
    }
    Finish(operation.results[0], sum);
  }

  void AddTerm(Register sum, SymbolId s, SymbolId t, bool is_negative) {
    if (t != kNoSymbol) {
      const Source a = Fetch(s);
      return AddProduct(is_negative ? kNegativeForms : kAddForms, sum, a, Fetch(t));
    }
    Add({.kind = Step::Kind::kBinary,
         .opcode = is_negative ? opcode::kSubtract : opcode::kAdd,
         .to = sum,
         .first = sum,
         .last = Fetch(s)});
  }

  // The instruction gives its second operand where either is a NaN; we want the NaN.
  void Extremum(const Operation& operation, VectorOpcode opcode) {
    const Source a = FetchRegister(operation.operands[0]);
    const Source b = Fetch(operation.operands[1]);
    const Register to = registers().Allocate();
    Add({.kind = Step::Kind::kBinary, .opcode = opcode, .to = to, .first = a.reg, .last = b});
    Compare(a, a, kUnordered);
    Add({.kind = Step::Kind::kMoveWhere, .to = to, .first = a.reg});
    Finish(operation.results[0], to);
  }

  void Compare(const Source& a, const Source& b, std::uint8_t predicate) {
    Add({.kind = Step::Kind::kCompare, .predicate = predicate, .first = a.reg, .last = b});
  }

  void Comparison(const Operation& operation, std::uint8_t predicate) {
    const Source a = FetchRegister(operation.operands[0]);
    Compare(a, Fetch(operation.operands[1]), predicate);
    const Source one = Fetch(operation.operands[2]);
    const Register to = Target(operation);
    Add({.kind = Step::Kind::kLoadOrZero, .to = to, .last = one});
    Finish(operation.results[0], to);
  }

  void SeedMultiply(const Operation& operation) {
    const Source a = FetchRegister(operation.operands[0]);
    Compare(a, Fetch(operation.operands[2]), kNotEqual);
    const Source b = Fetch(operation.operands[1]);
    const Register to = Target(operation);
    Add({.kind = Step::Kind::kBinaryOrZero,
         .opcode = opcode::kMultiply,
         .to = to,
         .first = a.reg,
         .last = b});
    Finish(operation.results[0], to);
  }

  void Select(const Operation& operation) {
    const Source a = FetchRegister(operation.operands[0]);
    Compare(a, Fetch(operation.operands[3]), kNotEqual);
    const Source c = FetchRegister(operation.operands[2]);
    const Source b = Fetch(operation.operands[1]);
    const Register to = Target(operation);
    Add({.kind = Step::Kind::kChoose, .to = to, .first = c.reg, .last = b});
    Finish(operation.results[0], to);
  }

  // A call leaves nothing in registers but its results, in the first two. Nothing is dedicated in a
  // body with calls.
  void Call(const Operation& operation) {
    assert(IsCall(operation.op) && "an operation is a call or has instructions of its own");
    Step step{.kind = Step::Kind::kCall, .op = operation.op, .last = Locate(operation.operands[0])};
    if (operation.operands.size() > 1) step.second = Locate(operation.operands[1]);
    Add(step);
    registers().ReleaseAll();
    registers().ReleaseTemporaries(kNoRegister);
    for (const SymbolId result : operation.results) {
      if (result == kNoSymbol) continue;
      const Register reg = registers().Allocate();
      Finish(result, reg);
      registers().Lock(reg);  // The second result is in the next one, in use or not.
    }
  }

  const Body& body_;
};

}  // namespace

RegisterPlan PlanRegisters(const Body& body) {
  Planner planner(body);
  RegisterPlan plan = planner.Run();
  if (body.has_calls || body.section.iterations < kMinIterationsToPreload) return plan;
  std::vector<SymbolId> unchanging = planner.Unchanging();
  const auto spare = planner.num_spare();
  if (unchanging.size() > spare) unchanging.resize(spare);
  if (unchanging.empty()) return plan;
  Planner again(body);
  again.Pin(unchanging);
  return again.Run();
}

}  // namespace sobolev::program
