// What a source text means: named inputs and outputs, and the stages that lead from one to the
// other.
//
// A program is an evolution z₀ = x, zᵢ = Φᵢ(zᵢ₋₁), y = z_D (the talk's eq. 1). Each stage holds the
// graph of one transition Φ and how often it is repeated. Straight code is one stage that runs
// once; a marked time loop is a stage of its own, so that its steps are recorded once and can be
// reversed from checkpoints. What a later stage needs is part of the state and passes through
// unchanged.

#ifndef SOBOLEV_ENGINE_PROGRAM_DEFINITION_H_
#define SOBOLEV_ENGINE_PROGRAM_DEFINITION_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/program/graph.h"

namespace sobolev::program {

// A closed range of real numbers.
struct Bounds {
  double min = 0;
  double max = 0;
};

// A named input or output. Its elements lie row by row in the flat input or output vector, after
// those of the variables declared before it.
struct Variable {
  std::string name;
  std::vector<Index> shape;      // Empty for a scalar, [k] for a vector, [r, c] for a matrix.
  Index size = 1;                // Product of the shape.
  Index offset = 0;              // Of its first element.
  std::optional<Bounds> bounds;  // Inputs: the box to sample and to bound over, if declared.
  std::string description;       // The text after `##` on its line.
};

// One transition, z ↦ Φ(z, t).
struct Stage {
  Graph graph;  // Inputs 0 … state_size − 1 are z; if has_counter, the next is t.
  std::vector<NodeId> outputs;  // Φ(z), one node per element.
  Index state_size = 0;         // Of z.
  Index repeat = 1;             // With more than one, outputs.size() = state_size.
  bool has_counter = false;     // Whether the graph reads t = first_count + step.
  Index first_count = 0;
};

struct Definition {
  std::vector<Variable> inputs;
  std::vector<Variable> outputs;
  std::vector<Stage> stages;  // At least one. The first's state is x, the last's outputs are y.
};

// Beyond them a source is refused with INVALID_ARGUMENT.
struct SourceLimits {
  std::size_t max_source_bytes = std::size_t{1} << 20;
  std::size_t max_nesting = 200;                       // Of expressions, blocks and calls.
  std::size_t max_operations = std::size_t{1} << 22;   // Nodes of the graphs of all stages.
  std::size_t max_evaluations = std::size_t{1} << 26;  // Operations looked at while recording.
  std::size_t max_elements = std::size_t{1} << 22;     // Of one variable.
  Index max_steps = Index{1} << 24;                    // Of one marked time loop.
};

// Parses and records `source`. The language is described in engine/program/language/README.md.
//
// Throws Error(kInvalidArgument) with field "source" and a message that begins "line L, column C:":
// reason SYNTAX_ERROR, UNKNOWN_NAME, SHAPE_MISMATCH, INDEX_OUT_OF_RANGE, NOT_CONSTANT,
// TYPE_MISMATCH, DUPLICATE_NAME, RECURSION, NESTING_TOO_DEEP, SOURCE_TOO_LONG or TRACE_TOO_LONG.
Definition Parse(std::string_view source, const SourceLimits& limits = {});

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_DEFINITION_H_
