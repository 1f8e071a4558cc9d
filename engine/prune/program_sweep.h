// What intervals say of every vertex of a program over a box, by Adjoint<Interval<double>> on a
// tape.

#ifndef SOBOLEV_ENGINE_PRUNE_PROGRAM_SWEEP_H_
#define SOBOLEV_ENGINE_PRUNE_PROGRAM_SWEEP_H_

#include <cstddef>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/program/definition.h"
#include "engine/prune/box.h"
#include "engine/prune/interval_matrix.h"
#include "engine/prune/program_replay.h"

namespace sobolev::prune {

// An operation of a stage of a definition.
struct Vertex {
  std::size_t stage = 0;
  program::NodeId node = 0;
  Index repeat = 1;  // Of the stage.
};

// The operations that the outputs of their stages depend on, in the order of evaluation.
std::vector<Vertex> VerticesOf(const program::Definition& definition);

// Repetitions of all of them.
Index NumPlaces(const std::vector<Vertex>& vertices);

// Calls visit(place, value) for every repetition of every vertex: a place each, in this order.
template <class Number, class Visit>
void ForEachPlace(const std::vector<Vertex>& vertices, const Replay<Number>& replay,
                  const Visit& visit) {
  Index place = 0;
  for (const Vertex& vertex : vertices) {
    for (const auto& values : replay.values[vertex.stage]) visit(place++, values[vertex.node]);
  }
}

// On a box, or the union of several. lo > hi: no value anywhere.
struct ProgramBounds {
  IntervalMatrix y;       // m×1
  Matrix slopes;          // n×m: the largest |∂y/∂x|
  IntervalMatrix values;  // places×1
  Matrix adjoints;        // places×m: the largest |∂y/∂v|

  void HullWith(const ProgramBounds& other);
};

// By natural intervals. Derivatives of outputs that have no value in the box are 0. Throws
// Error(kCancelled) soon after `stop` fires.
ProgramBounds SweepProgram(const program::Definition& definition,
                           const std::vector<Vertex>& vertices, const Box& box,
                           const std::stop_token& stop);

// The same of a box that is halved again and again, along the input that y varies most with, as
// long as at most max_boxes are swept in all. Starts with `whole`, which is of the box.
ProgramBounds SweepHalves(const program::Definition& definition,
                          const std::vector<Vertex>& vertices, const Box& box, Index max_boxes,
                          ProgramBounds whole, const std::stop_token& stop);

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_PROGRAM_SWEEP_H_
