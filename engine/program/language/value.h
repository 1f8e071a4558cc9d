// What an expression is worth while a program is recorded.
//
// A number is known, or a node of the graph of the present stage. Numbers that do not depend on an
// input are known and never enter a graph on their own account: so loops, sizes and subscripts cost
// nothing in the trace. (That is why this is not program::Expr, which does not tell.)

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_VALUE_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_VALUE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/program/definition.h"
#include "engine/program/graph.h"

namespace sobolev::program::language {

struct Number {
  double constant = 0;
  NodeId node = kNoNode;

  bool known() const { return node == kNoNode; }
};

struct Shape {
  int rank = 0;  // 0 for a scalar, 1 for a vector, 2 for a matrix.
  Index rows = 1;
  Index cols = 1;

  Index size() const { return rows * cols; }

  friend bool operator==(const Shape&, const Shape&) = default;
};

inline Shape VectorShape(Index size) { return {.rank = 1, .rows = size}; }
inline Shape MatrixShape(Index rows, Index cols) { return {.rank = 2, .rows = rows, .cols = cols}; }

// As a message names it.
inline std::string NameOf(const Shape& shape) {
  if (shape.rank == 0) return "a number";
  if (shape.rank == 1) return "a vector of " + std::to_string(shape.rows);
  return "a " + std::to_string(shape.rows) + "x" + std::to_string(shape.cols) + " matrix";
}

// What recording has cost and holds. Everything that takes time or memory in proportion to a number
// in the source is charged here first.
class Meter {
 public:
  explicit Meter(const SourceLimits& limits) : limits_(limits) {}

  void Charge(Index evaluations = 1) {
    evaluations_ += static_cast<std::size_t>(evaluations);
    if (evaluations_ > limits_.max_evaluations) {
      FailTooLong("evaluations while recording", limits_.max_evaluations);
    }
  }
  void RequireElements(Index size) const {
    if (static_cast<std::size_t>(size) > limits_.max_elements) {
      FailTooLong("elements in one variable", limits_.max_elements);
    }
  }
  // Vectors and matrices that are alive at the same time have a few times the elements of one.
  void Hold(std::size_t elements) {
    constexpr std::size_t kVariables = 4;
    if (held_ + elements > kVariables * limits_.max_elements) {
      FailTooLong("elements in all variables", kVariables * limits_.max_elements);
    }
    held_ += elements;
  }
  void Release(std::size_t elements) { held_ -= elements; }

 private:
  [[noreturn]] static void FailTooLong(const std::string& what, std::size_t limit) {
    throw InvalidArgument("TRACE_TOO_LONG", "source",
                          "expected at most " + std::to_string(limit) + " " + what +
                              ", got more; make loops shorter or variables smaller, or use an "
                              "evolve loop for repeated steps");
  }

  SourceLimits limits_;
  std::size_t evaluations_ = 0;
  std::size_t held_ = 0;
};

// The elements of a vector or matrix, row by row. Shared by all values that are copies of one,
// until one of them changes.
class Elements {
 public:
  Elements(std::vector<Number> content, Meter& meter) : numbers(std::move(content)), meter_(meter) {
    meter_.Hold(numbers.size());
  }
  Elements(const Elements&) = delete;
  Elements& operator=(const Elements&) = delete;
  ~Elements() { meter_.Release(numbers.size()); }

  std::vector<Number> numbers;  // Of a size that does not change.

 private:
  Meter& meter_;
};

class Value {
 public:
  Value() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a number is a value.
  Value(Number scalar, bool is_condition = false) : scalar_(scalar), is_condition_(is_condition) {}
  // As many numbers as the shape says, row by row.
  Value(const Shape& shape, std::vector<Number> numbers, Meter& meter, bool is_condition = false)
      : shape_(shape), is_condition_(is_condition) {
    if (shape.rank == 0) {
      scalar_ = numbers.front();
    } else {
      elements_ = std::make_shared<Elements>(std::move(numbers), meter);
    }
  }

  const Shape& shape() const { return shape_; }
  bool is_scalar() const { return shape_.rank == 0; }
  // The outcome of a comparison, which can be asked and not stored.
  bool is_condition() const { return is_condition_; }
  const Number& scalar() const { return scalar_; }
  // Element i, row by row. A scalar is as large as it needs to be.
  const Number& operator[](Index i) const {
    return is_scalar() ? scalar_ : elements_->numbers[static_cast<std::size_t>(i)];
  }

  // For writing: no other value sees the change.
  Number* MutableNumbers(Meter& meter) {
    if (is_scalar()) return &scalar_;
    if (elements_.use_count() > 1) {
      meter.Charge(shape_.size());
      elements_ = std::make_shared<Elements>(elements_->numbers, meter);
    }
    return elements_->numbers.data();
  }

 private:
  Shape shape_;
  Number scalar_;
  std::shared_ptr<Elements> elements_;
  bool is_condition_ = false;
};

}  // namespace sobolev::program::language

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_VALUE_H_
