#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <variant>

#include "engine/base/error.h"
#include "engine/program/language/recorder.h"

namespace sobolev::program::language {
namespace {

// Whole numbers up to here are exact, and so are their differences.
constexpr double kMaxWhole = 4503599627370496.0;  // 2⁵².

// The shortest text that is this number and no other.
std::string Shown(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.begin(), text.end(), value);
  return std::isnan(value) ? "nan" : std::string(text.begin(), end);
}

}  // namespace

Value Recorder::Evaluate(const Expression& expression) {
  return At(expression.position, [&] {
    meter_.Charge();
    return std::visit([&](const auto& node) { return EvaluateNode(node); }, expression.node);
  });
}

Value Recorder::EvaluateNode(const Literal& literal) { return Number{.constant = literal.value}; }

Value Recorder::EvaluateNode(const Reference& reference) { return Place(reference.symbol); }

Value Recorder::EvaluateNode(const Chain& chain) {
  Value result = Evaluate(chain.operands.front());
  for (std::size_t i = 0; i < chain.operators.size(); ++i) {
    const Expression& operand = chain.operands[i + 1];
    const Value right = Evaluate(operand);
    result = At(operand.position,
                [&] { return arithmetic_.Combine(chain.operators[i], result, right); });
  }
  return result;
}

Value Recorder::EvaluateNode(const Prefix& prefix) {
  return arithmetic_.Negate(prefix.op, Evaluate(*prefix.operand));
}

Value Recorder::EvaluateNode(const Indexing& indexing) {
  Value value = EvaluateNumbers(*indexing.base);
  for (const std::vector<Subscript>& subscripts : indexing.brackets) {
    value = Select(value, EvaluateSubscripts(subscripts, value.shape()));
  }
  return value;
}

Value Recorder::EvaluateNode(const Call& call) {
  std::vector<Value> arguments;
  arguments.reserve(call.arguments.size());
  for (const Expression& argument : call.arguments) arguments.push_back(Evaluate(argument));
  if (call.builtin != nullptr) return arithmetic_.Call(*call.builtin, arguments);
  return CallFunction(call, std::move(arguments));
}

Value Recorder::CallFunction(const Call& call, std::vector<Value> arguments) {
  const Function& function = *call.function;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    At(call.arguments[i].position, [&] { Arithmetic::RequireNumbers(arguments[i]); });
  }
  // Functions call only what is defined above them, so calls end; but a chain of many could be
  // deeper than the stack. What is under way and what the body can add is bounded together.
  if (nesting_ + call.nesting + function.nesting > limits_.max_nesting) {
    throw InvalidArgument("NESTING_TOO_DEEP", "source",
                          "expected at most " + std::to_string(limits_.max_nesting) +
                              " levels of calls, brackets and blocks, got more; name parts with "
                              "let");
  }
  arguments.resize(function.num_slots);
  Frame* const outer_locals = locals_;
  locals_ = &arguments;
  nesting_ += call.nesting;
  std::optional<Value> result = Execute(function.body);
  nesting_ -= call.nesting;
  locals_ = outer_locals;
  if (!result.has_value()) {
    throw InvalidArgument("SYNTAX_ERROR", "source",
                          "expected a return in " + Quoted(function.name.text) +
                              ", got to the end of its body without one");
  }
  return *std::move(result);
}

Value Recorder::EvaluateNode(const Reduction& reduction) {
  const Steps steps = EvaluateRange(reduction.range);
  Accumulator accumulator(arithmetic_, *reduction.builtin);
  for (Index k = 0; k < steps.count; ++k) {
    Place(reduction.range.index) =
        Number{.constant = static_cast<double>(steps.first + k * steps.step)};
    Value term = Evaluate(*reduction.body);
    At(reduction.body->position, [&] { accumulator.Add(std::move(term)); });
  }
  return accumulator.Result();
}

Value Recorder::EvaluateNode(const List& list) {
  Shape row_shape;
  std::vector<Number> numbers;
  for (const Expression& element : list.elements) {
    const Value row = Evaluate(element);
    At(element.position, [&] { AppendRow(row, row_shape, numbers); });
  }
  return ListOf(static_cast<Index>(list.elements.size()), row_shape, std::move(numbers));
}

Value Recorder::EvaluateNode(const Comprehension& comprehension) {
  const Steps steps = EvaluateRange(comprehension.range);
  Shape row_shape;
  std::vector<Number> numbers;
  for (Index k = 0; k < steps.count; ++k) {
    Place(comprehension.range.index) =
        Number{.constant = static_cast<double>(steps.first + k * steps.step)};
    const Value row = Evaluate(*comprehension.body);
    At(comprehension.body->position, [&] { AppendRow(row, row_shape, numbers); });
  }
  return ListOf(steps.count, row_shape, std::move(numbers));
}

void Recorder::AppendRow(const Value& row, Shape& row_shape, std::vector<Number>& numbers) {
  Arithmetic::RequireNumbers(row);
  if (numbers.empty()) row_shape = row.shape();
  const Shape& shape = row.shape();
  if (shape.rank > 1 || shape != row_shape) {
    throw InvalidArgument("SHAPE_MISMATCH", "source",
                          shape.rank > 1
                              ? "expected a number or a vector in a list, got " + NameOf(shape)
                              : "expected elements of one shape, " + NameOf(row_shape) +
                                    " like the first, got " + NameOf(shape));
  }
  if (shape.size() == 0) {
    throw InvalidArgument("SHAPE_MISMATCH", "source", "expected rows with elements, got none");
  }
  meter_.Charge(shape.size());
  meter_.RequireElements(static_cast<Index>(numbers.size()) + shape.size());
  for (Index i = 0; i < shape.size(); ++i) numbers.push_back(row[i]);
}

Value Recorder::ListOf(Index num_rows, const Shape& row_shape, std::vector<Number> numbers) {
  const Shape shape =
      row_shape.rank == 0 ? VectorShape(num_rows) : MatrixShape(num_rows, row_shape.rows);
  return {shape, std::move(numbers), meter_};
}

// --- Numbers that are known ---

Value Recorder::EvaluateNumbers(const Expression& expression) {
  Value value = Evaluate(expression);
  At(expression.position, [&] { Arithmetic::RequireNumbers(value); });
  return value;
}

double Recorder::EvaluateKnown(const Expression& expression) {
  const Value value = EvaluateNumbers(expression);
  if (!value.is_scalar()) {
    throw source_.Fault(expression.position, "SHAPE_MISMATCH",
                        "expected a number, got " + NameOf(value.shape()));
  }
  if (!value.scalar().known()) {
    throw source_.Fault(expression.position, "NOT_CONSTANT",
                        "expected a constant (of numbers, consts and indices of loops), got a "
                        "value that depends on an input or on an evolve loop");
  }
  return value.scalar().constant;
}

Index Recorder::EvaluateWhole(const Expression& expression) {
  const double value = EvaluateKnown(expression);
  if (!(std::abs(value) <= kMaxWhole) || value != std::floor(value)) {
    const bool could_round = std::abs(value) <= kMaxWhole;
    throw source_.Fault(expression.position, "TYPE_MISMATCH",
                        "expected a whole number of at most 2^52, got " + Shown(value) +
                            (could_round ? "; round down with floor" : ""));
  }
  return static_cast<Index>(value);
}

bool Recorder::EvaluateKnownCondition(const Expression& expression) {
  const Value value = Evaluate(expression);
  At(expression.position, [&] { Arithmetic::RequireCondition(value); });
  if (!value.is_scalar() || !value.scalar().known()) {
    throw source_.Fault(expression.position, "NOT_CONSTANT",
                        "expected a condition on constants and indices of loops, got one that "
                        "depends on an input; choose with where(condition, a, b)");
  }
  return value.scalar().constant != 0;
}

Recorder::Steps Recorder::EvaluateRange(const Range& range) {
  Steps steps = {.first = EvaluateWhole(*range.first)};
  const Index last = EvaluateWhole(*range.last);
  if (range.step != nullptr) {
    steps.step = EvaluateWhole(*range.step);
    if (steps.step == 0) {
      throw source_.Fault(range.step->position, "INDEX_OUT_OF_RANGE",
                          "expected a step that is not 0, got 0");
    }
  }
  // The number of indices before `last`, which is not one of them.
  const Index distance = steps.step > 0 ? last - steps.first : steps.first - last;
  const Index stride = std::abs(steps.step);
  if (distance > 0) steps.count = (distance - 1) / stride + 1;
  return steps;
}

// --- Subscripts ---

Recorder::Interval Recorder::EvaluateSubscript(const Subscript& subscript, Index dimension) {
  Interval interval = {.first = EvaluateWhole(*subscript.first)};
  interval.is_slice = subscript.last != nullptr;
  Index end = interval.first + 1;
  if (interval.is_slice) end = EvaluateWhole(*subscript.last);
  if (interval.first < 0 || (!interval.is_slice && end > dimension)) {
    throw source_.Fault(subscript.first->position, "INDEX_OUT_OF_RANGE",
                        "expected an index from 0 to " + std::to_string(dimension - 1) + ", got " +
                            std::to_string(interval.first));
  }
  if (end < interval.first || end > dimension) {
    throw source_.Fault(subscript.last->position, "INDEX_OUT_OF_RANGE",
                        "expected an end of the slice from " + std::to_string(interval.first) +
                            " to " + std::to_string(dimension) + ", got " + std::to_string(end));
  }
  interval.size = end - interval.first;
  return interval;
}

Recorder::Part Recorder::EvaluateSubscripts(const std::vector<Subscript>& subscripts,
                                            const Shape& whole) {
  if (subscripts.empty()) return {.num_cols = whole.cols, .stride = whole.cols, .shape = whole};
  if (std::cmp_greater(subscripts.size(), whole.rank)) {
    throw source_.Fault(subscripts[static_cast<std::size_t>(whole.rank)].first->position,
                        "SHAPE_MISMATCH",
                        "expected at most one subscript for each dimension of " + NameOf(whole) +
                            ", got " + std::to_string(subscripts.size()));
  }
  const Interval rows = EvaluateSubscript(subscripts[0], whole.rows);
  Interval cols = {.size = whole.cols, .is_slice = whole.rank == 2};
  if (subscripts.size() == 2) cols = EvaluateSubscript(subscripts[1], whole.cols);
  Part part = {
      .first = rows.first * whole.cols + cols.first, .num_cols = cols.size, .stride = whole.cols};
  // Each plain index takes a dimension away.
  if (rows.is_slice && cols.is_slice) {
    part.shape = MatrixShape(rows.size, cols.size);
  } else if (rows.is_slice || cols.is_slice) {
    part.shape = VectorShape(rows.size * cols.size);
  }
  return part;
}

Value Recorder::Select(const Value& whole, const Part& part) {
  if (part.shape.rank == 0) return whole[part.first];
  const Index size = part.shape.size();
  meter_.Charge(size);
  std::vector<Number> numbers;
  numbers.reserve(static_cast<std::size_t>(size));
  for (Index i = 0; i < size; ++i) numbers.push_back(whole[part.At(i)]);
  return {part.shape, std::move(numbers), meter_};
}

}  // namespace sobolev::program::language
