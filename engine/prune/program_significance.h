// Which inputs and intermediate vertices of a program matter over a box: interval significance, by
// Adjoint<Interval<double>> on a tape, and what sampling says beside it.
//
// Natural intervals overestimate what is left together: in log(x₀x₁)/10 + x₁/100 on [1, 36000]² the
// logarithm has σ = 2.1 of 362, and yet x₀ has σ = 1.3e8, which only splitting mends. Split a
// variable in its own scale, and look at vertices as well as inputs.

#ifndef SOBOLEV_ENGINE_PRUNE_PROGRAM_SIGNIFICANCE_H_
#define SOBOLEV_ENGINE_PRUNE_PROGRAM_SIGNIFICANCE_H_

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/program/definition.h"
#include "engine/prune/box.h"
#include "engine/prune/interval_matrix.h"

namespace sobolev::prune {

// Everything in the units of the outputs, an entry per output.
struct InputSignificance {
  std::string name;  // "x", "w[2]", "A[0, 1]"
  Vector sigma;      // w times the largest |∂y/∂x| of all pieces
  Vector sliced;     // The sum of that over the pieces of the input; see NetworkSignificance.
  Vector sampled;    // RMS of (x − mean) ∂y/∂x; empty without points.
};

// An operation that the outputs depend on. One that is repeated is the worst of its repetitions.
// min > max: it has no value anywhere in the box.
struct VertexSignificance {
  std::size_t stage = 0;  // Of the definition.
  program::NodeId node = 0;
  std::string text;  // "log(v2)", "multiply(x0, v5)": the operation on inputs, constants, vertices
  double min = 0;    // Of its value, over all pieces and repetitions.
  double max = 0;
  Vector sigma;  // The width of its range times the largest |∂y/∂v| of all pieces.
  // Proved as well, by halving the box again and again; at most sigma. Empty without boxes.
  Vector subdivided;
  Vector sampled;
};

struct ProgramSignificance {
  std::vector<InputSignificance> inputs;     // As elements lie in x.
  std::vector<VertexSignificance> vertices;  // In the order of evaluation.
  IntervalMatrix y;                          // m×1
  Index num_invalid =
      0;  // Points at which y or a derivative is not finite; they count for nothing.
};

struct ProgramSignificanceOptions {
  Splitting splitting;
  // Most that are swept for VertexSignificance::subdivided, halved along the inputs that y varies
  // most with; fewer where all their sweeps are more than kMaxSwept operations. 0: none.
  Index max_boxes = 0;
  Index num_points = 0;  // Sampled; 0: none.
  std::uint64_t seed = 1;
};

// Operations that one replay may keep, repetitions and outputs counted.
inline constexpr Index kMaxReplayed = Index{1} << 22;
// Those of all replays of the halves of a box, and of all sweeps back, one for each output.
inline constexpr Index kMaxSwept = Index{1} << 28;

// Throws Error(kInvalidArgument) naming "box", "splitting" or "num_points";
// Error(kFailedPrecondition) naming "box" where y has no value at all in a piece;
// Error(kResourceExhausted) naming "source" beyond kMaxReplayed; and Error(kCancelled) soon after
// `stop` fires.
ProgramSignificance AnalyzeSignificance(const program::Definition& definition, const Box& box,
                                        const ProgramSignificanceOptions& options = {},
                                        const std::stop_token& stop = {});

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_PROGRAM_SIGNIFICANCE_H_
