// A second meaning of graphs, for any scalar type: the nodes one after the other, in plain scalar
// arithmetic. With differentiating scalars it derives what the symbolic derivatives must equal, by
// a way that shares nothing with them but the rules of engine/ad/elementary.h.

#ifndef SOBOLEV_TESTS_ENGINE_PROGRAM_INTERPRET_H_
#define SOBOLEV_TESTS_ENGINE_PROGRAM_INTERPRET_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "engine/ad/elementary.h"
#include "engine/base/matrix.h"
#include "engine/program/definition.h"
#include "engine/program/graph.h"
#include "engine/program/op.h"

namespace sobolev::program {

// The value of an operation on scalars. Masks are the numbers 1 and 0; an interval that is both
// chooses the hull.
template <class T>
T ApplyAs(Op op, const T& a, const T& b, const T& c) {
  using ad::abs, ad::floor, ad::sqrt, ad::cbrt, ad::exp, ad::expm1, ad::log, ad::log1p;
  using ad::asinh, ad::acosh, ad::atanh, ad::erf, ad::erfc, ad::pow, ad::atan2, ad::hypot;
  using ad::IfLess, ad::Min, ad::Max, ad::Sign, ad::Square, ad::Reciprocal, ad::SafeProduct;
  using ad::NormalCdf, ad::Sigmoid, ad::Softplus;
  using ad::sin, ad::cos, ad::tan, ad::asin, ad::acos, ad::atan, ad::sinh, ad::cosh, ad::tanh;
  const T one = 1.0;
  const T zero = 0.0;
  switch (op) {
    case Op::kNegate:
      return T(-a);
    case Op::kSquare:
      return T(Square(a));
    case Op::kReciprocal:
      return T(Reciprocal(a));
    case Op::kAbs:
      return T(abs(a));
    case Op::kSign:
      return T(Sign(a));
    case Op::kFloor:
      return T(floor(a));
    case Op::kSqrt:
      return T(sqrt(a));
    case Op::kCbrt:
      return T(cbrt(a));
    case Op::kExp:
      return T(exp(a));
    case Op::kExpm1:
      return T(expm1(a));
    case Op::kLog:
      return T(log(a));
    case Op::kLog1p:
      return T(log1p(a));
    case Op::kSin:
      return T(sin(a));
    case Op::kCos:
      return T(cos(a));
    case Op::kTan:
      return T(tan(a));
    case Op::kAsin:
      return T(asin(a));
    case Op::kAcos:
      return T(acos(a));
    case Op::kAtan:
      return T(atan(a));
    case Op::kSinh:
      return T(sinh(a));
    case Op::kCosh:
      return T(cosh(a));
    case Op::kTanh:
      return T(tanh(a));
    case Op::kAsinh:
      return T(asinh(a));
    case Op::kAcosh:
      return T(acosh(a));
    case Op::kAtanh:
      return T(atanh(a));
    case Op::kErf:
      return T(erf(a));
    case Op::kErfc:
      return T(erfc(a));
    case Op::kNormalCdf:
      return T(NormalCdf(a));
    case Op::kSigmoid:
      return T(Sigmoid(a));
    case Op::kSoftplus:
      return T(Softplus(a));
    case Op::kAdd:
      return T(a + b);
    case Op::kSubtract:
      return T(a - b);
    case Op::kMultiply:
      return T(a * b);
    case Op::kSeedMultiply:
      return SafeProduct(a, b);
    case Op::kDivide:
      return T(a / b);
    case Op::kPow:
      return T(pow(a, b));
    case Op::kAtan2:
      return T(atan2(a, b));
    case Op::kHypot:
      return T(hypot(a, b));
    case Op::kMin:
      return T(Min(a, b));
    case Op::kMax:
      return T(Max(a, b));
    case Op::kLess:
      return IfLess(a, b, one, zero);
    case Op::kLessEqual:
      return IfLess(b, a, zero, one);
    case Op::kEqual:
      return IfLess(a, b, zero, T(IfLess(b, a, zero, one)));
    case Op::kSelect:
      return IfLess(T(0.5), a, b, c);
    default:
      throw std::logic_error("an operation that is never part of a graph");
  }
}

inline double ConstantOf(const Node& node) {
  return std::bit_cast<double>((std::uint64_t{node.b} << 32) | node.a);
}

// The values of `outputs` among `nodes`, which are in the form of a graph's but need not be shared,
// folded or simplified, at the inputs z.
template <class T>
std::vector<T> Interpret(std::span<const Node> nodes, std::span<const NodeId> outputs,
                         const std::vector<T>& z) {
  using ad::pow;
  std::vector<T> values;
  values.reserve(nodes.size());
  for (const Node& node : nodes) {
    if (node.op == Op::kInput) {
      values.push_back(z.at(node.a));
    } else if (node.op == Op::kConstant) {
      values.push_back(T(ConstantOf(node)));
    } else if (node.op == Op::kPow && nodes[node.b].op == Op::kConstant) {
      values.push_back(T(pow(values[node.a], ConstantOf(nodes[node.b]))));
    } else {
      const auto value = [&](NodeId id) { return id == kNoNode ? T(0.0) : values[id]; };
      values.push_back(ApplyAs<T>(node.op, value(node.a), value(node.b), value(node.c)));
    }
  }
  std::vector<T> y;
  for (const NodeId output : outputs) y.push_back(values[output]);
  return y;
}

// What a plain scalar program computes for a node, operation by operation as <cmath> and IEEE 754
// say. Strict arithmetic departs from that in powers only: small integers are products and 1/2 is a
// square root. `is_promised` is false of powers that may be among them and of all that they enter.
struct PlainValue {
  double value = 0;
  bool is_promised = true;
};

// The values of nodes in the form of a graph's, none of them shared, folded or simplified.
inline std::vector<PlainValue> InterpretPlainly(std::span<const Node> nodes,
                                                const std::vector<double>& z) {
  std::vector<PlainValue> values;
  values.reserve(nodes.size());
  for (const Node& node : nodes) {
    if (node.op == Op::kInput) {
      values.push_back({.value = z.at(node.a)});
      continue;
    }
    if (node.op == Op::kConstant) {
      values.push_back({.value = ConstantOf(node)});
      continue;
    }
    const auto at = [&](NodeId id) { return id == kNoNode ? PlainValue{} : values[id]; };
    const PlainValue a = at(node.a);
    const PlainValue b = at(node.b);
    const PlainValue c = at(node.c);
    const bool is_special_power =
        node.op == Op::kPow && (b.value == 0.5 || b.value == std::floor(b.value));
    values.push_back(
        {.value = Apply(node.op, a.value, b.value, c.value),
         .is_promised = a.is_promised && b.is_promised && c.is_promised && !is_special_power});
  }
  return values;
}

// A stage as it was written: its nodes before sharing, folding and identities.
struct PlainStage {
  std::vector<Node> nodes;
  std::vector<NodeId> outputs;
  Index state_size = 0;
  Index repeat = 1;
  bool has_counter = false;
  Index first_count = 0;
};

// y = F(x), stage by stage and step by step.
template <class T>
std::vector<T> Interpret(std::span<const PlainStage> stages, std::vector<T> x) {
  for (const PlainStage& stage : stages) {
    for (Index step = 0; step < stage.repeat; ++step) {
      if (stage.has_counter) x.push_back(T(static_cast<double>(stage.first_count + step)));
      x = Interpret<T>(stage.nodes, stage.outputs, x);
    }
  }
  return x;
}

// The nodes of a graph, as they are.
inline std::vector<Node> NodesOf(const Graph& graph) {
  std::vector<Node> nodes;
  for (NodeId id = 0; id < graph.size(); ++id) nodes.push_back(graph.node(id));
  return nodes;
}

// The same stage through Graph::Make.
inline Stage Build(const PlainStage& plain) {
  Stage stage{.state_size = plain.state_size,
              .repeat = plain.repeat,
              .has_counter = plain.has_counter,
              .first_count = plain.first_count};
  std::vector<NodeId> made;
  const auto id = [&](NodeId operand) { return operand == kNoNode ? kNoNode : made[operand]; };
  for (const Node& node : plain.nodes) {
    if (node.op == Op::kInput) {
      made.push_back(stage.graph.Input(node.a));
    } else if (node.op == Op::kConstant) {
      made.push_back(stage.graph.Constant(ConstantOf(node)));
    } else {
      made.push_back(stage.graph.Make(node.op, id(node.a), id(node.b), id(node.c)));
    }
  }
  for (const NodeId output : plain.outputs) stage.outputs.push_back(made[output]);
  return stage;
}

}  // namespace sobolev::program

#endif  // SOBOLEV_TESTS_ENGINE_PROGRAM_INTERPRET_H_
