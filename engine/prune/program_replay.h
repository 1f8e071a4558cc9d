// A program's graphs in plain scalar arithmetic, node by node, every value kept: with
// Adjoint<Interval<double>> or Adjoint<double> as the scalar, every vertex has a place on the tape.

#ifndef SOBOLEV_ENGINE_PRUNE_PROGRAM_REPLAY_H_
#define SOBOLEV_ENGINE_PRUNE_PROGRAM_REPLAY_H_

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "engine/ad/adjoint.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/program/definition.h"
#include "engine/program/graph.h"
#include "engine/program/op.h"

namespace sobolev::prune {

// The value of an operation of a graph. Masks are the numbers 1 and 0; an interval that is both
// chooses the hull.
template <class S>
S ApplyTo(program::Op op, const S& a, const S& b, const S& c) {
  using program::Op;
  const S one = 1.0;
  const S zero = 0.0;
  switch (op) {
    // clang-format off
    case Op::kNegate: return S(-a);
    case Op::kSquare: return S(Square(a));
    case Op::kReciprocal: return S(Reciprocal(a));
    case Op::kAbs: return S(abs(a));
    case Op::kSign: return S(Sign(a));
    case Op::kFloor: return S(floor(a));
    case Op::kSqrt: return S(sqrt(a));
    case Op::kCbrt: return S(cbrt(a));
    case Op::kExp: return S(exp(a));
    case Op::kExpm1: return S(expm1(a));
    case Op::kLog: return S(log(a));
    case Op::kLog1p: return S(log1p(a));
    case Op::kSin: return S(sin(a));
    case Op::kCos: return S(cos(a));
    case Op::kTan: return S(tan(a));
    case Op::kAsin: return S(asin(a));
    case Op::kAcos: return S(acos(a));
    case Op::kAtan: return S(atan(a));
    case Op::kSinh: return S(sinh(a));
    case Op::kCosh: return S(cosh(a));
    case Op::kTanh: return S(tanh(a));
    case Op::kAsinh: return S(asinh(a));
    case Op::kAcosh: return S(acosh(a));
    case Op::kAtanh: return S(atanh(a));
    case Op::kErf: return S(erf(a));
    case Op::kErfc: return S(erfc(a));
    case Op::kNormalCdf: return S(NormalCdf(a));
    case Op::kSigmoid: return S(Sigmoid(a));
    case Op::kSoftplus: return S(Softplus(a));
    case Op::kAdd: return S(a + b);
    case Op::kSubtract: return S(a - b);
    case Op::kMultiply: return S(a * b);
    case Op::kSeedMultiply: return S(SafeProduct(a, b));
    case Op::kDivide: return S(a / b);
    case Op::kPow: return S(pow(a, b));
    case Op::kAtan2: return S(atan2(a, b));
    case Op::kHypot: return S(hypot(a, b));
    case Op::kMin: return S(Min(a, b));
    case Op::kMax: return S(Max(a, b));
    case Op::kLess: return IfLess(a, b, one, zero);
    case Op::kLessEqual: return IfLess(b, a, zero, one);
    case Op::kEqual: return IfLess(a, b, zero, IfLess(b, a, zero, one));
    case Op::kSelect: return IfLess(S(0.5), a, b, c);
    // clang-format on
    default:
      throw Error(ErrorCode::kInternal, "UNKNOWN_OPERATION", "",
                  "an operation that is never part of a graph");
  }
}

// The values of all nodes of a graph at inputs z.
template <class S>
std::vector<S> ReplayGraph(const program::Graph& graph, std::span<const S> z) {
  std::vector<S> values;
  values.reserve(graph.size());
  for (std::size_t id = 0; id < graph.size(); ++id) {
    const program::Node& node = graph.node(static_cast<program::NodeId>(id));
    const auto operand = [&](program::NodeId of) {
      return of == program::kNoNode ? S(0.0) : values[of];
    };
    if (node.op == program::Op::kInput) {
      values.push_back(z[node.a]);
    } else if (node.op == program::Op::kConstant) {
      values.push_back(S(graph.constant(static_cast<program::NodeId>(id))));
    } else if (node.op == program::Op::kPow && graph.IsConstant(node.b)) {
      values.push_back(S(pow(values[node.a], graph.constant(node.b))));
    } else {
      values.push_back(ApplyTo<S>(node.op, operand(node.a), operand(node.b), operand(node.c)));
    }
  }
  return values;
}

// Every value of every stage, and y.
template <class S>
struct Replay {
  std::vector<std::vector<std::vector<S>>> values;  // [stage][step][node]
  std::vector<S> y;
};

template <class S>
Replay<S> ReplayProgram(const program::Definition& definition, std::vector<S> x) {
  Replay<S> replay;
  for (const program::Stage& stage : definition.stages) {
    std::vector<std::vector<S>>& steps = replay.values.emplace_back();
    for (Index step = 0; step < stage.repeat; ++step) {
      if (stage.has_counter) x.push_back(S(static_cast<double>(stage.first_count + step)));
      steps.push_back(ReplayGraph<S>(stage.graph, x));
      std::vector<S> next;
      next.reserve(stage.outputs.size());
      for (const program::NodeId output : stage.outputs) next.push_back(steps.back()[output]);
      x = std::move(next);
    }
  }
  replay.y = std::move(x);
  return replay;
}

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_PROGRAM_REPLAY_H_
