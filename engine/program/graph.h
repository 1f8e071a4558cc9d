// The computational graph of a function: hash-consed nodes in static single assignment form.
//
// A node is an operation on earlier nodes, so that the order of their numbers is an order of
// evaluation. Equal nodes are one node: common subexpressions are found as they are built, and
// derivatives, which are appended as ordinary nodes (differentiate.h), share what they can with
// values. While nodes are built, constants are folded and identities are applied that hold exactly
// in floating-point arithmetic, up to the sign of a zero: x·1, x + 0, −(−x), x·x = x². Products
// with the constant 0 stay, for 0·∞ is NaN. Powers with constant exponents are the exception:
// integers up to 16 in magnitude become products (x³ is x·x²), and their reciprocals, and ½ becomes
// √. Those round differently than std::pow, and √ is NaN at −∞ where pow is ∞.

#ifndef SOBOLEV_ENGINE_PROGRAM_GRAPH_H_
#define SOBOLEV_ENGINE_PROGRAM_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/program/op.h"

namespace sobolev::program {

using NodeId = std::uint32_t;

// No node: a derivative that is zero whatever the point.
inline constexpr NodeId kNoNode = 0xffffffffU;

struct Node {
  Op op = Op::kConstant;
  // Operands in order; kNoNode beyond the arity. For kInput a is its index; for kConstant a and b
  // are the low and high half of the number's bits, so that −0 and NaN are constants like others.
  NodeId a = kNoNode;
  NodeId b = kNoNode;
  NodeId c = kNoNode;

  friend bool operator==(const Node&, const Node&) = default;
};

class Graph {
 public:
  // Throws Error(kInvalidArgument, TRACE_TOO_LONG) when a node beyond max_nodes is asked for.
  explicit Graph(std::size_t max_nodes);
  Graph() : Graph(kNoNode) {}
  // The limit is the source's; the derivatives that are appended later have limits of their own.
  void LiftLimit() { max_nodes_ = kNoNode; }

  // The node, new or known, after folding and identities. Operands are nodes of this graph.
  NodeId Make(Op op, NodeId a, NodeId b = kNoNode, NodeId c = kNoNode);
  // The node of a binary operation if it is there, else kNoNode.
  NodeId Find(Op op, NodeId a, NodeId b) const;
  NodeId Input(NodeId index);
  NodeId Constant(double value);

  std::size_t size() const { return nodes_.size(); }
  const Node& node(NodeId id) const { return nodes_[id]; }
  bool IsConstant(NodeId id) const { return nodes_[id].op == Op::kConstant; }
  double constant(NodeId id) const;
  // One more than the largest input index.
  NodeId num_inputs() const { return num_inputs_; }

  // For each node whether any of `outputs` depends on it. kNoNode among the outputs is skipped.
  std::vector<bool> Reachable(std::span<const NodeId> outputs) const;

 private:
  NodeId Intern(const Node& node);
  // Where in table_ the node is, or the empty place where it would go.
  std::size_t PlaceOf(const Node& node) const;
  bool MustSwap(Op op, NodeId a, NodeId b) const;
  void Grow();
  // The node that an identity says is equal, or kNoNode.
  NodeId SimplifyUnary(Op op, NodeId a);
  NodeId SimplifyBinary(Op op, NodeId a, NodeId b);
  NodeId Power(NodeId a, double exponent);
  bool Is(NodeId id, double value) const { return IsConstant(id) && constant(id) == value; }
  bool IsOp(NodeId id, Op op) const { return nodes_[id].op == op; }

  std::size_t max_nodes_;
  std::vector<Node> nodes_;
  NodeId num_inputs_ = 0;
  std::vector<NodeId> table_;  // Open addressing; its size is a power of two.
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_GRAPH_H_
