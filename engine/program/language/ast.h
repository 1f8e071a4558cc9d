// The abstract syntax tree of a program.
//
// The parser builds it, the resolver (resolver.h) replaces names by places, and the recorder
// (recorder.h) executes it. Chains of operators of one precedence are one node with a list of
// operands, so that the height of the tree is bounded by the nesting of the source and not by the
// length of its sums.

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_AST_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_AST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/program/language/source.h"

namespace sobolev::program::language {

struct Builtin;     // builtins.h
struct Expression;  // Below.
struct Statement;   // Below.
struct Function;    // Below.

using Block = std::vector<Statement>;

// A name where it is declared or used. The place is the resolver's.
struct Symbol {
  std::string_view text;
  Position position = 0;
  std::uint32_t slot = 0;  // In the frame of the function if is_local, else in the program's.
  bool is_local = false;
};

enum class Operator : std::uint8_t {
  kOr,
  kAnd,
  kNot,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kEqual,
  kNotEqual,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kMatrixMultiply,
  kNegate,
  kPower,
};

struct Literal {
  double value = 0;
};

struct Reference {
  Symbol symbol;
};

// operands[0] operators[0] operands[1] ..., from left to right. Powers and comparisons have one
// operator.
struct Chain {
  std::vector<Operator> operators;
  std::vector<Expression> operands;
};

// −x or not x.
struct Prefix {
  Operator op = Operator::kNegate;
  std::unique_ptr<Expression> operand;
};

// i, or first..last where last is not null.
struct Subscript {
  std::unique_ptr<Expression> first;
  std::unique_ptr<Expression> last;
};

// base[...][...]: one list of subscripts for each bracket, so that their number needs no nesting.
struct Indexing {
  std::unique_ptr<Expression> base;
  std::vector<std::vector<Subscript>> brackets;
};

struct Call {
  Symbol callee;
  std::vector<Expression> arguments;
  std::size_t nesting = 0;           // Of the call, inside its function.
  const Builtin* builtin = nullptr;  // Either this or `function` is set by the resolver.
  const Function* function = nullptr;
};

// index in first..last step step.
struct Range {
  Symbol index;
  std::unique_ptr<Expression> first;
  std::unique_ptr<Expression> last;
  std::unique_ptr<Expression> step;  // Null for 1.
};

// sum(i in a..b: body), and prod, min, max.
struct Reduction {
  Symbol callee;
  Range range;
  std::unique_ptr<Expression> body;
  const Builtin* builtin = nullptr;
};

// [a, b, c]
struct List {
  std::vector<Expression> elements;
};

// [body for i in a..b]
struct Comprehension {
  Range range;
  std::unique_ptr<Expression> body;
};

struct Expression {
  using Node = std::variant<Literal, Reference, Chain, Prefix, Indexing, Call, Reduction, List,
                            Comprehension>;

  Position position = 0;
  Node node;
};

// input, output, const, let, var.
struct Declaration {
  enum class Kind : std::uint8_t { kInput, kOutput, kConst, kLet, kVar };

  Kind kind = Kind::kLet;
  Symbol name;
  std::vector<Expression> shape;      // As written: none, [k] or [r, c].
  std::vector<Expression> bounds;     // None or two.
  std::unique_ptr<Expression> value;  // Null for inputs, and for outputs that are variables.
  std::string description;
  Symbol source;  // Of an output without a value: the variable that it shows.
};

// target[subscripts] = value, or with `compound` target[subscripts] op= value.
struct Assignment {
  Symbol target;
  std::vector<Subscript> subscripts;
  bool compound = false;
  Operator op = Operator::kAdd;
  std::unique_ptr<Expression> value;
};

struct For {
  Range range;
  Block body;
};

struct If {
  std::vector<Expression> conditions;  // One for each of the first blocks.
  std::vector<Block> blocks;           // With `else`, one more than conditions.
};

struct Evolve {
  Range range;
  Block body;
  // Slots of outer variables that the body assigns, ascending.
  std::vector<std::uint32_t> assigned;
  // Slots that are in use before the loop are below this.
  std::uint32_t num_outer_slots = 0;
};

struct Return {
  std::unique_ptr<Expression> value;
};

// `fn f(a) = e` has the one statement `return e`.
struct Function {
  Symbol name;
  std::vector<Symbol> parameters;
  Block body;
  std::size_t nesting = 0;      // The deepest of the body.
  std::uint32_t num_slots = 0;  // Of its frame.
};

struct Statement {
  using Node = std::variant<Declaration, Assignment, For, If, Evolve, Return, Function>;

  Position position = 0;
  Node node;
};

struct Ast {
  Block statements;
  std::uint32_t num_slots = 0;  // Of the program's own frame.
};

}  // namespace sobolev::program::language

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_AST_H_
