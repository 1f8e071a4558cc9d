// Differentiation of a graph: derivatives are appended to it as ordinary nodes.
//
// The tangent of a node is Σ ∂v/∂uₖ u̇ₖ over its operands; the adjoint of an operand gathers
// v̄ ∂v/∂uₖ over its users (Griewank and Walther 2008, tables 3.3 and 3.6). The partials come from
// engine/ad/elementary.h. What is zero at every point is no node at all (kNoNode), so derivatives
// of a part of the graph cost that part. Derivatives of derivatives are taken in the same way.
//
// Where a node lies in the branch of a select that a point does not take, its adjoint is 0 there
// but its partials may be infinite or NaN; products with such adjoints are kSeedMultiply.

#ifndef SOBOLEV_ENGINE_PROGRAM_DIFFERENTIATE_H_
#define SOBOLEV_ENGINE_PROGRAM_DIFFERENTIATE_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/program/graph.h"

namespace sobolev::program {

// The adjoint of one input.
struct InputAdjoint {
  NodeId input = kNoNode;
  NodeId node = kNoNode;
};

class Differentiator {
 public:
  // `graph` outlives the differentiator.
  explicit Differentiator(Graph& graph) : graph_(graph) {}

  // The tangents of `outputs` when input i has the tangent x_dot[i] (kNoNode: zero, as for inputs
  // beyond the end of x_dot).
  std::vector<NodeId> Tangent(std::span<const NodeId> outputs, std::span<const NodeId> x_dot);

  // The adjoints of inputs 0 … num_inputs − 1 when output i has the adjoint y_bar[i].
  std::vector<NodeId> Adjoint(std::span<const NodeId> outputs, std::span<const NodeId> y_bar,
                              NodeId num_inputs);

  // Those of them that are nodes, in no order. Takes time and memory for what the outputs depend
  // on, and not for inputs that have no part in them.
  std::vector<InputAdjoint> SparseAdjoint(std::span<const NodeId> outputs,
                                          std::span<const NodeId> y_bar, NodeId num_inputs);

  // How many nodes all sweeps so far have looked at: their work.
  double visits() const { return visits_; }

 private:
  void CollectAncestors(std::span<const NodeId> outputs);
  void Propagate(NodeId id);
  void Contribute(NodeId operand, NodeId contribution, bool masked);

  Graph& graph_;
  double visits_ = 0;
  // Of the sweep under way; all entries are kNoNode, false and 0 between sweeps.
  std::vector<NodeId> bar_;
  std::vector<std::uint8_t> masked_;  // Whether the adjoint may be 0 because of a select.
  std::vector<std::uint8_t> visited_;
  std::vector<NodeId> ancestors_;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_DIFFERENTIATE_H_
