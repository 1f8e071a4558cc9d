// The linearised computational graph: a function at a point, as the chain rule sees it.
//
// Vertices are the inputs, intermediate results and outputs of a computation; edge (i, j) carries
// the local partial derivative ∂v_j/∂v_i. By Bauer's formula (1974) the derivative of an output
// with respect to an input is the sum over all paths between them of the products along the paths.
// Nobody multiplies out all paths: *eliminating* an intermediate vertex joins each of its
// predecessors with each of its successors by the product of the two edges, added to an edge that
// may be there already, and leaves every path sum as it was. With all intermediates gone, the edges
// are the Jacobian. What elimination costs depends on its order (elimination.h).

#ifndef SOBOLEV_ENGINE_AD_COMPUTATIONAL_GRAPH_H_
#define SOBOLEV_ENGINE_AD_COMPUTATIONAL_GRAPH_H_

#include <cstdint>
#include <span>
#include <vector>

#include "engine/ad/sparsity.h"

namespace sobolev::ad {

enum class VertexKind : std::uint8_t { kInput, kIntermediate, kOutput };

struct GraphEdge {
  std::int32_t from = 0;
  std::int32_t to = 0;
  double partial = 0;  // ∂v_to/∂v_from

  friend bool operator==(const GraphEdge&, const GraphEdge&) = default;
};

// A value type; immutable.
class ComputationalGraph {
 public:
  // Vertex v is of kind kinds[v]. Vertices are numbered as they were computed: each edge leads from
  // a smaller to a larger number. Several edges between the same two vertices (as of x·x) are added
  // up. An output that is used further has to be a copy, joined by an edge with partial 1.
  //
  // Throws Error(kInvalidArgument) naming "edges[k]" if an edge leaves the graph, leads backwards,
  // into an input or out of an output.
  ComputationalGraph(std::vector<VertexKind> kinds, std::vector<GraphEdge> edges);

  std::int32_t num_vertices() const { return static_cast<std::int32_t>(kinds_.size()); }
  VertexKind kind(std::int32_t v) const { return kinds_[v]; }

  // Ascending. Column j of the Jacobian belongs to inputs()[j], row i to outputs()[i].
  const std::vector<std::int32_t>& inputs() const { return inputs_; }
  const std::vector<std::int32_t>& intermediates() const { return intermediates_; }
  const std::vector<std::int32_t>& outputs() const { return outputs_; }

  // Ascending in (from, to), without repetition.
  const std::vector<GraphEdge>& edges() const { return edges_; }

 private:
  std::vector<VertexKind> kinds_;
  std::vector<std::int32_t> inputs_, intermediates_, outputs_;
  std::vector<GraphEdge> edges_;
};

// A Jacobian with what it took to compute it.
struct Accumulation {
  SparsityPattern pattern;           // m×n.
  std::vector<double> values;        // One per entry of the pattern.
  std::int64_t multiplications = 0;  // Executed; each with an addition where an edge was there.
};

// A graph from which vertices and edges are being eliminated. Not thread-safe.
//
// Structural: an edge whose partial happens to become 0.0 remains.
class EliminationGraph {
 public:
  struct Arc {
    std::int32_t to;
    double partial;
  };

  explicit EliminationGraph(const ComputationalGraph& graph);

  // Ascending. Valid until the next elimination.
  std::span<const Arc> Successors(std::int32_t v) const { return successors_[v]; }
  std::span<const std::int32_t> Predecessors(std::int32_t v) const { return predecessors_[v]; }

  // The multiplications that EliminateVertex(v) would take, known as the Markowitz degree.
  std::int64_t MarkowitzDegree(std::int32_t v) const {
    return std::ssize(predecessors_[v]) * std::ssize(successors_[v]);
  }

  // The edges that EliminateVertex(v) would add.
  std::int64_t NumNewEdges(std::int32_t v) const;

  // Removes an intermediate v. Returns the multiplications executed.
  std::int64_t EliminateVertex(std::int32_t v);

  // Removes an existing edge (i, j) by joining i with the successors of the intermediate j, in as
  // many multiplications as these are. If j then has no other predecessors, it is removed.
  std::int64_t EliminateFront(std::int32_t i, std::int32_t j);

  // Removes an existing edge (i, j) by joining the predecessors of the intermediate i with j. If i
  // then has no other successors, it is removed.
  std::int64_t EliminateBack(std::int32_t i, std::int32_t j);

  // The Jacobian, once no intermediate has both predecessors and successors.
  Accumulation TakeJacobian(const ComputationalGraph& graph, std::int64_t multiplications) const;

 private:
  // Adds `factor` times the arcs to the successors of i.
  void AddArcs(std::int32_t i, double factor, const std::vector<Arc>& arcs);
  double Partial(std::int32_t i, std::int32_t j) const;
  void RemoveArc(std::int32_t i, std::int32_t j);
  void Isolate(std::int32_t v);

  std::vector<std::vector<Arc>> successors_;
  std::vector<std::vector<std::int32_t>> predecessors_;
  std::vector<Arc> merged_;  // Scratch of AddArcs.
};

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_COMPUTATIONAL_GRAPH_H_
