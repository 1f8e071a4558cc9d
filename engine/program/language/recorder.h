// Executes the tree of a program and records what it does to numbers that are not known.

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_RECORDER_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_RECORDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/program/definition.h"
#include "engine/program/language/arithmetic.h"
#include "engine/program/language/ast.h"
#include "engine/program/language/source.h"
#include "engine/program/language/stages.h"
#include "engine/program/language/value.h"

namespace sobolev::program::language {

// For one program, once. The source, and the tree that Resolve has seen, outlive it.
class Recorder {
 public:
  Recorder(const Source& source, const SourceLimits& limits);

  // Throws SourceError with any reason of Parse (definition.h) that is not about syntax or names.
  Definition Record(const Ast& ast);

 private:
  using Frame = std::vector<Value>;

  // --- Statements (recorder.cc) ---

  // Executes, and returns the value of a `return` if there was one.
  std::optional<Value> Execute(const Block& block);
  std::optional<Value> Execute(const Statement& statement);
  std::optional<Value> Execute(const Declaration& declaration);
  std::optional<Value> Execute(const Assignment& assignment);
  std::optional<Value> Execute(const For& loop);
  std::optional<Value> Execute(const If& choice);
  std::optional<Value> Execute(const Evolve& loop);
  std::optional<Value> Execute(const Return& result);
  std::optional<Value> Execute(const Function& function);

  void DeclareInput(const Declaration& declaration);
  void DeclareOutput(const Declaration& declaration);
  // The variable of the interface with name, shape, description, and its place behind `others`.
  Variable MakeVariable(const Declaration& declaration, const Shape& shape,
                        const std::vector<Variable>& others) const;
  Shape DeclaredShape(const Declaration& declaration);
  // The declared value, spread over the declared shape.
  Value InitialValue(const Declaration& declaration);
  // What lives on at the top level, with what `loop` assigns.
  std::vector<Stages::Live> LiveVariables(const Evolve& loop);

  // --- Expressions (recorder_expressions.cc) ---

  // Errors of what lies below get their position here.
  Value Evaluate(const Expression& expression);
  Value EvaluateNode(const Literal& literal);
  Value EvaluateNode(const Reference& reference);
  Value EvaluateNode(const Chain& chain);
  Value EvaluateNode(const Prefix& prefix);
  Value EvaluateNode(const Indexing& indexing);
  Value EvaluateNode(const Call& call);
  Value EvaluateNode(const Reduction& reduction);
  Value EvaluateNode(const List& list);
  Value EvaluateNode(const Comprehension& comprehension);
  Value CallFunction(const Call& call, std::vector<Value> arguments);

  // A number, vector or matrix, and no condition.
  Value EvaluateNumbers(const Expression& expression);
  // A number that is known, and one that is whole.
  double EvaluateKnown(const Expression& expression);
  Index EvaluateWhole(const Expression& expression);
  bool EvaluateKnownCondition(const Expression& expression);

  // The first index and the number of steps of first..last step step.
  struct Steps {
    Index first = 0;
    Index step = 1;
    Index count = 0;
  };
  Steps EvaluateRange(const Range& range);

  // The block of a value that subscripts select, and the shape that it has as a value of its own.
  struct Part {
    Index first = 0;
    Index num_cols = 1;
    Index stride = 1;  // Columns of the whole.
    Shape shape;

    // Where the i-th element of the block lies in the whole.
    Index At(Index i) const { return first + i / num_cols * stride + i % num_cols; }
  };
  Part EvaluateSubscripts(const std::vector<Subscript>& subscripts, const Shape& whole);
  // One subscript of a dimension: its first index, its size, and whether it is a slice.
  struct Interval {
    Index first = 0;
    Index size = 1;
    bool is_slice = false;
  };
  Interval EvaluateSubscript(const Subscript& subscript, Index dimension);
  Value Select(const Value& whole, const Part& part);

  // Appends the numbers of a row to those of a list; all rows have the shape of the first.
  void AppendRow(const Value& row, Shape& row_shape, std::vector<Number>& numbers);
  Value ListOf(Index num_rows, const Shape& row_shape, std::vector<Number> numbers);

  // Where the symbol lives.
  Value& Place(const Symbol& symbol) {
    return (symbol.is_local ? *locals_ : globals_)[symbol.slot];
  }

  // Calls body() with errors that do not know their line located at `position`.
  template <class Body>
  auto At(Position position, const Body& body) -> decltype(body()) {
    try {
      return body();
    } catch (const SourceError&) {
      throw;
    } catch (const Error& error) {
      throw source_.Located(position, error);
    }
  }

  const Source& source_;
  const SourceLimits limits_;
  Meter meter_;
  Arithmetic arithmetic_;
  Stages stages_;
  Definition definition_;
  std::vector<Value> outputs_;
  Frame globals_;
  Frame* locals_ = nullptr;  // Of the function that is being called.
  std::size_t nesting_ = 0;  // Of the calls that are under way.
};

}  // namespace sobolev::program::language

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_RECORDER_H_
