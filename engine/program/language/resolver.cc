#include "engine/program/language/resolver.h"

#include <algorithm>
#include <cstdint>
#include <numbers>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "engine/program/language/builtins.h"
#include "engine/program/language/names.h"

namespace sobolev::program::language {
namespace {

class Resolver {
 public:
  explicit Resolver(const Source& source) : source_(source), names_(source) {}

  void Run(Ast& ast) {
    for (const Statement& statement : ast.statements) {
      if (const auto* function = std::get_if<Function>(&statement.node)) {
        names_.Announce(function->name.text);
      }
    }
    for (Statement& statement : ast.statements) Visit(statement);
    ast.num_slots = names_.num_slots();
  }

 private:
  // --- Expressions ---

  void Visit(Expression& expression) {
    if (auto* reference = std::get_if<Reference>(&expression.node)) {
      if (reference->symbol.text == "pi") {
        expression.node = Literal{std::numbers::pi};
      } else if (FindBuiltin(reference->symbol.text) != nullptr ||
                 names_.Find(reference->symbol).role == Role::kFunction) {
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
    const Names::Known& known = names_.Find(call.callee);
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
    names_.InBlock([&] {
      names_.Declare(range.index, Role::kIndex);
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
    names_.InBlock([&] {
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
        return names_.Declare(declaration.name, Role::kInput);
      case Declaration::Kind::kOutput:
        RequireTopLevel("output");
        VisitOutput(declaration);
        return;
      case Declaration::Kind::kConst:
        return names_.Declare(declaration.name, Role::kConst);
      case Declaration::Kind::kLet:
        return names_.Declare(declaration.name, Role::kLet);
      case Declaration::Kind::kVar:
        return names_.Declare(declaration.name, Role::kVar);
    }
  }

  void VisitOutput(Declaration& output) {
    if (!outputs_.insert(output.name.text).second) {
      Fail(output.name.position, "DUPLICATE_NAME",
           "expected a new name, got " + Quoted(output.name.text) +
               ", which is an output already; remove one of the two");
    }
    if (output.value != nullptr) return names_.Declare(output.name, Role::kOutput);
    output.source = output.name;
    if (names_.Find(output.source).role == Role::kFunction) {
      Fail(output.name.position, "TYPE_MISMATCH",
           "expected a variable, got the function " + Quoted(output.name.text));
    }
  }

  void VisitNode(Assignment& assignment) {
    Visit(assignment.subscripts);
    Visit(*assignment.value);
    Symbol& target = assignment.target;
    const Role role = names_.Find(target).role;
    if (role != Role::kVar) {
      Fail(target.position, "TYPE_MISMATCH",
           "expected a var to assign, got the " + std::string(NameOf(role)) + " " +
               Quoted(target.text) + "; declare a var with its value and assign that");
    }
    if (names_.in_function() && !target.is_local) {
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
    loop.num_outer_slots = names_.next_slot();
    evolve_ = &loop;
    OverIndex(loop.range, [&] { Visit(loop.body); });
    evolve_ = nullptr;
    std::sort(loop.assigned.begin(), loop.assigned.end());
    loop.assigned.erase(std::unique(loop.assigned.begin(), loop.assigned.end()),
                        loop.assigned.end());
  }

  void VisitNode(Return& result) {
    if (!names_.in_function()) {
      Fail(position_, "SYNTAX_ERROR",
           "expected return inside of a function, got one outside; results are declared as output");
    }
    Visit(*result.value);
  }

  void VisitNode(Function& function) {
    RequireTopLevel("fn");
    names_.Declare(function.name, Role::kFunction, &function);
    current_function_ = &function;
    function.num_slots = names_.InFunction([&] {
      for (Symbol& parameter : function.parameters) names_.Declare(parameter, Role::kParameter);
      Visit(function.body);
    });
    current_function_ = nullptr;
  }

  // --- Faults ---

  void RequireTopLevel(const std::string& word) const {
    if (depth_ == 0 && !names_.in_function()) return;
    Fail(position_, "SYNTAX_ERROR",
         "expected " + word + " outside of blocks and functions, got it inside; move it out");
  }

  [[noreturn]] void Fail(Position position, const std::string& reason,
                         const std::string& description) const {
    throw source_.Fault(position, reason, description);
  }

  const Source& source_;
  Names names_;
  const Function* current_function_ = nullptr;
  Evolve* evolve_ = nullptr;  // The loop that is being resolved.
  bool evolved_ = false;      // Whether there was one.
  int depth_ = 0;             // Of blocks.
  Position position_ = 0;     // Of the statement.
  std::unordered_set<std::string_view> outputs_;
};

}  // namespace

void Resolve(const Source& source, Ast& ast) { Resolver(source).Run(ast); }

}  // namespace sobolev::program::language
