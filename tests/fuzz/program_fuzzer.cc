// Feeds arbitrary text to Parse.
//
// Whatever the text, Parse returns a definition that hangs together or throws an Error that says
// where the fault is; it neither crashes nor hangs. What it returns is run once.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/program/definition.h"
#include "tests/engine/program/reference.h"

namespace sobolev::program {
namespace {

// Small, so that a run is short and every limit is within reach.
constexpr SourceLimits kLimits = {.max_source_bytes = 1U << 16U,
                                  .max_nesting = 50,
                                  .max_operations = 1U << 14U,
                                  .max_evaluations = 1U << 16U,
                                  .max_elements = 1U << 12U,
                                  .max_steps = 1000};

void Require(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "broken promise: " << what << '\n';
  std::abort();
}

// Offsets and sizes of variables follow each other up to `total`.
void CheckVariables(const std::vector<Variable>& variables, Index total) {
  Index offset = 0;
  for (const Variable& variable : variables) {
    Index size = 1;
    for (const Index extent : variable.shape) size *= extent;
    Require(!variable.name.empty() && size >= 1, "variables have a name and elements");
    Require(variable.size == size && variable.offset == offset, "variables lie side by side");
    if (variable.bounds.has_value()) {
      Require(variable.bounds->min <= variable.bounds->max, "bounds are in order");
    }
    offset += size;
  }
  Require(offset == total, "variables fill the vector");
}

void CheckStages(const std::vector<Stage>& stages) {
  std::size_t nodes = 0;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const Stage& stage = stages[s];
    const auto num_outputs = static_cast<Index>(stage.outputs.size());
    Require(stage.state_size >= 1 && num_outputs >= 1, "states have elements");
    Require(stage.repeat == 1 || num_outputs == stage.state_size, "loops keep their state");
    if (s > 0) {
      const auto given = static_cast<Index>(stages[s - 1].outputs.size());
      Require(given == stage.state_size, "a stage takes what the one before gives");
    }
    const Index num_inputs = stage.state_size + (stage.has_counter ? 1 : 0);
    Require(stage.graph.num_inputs() <= num_inputs, "graphs read the state");
    for (const NodeId output : stage.outputs) {
      Require(output < stage.graph.size(), "outputs are nodes");
    }
    nodes += stage.graph.size();
  }
  Require(nodes <= kLimits.max_operations, "the trace is within its limit");
}

std::vector<double> MiddlePoint(const std::vector<Variable>& inputs) {
  std::vector<double> x;
  for (const Variable& input : inputs) {
    const double middle =
        input.bounds.has_value() ? input.bounds->min / 2 + input.bounds->max / 2 : 0.75;
    x.insert(x.end(), static_cast<std::size_t>(input.size), middle);
  }
  return x;
}

}  // namespace
}  // namespace sobolev::program

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sobolev;           // NOLINT(google-build-using-namespace)
  using namespace sobolev::program;  // NOLINT(google-build-using-namespace)
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  try {
    const Definition definition = Parse(source, kLimits);
    Require(!definition.stages.empty(), "there is a stage");
    CheckVariables(definition.inputs, definition.stages.front().state_size);
    CheckVariables(definition.outputs, static_cast<Index>(definition.stages.back().outputs.size()));
    CheckStages(definition.stages);
    Index executed = 0;
    for (const Stage& stage : definition.stages) {
      executed += stage.repeat * static_cast<Index>(stage.graph.size());
    }
    if (executed < 100000) ReferenceValue(definition, MiddlePoint(definition.inputs));
  } catch (const Error& error) {
    const std::string_view what = error.what();
    Require(error.code() == ErrorCode::kInvalidArgument, "faults are the caller's");
    Require(error.field() == "source" && what.starts_with("source: line "), "faults have a place");
    Require(what.find("expected") != what.npos, "faults say what was expected");
    for (const char c : what) Require(c >= 0x20 && c < 0x7f, "messages are printable");
  }
  return 0;
}
