// Recording by arithmetic: a number that is a node of a graph.
//
// Code that is generic in its scalar, such as the derivative rules of engine/ad/elementary.h, runs
// on Expr and so writes its operations into the graph. An Expr made from a double belongs to no
// graph until it meets one that does. Expr has no order: choices are made with IfLess, which
// records both branches.

#ifndef SOBOLEV_ENGINE_PROGRAM_EXPR_H_
#define SOBOLEV_ENGINE_PROGRAM_EXPR_H_

#include "engine/program/graph.h"

namespace sobolev::program {

class Expr {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): constants mix freely with recorded numbers.
  Expr(double constant = 0) : constant_(constant) {}
  // `graph` outlives the expression.
  Expr(Graph& graph, NodeId id) : graph_(&graph), id_(id) {}

  // The node, made in `graph` for a plain constant.
  NodeId Id(Graph& graph) const { return graph_ == nullptr ? graph.Constant(constant_) : id_; }

  static Expr Make(Op op, const Expr& a, const Expr& b = 0.0, const Expr& c = 0.0) {
    Graph* graph = a.graph_ != nullptr ? a.graph_ : b.graph_ != nullptr ? b.graph_ : c.graph_;
    if (graph == nullptr) return Apply(op, a.constant_, b.constant_, c.constant_);
    const int arity = Traits(op).arity;
    return {*graph, graph->Make(op, a.Id(*graph), arity > 1 ? b.Id(*graph) : kNoNode,
                                arity > 2 ? c.Id(*graph) : kNoNode)};
  }

  Expr& operator+=(const Expr& y) { return *this = *this + y; }
  Expr& operator-=(const Expr& y) { return *this = *this - y; }
  Expr& operator*=(const Expr& y) { return *this = *this * y; }
  Expr& operator/=(const Expr& y) { return *this = *this / y; }

  friend Expr operator+(const Expr& x) { return x; }
  friend Expr operator-(const Expr& x) { return Make(Op::kNegate, x); }
  friend Expr operator+(const Expr& x, const Expr& y) { return Make(Op::kAdd, x, y); }
  friend Expr operator-(const Expr& x, const Expr& y) { return Make(Op::kSubtract, x, y); }
  friend Expr operator*(const Expr& x, const Expr& y) { return Make(Op::kMultiply, x, y); }
  friend Expr operator/(const Expr& x, const Expr& y) { return Make(Op::kDivide, x, y); }

 private:
  Graph* graph_ = nullptr;
  NodeId id_ = kNoNode;
  double constant_ = 0;
};

// Found by argument, under the names of <cmath> and of engine/ad/elementary.h.
inline Expr exp(const Expr& x) { return Expr::Make(Op::kExp, x); }
inline Expr expm1(const Expr& x) { return Expr::Make(Op::kExpm1, x); }
inline Expr log(const Expr& x) { return Expr::Make(Op::kLog, x); }
inline Expr log1p(const Expr& x) { return Expr::Make(Op::kLog1p, x); }
inline Expr sqrt(const Expr& x) { return Expr::Make(Op::kSqrt, x); }
inline Expr cbrt(const Expr& x) { return Expr::Make(Op::kCbrt, x); }
inline Expr sin(const Expr& x) { return Expr::Make(Op::kSin, x); }
inline Expr cos(const Expr& x) { return Expr::Make(Op::kCos, x); }
inline Expr tan(const Expr& x) { return Expr::Make(Op::kTan, x); }
inline Expr asin(const Expr& x) { return Expr::Make(Op::kAsin, x); }
inline Expr acos(const Expr& x) { return Expr::Make(Op::kAcos, x); }
inline Expr atan(const Expr& x) { return Expr::Make(Op::kAtan, x); }
inline Expr sinh(const Expr& x) { return Expr::Make(Op::kSinh, x); }
inline Expr cosh(const Expr& x) { return Expr::Make(Op::kCosh, x); }
inline Expr tanh(const Expr& x) { return Expr::Make(Op::kTanh, x); }
inline Expr asinh(const Expr& x) { return Expr::Make(Op::kAsinh, x); }
inline Expr acosh(const Expr& x) { return Expr::Make(Op::kAcosh, x); }
inline Expr atanh(const Expr& x) { return Expr::Make(Op::kAtanh, x); }
inline Expr erf(const Expr& x) { return Expr::Make(Op::kErf, x); }
inline Expr erfc(const Expr& x) { return Expr::Make(Op::kErfc, x); }
inline Expr abs(const Expr& x) { return Expr::Make(Op::kAbs, x); }
inline Expr floor(const Expr& x) { return Expr::Make(Op::kFloor, x); }
inline Expr pow(const Expr& x, const Expr& y) { return Expr::Make(Op::kPow, x, y); }
inline Expr pow(const Expr& x, double y) { return Expr::Make(Op::kPow, x, y); }
inline Expr atan2(const Expr& y, const Expr& x) { return Expr::Make(Op::kAtan2, y, x); }
inline Expr hypot(const Expr& x, const Expr& y) { return Expr::Make(Op::kHypot, x, y); }
inline Expr Min(const Expr& x, const Expr& y) { return Expr::Make(Op::kMin, x, y); }
inline Expr Max(const Expr& x, const Expr& y) { return Expr::Make(Op::kMax, x, y); }
inline Expr Square(const Expr& x) { return Expr::Make(Op::kSquare, x); }
inline Expr Reciprocal(const Expr& x) { return Expr::Make(Op::kReciprocal, x); }
inline Expr Sign(const Expr& x) { return Expr::Make(Op::kSign, x); }
inline Expr NormalCdf(const Expr& x) { return Expr::Make(Op::kNormalCdf, x); }
inline Expr Sigmoid(const Expr& x) { return Expr::Make(Op::kSigmoid, x); }
inline Expr Softplus(const Expr& x) { return Expr::Make(Op::kSoftplus, x); }

// Masks, 1 or 0, and the choice by one.
inline Expr Less(const Expr& x, const Expr& y) { return Expr::Make(Op::kLess, x, y); }
inline Expr LessEqual(const Expr& x, const Expr& y) { return Expr::Make(Op::kLessEqual, x, y); }
inline Expr Equal(const Expr& x, const Expr& y) { return Expr::Make(Op::kEqual, x, y); }
inline Expr And(const Expr& x, const Expr& y) { return Expr::Make(Op::kMin, x, y); }
inline Expr Or(const Expr& x, const Expr& y) { return Expr::Make(Op::kMax, x, y); }
inline Expr Not(const Expr& x) { return 1.0 - x; }
inline Expr Select(const Expr& mask, const Expr& yes, const Expr& no) {
  return Expr::Make(Op::kSelect, mask, yes, no);
}

// a·b, and 0 where a = 0 whatever b is.
inline Expr SafeProduct(const Expr& a, const Expr& b) {
  return Expr::Make(Op::kSeedMultiply, a, b);
}

// a < b ? u : v.
inline Expr IfLess(const Expr& a, const Expr& b, const Expr& u, const Expr& v) {
  return Select(Less(a, b), u, v);
}

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_EXPR_H_
