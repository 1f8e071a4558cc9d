#include "engine/prune/program_sweep.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/ad/adjoint.h"
#include "engine/ad/interval.h"
#include "engine/ad/interval_rounding.h"
#include "engine/ad/tape.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/program/definition.h"
#include "engine/program/op.h"
#include "engine/prune/box.h"
#include "engine/prune/interval_matrix.h"
#include "engine/prune/program_replay.h"

namespace sobolev::prune {

namespace {

using I = ad::Interval<double>;

IntervalMatrix Nothing(Index count) {
  return {.lo = Matrix::Constant(count, 1, ad::directed::kInfinity),
          .hi = Matrix::Constant(count, 1, -ad::directed::kInfinity)};
}

void HullOf(const IntervalMatrix& other, IntervalMatrix& hull) {
  hull.lo = hull.lo.cwiseMin(other.lo);
  hull.hi = hull.hi.cwiseMax(other.hi);
}

// Not −0.
double MagnitudeOf(const I& derivative) { return std::max(0.0, derivative.Magnitude()); }

double Middle(const Box& box, Index j) { return 0.5 * box.min(j) + 0.5 * box.max(j); }

// −1 if no input can be halved.
Index InputToHalve(const Box& box, const Box& root, const Matrix& slopes) {
  const Vector width = box.max - box.min;
  Vector weights = Vector::Zero(width.size());
  for (Index o = 0; o < slopes.cols(); ++o) {
    const Vector variation = slopes.col(o).cwiseProduct(width);
    const double sum = variation.sum();
    if (sum > 0 && std::isfinite(sum)) weights += variation / sum;
  }
  if (weights.isZero(0)) weights = width.cwiseQuotient((root.max - root.min).cwiseMax(1e-300));
  Index best = -1;
  for (Index j = 0; j < width.size(); ++j) {
    const double middle = Middle(box, j);
    if (!(box.min(j) < middle && middle < box.max(j))) continue;
    if (best < 0 || weights(j) > weights(best)) best = j;
  }
  return best;
}

}  // namespace

std::vector<Vertex> VerticesOf(const program::Definition& definition) {
  using program::Op;
  std::vector<Vertex> vertices;
  for (std::size_t s = 0; s < definition.stages.size(); ++s) {
    const program::Stage& stage = definition.stages[s];
    const std::vector<bool> reached = stage.graph.Reachable(stage.outputs);
    for (std::size_t id = 0; id < stage.graph.size(); ++id) {
      const auto node = static_cast<program::NodeId>(id);
      const Op op = stage.graph.node(node).op;
      if (!reached[id] || op == Op::kInput || op == Op::kConstant) continue;
      vertices.push_back({.stage = s, .node = node, .repeat = stage.repeat});
    }
  }
  return vertices;
}

Index NumPlaces(const std::vector<Vertex>& vertices) {
  Index places = 0;
  for (const Vertex& vertex : vertices) places += vertex.repeat;
  return places;
}

void ProgramBounds::HullWith(const ProgramBounds& other) {
  HullOf(other.y, y);
  HullOf(other.values, values);
  slopes = slopes.cwiseMax(other.slopes);
  adjoints = adjoints.cwiseMax(other.adjoints);
}

ProgramBounds SweepProgram(const program::Definition& definition,
                           const std::vector<Vertex>& vertices, const Box& box,
                           const std::stop_token& stop) {
  ThrowIfStopped(stop);
  const Index n = box.min.size();
  ad::Tape<I> tape;
  const ad::Tape<I>::Scope scope(tape);
  std::vector<ad::Adjoint<I>> x;
  x.reserve(static_cast<std::size_t>(n));
  for (Index j = 0; j < n; ++j) x.push_back(tape.Variable(I(box.min(j), box.max(j))));
  const Replay<ad::Adjoint<I>> replay = ReplayProgram<ad::Adjoint<I>>(definition, x);
  const auto m = static_cast<Index>(replay.y.size());
  const Index places = NumPlaces(vertices);
  ProgramBounds bounds{.y = Nothing(m),
                       .slopes = Matrix::Zero(n, m),
                       .values = Nothing(places),
                       .adjoints = Matrix::Zero(places, m)};
  ForEachPlace(vertices, replay, [&](Index place, const ad::Adjoint<I>& vertex) {
    if (!vertex.value().is_empty()) bounds.values.Set(place, 0, vertex.value());
  });
  for (Index o = 0; o < m; ++o) {
    ThrowIfStopped(stop);
    const ad::Adjoint<I>& y = replay.y[static_cast<std::size_t>(o)];
    if (y.value().is_empty()) continue;
    bounds.y.Set(o, 0, y.value());
    tape.Reverse(y);
    for (Index j = 0; j < n; ++j) {
      bounds.slopes(j, o) = MagnitudeOf(tape.adjoint(x[static_cast<std::size_t>(j)]));
    }
    ForEachPlace(vertices, replay, [&](Index place, const ad::Adjoint<I>& vertex) {
      bounds.adjoints(place, o) = MagnitudeOf(tape.adjoint(vertex));
    });
  }
  return bounds;
}

ProgramBounds SweepHalves(const program::Definition& definition,
                          const std::vector<Vertex>& vertices, const Box& box, Index max_boxes,
                          ProgramBounds whole, const std::stop_token& stop) {
  struct Piece {
    Box box;
    ProgramBounds bounds;
  };
  int depth = 0;
  while (depth < 62 && (Index{4} << depth) - 1 <= max_boxes) ++depth;
  // Depth first, so that few are kept at a time.
  const auto halve = [&](const auto& self, const Piece& piece, int left) -> ProgramBounds {
    const Index input = left > 0 ? InputToHalve(piece.box, box, piece.bounds.slopes) : -1;
    if (input < 0) return piece.bounds;
    const double middle = Middle(piece.box, input);
    Piece half{.box = piece.box, .bounds = {}};
    half.box.max(input) = middle;
    half.bounds = SweepProgram(definition, vertices, half.box, stop);
    ProgramBounds bounds = self(self, half, left - 1);
    half.box = piece.box;
    half.box.min(input) = middle;
    half.bounds = SweepProgram(definition, vertices, half.box, stop);
    bounds.HullWith(self(self, half, left - 1));
    return bounds;
  };
  return halve(halve, {.box = box, .bounds = std::move(whole)}, depth);
}

}  // namespace sobolev::prune
