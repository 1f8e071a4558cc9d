#include "engine/program/register_plan.h"

#include <algorithm>
#include <array>
#include <limits>

namespace sobolev::program {
namespace {

constexpr std::uint32_t kNever = std::numeric_limits<std::uint32_t>::max();
constexpr int kCount = 32;
constexpr int kNoRegister = -1;
// An occupant that is no symbol: an operand needed by one instruction only.
constexpr SymbolId kTemporary = kNoSymbol - 1;
// To load again is cheaper than to store and load again.
constexpr std::uint64_t kCleanBonus = 3;
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
  explicit Planner(const Body& body)
      : body_(body), register_of_(body.symbols.size(), kNoRegister) {
    occupant_.fill(kNoSymbol);
    plan_.in_memory.assign(body.symbols.size(), 0);
    CollectUses();
    for (SymbolId s = 0; s < body.symbols.size(); ++s) {
      if (body.symbols[s].is_carried()) Dedicate(s, body.symbols[s].initial);
    }
  }

  // Gives symbols that never change registers of their own.
  void Pin(const std::vector<SymbolId>& symbols) {
    for (const SymbolId symbol : symbols) Dedicate(symbol, symbol);
  }

  RegisterPlan Run() {
    for (position_ = 0; position_ < body_.operations.size(); ++position_) {
      Plan(body_.operations[position_]);
      ReleaseDead(body_.operations[position_]);
    }
    return std::move(plan_);
  }

  // The most registers that were in use at once.
  int peak() const { return peak_; }

  // Symbols that never change, most used first.
  std::vector<SymbolId> Unchanging() const {
    std::vector<SymbolId> symbols;
    for (SymbolId s = 0; s < body_.symbols.size(); ++s) {
      const Symbol& symbol = body_.symbols[s];
      if (symbol.is_fixed && symbol.kind != Symbol::Kind::kResult && NumUses(s) > 0) {
        symbols.push_back(s);
      }
    }
    std::stable_sort(symbols.begin(), symbols.end(),
                     [&](SymbolId s, SymbolId t) { return NumUses(s) > NumUses(t); });
    return symbols;
  }

 private:
  void CollectUses() {
    first_use_.assign(body_.symbols.size() + 1, 0);
    const auto for_each = [&](const auto& visit) {
      for (std::uint32_t p = 0; p < body_.operations.size(); ++p) {
        for (const SymbolId s : body_.operations[p].operands) {
          if (s != kNoSymbol) visit(s, p);
        }
      }
    };
    for_each([&](SymbolId s, std::uint32_t) { ++first_use_[s + 1]; });
    for (std::size_t s = 0; s < body_.symbols.size(); ++s) first_use_[s + 1] += first_use_[s];
    uses_.resize(first_use_.back());
    cursor_.assign(first_use_.begin(), first_use_.end() - 1);
    std::vector<std::uint32_t> end = cursor_;
    for_each([&](SymbolId s, std::uint32_t p) { uses_[end[s]++] = p; });
    next_call_.assign(body_.operations.size() + 1, kNever);
    for (std::size_t p = body_.operations.size(); p-- > 0;) {
      next_call_[p] =
          IsCall(body_.operations[p].op) ? static_cast<std::uint32_t>(p) : next_call_[p + 1];
    }
  }

  std::uint32_t NumUses(SymbolId s) const { return first_use_[s + 1] - first_use_[s]; }

  // After the operation under way.
  std::uint32_t NextUse(SymbolId s) {
    std::uint32_t& cursor = cursor_[s];
    while (cursor < first_use_[s + 1] && uses_[cursor] <= position_) ++cursor;
    return cursor < first_use_[s + 1] ? uses_[cursor] : kNever;
  }

  void Dedicate(SymbolId symbol, SymbolId initial) {
    const auto reg = static_cast<Register>(kCount - 1 - static_cast<int>(plan_.residents.size()));
    is_dedicated_[reg] = true;
    occupant_[reg] = symbol;
    register_of_[symbol] = reg;
    plan_.residents.push_back({.reg = reg, .symbol = symbol, .initial = initial});
    plan_.in_memory[initial] = 1;
    ++occupied_;
    peak_ = std::max(peak_, occupied_);
  }

  // ---- Registers

  void Occupy(Register reg, SymbolId symbol) {
    if (occupant_[reg] == kNoSymbol) ++occupied_;
    peak_ = std::max(peak_, occupied_);
    occupant_[reg] = symbol;
    if (symbol != kTemporary) register_of_[symbol] = reg;
  }

  void Free(Register reg) {
    if (occupant_[reg] == kNoSymbol) return;
    if (occupant_[reg] != kTemporary) register_of_[occupant_[reg]] = kNoRegister;
    occupant_[reg] = kNoSymbol;
    --occupied_;
  }

  bool IsClean(SymbolId s) const {
    return body_.symbols[s].kind != Symbol::Kind::kResult || plan_.in_memory[s] != 0;
  }

  // The register whose occupant is needed latest, or kNoRegister.
  int Victim(std::uint64_t& distance) {
    int victim = kNoRegister;
    distance = 0;
    for (int reg = 0; reg < kCount; ++reg) {
      const SymbolId s = occupant_[reg];
      if (is_locked_[reg] || is_dedicated_[reg] || s == kTemporary) continue;
      const std::uint64_t d =
          (std::uint64_t{NextUse(s)} - position_) * (IsClean(s) ? kCleanBonus : 1);
      if (victim == kNoRegister || d > distance) {
        victim = reg;
        distance = d;
      }
    }
    return victim;
  }

  int FreeRegister() const {
    for (int reg = 0; reg < kCount; ++reg) {
      if (occupant_[reg] == kNoSymbol && !is_locked_[reg]) return reg;
    }
    return kNoRegister;
  }

  void Evict(Register reg) {
    const SymbolId s = occupant_[reg];
    if (NextUse(s) != kNever) plan_.in_memory[s] = 1;
    Free(reg);
  }

  // A free register, locked until the end of the operation.
  Register Allocate() {
    int reg = FreeRegister();
    if (reg == kNoRegister) {
      std::uint64_t distance = 0;
      reg = Victim(distance);
      Evict(static_cast<Register>(reg));
    }
    is_locked_[reg] = true;
    Occupy(static_cast<Register>(reg), kTemporary);
    return static_cast<Register>(reg);
  }

  void Unlock() { is_locked_.fill(false); }

  // Frees what no later operation needs. Registers that are freed may still be read by the next
  // step.
  void ReleaseDead(const Operation& operation) {
    for (const SymbolId s : operation.operands) {
      if (s == kNoSymbol || register_of_[s] == kNoRegister) continue;
      const auto reg = static_cast<Register>(register_of_[s]);
      if (!is_dedicated_[reg] && NextUse(s) == kNever) Free(reg);
    }
    ReleaseTemporaries();
  }

  void ReleaseTemporaries() {
    for (int reg = 0; reg < kCount; ++reg) {
      if (occupant_[reg] == kTemporary && !is_kept(reg)) Free(static_cast<Register>(reg));
    }
    Unlock();
    if (kept_ != kNoRegister) is_locked_[kept_] = true;
  }

  bool is_kept(int reg) const { return reg == kept_; }

  // ---- Operands

  static Source InRegister(SymbolId s, Register reg) { return {.symbol = s, .reg = reg}; }

  // Where the symbol is; in a register if that is worth while.
  Source Fetch(SymbolId s) {
    if (register_of_[s] != kNoRegister) {
      const auto reg = static_cast<Register>(register_of_[s]);
      is_locked_[reg] = true;
      return InRegister(s, reg);
    }
    plan_.in_memory[s] = 1;
    const Source memory{.in_memory = true, .symbol = s};
    const std::uint32_t next = NextUse(s);
    if (next == kNever || next_call_[position_] < next) return memory;
    if (FreeRegister() == kNoRegister) {
      std::uint64_t distance = 0;
      if (Victim(distance) == kNoRegister || distance <= kCleanBonus * (next - position_)) {
        return memory;
      }
    }
    return FetchRegister(s);
  }

  Source FetchRegister(SymbolId s) {
    if (register_of_[s] != kNoRegister) return Fetch(s);
    return InRegister(s, Load({.in_memory = true, .symbol = s}));
  }

  // The memory of a symbol in a register: the symbol's if it is needed again, else a temporary.
  Register Load(const Source& memory) {
    const Register reg = Allocate();
    plan_.in_memory[memory.symbol] = 1;
    LoadInto(reg, memory);
    if (NextUse(memory.symbol) != kNever) Occupy(reg, memory.symbol);
    return reg;
  }

  void LoadInto(Register reg, const Source& memory) {
    Add({.kind = Step::Kind::kLoad, .to = reg, .last = memory});
  }

  void EnsureRegister(Source& source) {
    if (source.in_memory) source = InRegister(source.symbol, Load(source));
  }

  void Add(const Step& step) { plan_.steps.push_back(step); }

  // ---- Results

  int DedicatedOf(SymbolId result) const {
    const int reg = register_of_[result];
    return reg != kNoRegister && is_dedicated_[reg] ? reg : kNoRegister;
  }

  // Where a single instruction can put the result: operands that die make room for it.
  Register Target(const Operation& operation) {
    ReleaseDead(operation);
    const int dedicated = DedicatedOf(operation.results[0]);
    return dedicated != kNoRegister ? static_cast<Register>(dedicated) : Allocate();
  }

  // The result of `operation` is in `reg`.
  void Finish(SymbolId result, Register reg) {
    const int dedicated = DedicatedOf(result);
    if (dedicated != kNoRegister) {
      if (dedicated != reg) {
        Add({.kind = Step::Kind::kMove, .to = static_cast<Register>(dedicated), .first = reg});
        Free(reg);
      }
      Add({.kind = Step::Kind::kStore,
           .to = static_cast<Register>(dedicated),
           .last = {.in_memory = true, .symbol = result}});
      return;
    }
    Add({.kind = Step::Kind::kStore, .to = reg, .last = {.in_memory = true, .symbol = result}});
    if (NextUse(result) == kNever) {
      Free(reg);
    } else {
      Occupy(reg, result);
    }
  }

  // ---- Operations

  void Plan(const Operation& operation) {
    Unlock();
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
    if (s == t) EnsureRegister(a);
    Source b = s == t ? a : Fetch(t);
    if (commutes && a.in_memory) std::swap(a, b);
    EnsureRegister(a);
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
    if (is_dedicated_[source.reg]) return occupant_[source.reg] == operation.results[0];
    return NextUse(source.symbol) == kNever;
  }

  // The register is about to hold the result.
  void TakeOver(const Source& source) {
    if (is_dedicated_[source.reg]) return;
    Free(source.reg);
    Occupy(source.reg, kTemporary);
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
      to = Allocate();
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
    EnsureRegister(a);
    Add({.kind = Step::Kind::kBinary,
         .opcode = forms.form231,
         .to = to,
         .first = a.reg,
         .last = b});
  }

  // to = ±to b ± c.
  void MultiplyAddInto(const FusedForms& forms, Register to, Source b, const Source& c) {
    if (c.in_memory) EnsureRegister(b);
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
      EnsureRegister(a);
      sum = Allocate();
      Add({.kind = Step::Kind::kBinary,
           .opcode = opcode::kMultiply,
           .to = sum,
           .first = a.reg,
           .last = b});
    } else if (o[3] == kNoSymbol) {
      const Source a = FetchRegister(o[0]);
      const Source b = Fetch(o[2]);
      sum = Allocate();
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
        sum = Allocate();
        CopyInto(sum, a);
      }
    }
    kept_ = sum;
    for (std::size_t k = next; k < operation.negative.size(); ++k) {
      ReleaseTemporaries();
      AddTerm(sum, o[2 * k], o[2 * k + 1], operation.negative[k]);
    }
    kept_ = kNoRegister;
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
    const Register to = Allocate();
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

  Source Locate(SymbolId s) {
    if (register_of_[s] != kNoRegister) {
      return InRegister(s, static_cast<Register>(register_of_[s]));
    }
    plan_.in_memory[s] = 1;
    return {.in_memory = true, .symbol = s};
  }

  // A call leaves nothing in registers but its results, in the first two.
  void Call(const Operation& operation) {
    Step step{.kind = Step::Kind::kCall, .op = operation.op, .last = Locate(operation.operands[0])};
    if (operation.operands.size() > 1) step.second = Locate(operation.operands[1]);
    Add(step);
    for (int reg = 0; reg < kCount; ++reg) {
      if (occupant_[reg] != kNoSymbol) Evict(static_cast<Register>(reg));
    }
    for (const SymbolId result : operation.results) {
      if (result == kNoSymbol) continue;
      const Register reg = Allocate();
      Finish(result, reg);
      is_locked_[reg] = true;  // The second result is in the next one, in use or not.
    }
  }

  const Body& body_;
  RegisterPlan plan_;
  std::vector<int> register_of_;  // By symbol.
  // By register.
  std::array<SymbolId, kCount> occupant_;
  std::array<bool, kCount> is_dedicated_ = {};
  std::array<bool, kCount> is_locked_ = {};  // Read by the operation under way.
  int kept_ = kNoRegister;          // A sum under way.
  int occupied_ = 0;
  int peak_ = 0;
  std::uint32_t position_ = 0;
  // Positions of each symbol's uses, as lists in one array.
  std::vector<std::uint32_t> first_use_;
  std::vector<std::uint32_t> uses_;
  std::vector<std::uint32_t> cursor_;
  std::vector<std::uint32_t> next_call_;
};

}  // namespace

RegisterPlan PlanRegisters(const Body& body) {
  Planner planner(body);
  RegisterPlan plan = planner.Run();
  if (body.has_calls || body.section.iterations < kMinIterationsToPreload) return plan;
  std::vector<SymbolId> unchanging = planner.Unchanging();
  const auto spare = static_cast<std::size_t>(kCount - planner.peak());
  if (unchanging.size() > spare) unchanging.resize(spare);
  if (unchanging.empty()) return plan;
  Planner again(body);
  again.Pin(unchanging);
  return again.Run();
}

}  // namespace sobolev::program
