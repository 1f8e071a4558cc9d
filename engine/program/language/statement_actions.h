// The actions of the rules for statements: what the tree gets when one has matched.

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_STATEMENT_ACTIONS_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_STATEMENT_ACTIONS_H_

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/program/language/ast.h"
#include "engine/program/language/builder.h"
#include "engine/program/language/expression_actions.h"
#include "engine/program/language/grammar.h"

namespace sobolev::program::language::actions {

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

}  // namespace sobolev::program::language::actions

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_STATEMENT_ACTIONS_H_
