// The actions: what the tree gets when a rule of the grammar has matched.

#include "engine/program/language/parser.h"

#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "engine/program/language/builder.h"
#include "engine/program/language/grammar.h"

namespace sobolev::program::language {
namespace {

namespace g = grammar;

template <class Rule>
struct Action : g::p::nothing<Rule> {};

// A rule that was demanded and failed is the fault that is reported.
template <class Rule>
struct Control : g::p::normal<Rule> {
  template <class Input>
  [[noreturn]] static void raise(const Input& in, const Builder& builder) {
    const Position position = builder.At(in.current());
    throw builder.source().Fault(position, "SYNTAX_ERROR",
                                 std::string("expected ") + Rule::kExpected + ", got " +
                                     builder.source().Describe(position));
  }
};

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

Operator BinaryOperator(std::string_view text) {
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

// --- Declarations ---

struct PushName {
  static void apply0(Builder& builder) { builder.names.push_back(builder.word); }
};
template <>
struct Action<g::DeclaredName> : PushName {};
template <>
struct Action<g::Target> : PushName {};
template <>
struct Action<g::ShapeOpen> : Action<g::ListOpen> {};
template <>
struct Action<g::BoundsOpen> : Action<g::ListOpen> {};
template <>
struct Action<g::Shape> {
  static void apply0(Builder& builder) {
    builder.shape = builder.PopFrom(builder.PopMark().num_operands);
  }
};
template <>
struct Action<g::Bounds> {
  static void apply0(Builder& builder) {
    builder.bounds = builder.PopFrom(builder.PopMark().num_operands);
  }
};
template <>
struct Action<g::InitialValue> {
  static void apply0(Builder& builder) { builder.value = builder.Pop(); }
};
template <>
struct Action<g::DescriptionText> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    const std::string_view text = in.string_view();
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return;
    builder.description = text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
  }
};

template <Declaration::Kind kKind>
struct Declare {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    builder.Add(Begin(in, builder),
                Declaration{.kind = kKind,
                            .name = builder.PopName(),
                            .shape = std::exchange(builder.shape, {}),
                            .bounds = std::exchange(builder.bounds, {}),
                            .value = std::move(builder.value),
                            .description = std::exchange(builder.description, {})});
  }
};
template <>
struct Action<g::Input> : Declare<Declaration::Kind::kInput> {};
template <>
struct Action<g::Output> : Declare<Declaration::Kind::kOutput> {};
template <>
struct Action<g::Constant> : Declare<Declaration::Kind::kConst> {};
template <>
struct Action<g::LetStatement> : Declare<Declaration::Kind::kLet> {};
template <>
struct Action<g::VarStatement> : Declare<Declaration::Kind::kVar> {};

// --- Other statements ---

template <>
struct Action<g::BlockOpen> {
  static void apply0(Builder& builder) { builder.blocks.emplace_back(); }
};
template <>
struct Action<g::BlockClose> {
  static void apply0(Builder& builder) {
    builder.closed_blocks.push_back(std::move(builder.blocks.back()));
    builder.blocks.pop_back();
  }
};
template <>
struct Action<g::For> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    auto body = builder.PopBlock();
    builder.Add(Begin(in, builder), For{.range = builder.PopRange(), .body = std::move(body)});
  }
};
template <>
struct Action<g::Evolve> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    auto body = builder.PopBlock();
    builder.Add(Begin(in, builder), Evolve{.range = builder.PopRange(), .body = std::move(body)});
  }
};
template <>
struct Action<g::IfOpen> {
  static void apply0(Builder& builder) { builder.ifs.emplace_back(); }
};
template <>
struct Action<g::Branch> {
  static void apply0(Builder& builder) {
    builder.ifs.back().conditions.push_back(std::move(*builder.Pop()));
    builder.ifs.back().blocks.push_back(builder.PopBlock());
  }
};
template <>
struct Action<g::Otherwise> {
  static void apply0(Builder& builder) { builder.ifs.back().blocks.push_back(builder.PopBlock()); }
};
template <>
struct Action<g::If> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    builder.Add(Begin(in, builder), std::move(builder.ifs.back()));
    builder.ifs.pop_back();
  }
};
template <>
struct Action<g::Return> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    builder.Add(Begin(in, builder), Return{builder.Pop()});
  }
};

template <>
struct Action<g::FunctionName> {
  static void apply0(Builder& builder) {
    builder.functions.push_back({.name = builder.word});
    builder.deepest = builder.nesting;
  }
};
template <>
struct Action<g::Parameter> {
  static void apply0(Builder& builder) {
    builder.functions.back().parameters.push_back(builder.word);
  }
};
template <>
struct Action<g::FunctionValue> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    builder.closed_blocks.emplace_back();
    builder.closed_blocks.back().push_back(
        {.position = Begin(in, builder), .node = Return{builder.Pop()}});
  }
};
template <>
struct Action<g::Function> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    Function function = std::move(builder.functions.back());
    builder.functions.pop_back();
    function.body = builder.PopBlock();
    function.nesting = builder.deepest;
    builder.Add(Begin(in, builder), std::move(function));
  }
};

template <>
struct Action<g::TargetSubscripts> {
  static void apply0(Builder& builder) {
    builder.target_subscripts = std::move(builder.last_subscripts);
  }
};
template <>
struct Action<g::CompoundOperator> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    builder.compound = BinaryOperator(in.string_view());
  }
};
template <>
struct Action<g::Assignment> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    const std::optional<Operator> compound = std::exchange(builder.compound, {});
    builder.Add(Begin(in, builder),
                Assignment{.target = builder.PopName(),
                           .subscripts = std::exchange(builder.target_subscripts, {}),
                           .compound = compound.has_value(),
                           .op = compound.value_or(Operator::kAdd),
                           .value = builder.Pop()});
  }
};

}  // namespace

Ast ParseSource(const Source& source, std::size_t max_nesting) {
  Builder builder(source, max_nesting);
  // Lazy: positions in the text are looked up only for an error.
  g::p::memory_input<g::p::tracking_mode::lazy> in(source.text().data(), source.text().size(), "");
  g::p::parse<g::Program, Action, Control>(in, builder);
  return {.statements = std::move(builder.blocks.front())};
}

}  // namespace sobolev::program::language
