#include "engine/ad/computational_graph.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/ad/sparsity.h"
#include "engine/base/error.h"

namespace sobolev::ad {

namespace {

void InsertSorted(std::vector<std::int32_t>& items, std::int32_t item) {
  items.insert(std::ranges::lower_bound(items, item), item);
}

void EraseSorted(std::vector<std::int32_t>& items, std::int32_t item) {
  items.erase(std::ranges::lower_bound(items, item));
}

}  // namespace

ComputationalGraph::ComputationalGraph(std::vector<VertexKind> kinds, std::vector<GraphEdge> edges)
    : kinds_(std::move(kinds)) {
  for (std::int32_t v = 0; v < num_vertices(); ++v) {
    if (kind(v) == VertexKind::kInput) inputs_.push_back(v);
    if (kind(v) == VertexKind::kIntermediate) intermediates_.push_back(v);
    if (kind(v) == VertexKind::kOutput) outputs_.push_back(v);
  }
  for (std::size_t k = 0; k < edges.size(); ++k) {
    const auto [from, to, partial] = edges[k];
    if (from >= 0 && from < to && to < num_vertices() && kind(from) != VertexKind::kOutput &&
        kind(to) != VertexKind::kInput) {
      continue;
    }
    throw InvalidArgument("INVALID_EDGE", "edges[" + std::to_string(k) + "]",
                          "expected an edge to a larger number, neither into an input nor out of "
                          "an output, got (" +
                              std::to_string(from) + ", " + std::to_string(to) +
                              ") in a graph of " + std::to_string(num_vertices()) + " vertices");
  }
  std::ranges::stable_sort(edges, {}, [](const GraphEdge& e) { return std::pair(e.from, e.to); });
  for (const GraphEdge& edge : edges) {
    if (!edges_.empty() && edges_.back().from == edge.from && edges_.back().to == edge.to) {
      edges_.back().partial += edge.partial;
    } else {
      edges_.push_back(edge);
    }
  }
}

EliminationGraph::EliminationGraph(const ComputationalGraph& graph)
    : successors_(static_cast<std::size_t>(graph.num_vertices())),
      predecessors_(static_cast<std::size_t>(graph.num_vertices())) {
  for (const auto& [from, to, partial] : graph.edges()) {
    successors_[from].push_back({to, partial});
    predecessors_[to].push_back(from);
  }
}

std::int64_t EliminationGraph::NumNewEdges(std::int32_t v) const {
  std::int64_t count = 0;
  for (const std::int32_t i : predecessors_[v]) {
    auto present = successors_[i].begin();
    for (const Arc& arc : successors_[v]) {
      while (present != successors_[i].end() && present->to < arc.to) ++present;
      if (present == successors_[i].end() || present->to != arc.to) ++count;
    }
  }
  return count;
}

void EliminationGraph::AddArcs(std::int32_t i, double factor, const std::vector<Arc>& arcs) {
  std::vector<Arc>& present = successors_[i];
  merged_.clear();
  auto old = present.begin();
  for (const Arc& arc : arcs) {
    while (old != present.end() && old->to < arc.to) merged_.push_back(*old++);
    if (old != present.end() && old->to == arc.to) {
      merged_.push_back({arc.to, old->partial + factor * arc.partial});
      ++old;
    } else {
      merged_.push_back({arc.to, factor * arc.partial});
      InsertSorted(predecessors_[arc.to], i);
    }
  }
  merged_.insert(merged_.end(), old, present.end());
  std::swap(present, merged_);
}

double EliminationGraph::Partial(std::int32_t i, std::int32_t j) const {
  const auto arc = std::ranges::lower_bound(successors_[i], j, {}, &Arc::to);
  assert(arc != successors_[i].end() && arc->to == j && "the edge must exist");
  return arc->partial;
}

void EliminationGraph::RemoveArc(std::int32_t i, std::int32_t j) {
  successors_[i].erase(std::ranges::lower_bound(successors_[i], j, {}, &Arc::to));
  EraseSorted(predecessors_[j], i);
}

void EliminationGraph::Isolate(std::int32_t v) {
  while (!predecessors_[v].empty()) RemoveArc(predecessors_[v].back(), v);
  while (!successors_[v].empty()) RemoveArc(v, successors_[v].back().to);
}

std::int64_t EliminationGraph::EliminateVertex(std::int32_t v) {
  const std::vector<Arc> arcs = successors_[v];
  std::int64_t multiplications = 0;
  for (const std::int32_t i : predecessors_[v]) {
    AddArcs(i, Partial(i, v), arcs);
    multiplications += std::ssize(arcs);
  }
  Isolate(v);
  return multiplications;
}

std::int64_t EliminationGraph::EliminateFront(std::int32_t i, std::int32_t j) {
  const std::vector<Arc> arcs = successors_[j];
  AddArcs(i, Partial(i, j), arcs);
  RemoveArc(i, j);
  if (predecessors_[j].empty()) Isolate(j);
  return std::ssize(arcs);
}

std::int64_t EliminationGraph::EliminateBack(std::int32_t i, std::int32_t j) {
  const std::vector<Arc> arc = {{j, Partial(i, j)}};
  std::int64_t multiplications = 0;
  for (const std::int32_t k : predecessors_[i]) {
    AddArcs(k, Partial(k, i), arc);
    ++multiplications;
  }
  RemoveArc(i, j);
  if (successors_[i].empty()) Isolate(i);
  return multiplications;
}

Accumulation EliminationGraph::TakeJacobian(const ComputationalGraph& graph,
                                            std::int64_t multiplications) const {
  std::vector<std::int32_t> row(static_cast<std::size_t>(graph.num_vertices()), -1);
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
    row[graph.outputs()[i]] = static_cast<std::int32_t>(i);
  }
  std::vector<std::tuple<std::int32_t, std::int32_t, double>> entries;
  for (std::size_t j = 0; j < graph.inputs().size(); ++j) {
    for (const Arc& arc : successors_[graph.inputs()[j]]) {
      // An arc to an intermediate is the beginning of a path that leads to no output.
      if (row[arc.to] >= 0) {
        entries.emplace_back(row[arc.to], static_cast<std::int32_t>(j), arc.partial);
      }
    }
  }
  std::ranges::sort(entries);
  Accumulation result{.multiplications = multiplications};
  std::vector<PatternEntry> places;
  for (const auto& [i, j, partial] : entries) {
    places.push_back({i, j});
    result.values.push_back(partial);
  }
  result.pattern = SparsityPattern::FromEntries(static_cast<std::int32_t>(graph.outputs().size()),
                                                static_cast<std::int32_t>(graph.inputs().size()),
                                                std::move(places));
  return result;
}

}  // namespace sobolev::ad
