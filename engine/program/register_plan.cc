#include "engine/program/register_plan.h"

#include <algorithm>

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

class Planner {
 public:
  explicit Planner(const Body& body) : body_(body), registers_(body) {
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
      registers_.Start(p);
      Plan(body_.operations[p]);
      registers_.ReleaseDead(body_.operations[p]);
    }
    for (SymbolId s = 0; s < body_.symbols.size(); ++s) {
      plan_.in_memory.push_back(registers_.IsInMemory(s) ? 1 : 0);
    }
    return std::move(plan_);
  }

  // Registers that were never in use.
  std::size_t num_spare() const {
    return static_cast<std::size_t>(kNumRegisters - registers_.peak());
  }

  // Symbols that never change, most used first.
  std::vector<SymbolId> Unchanging() const {
    std::vector<SymbolId> symbols;
    for (SymbolId s = 0; s < body_.symbols.size(); ++s) {
      const Symbol& symbol = body_.symbols[s];
      const bool is_operand = symbol.kind != Symbol::Kind::kResult && registers_.NumUses(s) > 0;
      if (symbol.is_fixed && is_operand) symbols.push_back(s);
    }
    std::stable_sort(symbols.begin(), symbols.end(), [&](SymbolId s, SymbolId t) {
      return registers_.NumUses(s) > registers_.NumUses(t);
    });
    return symbols;
  }

 private:
  void Dedicate(SymbolId symbol, SymbolId initial) {
    plan_.residents.push_back(
        {.reg = registers_.Dedicate(symbol), .symbol = symbol, .initial = initial});
    registers_.ReadFromMemory(initial);
  }

  void Add(const Step& step) { plan_.steps.push_back(step); }

  // ---- Operands

  static Source InRegister(SymbolId s, Register reg) { return {.symbol = s, .reg = reg}; }
  static Source InMemory(SymbolId s) { return {.in_memory = true, .symbol = s}; }

  // Where the symbol is.
  Source Locate(SymbolId s) {
    const int reg = registers_.Find(s);
    if (reg == kNoRegister) {
      registers_.ReadFromMemory(s);
      return InMemory(s);
    }
    registers_.Lock(static_cast<Register>(reg));
    return InRegister(s, static_cast<Register>(reg));
  }

  // The same, in a register if that is worth while.
  Source Fetch(SymbolId s) {
    Source source = Locate(s);
    if (source.in_memory && registers_.IsWorthLoading(registers_.NextUse(s))) Load(source);
    return source;
  }

  Source FetchRegister(SymbolId s) {
    Source source = Locate(s);
    Load(source);
    return source;
  }

  // Brings a source into a register: the symbol's if it is needed again, else a temporary.
  void Load(Source& source) {
    if (!source.in_memory) return;
    const Register reg = registers_.Allocate();
    LoadInto(reg, source);
    if (registers_.NextUse(source.symbol) != kNever) registers_.Hold(reg, source.symbol);
    source = InRegister(source.symbol, reg);
  }

  void LoadInto(Register reg, const Source& memory) {
    Add({.kind = Step::Kind::kLoad, .to = reg, .last = memory});
  }

  // ---- Results

  // Where a single instruction can put the result: operands that die make room for it.
  Register Target(const Operation& operation) {
    registers_.ReleaseDead(operation);
    const int dedicated = registers_.DedicatedOf(operation.results[0]);
    return dedicated != kNoRegister ? static_cast<Register>(dedicated) : registers_.Allocate();
  }

  // A result is in `reg`.
  void Finish(SymbolId result, Register reg) {
    const int dedicated = registers_.DedicatedOf(result);
    if (dedicated != kNoRegister && dedicated != reg) {
      Add({.kind = Step::Kind::kMove, .to = static_cast<Register>(dedicated), .first = reg});
      registers_.Free(reg);
      reg = static_cast<Register>(dedicated);
    }
    Add({.kind = Step::Kind::kStore, .to = reg, .last = InMemory(result)});
    if (dedicated != kNoRegister) return;
    if (registers_.NextUse(result) == kNever) {
      registers_.Free(reg);
    } else {
      registers_.Hold(reg, result);
    }
  }

  // ---- Operations

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

  // Whether the operation may overwrite the register of one of its operands with its result.
  bool IsOverwritable(const Operation& operation, const Source& source) {
    if (source.in_memory) return false;
    if (std::count(operation.operands.begin(), operation.operands.end(), source.symbol) > 1) {
      return false;
    }
    if (registers_.IsDedicated(source.reg)) return source.symbol == operation.results[0];
    return registers_.NextUse(source.symbol) == kNever;
  }

  // The register is about to hold the result.
  void TakeOver(const Source& source) {
    if (!registers_.IsDedicated(source.reg)) registers_.HoldTemporary(source.reg);
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
      to = registers_.Allocate();
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

  void CopyInto(Register to, const Source& source) {
    if (source.in_memory) {
      LoadInto(to, source);
    } else {
      Add({.kind = Step::Kind::kMove, .to = to, .first = source.reg});
    }
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
      sum = registers_.Allocate();
      Add({.kind = Step::Kind::kBinary,
           .opcode = opcode::kMultiply,
           .to = sum,
           .first = a.reg,
           .last = b});
    } else if (o[3] == kNoSymbol) {
      const Source a = FetchRegister(o[0]);
      const Source b = Fetch(o[2]);
      sum = registers_.Allocate();
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
        sum = registers_.Allocate();
        CopyInto(sum, a);
      }
    }
    for (std::size_t k = next; k < operation.negative.size(); ++k) {
      registers_.ReleaseTemporaries(sum);
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
    const Register to = registers_.Allocate();
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

  // A call leaves nothing in registers but its results, in the first two.
  void Call(const Operation& operation) {
    Step step{.kind = Step::Kind::kCall, .op = operation.op, .last = Locate(operation.operands[0])};
    if (operation.operands.size() > 1) step.second = Locate(operation.operands[1]);
    Add(step);
    registers_.ReleaseAll();
    registers_.ReleaseTemporaries(kNoRegister);
    for (const SymbolId result : operation.results) {
      if (result == kNoSymbol) continue;
      const Register reg = registers_.Allocate();
      Finish(result, reg);
      registers_.Lock(reg);  // The second result is in the next one, in use or not.
    }
  }

  const Body& body_;
  RegisterFile registers_;
  RegisterPlan plan_;
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
