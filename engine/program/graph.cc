#include "engine/program/graph.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <utility>

#include "engine/base/error.h"

namespace sobolev::program {
namespace {

// Integer powers up to this one become products, which are as accurate as pow and much faster.
constexpr double kMaxUnrolledPower = 16;

std::uint64_t Hash(const Node& node) {
  // Multiply and fold, twice: operands are small and dense, so every bit must reach the low ones.
  const std::uint64_t low = (std::uint64_t{node.a} << 32) | node.b;
  const std::uint64_t high = (std::uint64_t{node.c} << 8) | static_cast<std::uint64_t>(node.op);
  std::uint64_t h = (low ^ 0x9e3779b97f4a7c15U) * 0xff51afd7ed558ccdU;
  h ^= h >> 29;
  h = (h ^ high) * 0xc4ceb9fe1a85ec53U;
  return h ^ (h >> 32);
}

// Whether x/c = x·(1/c) to the bit.
bool IsPowerOfTwo(double c) {
  int exponent = 0;
  return std::isnormal(c) && std::isnormal(1.0 / c) && std::abs(std::frexp(c, &exponent)) == 0.5;
}

}  // namespace

Graph::Graph(std::size_t max_nodes) : max_nodes_(max_nodes), table_(64, kNoNode) {}

std::size_t Graph::PlaceOf(const Node& node) const {
  const std::size_t mask = table_.size() - 1;
  std::size_t place = Hash(node) & mask;
  while (table_[place] != kNoNode && nodes_[table_[place]] != node) place = (place + 1) & mask;
  return place;
}

NodeId Graph::Find(Op op, NodeId a, NodeId b) const {
  if (MustSwap(op, a, b)) std::swap(a, b);
  return table_[PlaceOf({.op = op, .a = a, .b = b})];
}

// Constants stand second, and equal sums are the same node whatever their order.
bool Graph::MustSwap(Op op, NodeId a, NodeId b) const {
  return Traits(op).commutative && (IsConstant(a) || (!IsConstant(b) && b < a));
}

NodeId Graph::Intern(const Node& node) {
  const std::size_t place = PlaceOf(node);
  if (table_[place] != kNoNode) return table_[place];
  if (nodes_.size() >= max_nodes_) {
    throw InvalidArgument("TRACE_TOO_LONG", "source",
                          "expected at most " + std::to_string(max_nodes_) +
                              " operations in the evaluation trace; use fewer terms, or an "
                              "`evolve` loop for repeated steps");
  }
  const auto id = static_cast<NodeId>(nodes_.size());
  nodes_.push_back(node);
  table_[place] = id;
  if (2 * nodes_.size() > table_.size()) Grow();
  return id;
}

void Graph::Grow() {
  table_.assign(2 * table_.size(), kNoNode);
  const std::size_t mask = table_.size() - 1;
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    std::size_t place = Hash(nodes_[id]) & mask;
    while (table_[place] != kNoNode) place = (place + 1) & mask;
    table_[place] = id;
  }
}

NodeId Graph::Input(NodeId index) {
  num_inputs_ = std::max(num_inputs_, index + 1);
  return Intern({.op = Op::kInput, .a = index});
}

NodeId Graph::Constant(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return Intern(
      {.op = Op::kConstant, .a = static_cast<NodeId>(bits), .b = static_cast<NodeId>(bits >> 32)});
}

double Graph::constant(NodeId id) const {
  const Node& node = nodes_[id];
  return std::bit_cast<double>((std::uint64_t{node.b} << 32) | node.a);
}

NodeId Graph::Make(Op op, NodeId a, NodeId b, NodeId c) {
  const int arity = Traits(op).arity;
  const auto value = [&](NodeId id) { return id == kNoNode ? 0.0 : constant(id); };
  const bool folds = IsConstant(a) && (arity < 2 || IsConstant(b)) && (arity < 3 || IsConstant(c));
  if (folds) return Constant(Apply(op, value(a), value(b), value(c)));
  if (arity == 3) {
    if (IsConstant(a)) return constant(a) != 0 ? b : c;
    return b == c ? b : Intern({.op = op, .a = a, .b = b, .c = c});
  }
  if (MustSwap(op, a, b)) std::swap(a, b);
  const NodeId known = arity == 1 ? SimplifyUnary(op, a) : SimplifyBinary(op, a, b);
  if (known != kNoNode) return known;
  return Intern({.op = op, .a = a, .b = b});
}

NodeId Graph::SimplifyUnary(Op op, NodeId a) {
  const bool negated = IsOp(a, Op::kNegate);
  switch (op) {
    case Op::kNegate:
      if (negated) return nodes_[a].a;
      if (IsOp(a, Op::kSubtract)) return Make(Op::kSubtract, nodes_[a].b, nodes_[a].a);
      break;
    case Op::kSquare:
    case Op::kAbs:
    case Op::kCos:
    case Op::kCosh:
      if (negated || IsOp(a, Op::kAbs)) return nodes_[a].op == op ? a : Make(op, nodes_[a].a);
      break;
    default:
      break;
  }
  return kNoNode;
}

NodeId Graph::SimplifyBinary(Op op, NodeId a, NodeId b) {
  switch (op) {
    case Op::kAdd:
      if (Is(b, 0)) return a;
      if (IsOp(b, Op::kNegate)) return Make(Op::kSubtract, a, nodes_[b].a);
      if (IsOp(a, Op::kNegate)) return Make(Op::kSubtract, b, nodes_[a].a);
      break;
    case Op::kSubtract:
      if (Is(b, 0)) return a;
      if (Is(a, 0)) return Make(Op::kNegate, b);
      if (IsOp(b, Op::kNegate)) return Make(Op::kAdd, a, nodes_[b].a);
      break;
    case Op::kMultiply:
      if (a == b) return Make(Op::kSquare, a);
      if (Is(b, 1)) return a;
      if (Is(b, -1)) return Make(Op::kNegate, a);
      // One sign in front, so that products differing in signs share their node.
      if (IsOp(a, Op::kNegate)) return Make(Op::kNegate, Make(op, nodes_[a].a, b));
      if (IsOp(b, Op::kNegate)) return Make(Op::kNegate, Make(op, a, nodes_[b].a));
      if (IsConstant(b) && constant(b) < 0)
        return Make(Op::kNegate, Make(op, a, Constant(-constant(b))));
      break;
    case Op::kSeedMultiply:
      // A constant partial is finite or the derivative is not a number anyway.
      if (IsConstant(b) && std::isfinite(constant(b))) return Make(Op::kMultiply, a, b);
      if (IsConstant(a) && constant(a) != 0) return Make(Op::kMultiply, b, a);
      break;
    case Op::kDivide:
      if (Is(a, 1)) return Make(Op::kReciprocal, b);
      if (Is(b, 1)) return a;
      if (Is(b, -1)) return Make(Op::kNegate, a);
      if (IsConstant(b) && IsPowerOfTwo(constant(b))) {
        return Make(Op::kMultiply, a, Constant(1.0 / constant(b)));
      }
      break;
    case Op::kPow:
      if (IsConstant(b)) return Power(a, constant(b));
      break;
    case Op::kMin:
    case Op::kMax:
      if (a == b) return a;
      break;
    default:
      break;
  }
  return kNoNode;
}

// aᵉ for a constant exponent: products for small integers, √ for halves, else kNoNode. Each product
// rounds once, so the result is within |e| − 1 half units in the last place.
NodeId Graph::Power(NodeId a, double exponent) {
  if (exponent == 0) return Constant(1);
  if (exponent == 0.5) return Make(Op::kSqrt, a);
  const double magnitude = std::abs(exponent);
  if (magnitude > kMaxUnrolledPower || magnitude != std::floor(magnitude)) return kNoNode;
  NodeId power = kNoNode;
  NodeId square = a;
  for (auto rest = static_cast<unsigned>(magnitude); rest != 0; rest >>= 1U) {
    if ((rest & 1U) != 0) power = power == kNoNode ? square : Make(Op::kMultiply, power, square);
    if (rest > 1) square = Make(Op::kSquare, square);
  }
  return exponent < 0 ? Make(Op::kReciprocal, power) : power;
}

std::vector<bool> Graph::Reachable(std::span<const NodeId> outputs) const {
  std::vector<bool> reachable(nodes_.size(), false);
  for (const NodeId output : outputs) {
    if (output != kNoNode) reachable[output] = true;
  }
  for (std::size_t id = nodes_.size(); id-- > 0;) {
    if (!reachable[id]) continue;
    const Node& node = nodes_[id];
    const int arity = Traits(node.op).arity;
    if (arity > 0) reachable[node.a] = true;
    if (arity > 1) reachable[node.b] = true;
    if (arity > 2) reachable[node.c] = true;
  }
  return reachable;
}

}  // namespace sobolev::program
