#include "engine/program/language/arithmetic.h"

#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "engine/base/error.h"

namespace sobolev::program::language {
namespace {

[[noreturn]] void FailShape(const std::string& description) {
  throw InvalidArgument("SHAPE_MISMATCH", "source", description);
}

// The shape that both have, where a scalar has any.
Shape Common(const Shape& x, const Shape& y) {
  if (y.rank == 0) return x;
  if (x.rank == 0 || x == y) return y;
  FailShape("expected " + NameOf(x) + " or a number to go with " + NameOf(x) + ", got " +
            NameOf(y) +
            (x.rank == 2 && y.rank == 1 ? "; a product of matrices is written A @ x" : ""));
}

void RequireVector(const Value& x) {
  if (x.shape().rank != 1) FailShape("expected a vector, got " + NameOf(x.shape()));
}

}  // namespace

void Arithmetic::RequireNumbers(const Value& x) {
  if (!x.is_condition()) return;
  throw InvalidArgument("TYPE_MISMATCH", "source",
                        "expected a number, got a condition; choose with where(condition, a, b)");
}

void Arithmetic::RequireCondition(const Value& x) {
  if (x.is_condition()) return;
  throw InvalidArgument("TYPE_MISMATCH", "source",
                        "expected a condition such as a < b, got a number; compare it, for example "
                        "with != 0");
}

Number Arithmetic::Apply(Op op, const Number& a, const Number& b, const Number& c) {
  if (a.known() && b.known() && c.known()) {
    return {.constant = program::Apply(op, a.constant, b.constant, c.constant)};
  }
  const int arity = Traits(op).arity;
  const NodeId id =
      graph_->Make(op, Id(a), arity > 1 ? Id(b) : kNoNode, arity > 2 ? Id(c) : kNoNode);
  if (graph_->IsConstant(id)) return {.constant = graph_->constant(id)};
  return {.node = id};
}

template <class F, class... Values>
Value Arithmetic::Elementwise(bool is_condition, const F& f, const Values&... values) {
  Shape shape;
  ((shape = Common(shape, values.shape())), ...);
  if (shape.rank == 0) return {f(values.scalar()...), is_condition};
  meter_.Charge(shape.size());
  std::vector<Number> numbers(static_cast<std::size_t>(shape.size()));
  Index i = 0;
  for (Number& number : numbers) {
    number = f(values[i]...);
    ++i;
  }
  return {shape, std::move(numbers), meter_, is_condition};
}

Value Arithmetic::Map(Op op, const Value& x) {
  return Elementwise(
      false, [&](const Number& a) { return Apply(op, a); }, x);
}

Value Arithmetic::Map(Op op, const Value& x, const Value& y) {
  return Elementwise(
      false, [&](const Number& a, const Number& b) { return Apply(op, a, b); }, x, y);
}

Value Arithmetic::Combine(Operator op, const Value& x, const Value& y) {
  if (op == Operator::kAnd || op == Operator::kOr) {
    RequireCondition(x);
    RequireCondition(y);
    const Op choice = op == Operator::kAnd ? Op::kMin : Op::kMax;
    return Elementwise(
        true, [&](const Number& a, const Number& b) { return Apply(choice, a, b); }, x, y);
  }
  RequireNumbers(x);
  RequireNumbers(y);
  switch (op) {
    case Operator::kAdd:
      return Map(Op::kAdd, x, y);
    case Operator::kSubtract:
      return Map(Op::kSubtract, x, y);
    case Operator::kMultiply:
      return Map(Op::kMultiply, x, y);
    case Operator::kDivide:
      return Map(Op::kDivide, x, y);
    case Operator::kPower:
      return Map(Op::kPow, x, y);
    case Operator::kMatrixMultiply:
      return MatrixProduct(x, y);
    default:
      return Compare(op, x, y);
  }
}

Value Arithmetic::Compare(Operator op, const Value& x, const Value& y) {
  const auto compare = [&](const Number& a, const Number& b) {
    switch (op) {
      case Operator::kLess:
        return Apply(Op::kLess, a, b);
      case Operator::kLessEqual:
        return Apply(Op::kLessEqual, a, b);
      case Operator::kGreater:
        return Apply(Op::kLess, b, a);
      case Operator::kGreaterEqual:
        return Apply(Op::kLessEqual, b, a);
      case Operator::kEqual:
        return Apply(Op::kEqual, a, b);
      default:
        return Apply(Op::kSubtract, {.constant = 1}, Apply(Op::kEqual, a, b));
    }
  };
  return Elementwise(true, compare, x, y);
}

Value Arithmetic::Negate(Operator op, const Value& x) {
  if (op == Operator::kNegate) {
    RequireNumbers(x);
    return Map(Op::kNegate, x);
  }
  RequireCondition(x);
  return Elementwise(
      true, [&](const Number& a) { return Apply(Op::kSubtract, {.constant = 1}, a); }, x);
}

Value Arithmetic::MatrixProduct(const Value& x, const Value& y) {
  const Shape& a = x.shape();
  const Shape& b = y.shape();
  if (a.rank == 0 || b.rank == 0) {
    FailShape("expected a vector or matrix on both sides of @, got " + NameOf(a.rank == 0 ? a : b) +
              "; numbers are multiplied with *");
  }
  // A vector on the left is a row, on the right a column.
  const Index rows = a.rank == 1 ? 1 : a.rows;
  const Index inner = a.rank == 1 ? a.rows : a.cols;
  if (b.rows != inner) {
    FailShape("expected " + std::to_string(inner) + " rows on the right of @ to go with " +
              NameOf(a) + ", got " + NameOf(b));
  }
  const Index cols = b.cols;
  meter_.RequireElements(rows * cols);
  std::vector<Number> numbers;
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < cols; ++j) {
      meter_.Charge(inner + 1);
      Number sum;
      for (Index k = 0; k < inner; ++k) {
        const Number product = Apply(Op::kMultiply, x[i * inner + k], y[k * cols + j]);
        sum = k == 0 ? product : Apply(Op::kAdd, sum, product);
      }
      numbers.push_back(sum);
    }
  }
  if (a.rank == 1 && b.rank == 1) return numbers.front();
  const Shape shape =
      a.rank == 2 && b.rank == 2 ? MatrixShape(rows, cols) : VectorShape(rows * cols);
  return {shape, std::move(numbers), meter_};
}

Value Arithmetic::Call(const Builtin& builtin, std::span<const Value> arguments) {
  const Value& x = arguments.front();
  if (builtin.kind == Kind::kWhere) return Where(x, arguments[1], arguments[2]);
  for (const Value& argument : arguments) RequireNumbers(argument);
  switch (builtin.kind) {
    case Kind::kOperation:
      return arguments.size() == 1 ? Map(builtin.op, x) : Map(builtin.op, x, arguments[1]);
    case Kind::kMod:
      return Mod(x, arguments[1]);
    case Kind::kSum:
    case Kind::kProd:
    case Kind::kMin:
    case Kind::kMax: {
      if (arguments.size() == 1) return Reduce(builtin, x);
      Value result = x;
      for (const Value& argument : arguments.subspan(1)) result = Map(builtin.op, result, argument);
      return result;
    }
    case Kind::kDot:
      return Dot(x, arguments[1]);
    case Kind::kNorm:
      return Norm(x);
    case Kind::kTranspose:
      return Transpose(x);
    case Kind::kLen:
      if (x.is_scalar()) FailShape("expected a vector or matrix, got a number");
      return Number{.constant = static_cast<double>(x.shape().rows)};
    default:
      return Compose(builtin.kind, x);
  }
}

Value Arithmetic::Compose(Kind kind, const Value& x) {
  const auto compose = [&](const Number& a) -> Number {
    switch (kind) {
      case Kind::kLog2:
        if (a.known()) return {.constant = std::log2(a.constant)};
        return Apply(Op::kMultiply, Apply(Op::kLog, a), {.constant = std::numbers::log2e});
      case Kind::kLog10:
        if (a.known()) return {.constant = std::log10(a.constant)};
        return Apply(Op::kMultiply, Apply(Op::kLog, a), {.constant = std::numbers::log10e});
      case Kind::kRelu:
        return Apply(Op::kMax, a, {.constant = 0});
      default: {  // e^(−x²/2) / √(2π).
        constexpr double kScale = std::numbers::inv_sqrtpi / std::numbers::sqrt2;
        const Number half = Apply(Op::kMultiply, Apply(Op::kSquare, a), {.constant = -0.5});
        return Apply(Op::kMultiply, Apply(Op::kExp, half), {.constant = kScale});
      }
    }
  };
  return Elementwise(false, compose, x);
}

// a − b ⌊a/b⌋, of the sign of b. Numbers that are known, such as subscripts, give fmod, which is
// exact.
//
// Of inputs, r = a − b ⌊a/b⌋ is off by a multiple of b where a/b was rounded across a whole number,
// and by many of them where it has no digits behind the point. A fused product makes r exact all
// the same, so that the remainder of r is that of a. The quotient of r is small, and what is left
// of its rounding is one b at most, which is put right by comparing. All quotients and comparisons
// are constant between jumps, and so the derivatives stay those of a − b q with q = ⌊a/b⌋.
Value Arithmetic::Mod(const Value& x, const Value& y) {
  const auto mod = [&](const Number& a, const Number& b) -> Number {
    if (a.known() && b.known()) {
      const double remainder = std::fmod(a.constant, b.constant);
      const bool adjust = remainder != 0 && (remainder < 0) != (b.constant < 0);
      return {.constant = adjust ? remainder + b.constant : remainder};
    }
    const auto subtract_multiples = [&](const Number& r, const Number& quotient) {
      return Apply(Op::kSubtract, r, Apply(Op::kMultiply, b, quotient));
    };
    const auto reduce = [&](const Number& r) {
      return subtract_multiples(r, Apply(Op::kFloor, Apply(Op::kDivide, r, b)));
    };
    const Number r = reduce(reduce(a));
    const Number is_below = Apply(Op::kLess, Apply(Op::kMultiply, r, b), {.constant = 0});
    const Number is_beyond = Apply(Op::kLessEqual, Apply(Op::kAbs, b), Apply(Op::kAbs, r));
    return subtract_multiples(r, Apply(Op::kSubtract, is_beyond, is_below));
  };
  return Elementwise(false, mod, x, y);
}

Value Arithmetic::Where(const Value& condition, const Value& yes, const Value& no) {
  RequireCondition(condition);
  RequireNumbers(yes);
  RequireNumbers(no);
  const auto choose = [&](const Number& mask, const Number& a, const Number& b) {
    if (mask.known()) return mask.constant != 0 ? a : b;
    return Apply(Op::kSelect, mask, a, b);
  };
  return Elementwise(false, choose, condition, yes, no);
}

Value Arithmetic::Reduce(const Builtin& builtin, const Value& x) {
  if (x.is_scalar()) FailShape("expected a vector or matrix, or an index, got a number");
  meter_.Charge(x.shape().size());
  Accumulator accumulator(*this, builtin);
  for (Index i = 0; i < x.shape().size(); ++i) accumulator.Add(x[i]);
  return accumulator.Result();
}

Number Arithmetic::Dot(const Value& x, const Value& y) {
  RequireVector(x);
  RequireVector(y);
  Common(x.shape(), y.shape());
  meter_.Charge(x.shape().size());
  Number sum;
  for (Index i = 0; i < x.shape().size(); ++i) {
    const Number product = Apply(Op::kMultiply, x[i], y[i]);
    sum = i == 0 ? product : Apply(Op::kAdd, sum, product);
  }
  return sum;
}

Value Arithmetic::Norm(const Value& x) {
  if (x.is_scalar()) FailShape("expected a vector or matrix, got a number; use abs");
  meter_.Charge(x.shape().size());
  Number sum;
  for (Index i = 0; i < x.shape().size(); ++i) {
    sum = Apply(Op::kAdd, sum, Apply(Op::kSquare, x[i]));
  }
  const Number root = Apply(Op::kSqrt, sum);
  if (root.known()) return root;
  // Like hypot, with the derivative 0 in 0, where that of the root is infinite.
  return Apply(Op::kSelect, Apply(Op::kEqual, sum, {.constant = 0}), {.constant = 0}, root);
}

Value Arithmetic::Transpose(const Value& x) {
  const Shape& shape = x.shape();
  if (shape.rank != 2) FailShape("expected a matrix, got " + NameOf(shape));
  meter_.Charge(shape.size());
  std::vector<Number> numbers;
  numbers.reserve(static_cast<std::size_t>(shape.size()));
  for (Index j = 0; j < shape.cols; ++j) {
    for (Index i = 0; i < shape.rows; ++i) numbers.push_back(x[i * shape.cols + j]);
  }
  return {MatrixShape(shape.cols, shape.rows), std::move(numbers), meter_};
}

Value Accumulator::Join(const Value& x, const Value& y) {
  if (builtin_.kind == Kind::kSum) return arithmetic_.Combine(Operator::kAdd, x, y);
  if (builtin_.kind == Kind::kProd) return arithmetic_.Combine(Operator::kMultiply, x, y);
  return arithmetic_.Call(builtin_, std::array{x, y});
}

void Accumulator::Add(Value term) {
  Arithmetic::RequireNumbers(term);
  if (builtin_.kind == Kind::kSum && !partials_.empty()) {
    partials_.front().value = Join(partials_.front().value, term);
    return;
  }
  partials_.push_back({.value = std::move(term)});
  while (partials_.size() > 1 && partials_.rbegin()[1].num_terms == partials_.back().num_terms) {
    const Value right = std::move(partials_.back().value);
    partials_.pop_back();
    partials_.back().value = Join(partials_.back().value, right);
    partials_.back().num_terms *= 2;
  }
}

Value Accumulator::Result() {
  if (partials_.empty()) {
    if (builtin_.kind == Kind::kSum) return Number{.constant = 0};
    if (builtin_.kind == Kind::kProd) return Number{.constant = 1};
    FailShape("expected at least one term of " + std::string(builtin_.name) + ", got none");
  }
  Value result = std::move(partials_.back().value);
  for (auto partial = partials_.rbegin() + 1; partial != partials_.rend(); ++partial) {
    result = Join(partial->value, result);
  }
  partials_.clear();
  return result;
}

}  // namespace sobolev::program::language
