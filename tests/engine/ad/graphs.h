// Computational graphs and their Jacobians for the tests of elimination.

#ifndef SOBOLEV_TESTS_ENGINE_AD_GRAPHS_H_
#define SOBOLEV_TESTS_ENGINE_AD_GRAPHS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/ad/computational_graph.h"
#include "engine/ad/sparsity.h"
#include "engine/base/matrix.h"

namespace sobolev::ad {

inline constexpr VertexKind kIn = VertexKind::kInput;
inline constexpr VertexKind kMid = VertexKind::kIntermediate;
inline constexpr VertexKind kOut = VertexKind::kOutput;

// A graph from the predecessors of its vertices; those without are inputs. Partials are the primes
// in turn, so that paths have different products and sums are exact.
inline ComputationalGraph Graph(const std::vector<std::vector<std::int32_t>>& predecessors,
                                std::int32_t num_outputs) {
  constexpr std::array kPrimes = {2, 3, 5, 7, 11, 13};
  const auto size = static_cast<std::int32_t>(predecessors.size());
  std::vector<VertexKind> kinds;
  std::vector<GraphEdge> edges;
  for (std::int32_t v = 0; v < size; ++v) {
    kinds.push_back(predecessors[v].empty() ? kIn : v + num_outputs < size ? kMid : kOut);
    for (const std::int32_t i : predecessors[v]) {
      edges.push_back({i, v, static_cast<double>(kPrimes[edges.size() % kPrimes.size()])});
    }
  }
  return {std::move(kinds), std::move(edges)};
}

// ∂outputs/∂inputs by one tangent per input: sums over all paths.
inline Matrix PathSums(const ComputationalGraph& graph) {
  Matrix D = Matrix::Zero(graph.num_vertices(), std::ssize(graph.inputs()));
  for (std::size_t j = 0; j < graph.inputs().size(); ++j) {
    D(graph.inputs()[j], static_cast<Index>(j)) = 1;
  }
  // A vertex is complete before the first edge that leaves it.
  for (const GraphEdge& edge : graph.edges()) D.row(edge.to) += edge.partial * D.row(edge.from);
  Matrix J(std::ssize(graph.outputs()), D.cols());
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
    J.row(static_cast<Index>(i)) = D.row(graph.outputs()[i]);
  }
  return J;
}

inline Matrix Jacobian(const Accumulation& result) {
  return ToDense(result.pattern, result.values);
}

}  // namespace sobolev::ad

#endif  // SOBOLEV_TESTS_ENGINE_AD_GRAPHS_H_
