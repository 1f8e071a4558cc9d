#include "engine/program/language/recorder.h"

#include <cmath>
#include <variant>

#include "engine/base/error.h"
#include "engine/base/number_text.h"

namespace sobolev::program::language {

Recorder::Recorder(const Source& source, const SourceLimits& limits)
    : source_(source),
      limits_(limits),
      meter_(limits),
      arithmetic_(meter_),
      stages_(arithmetic_, meter_, limits.max_operations) {}

Definition Recorder::Record(const Ast& ast) {
  globals_.resize(ast.num_slots);
  for (const Statement& statement : ast.statements) Execute(statement);
  const auto end = static_cast<Position>(source_.text().size());
  if (definition_.inputs.empty()) {
    throw source_.Fault(end, "SYNTAX_ERROR",
                        "expected at least one input, got none; declare one with input x");
  }
  if (definition_.outputs.empty()) {
    throw source_.Fault(end, "SYNTAX_ERROR",
                        "expected at least one output, got none; declare one with output y = ...");
  }
  std::vector<Number> numbers;
  for (const Value& output : outputs_) {
    for (Index i = 0; i < output.shape().size(); ++i) numbers.push_back(output[i]);
  }
  At(end, [&] { definition_.stages = stages_.Finish(numbers); });
  return std::move(definition_);
}

std::optional<Value> Recorder::Execute(const Block& block) {
  for (const Statement& statement : block) {
    std::optional<Value> result = Execute(statement);
    if (result.has_value()) return result;
  }
  return std::nullopt;
}

std::optional<Value> Recorder::Execute(const Statement& statement) {
  return At(statement.position, [&] {
    meter_.Charge();
    return std::visit([&](const auto& node) { return Execute(node); }, statement.node);
  });
}

// --- Declarations ---

std::optional<Value> Recorder::Execute(const Declaration& declaration) {
  switch (declaration.kind) {
    case Declaration::Kind::kInput:
      DeclareInput(declaration);
      break;
    case Declaration::Kind::kOutput:
      DeclareOutput(declaration);
      break;
    case Declaration::Kind::kConst: {
      Value value = EvaluateNumbers(*declaration.value);
      for (Index i = 0; i < value.shape().size(); ++i) {
        if (value[i].known()) continue;
        throw source_.Fault(declaration.value->position, "NOT_CONSTANT",
                            "expected a constant, got a value that depends on an input; "
                            "declare it with let");
      }
      Place(declaration.name) = std::move(value);
      break;
    }
    case Declaration::Kind::kLet:
    case Declaration::Kind::kVar:
      Place(declaration.name) = InitialValue(declaration);
      break;
  }
  return std::nullopt;
}

Shape Recorder::DeclaredShape(const Declaration& declaration) {
  if (declaration.shape.size() > 2) {
    throw source_.Fault(declaration.shape[2].position, "SHAPE_MISMATCH",
                        "expected at most two sizes, got more; use several matrices");
  }
  Shape shape;
  for (const Expression& size : declaration.shape) {
    const Index extent = EvaluateWhole(size);
    if (extent < 1) {
      throw source_.Fault(size.position, "SHAPE_MISMATCH",
                          "expected a size of at least 1, got " + std::to_string(extent));
    }
    At(size.position, [&] {
      meter_.RequireElements(extent);
      // Both are at most max_elements, so the product does not overflow.
      (shape.rank++ == 0 ? shape.rows : shape.cols) = extent;
      meter_.RequireElements(shape.size());
    });
  }
  return shape;
}

Value Recorder::InitialValue(const Declaration& declaration) {
  Value value = EvaluateNumbers(*declaration.value);
  if (declaration.shape.empty()) return value;
  const Shape shape = DeclaredShape(declaration);
  if (value.shape() == shape) return value;
  if (!value.is_scalar()) {
    throw source_.Fault(
        declaration.value->position, "SHAPE_MISMATCH",
        "expected " + NameOf(shape) + " or a number to fill it with, got " + NameOf(value.shape()));
  }
  meter_.Charge(shape.size());
  const auto size = static_cast<std::size_t>(shape.size());
  return {shape, std::vector<Number>(size, value.scalar()), meter_};
}

Variable Recorder::MakeVariable(const Declaration& declaration, const Shape& shape,
                                const std::vector<Variable>& others) const {
  Variable variable = {.name = std::string(declaration.name.text),
                       .size = shape.size(),
                       .description = declaration.description};
  if (shape.rank > 0) variable.shape.push_back(shape.rows);
  if (shape.rank > 1) variable.shape.push_back(shape.cols);
  if (!others.empty()) variable.offset = others.back().offset + others.back().size;
  return variable;
}

void Recorder::DeclareInput(const Declaration& declaration) {
  const Shape shape = DeclaredShape(declaration);
  Variable variable = MakeVariable(declaration, shape, definition_.inputs);
  if (!declaration.bounds.empty()) {
    const Bounds bounds = {.min = EvaluateKnown(declaration.bounds[0]),
                           .max = EvaluateKnown(declaration.bounds[1])};
    if (!std::isfinite(bounds.min) || !std::isfinite(bounds.max) || bounds.min > bounds.max) {
      throw source_.Fault(declaration.bounds[0].position, "INDEX_OUT_OF_RANGE",
                          "expected two finite bounds, the lower one first, got " +
                              NumberText(bounds.min) + " and " + NumberText(bounds.max));
    }
    variable.bounds = bounds;
  }
  meter_.Charge(shape.size());
  std::vector<Number> numbers(static_cast<std::size_t>(shape.size()));
  for (Number& number : numbers) number = stages_.AddInput();
  Place(declaration.name) = Value(shape, std::move(numbers), meter_);
  definition_.inputs.push_back(std::move(variable));
}

void Recorder::DeclareOutput(const Declaration& declaration) {
  Value value;
  if (declaration.value != nullptr) {
    value = InitialValue(declaration);
    Place(declaration.name) = value;
  } else {
    value = Place(declaration.source);
    if (!declaration.shape.empty() && DeclaredShape(declaration) != value.shape()) {
      throw source_.Fault(declaration.shape[0].position, "SHAPE_MISMATCH",
                          "expected the shape of the variable, " + NameOf(value.shape()) +
                              ", got another; leave the shape out");
    }
  }
  if (value.shape().size() == 0) {
    throw source_.Fault(declaration.name.position, "SHAPE_MISMATCH",
                        "expected at least one element in an output, got none");
  }
  meter_.Charge(value.shape().size());
  definition_.outputs.push_back(MakeVariable(declaration, value.shape(), definition_.outputs));
  outputs_.push_back(std::move(value));
}

// --- Assignments ---

std::optional<Value> Recorder::Execute(const Assignment& assignment) {
  const Value value = EvaluateNumbers(*assignment.value);
  const Shape whole = Place(assignment.target).shape();
  const Part part = EvaluateSubscripts(assignment.subscripts, whole);
  if (!value.is_scalar() && value.shape() != part.shape) {
    throw source_.Fault(assignment.value->position, "SHAPE_MISMATCH",
                        "expected " + NameOf(part.shape) +
                            (part.shape.rank == 0 ? "" : " or a number") + " for " +
                            Quoted(assignment.target.text) + ", got " + NameOf(value.shape()));
  }
  if (!assignment.compound && assignment.subscripts.empty() && value.shape() == whole) {
    Place(assignment.target) = value;
    return std::nullopt;
  }
  const Index size = part.shape.size();
  meter_.Charge(size);
  if (!assignment.compound) {
    Number* const numbers = Place(assignment.target).MutableNumbers(meter_);
    for (Index i = 0; i < size; ++i) numbers[part.At(i)] = value[i];
    return std::nullopt;
  }
  const Value old = Select(Place(assignment.target), part);
  const Value updated = At(assignment.value->position,
                           [&] { return arithmetic_.Combine(assignment.op, old, value); });
  Number* const numbers = Place(assignment.target).MutableNumbers(meter_);
  for (Index i = 0; i < size; ++i) numbers[part.At(i)] = updated[i];
  return std::nullopt;
}

// --- Control ---

std::optional<Value> Recorder::Execute(const For& loop) {
  const Steps steps = EvaluateRange(loop.range);
  for (Index k = 0; k < steps.count; ++k) {
    meter_.Charge();
    Place(loop.range.index) = Number{.constant = static_cast<double>(steps.first + k * steps.step)};
    std::optional<Value> result = Execute(loop.body);
    if (result.has_value()) return result;
  }
  return std::nullopt;
}

std::optional<Value> Recorder::Execute(const If& choice) {
  for (std::size_t i = 0; i < choice.blocks.size(); ++i) {
    const bool is_else = i == choice.conditions.size();
    if (is_else || EvaluateKnownCondition(choice.conditions[i])) return Execute(choice.blocks[i]);
  }
  return std::nullopt;
}

std::vector<Stages::Live> Recorder::LiveVariables(const Evolve& loop) {
  std::vector<Stages::Live> live;
  for (std::uint32_t slot = 0; slot < loop.num_outer_slots; ++slot) {
    live.push_back({.value = &globals_[slot]});
  }
  for (const std::uint32_t slot : loop.assigned) live[slot].assigned = true;
  for (Value& output : outputs_) live.push_back({.value = &output});
  return live;
}

std::optional<Value> Recorder::Execute(const Evolve& loop) {
  const Steps steps = EvaluateRange(loop.range);
  if (loop.range.step != nullptr) {
    throw source_.Fault(loop.range.step->position, "SYNTAX_ERROR",
                        "expected an evolve loop without a step, got one; use for, or scale t");
  }
  if (steps.count > limits_.max_steps) {
    throw source_.Fault(loop.range.last->position, "TRACE_TOO_LONG",
                        "expected at most " + std::to_string(limits_.max_steps) +
                            " steps of an evolve loop, got " + std::to_string(steps.count));
  }
  if (steps.count < 2) {
    Place(loop.range.index) = Number{.constant = static_cast<double>(steps.first)};
    if (steps.count == 1) Execute(loop.body);
    return std::nullopt;
  }
  const std::vector<Stages::Live> live = LiveVariables(loop);
  Place(loop.range.index) = stages_.BeginLoop(live, steps.count, steps.first);
  Execute(loop.body);
  stages_.EndLoop(live);
  return std::nullopt;
}

std::optional<Value> Recorder::Execute(const Return& result) {
  return EvaluateNumbers(*result.value);
}

// A definition does nothing; calls find it through the tree.
std::optional<Value> Recorder::Execute(const Function&) { return std::nullopt; }

}  // namespace sobolev::program::language
