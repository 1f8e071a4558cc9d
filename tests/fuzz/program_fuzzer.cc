// Feeds arbitrary text to Parse, and what it returns to the replay.
//
// Whatever the text, Parse returns a definition that hangs together or throws an Error that says
// where the fault is; it neither crashes nor hangs. What it returns is differentiated and replayed
// in every mode if it is small, and strict arithmetic gives the value of the reference interpreter.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/program/definition.h"
#include "engine/program/program.h"
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

// What a batch is, per point; all modes together are short for these.
constexpr Index kMaxReplayed = 2000;  // Executed nodes.
constexpr Index kMaxVariables = 12;
constexpr Index kPoints = 3;

// Every quantity at the middle point, at 0 and far away; then bounds over the box between the last
// two.
void Replay(const Definition& definition, const std::vector<double>& middle) {
  const Program program(definition);
  const Index n = program.n();
  const Index m = program.m();
  Matrix X = Matrix::Zero(n, kPoints);
  X.col(0) = ConstMatrixMap(middle.data(), n, 1);
  X.col(2).setConstant(-1e3);
  const ConstMatrixMap points(X.data(), n, kPoints);
  const Matrix ones = Matrix::Ones(std::max(n, m), 1);
  const Directions tangents{.D = {ones.data(), n, 1}, .count = 1};
  const Directions adjoints{.D = {ones.data(), m, 1}, .count = 1};
  Matrix Y(m, kPoints);
  Matrix Y_dot(m, kPoints);
  Matrix X_bar(n, kPoints);
  Matrix X_bar_dot(n, kPoints);
  Matrix J(n, m * kPoints);
  Matrix H(n, n * m * kPoints);
  std::vector<std::uint8_t> valid(kPoints);
  for (const Arithmetic arithmetic : {Arithmetic::kFast, Arithmetic::kStrict}) {
    program.Evaluate(points, tangents, adjoints,
                     {.Y = Y.data(),
                      .J = J.data(),
                      .H = H.data(),
                      .Y_dot = Y_dot.data(),
                      .X_bar = X_bar.data(),
                      .X_bar_dot = X_bar_dot.data()},
                     valid.data(), {.arithmetic = arithmetic}, {});
  }
  const std::vector<double> truth = ReferenceValue(definition, middle);
  for (Index i = 0; i < m; ++i) {
    const double expected = truth[static_cast<std::size_t>(i)];
    const bool is_same = Y(i, 0) == expected || (std::isnan(Y(i, 0)) && std::isnan(expected));
    Require(is_same, "strict values are those of the reference");
  }
  program.Enclose({X.col(2).data(), n, 1}, {X.col(1).data(), n, 1},
                  {.Y_min = Y.data(), .Y_max = Y_dot.data(), .J_min = J.data(), .J_max = H.data()},
                  valid.data(), {});
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
    const std::vector<double> middle = MiddlePoint(definition.inputs);
    if (executed < 100000) ReferenceValue(definition, middle);
    const auto num_outputs = static_cast<Index>(definition.stages.back().outputs.size());
    if (executed < kMaxReplayed && std::max(std::ssize(middle), num_outputs) <= kMaxVariables) {
      Replay(definition, middle);
    }
  } catch (const Error& error) {
    const std::string_view what = error.what();
    Require(error.code() == ErrorCode::kInvalidArgument, "faults are the caller's");
    Require(error.field() == "source" && what.starts_with("source: line "), "faults have a place");
    Require(what.find("expected") != what.npos, "faults say what was expected");
    for (const char c : what) Require(c >= 0x20 && c < 0x7f, "messages are printable");
  }
  return 0;
}
