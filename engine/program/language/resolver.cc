#include "engine/program/language/resolver.h"

#include <algorithm>
#include <cstdint>
#include <numbers>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "engine/program/language/builtins.h"

namespace sobolev::program::language {
namespace {

enum class Role : std::uint8_t {
  kInput,
  kOutput,
  kConst,
  kLet,
  kVar,
  kIndex,
  kParameter,
  kFunction
};

std::string_view NameOf(Role role) {
  switch (role) {
    case Role::kInput:
      return "input";
    case Role::kOutput:
      return "output";
    case Role::kConst:
      return "const";
    case Role::kLet:
      return "let";
    case Role::kVar:
      return "var";
    case Role::kIndex:
      return "index";
    case Role::kParameter:
      return "parameter";
    case Role::kFunction:
      return "function";
  }
  return "name";
}

struct Known {
  Role role = Role::kLet;
  std::uint32_t slot = 0;
  const Function* function = nullptr;
};

// The names of the program, or of one function, and the slots of its frame.
struct Scope {
  std::unordered_map<std::string_view, Known> names;
  std::vector<std::string_view> order;  // Of declaration; blocks take theirs back from the end.
  std::uint32_t next_slot = 0;
  std::uint32_t num_slots = 0;
};

class Resolver {
 public:
  explicit Resolver(const Source& source) : source_(source) {}

  void Run(Ast& ast) {
    for (const Statement& statement : ast.statements) {
      if (const auto* function = std::get_if<Function>(&statement.node)) {
        defined_somewhere_.insert(function->name.text);
      }
    }
    for (Statement& statement : ast.statements) Visit(statement);
    ast.num_slots = program_.num_slots;
  }

 private:
  // --- Names ---

  Scope& scope() { return in_function_ ? function_ : program_; }

  void Declare(Symbol& symbol, Role role, const Function* function = nullptr) {
    if (symbol.text == "pi" || FindBuiltin(symbol.text) != nullptr) {
      Fail(symbol.position, "DUPLICATE_NAME",
           "expected a new name, got " + Quoted(symbol.text) +
               ", which is built in; choose another name");
    }
    Scope& here = scope();
    symbol.slot = here.next_slot;
    symbol.is_local = in_function_;
    const Known known = {.role = role, .slot = symbol.slot, .function = function};
    const auto [entry, is_new] = here.names.try_emplace(symbol.text, known);
    if (!is_new) {
      Fail(symbol.position, "DUPLICATE_NAME",
           "expected a new name, got " + Quoted(symbol.text) + ", which is the name of " +
               Article(entry->second.role) + " already; choose another name");
    }
    here.order.push_back(symbol.text);
    here.num_slots = std::max(here.num_slots, ++here.next_slot);
  }

  const Known& Find(Symbol& symbol) {
    if (in_function_) {
      const auto local = function_.names.find(symbol.text);
      if (local != function_.names.end()) {
        symbol.slot = local->second.slot;
        symbol.is_local = true;
        return local->second;
      }
    }
    const auto found = program_.names.find(symbol.text);
    if (found == program_.names.end()) FailUnknown(symbol);
    symbol.slot = found->second.slot;
    symbol.is_local = false;
    return found->second;
  }

  // Forgets what was declared since there were `num_names` names.
  void Leave(std::size_t num_names, std::uint32_t next_slot) {
    Scope& here = scope();
    for (; here.order.size() > num_names; here.order.pop_back()) {
      here.names.erase(here.order.back());
    }
    here.next_slot = next_slot;
  }

  template <class Body>
  void InNewScope(const Body& body) {
    const std::size_t num_names = scope().order.size();
    const std::uint32_t next_slot = scope().next_slot;
    body();
    Leave(num_names, next_slot);
  }

  // --- Expressions ---

  void Visit(Expression& expression) {
    if (auto* reference = std::get_if<Reference>(&expression.node)) {
      if (reference->symbol.text == "pi") {
        expression.node = Literal{std::numbers::pi};
      } else if (FindBuiltin(reference->symbol.text) != nullptr ||
                 Find(reference->symbol).role == Role::kFunction) {
        Fail(expression.position, "TYPE_MISMATCH",
             "expected a number, got the function " + Quoted(reference->symbol.text) +
                 "; call it with (...)");
      }
      return;
    }
    std::visit([this](auto& node) { VisitNode(node); }, expression.node);
  }

  void VisitNode(const Literal&) {}
  void VisitNode(const Reference&) {}
  void VisitNode(Chain& chain) {
    for (Expression& operand : chain.operands) Visit(operand);
  }
  void VisitNode(Prefix& prefix) { Visit(*prefix.operand); }
  void VisitNode(Indexing& indexing) {
    Visit(*indexing.base);
    for (std::vector<Subscript>& subscripts : indexing.brackets) Visit(subscripts);
  }
  void VisitNode(List& list) {
    for (Expression& element : list.elements) Visit(element);
  }
  void VisitNode(Comprehension& comprehension) {
    OverIndex(comprehension.range, [&] { Visit(*comprehension.body); });
  }
  void VisitNode(Reduction& reduction) {
    reduction.builtin = FindBuiltin(reduction.callee.text);
    if (reduction.builtin == nullptr || !IsReduction(*reduction.builtin)) {
      Fail(reduction.callee.position, "TYPE_MISMATCH",
           "expected sum, prod, min or max before an index, got " + Quoted(reduction.callee.text));
    }
    OverIndex(reduction.range, [&] { Visit(*reduction.body); });
  }
  void VisitNode(Call& call) {
    for (Expression& argument : call.arguments) Visit(argument);
    call.builtin = FindBuiltin(call.callee.text);
    if (call.builtin != nullptr) {
      RequireArguments(call, call.builtin->min_arguments, call.builtin->max_arguments);
      return;
    }
    const Known& known = Find(call.callee);
    if (known.role != Role::kFunction) {
      Fail(call.callee.position, "TYPE_MISMATCH",
           "expected a function, got the " + std::string(NameOf(known.role)) + " " +
               Quoted(call.callee.text) + "; elements are read with [...], products need *");
    }
    if (known.function == current_function_) {
      Fail(call.callee.position, "RECURSION",
           "expected a function that is complete, got " + Quoted(call.callee.text) +
               ", which would call itself; write a loop");
    }
    call.function = known.function;
    RequireArguments(call, call.function->parameters.size(), call.function->parameters.size());
  }

  void Visit(std::vector<Subscript>& subscripts) {
    for (Subscript& subscript : subscripts) {
      Visit(*subscript.first);
      if (subscript.last != nullptr) Visit(*subscript.last);
    }
  }

  void RequireArguments(const Call& call, std::size_t min, std::size_t max) const {
    const std::size_t given = call.arguments.size();
    if (given >= min && given <= max) return;
    std::string expected = std::to_string(min);
    if (max == kAnyNumber) expected += " or more";
    Fail(call.callee.position, "TYPE_MISMATCH",
         "expected " + expected + (expected == "1" ? " argument" : " arguments") + " of " +
             Quoted(call.callee.text) + ", got " + std::to_string(given));
  }

  // `body` is resolved where the index is visible.
  template <class Body>
  void OverIndex(Range& range, const Body& body) {
    Visit(*range.first);
    Visit(*range.last);
    if (range.step != nullptr) Visit(*range.step);
    InNewScope([&] {
      Declare(range.index, Role::kIndex);
      body();
    });
  }

  // --- Statements ---

  void Visit(Statement& statement) {
    position_ = statement.position;
    std::visit([this](auto& node) { VisitNode(node); }, statement.node);
  }
  // A block has its names for itself.
  void Visit(Block& block) {
    ++depth_;
    InNewScope([&] {
      for (Statement& statement : block) Visit(statement);
    });
    --depth_;
  }

  void VisitNode(Declaration& declaration) {
    for (Expression& size : declaration.shape) Visit(size);
    for (Expression& bound : declaration.bounds) Visit(bound);
    if (declaration.value != nullptr) Visit(*declaration.value);
    switch (declaration.kind) {
      case Declaration::Kind::kInput:
        RequireTopLevel("input");
        if (evolved_) {
          Fail(position_, "SYNTAX_ERROR",
               "expected inputs before the first evolve loop, got one behind it; move it up");
        }
        return Declare(declaration.name, Role::kInput);
      case Declaration::Kind::kOutput:
        RequireTopLevel("output");
        VisitOutput(declaration);
        return;
      case Declaration::Kind::kConst:
        return Declare(declaration.name, Role::kConst);
      case Declaration::Kind::kLet:
        return Declare(declaration.name, Role::kLet);
      case Declaration::Kind::kVar:
        return Declare(declaration.name, Role::kVar);
    }
  }

  void VisitOutput(Declaration& output) {
    if (!outputs_.insert(output.name.text).second) {
      Fail(output.name.position, "DUPLICATE_NAME",
           "expected a new name, got " + Quoted(output.name.text) +
               ", which is an output already; remove one of the two");
    }
    if (output.value != nullptr) return Declare(output.name, Role::kOutput);
    output.source = output.name;
    if (Find(output.source).role == Role::kFunction) {
      Fail(output.name.position, "TYPE_MISMATCH",
           "expected a variable, got the function " + Quoted(output.name.text));
    }
  }

  void VisitNode(Assignment& assignment) {
    Visit(assignment.subscripts);
    Visit(*assignment.value);
    Symbol& target = assignment.target;
    const Role role = Find(target).role;
    if (role != Role::kVar) {
      Fail(target.position, "TYPE_MISMATCH",
           "expected a var to assign, got the " + std::string(NameOf(role)) + " " +
               Quoted(target.text) + "; declare a var with its value and assign that");
    }
    if (in_function_ && !target.is_local) {
      Fail(target.position, "TYPE_MISMATCH",
           "expected a var of the function, got " + Quoted(target.text) +
               " from outside; return the value and assign it there");
    }
    if (evolve_ != nullptr && target.slot < evolve_->num_outer_slots) {
      evolve_->assigned.push_back(target.slot);
    }
  }

  void VisitNode(For& loop) {
    OverIndex(loop.range, [&] { Visit(loop.body); });
  }

  void VisitNode(If& choice) {
    for (Expression& condition : choice.conditions) Visit(condition);
    for (Block& block : choice.blocks) Visit(block);
  }

  void VisitNode(Evolve& loop) {
    RequireTopLevel("evolve");
    evolved_ = true;
    loop.num_outer_slots = program_.next_slot;
    evolve_ = &loop;
    OverIndex(loop.range, [&] { Visit(loop.body); });
    evolve_ = nullptr;
    std::sort(loop.assigned.begin(), loop.assigned.end());
    loop.assigned.erase(std::unique(loop.assigned.begin(), loop.assigned.end()),
                        loop.assigned.end());
  }

  void VisitNode(Return& result) {
    if (!in_function_) {
      Fail(position_, "SYNTAX_ERROR",
           "expected return inside of a function, got one outside; results are declared as output");
    }
    Visit(*result.value);
  }

  void VisitNode(Function& function) {
    RequireTopLevel("fn");
    Declare(function.name, Role::kFunction, &function);
    in_function_ = true;
    current_function_ = &function;
    function_ = {};
    for (Symbol& parameter : function.parameters) Declare(parameter, Role::kParameter);
    Visit(function.body);
    function.num_slots = function_.num_slots;
    current_function_ = nullptr;
    in_function_ = false;
  }

  // --- Faults ---

  void RequireTopLevel(const std::string& word) const {
    if (depth_ == 0 && !in_function_) return;
    Fail(position_, "SYNTAX_ERROR",
         "expected " + word + " outside of blocks and functions, got it inside; move it out");
  }

  [[noreturn]] void Fail(Position position, const std::string& reason,
                         const std::string& description) const {
    throw source_.Fault(position, reason, description);
  }

  [[noreturn]] void FailUnknown(const Symbol& symbol) const {
    if (defined_somewhere_.contains(symbol.text)) {
      Fail(symbol.position, "UNKNOWN_NAME",
           "expected a function that is defined above, got " + Quoted(symbol.text) +
               ", which is defined below; move its definition up (functions are not recursive)");
    }
    std::string advice;
    if (symbol.text == "e") {
      advice = "; e is written exp(1)";
    } else if (symbol.text == "inf" || symbol.text == "nan" || symbol.text == "NaN") {
      advice = "; there are only finite numbers";
    } else {
      std::vector<std::string_view> known = {"pi"};
      for (const auto& [name, unused] : program_.names) known.push_back(name);
      if (in_function_) {
        for (const auto& [name, unused] : function_.names) known.push_back(name);
      }
      for (const Builtin& builtin : Builtins()) known.push_back(builtin.name);
      std::sort(known.begin(), known.end());  // The same advice on every run.
      advice = Suggestion(symbol.text, known);
    }
    Fail(symbol.position, "UNKNOWN_NAME",
         "expected a known name, got " + Quoted(symbol.text) + advice);
  }

  static std::string Article(Role role) {
    const std::string name(NameOf(role));
    return (std::string_view("aeiou").find(name[0]) == std::string_view::npos ? "a " : "an ") +
           name;
  }

  const Source& source_;
  Scope program_;
  Scope function_;  // Of the one that is being resolved, if in_function_.
  bool in_function_ = false;
  const Function* current_function_ = nullptr;
  Evolve* evolve_ = nullptr;  // The loop that is being resolved.
  bool evolved_ = false;      // Whether there was one.
  int depth_ = 0;             // Of blocks.
  Position position_ = 0;     // Of the statement.
  std::unordered_set<std::string_view> outputs_;
  std::unordered_set<std::string_view> defined_somewhere_;  // Functions, wherever they stand.
};

}  // namespace

void Resolve(const Source& source, Ast& ast) { Resolver(source).Run(ast); }

}  // namespace sobolev::program::language
