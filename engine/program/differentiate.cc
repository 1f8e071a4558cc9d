#include "engine/program/differentiate.h"

#include <algorithm>
#include <array>

#include "engine/ad/elementary.h"
#include "engine/program/expr.h"

namespace sobolev::program {
namespace {

// ∂v/∂a and ∂v/∂b of a node v, and whether they may be infinite where v has a value.
struct Partials {
  Expr a;
  Expr b;
  bool singular = false;
};

template <class Rule>
Partials Unary(const Expr& x, const Expr& y) {
  return {.a = Rule::Derivative(x, y), .singular = Rule::kSingular};
}

template <class Rule>
Partials Binary(const Expr& a, const Expr& b, const Expr& y) {
  return {.a = Rule::D1(a, b, y), .b = Rule::D2(a, b, y), .singular = Rule::kSingular};
}

// Of the operations that are neither linear nor choices.
Partials PartialsOf(Op op, const Expr& a, const Expr& b, const Expr& y) {
  switch (op) {
    case Op::kSquare:
      return Unary<ad::SquareRule>(a, y);
    case Op::kReciprocal:
      return Unary<ad::ReciprocalRule>(a, y);
    case Op::kAbs:
      return Unary<ad::AbsRule>(a, y);
    case Op::kSqrt:
      return Unary<ad::SqrtRule>(a, y);
    case Op::kCbrt:
      return Unary<ad::CbrtRule>(a, y);
    case Op::kExp:
      return Unary<ad::ExpRule>(a, y);
    case Op::kExpm1:
      return Unary<ad::Expm1Rule>(a, y);
    case Op::kLog:
      return Unary<ad::LogRule>(a, y);
    case Op::kLog1p:
      return Unary<ad::Log1pRule>(a, y);
    case Op::kSin:
      return Unary<ad::SinRule>(a, y);
    case Op::kCos:
      return Unary<ad::CosRule>(a, y);
    case Op::kTan:
      return Unary<ad::TanRule>(a, y);
    case Op::kAsin:
      return Unary<ad::AsinRule>(a, y);
    case Op::kAcos:
      return Unary<ad::AcosRule>(a, y);
    case Op::kAtan:
      return Unary<ad::AtanRule>(a, y);
    case Op::kSinh:
      return Unary<ad::SinhRule>(a, y);
    case Op::kCosh:
      return Unary<ad::CoshRule>(a, y);
    case Op::kTanh:
      return Unary<ad::TanhRule>(a, y);
    case Op::kAsinh:
      return Unary<ad::AsinhRule>(a, y);
    case Op::kAcosh:
      return Unary<ad::AcoshRule>(a, y);
    case Op::kAtanh:
      return Unary<ad::AtanhRule>(a, y);
    case Op::kErf:
      return Unary<ad::ErfRule>(a, y);
    case Op::kErfc:
      return Unary<ad::ErfcRule>(a, y);
    case Op::kNormalCdf:
      return Unary<ad::NormalCdfRule>(a, y);
    case Op::kSigmoid:
      return Unary<ad::SigmoidRule>(a, y);
    case Op::kSoftplus:
      return Unary<ad::SoftplusRule>(a, y);
    case Op::kMultiply:
    case Op::kSeedMultiply:
      return Binary<ad::MultiplyRule>(a, b, y);
    case Op::kDivide:
      return Binary<ad::DivideRule>(a, b, y);
    case Op::kPow:
      return Binary<ad::PowRule>(a, b, y);
    case Op::kAtan2:
      return Binary<ad::Atan2Rule>(a, b, y);
    case Op::kHypot:
      return Binary<ad::HypotRule>(a, b, y);
    case Op::kMin:
      return Binary<ad::MinRule>(a, b, y);
    case Op::kMax:
      return Binary<ad::MaxRule>(a, b, y);
    default:
      return {};
  }
}

// xᶜ with a constant c has a rule of its own: its partial exists where log x does not.
Partials PartialsOf(const Graph& graph, const Node& node, const Expr& a, const Expr& b,
                    const Expr& y) {
  if (node.op == Op::kPow && graph.IsConstant(node.b)) {
    return {.a = ad::PowConstantRule::Derivative(a, y, graph.constant(node.b)), .singular = true};
  }
  return PartialsOf(node.op, a, b, y);
}

// Masks and steps have no derivative, or the derivative zero.
bool IsConstantBetweenJumps(Op op) {
  return op == Op::kSign || op == Op::kFloor || op == Op::kLess || op == Op::kLessEqual ||
         op == Op::kEqual || op == Op::kInput || op == Op::kConstant;
}

}  // namespace

std::vector<NodeId> Differentiator::Tangent(std::span<const NodeId> outputs,
                                            std::span<const NodeId> x_dot) {
  const std::vector<bool> needed = graph_.Reachable(outputs);
  const auto size = static_cast<NodeId>(graph_.size());
  visits_ += static_cast<double>(size);
  std::vector<NodeId> dot(size, kNoNode);
  const auto sum = [&](NodeId a, NodeId b) {
    return a == kNoNode ? b : b == kNoNode ? a : graph_.Make(Op::kAdd, a, b);
  };
  for (NodeId id = 0; id < size; ++id) {
    if (!needed[id]) continue;
    const Node node = graph_.node(id);
    if (node.op == Op::kInput) {
      if (node.a < x_dot.size()) dot[id] = x_dot[node.a];
      continue;
    }
    if (IsConstantBetweenJumps(node.op)) continue;
    const int arity = Traits(node.op).arity;
    const NodeId a_dot = dot[node.a];
    const NodeId b_dot = arity > 1 ? dot[node.b] : kNoNode;
    const NodeId c_dot = arity > 2 ? dot[node.c] : kNoNode;
    if (a_dot == kNoNode && b_dot == kNoNode && c_dot == kNoNode) continue;
    const auto or_zero = [&](NodeId v) { return v == kNoNode ? graph_.Constant(0) : v; };
    switch (node.op) {
      case Op::kNegate:
        dot[id] = graph_.Make(Op::kNegate, a_dot);
        break;
      case Op::kAdd:
        dot[id] = sum(a_dot, b_dot);
        break;
      case Op::kSubtract:
        dot[id] = b_dot == kNoNode   ? a_dot
                  : a_dot == kNoNode ? graph_.Make(Op::kNegate, b_dot)
                                     : graph_.Make(Op::kSubtract, a_dot, b_dot);
        break;
      case Op::kSelect:
        dot[id] = graph_.Make(Op::kSelect, node.a, or_zero(b_dot), or_zero(c_dot));
        break;
      default: {
        const Partials partials = PartialsOf(graph_, node, {graph_, node.a},
                                             {graph_, arity > 1 ? node.b : node.a}, {graph_, id});
        const Op times =
            partials.singular || node.op == Op::kSeedMultiply ? Op::kSeedMultiply : Op::kMultiply;
        const auto product = [&](NodeId seed, const Expr& partial) {
          return seed == kNoNode ? kNoNode : graph_.Make(times, seed, partial.Id(graph_));
        };
        dot[id] =
            sum(product(a_dot, partials.a), node.op == Op::kSeedMultiply && b_dot != kNoNode
                                                ? graph_.Make(Op::kSeedMultiply, node.a, b_dot)
                                                : product(b_dot, partials.b));
      }
    }
  }
  std::vector<NodeId> y_dot(outputs.size(), kNoNode);
  std::transform(outputs.begin(), outputs.end(), y_dot.begin(),
                 [&](NodeId y) { return y == kNoNode ? kNoNode : dot[y]; });
  return y_dot;
}

// All nodes that the outputs depend on, users before their operands.
void Differentiator::CollectAncestors(std::span<const NodeId> outputs) {
  visited_.resize(graph_.size(), 0);
  ancestors_.clear();
  const auto visit = [&](NodeId id) {
    if (id == kNoNode || visited_[id] != 0) return;
    visited_[id] = 1;
    ancestors_.push_back(id);
  };
  for (const NodeId output : outputs) visit(output);
  for (std::size_t i = 0; i < ancestors_.size(); ++i) {
    const Node& node = graph_.node(ancestors_[i]);
    const int arity = Traits(node.op).arity;
    if (arity > 0) visit(node.a);
    if (arity > 1) visit(node.b);
    if (arity > 2) visit(node.c);
  }
  for (const NodeId id : ancestors_) visited_[id] = 0;
  std::sort(ancestors_.begin(), ancestors_.end(), std::greater<>());
}

void Differentiator::Contribute(NodeId operand, NodeId contribution, bool masked) {
  if (contribution == kNoNode || graph_.IsConstant(operand)) return;
  NodeId& bar = bar_[operand];
  bar = bar == kNoNode ? contribution : graph_.Make(Op::kAdd, bar, contribution);
  if (masked) masked_[operand] = 1;
}

// Hands the adjoint of a node on to its operands.
void Differentiator::Propagate(NodeId id) {
  const Node node = graph_.node(id);
  const NodeId bar = bar_[id];
  const bool masked = masked_[id] != 0;
  if (bar == kNoNode || IsConstantBetweenJumps(node.op)) return;
  switch (node.op) {
    case Op::kNegate:
      return Contribute(node.a, graph_.Make(Op::kNegate, bar), masked);
    case Op::kAdd:
      Contribute(node.a, bar, masked);
      return Contribute(node.b, bar, masked);
    case Op::kSubtract:
      Contribute(node.a, bar, masked);
      return Contribute(node.b, graph_.Make(Op::kNegate, bar), masked);
    case Op::kSelect: {
      const NodeId zero = graph_.Constant(0);
      Contribute(node.b, graph_.Make(Op::kSelect, node.a, bar, zero), true);
      return Contribute(node.c, graph_.Make(Op::kSelect, node.a, zero, bar), true);
    }
    default: {
      const bool binary = Traits(node.op).arity == 2;
      const Partials partials = PartialsOf(graph_, node, {graph_, node.a},
                                           {graph_, binary ? node.b : node.a}, {graph_, id});
      const bool safe = masked || partials.singular || node.op == Op::kSeedMultiply;
      const Op times = safe ? Op::kSeedMultiply : Op::kMultiply;
      const auto product = [&](NodeId operand, const Expr& partial) {
        if (graph_.IsConstant(operand)) return kNoNode;
        return graph_.Make(times, bar, partial.Id(graph_));
      };
      Contribute(node.a, product(node.a, partials.a), masked);
      if (node.op == Op::kSeedMultiply) {
        // The first factor is the seed, which may be 0 where the adjoint is infinite, and then the
        // second is masked as by a select.
        Contribute(node.b, graph_.Make(Op::kSeedMultiply, node.a, bar), true);
      } else if (binary) {
        Contribute(node.b, product(node.b, partials.b), masked);
      }
    }
  }
}

std::vector<InputAdjoint> Differentiator::SparseAdjoint(std::span<const NodeId> outputs,
                                                        std::span<const NodeId> y_bar,
                                                        NodeId num_inputs) {
  CollectAncestors(outputs);
  visits_ += static_cast<double>(ancestors_.size());
  bar_.resize(graph_.size(), kNoNode);
  masked_.resize(graph_.size(), 0);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] != kNoNode) Contribute(outputs[i], y_bar[i], false);
  }
  std::vector<InputAdjoint> x_bar;
  for (const NodeId id : ancestors_) {
    Propagate(id);
    const Node& node = graph_.node(id);
    if (node.op == Op::kInput && node.a < num_inputs && bar_[id] != kNoNode) {
      x_bar.push_back({.input = node.a, .node = bar_[id]});
    }
    bar_[id] = kNoNode;
    masked_[id] = 0;
  }
  return x_bar;
}

std::vector<NodeId> Differentiator::Adjoint(std::span<const NodeId> outputs,
                                            std::span<const NodeId> y_bar, NodeId num_inputs) {
  std::vector<NodeId> x_bar(num_inputs, kNoNode);
  for (const auto& [input, node] : SparseAdjoint(outputs, y_bar, num_inputs)) x_bar[input] = node;
  return x_bar;
}

}  // namespace sobolev::program
