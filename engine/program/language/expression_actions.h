// The actions of the rules for expressions: what the tree gets when one has matched.

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_EXPRESSION_ACTIONS_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_EXPRESSION_ACTIONS_H_

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include "engine/program/language/ast.h"
#include "engine/program/language/builder.h"
#include "engine/program/language/grammar.h"

namespace sobolev::program::language::actions {

namespace g = grammar;

// What a rule does; most do nothing.
template <class Rule>
struct Action : g::p::nothing<Rule> {};

template <class Input>
Position Begin(const Input& in, const Builder& builder) {
  return builder.At(in.begin());
}

// --- Brackets and nesting ---

template <>
struct Action<g::EnterBracket> {
  static void apply0(Builder& builder) { ++builder.brackets; }
};
template <>
struct Action<g::LeaveBracket> {
  static void apply0(Builder& builder) { --builder.brackets; }
};
template <>
struct Action<g::EnterNesting> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    builder.Nest(Begin(in, builder));
  }
};
template <>
struct Action<g::LeaveNesting> {
  static void apply0(Builder& builder) { --builder.nesting; }
};

// --- Operands ---

template <>
struct Action<g::Digits> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    double value = 0;
    const auto [end, error] = std::from_chars(in.begin(), in.end(), value);
    // Numbers too small for a double round to zero; from_chars leaves `value` alone then.
    if (error == std::errc::result_out_of_range && std::strtod(in.string().c_str(), nullptr) != 0) {
      throw builder.source().Fault(Begin(in, builder), "SYNTAX_ERROR",
                                   "expected a finite number, got " + Quoted(in.string_view()) +
                                       ", which is beyond 1.8e308");
    }
    builder.Push(Begin(in, builder), Literal{value});
  }
};
template <>
struct Action<g::Variable> {
  static void apply0(Builder& builder) {
    builder.Push(builder.word.position, Reference{builder.word});
  }
};
template <>
struct Action<g::CallOpen> {
  static void apply0(Builder& builder) { builder.PushMark(builder.word); }
};
template <>
struct Action<g::ReductionPart> {
  static void apply0(Builder& builder) { builder.marks.back().has_range = true; }
};
template <>
struct Action<g::Call> {
  static void apply0(Builder& builder) {
    const Builder::Mark mark = builder.PopMark();
    if (mark.has_range) {
      auto body = builder.Pop();
      builder.Push(
          mark.callee.position,
          Reduction{.callee = mark.callee, .range = builder.PopRange(), .body = std::move(body)});
    } else {
      builder.Push(mark.callee.position, Call{.callee = mark.callee,
                                              .arguments = builder.PopFrom(mark.num_operands),
                                              .nesting = builder.nesting});
    }
  }
};
template <>
struct Action<g::ListOpen> {
  static void apply0(Builder& builder) { builder.PushMark(); }
};
template <>
struct Action<g::ComprehensionPart> {
  static void apply0(Builder& builder) { builder.marks.back().has_range = true; }
};
template <>
struct Action<g::List> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    const Builder::Mark mark = builder.PopMark();
    if (mark.has_range) {
      auto body = builder.Pop();
      builder.Push(Begin(in, builder),
                   Comprehension{.range = builder.PopRange(), .body = std::move(body)});
    } else {
      builder.Push(Begin(in, builder), List{builder.PopFrom(mark.num_operands)});
    }
  }
};

// --- Ranges and subscripts ---

template <>
struct Action<g::IndexName> {
  static void apply0(Builder& builder) { builder.names.push_back(builder.word); }
};
template <>
struct Action<g::StepPart> {
  static void apply0(Builder& builder) { builder.has_step = true; }
};
template <>
struct Action<g::IndexRange> {
  static void apply0(Builder& builder) {
    Range range;
    if (std::exchange(builder.has_step, false)) range.step = builder.Pop();
    range.last = builder.Pop();
    range.first = builder.Pop();
    range.index = builder.PopName();
    builder.ranges.push_back(std::move(range));
  }
};
template <>
struct Action<g::SubscriptsOpen> {
  static void apply0(Builder& builder) { builder.PushMark(); }
};
template <>
struct Action<g::SliceEnd> {
  static void apply0(Builder& builder) { builder.has_slice_end = true; }
};
template <>
struct Action<g::Subscript> {
  static void apply0(Builder& builder) {
    Subscript subscript;
    if (std::exchange(builder.has_slice_end, false)) subscript.last = builder.Pop();
    subscript.first = builder.Pop();
    builder.subscripts.push_back(std::move(subscript));
  }
};
template <>
struct Action<g::Subscripts> {
  static void apply0(Builder& builder) {
    builder.last_subscripts = builder.PopSubscriptsFrom(builder.PopMark().num_subscripts);
  }
};
template <>
struct Action<g::Indexing> {
  static void apply0(Builder& builder) {
    Expression& operand = builder.operands.back();
    if (!std::holds_alternative<Indexing>(operand.node)) {
      const Position position = operand.position;
      auto base = builder.Pop();
      builder.Push(position, Indexing{.base = std::move(base)});
    }
    std::get<Indexing>(builder.operands.back().node)
        .brackets.push_back(std::move(builder.last_subscripts));
  }
};

// --- Operators ---

inline Operator BinaryOperator(std::string_view text) {
  switch (text[0]) {
    case '+':
      return Operator::kAdd;
    case '-':
      return Operator::kSubtract;
    case '*':
      return Operator::kMultiply;
    case '/':
      return Operator::kDivide;
    case '@':
      return Operator::kMatrixMultiply;
    case '<':
      return text.size() == 2 ? Operator::kLessEqual : Operator::kLess;
    case '>':
      return text.size() == 2 ? Operator::kGreaterEqual : Operator::kGreater;
    case '=':
      return Operator::kEqual;
    default:
      return Operator::kNotEqual;
  }
}

struct PushOperator {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    builder.operators.push_back(BinaryOperator(in.string_view()));
  }
};
template <>
struct Action<g::ProductOperator> : PushOperator {};
template <>
struct Action<g::SumOperator> : PushOperator {};
template <>
struct Action<g::ComparisonOperator> : PushOperator {};

template <>
struct Action<g::ProductPart> {
  static void apply0(Builder& builder) {
    builder.Link([](Operator op) {
      return op == Operator::kMultiply || op == Operator::kDivide ||
             op == Operator::kMatrixMultiply;
    });
  }
};
template <>
struct Action<g::SumPart> {
  static void apply0(Builder& builder) {
    builder.Link([](Operator op) { return op == Operator::kAdd || op == Operator::kSubtract; });
  }
};
template <>
struct Action<g::ComparisonPart> {
  static void apply0(Builder& builder) {
    builder.Link([](Operator) { return false; });
  }
};
template <>
struct Action<g::PowerPart> {
  static void apply0(Builder& builder) {
    builder.operators.push_back(Operator::kPower);
    builder.Link([](Operator) { return false; });
  }
};
template <>
struct Action<g::AndPart> {
  static void apply0(Builder& builder) {
    builder.operators.push_back(Operator::kAnd);
    builder.Link([](Operator op) { return op == Operator::kAnd; });
  }
};
template <>
struct Action<g::OrPart> {
  static void apply0(Builder& builder) {
    builder.operators.push_back(Operator::kOr);
    builder.Link([](Operator op) { return op == Operator::kOr; });
  }
};

template <Operator kOperator>
struct PushPrefix {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    auto operand = builder.Pop();
    builder.Push(Begin(in, builder), Prefix{.op = kOperator, .operand = std::move(operand)});
  }
};
template <>
struct Action<g::Negative> : PushPrefix<Operator::kNegate> {};
template <>
struct Action<g::NotPart> : PushPrefix<Operator::kNot> {};

}  // namespace sobolev::program::language::actions

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_EXPRESSION_ACTIONS_H_
