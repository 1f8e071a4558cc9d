// Arithmetic on values: what each operator and function of the language records.

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_ARITHMETIC_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_ARITHMETIC_H_

#include <span>
#include <string_view>
#include <vector>

#include "engine/program/graph.h"
#include "engine/program/language/ast.h"
#include "engine/program/language/builtins.h"
#include "engine/program/language/value.h"

namespace sobolev::program::language {

// Records into one graph at a time. All calls throw Error(kInvalidArgument) with field "source" and
// reason SHAPE_MISMATCH, TYPE_MISMATCH or TRACE_TOO_LONG, and do not know the line.
class Arithmetic {
 public:
  explicit Arithmetic(Meter& meter) : meter_(meter) {}

  // From now on into `graph`, whose nodes all values that are passed are.
  void SetGraph(Graph& graph) { graph_ = &graph; }

  NodeId Id(const Number& x) { return x.known() ? graph_->Constant(x.constant) : x.node; }

  // `op` of numbers. Known if all are, or if the graph sees that it is constant.
  Number Apply(Op op, const Number& a, const Number& b = {}, const Number& c = {});

  // x op y for a binary operator.
  Value Combine(Operator op, const Value& x, const Value& y);
  // −x or not x.
  Value Negate(Operator op, const Value& x);
  // builtin(arguments...), as many as it takes.
  Value Call(const Builtin& builtin, std::span<const Value> arguments);

  // Throws TYPE_MISMATCH unless `x` is a number or made of numbers.
  static void RequireNumbers(const Value& x);
  static void RequireCondition(const Value& x);

 private:
  // f of the elements; scalars go with every shape.
  template <class F, class... Values>
  Value Elementwise(bool is_condition, const F& f, const Values&... values);
  Value Map(Op op, const Value& x);
  Value Map(Op op, const Value& x, const Value& y);

  Value Compare(Operator op, const Value& x, const Value& y);
  Value MatrixProduct(const Value& x, const Value& y);
  Value Compose(Kind kind, const Value& x);
  Value Mod(const Value& x, const Value& y);
  Value Where(const Value& condition, const Value& yes, const Value& no);
  Value Reduce(const Builtin& builtin, const Value& x);
  Number Dot(const Value& x, const Value& y);
  Value Norm(const Value& x);
  Value Transpose(const Value& x);

  Meter& meter_;
  Graph* graph_ = nullptr;
};

// The result of sum, prod, min or max of terms that come one by one.
//
// Sums are recorded from left to right, so that the executor finds sums of products. The others are
// trees of logarithmic height, so that each factor's derivative is a product of few: two partial
// results are joined as soon as they hold equally many terms, and the rest from right to left.
class Accumulator {
 public:
  Accumulator(Arithmetic& arithmetic, const Builtin& builtin)
      : arithmetic_(arithmetic), builtin_(builtin) {}

  void Add(Value term);
  // Without a term 0 or 1. Throws SHAPE_MISMATCH for min and max of nothing.
  Value Result();

 private:
  Value Join(const Value& x, const Value& y);

  struct Partial {
    Value value;
    Index num_terms = 1;
  };

  Arithmetic& arithmetic_;
  const Builtin& builtin_;
  std::vector<Partial> partials_;
};

}  // namespace sobolev::program::language

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_ARITHMETIC_H_
