#include "engine/sampling/domain.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/program/program.h"
#include "engine/sampling/linear_feasibility.h"
#include "engine/sampling/measure.h"

namespace sobolev::sampling {

namespace {

constexpr double kMaxInteger = 0x1p53;
constexpr Index kMaxPoints = Index{1} << 62;

// The shortest text that reads back as the same number.
std::string Text(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(std::begin(buffer), std::end(buffer), value);
  return {std::begin(buffer), end};
}

std::string Element(const std::string& field, Index i) {
  return field + "[" + std::to_string(i) + "]";
}

bool IsDiscrete(const Input& input) { return input.kind != InputKind::kContinuous; }

void RequireFinite(double value, const std::string& field) {
  if (std::isfinite(value)) return;
  throw InvalidArgument("NOT_FINITE", field, "expected a finite number, got " + Text(value));
}

void RequireInteger(const Input& input, double value, const std::string& field) {
  if (!IsDiscrete(input) || (value == std::rint(value) && std::abs(value) <= kMaxInteger)) return;
  throw InvalidArgument(
      "NOT_AN_INTEGER", field,
      "expected an integer of at most 2^53 for \"" + input.name + "\", got " + Text(value));
}

void CheckFixed(const Input& input, const std::string& field) {
  RequireFinite(*input.fixed, field);
  RequireInteger(input, *input.fixed, field);
  if (input.kind != InputKind::kCategorical) return;
  if (*input.fixed >= input.min && *input.fixed <= input.max) return;
  throw InvalidArgument(
      "OUT_OF_RANGE", field,
      "expected the number of a level, 0 to " + Text(input.max) + ", got " + Text(*input.fixed));
}

void CheckRange(const Input& input, const std::string& field) {
  RequireFinite(input.min, field + ".min");
  RequireFinite(input.max, field + ".max");
  RequireInteger(input, input.min, field + ".min");
  RequireInteger(input, input.max, field + ".max");
  const std::string range = "[" + Text(input.min) + ", " + Text(input.max) + "]";
  if (input.min > input.max) {
    throw InvalidArgument("INVALID_RANGE", field,
                          "expected min < max, got " + range + "; swap them");
  }
  if (input.min == input.max && !IsDiscrete(input)) {
    throw InvalidArgument(
        "INVALID_RANGE", field,
        "expected min < max, got " + range + "; for a constant, give it a fixed value instead");
  }
  RequireFinite(input.max - input.min, field);
  if (input.scale == Scale::kLogarithmic && input.min <= 0) {
    throw InvalidArgument("INVALID_RANGE", field + ".min",
                          "expected a positive lower end on a logarithmic scale, got " + range +
                              "; raise it or take the linear scale");
  }
}

void CheckLevels(Input& input, const std::string& field) {
  if (input.kind != InputKind::kCategorical) {
    if (input.levels.empty()) return;
    throw InvalidArgument("INVALID_LEVELS", field + ".levels",
                          "only categorical inputs have levels; leave them out or make \"" +
                              input.name + "\" categorical");
  }
  const std::set<std::string> distinct(input.levels.begin(), input.levels.end());
  if (input.levels.empty() || distinct.size() != input.levels.size()) {
    throw InvalidArgument("INVALID_LEVELS", field + ".levels",
                          "expected one or more levels, each of them once");
  }
  if (!std::holds_alternative<UniformMeasure>(input.measure) || input.scale != Scale::kLinear) {
    throw InvalidArgument("INVALID_LEVELS", field + ".measure",
                          "levels of categorical inputs are equally probable; leave scale and "
                          "measure out");
  }
  input.min = 0;
  input.max = static_cast<double>(input.levels.size() - 1);
}

void CheckShape(const Matrix& matrix, const char* field, Index rows) {
  RequireSize(field, matrix.rows(), rows);
}

}  // namespace

Domain::Domain(std::vector<Input> inputs, std::vector<LinearConstraint> linear,
               std::shared_ptr<const program::Program> program, const std::stop_token& stop)
    : inputs_(std::move(inputs)), linear_(std::move(linear)), program_(std::move(program)) {
  std::set<std::string> names;
  for (Index j = 0; j < n(); ++j) {
    Input& input = inputs_[static_cast<std::size_t>(j)];
    const std::string field = Element("inputs", j);
    if (input.name.empty() || !names.insert(input.name).second) {
      throw InvalidArgument("INVALID_NAME", field + ".name",
                            "expected a name that no other input has, got \"" + input.name + "\"");
    }
    CheckLevels(input, field);
    if (input.fixed) {
      CheckFixed(input, field + ".fixed");
    } else {
      CheckRange(input, field);
      AddAxis(j);
    }
  }
  if (axes_.empty()) {
    throw InvalidArgument("NO_INPUTS", "inputs",
                          "expected one or more inputs that are not fixed: otherwise there is "
                          "only one point");
  }
  CheckLinear(stop);
  CheckProgram(stop);
}

void Domain::AddAxis(Index j) {
  const Input& input = inputs_[static_cast<std::size_t>(j)];
  const double margin = IsDiscrete(input) ? 0.5 : 0;
  double low = input.min - margin;
  double high = input.max + margin;
  if (input.scale == Scale::kLogarithmic) {
    low = std::log(low);
    high = std::log(high);
  }
  const std::string field = Element("inputs", j);
  if (!(low < high)) {
    throw InvalidArgument("INVALID_RANGE", field,
                          "is too narrow for its scale; give it a fixed value or the linear scale");
  }
  axes_.push_back({.input = j,
                   .low = low,
                   .high = high,
                   .measure = Measure(input.measure, low, high, field + ".measure")});
}

Vector Domain::Low() const {
  Vector low(n());
  for (Index j = 0; j < n(); ++j) {
    const Input& input = inputs_[static_cast<std::size_t>(j)];
    low(j) = input.fixed.value_or(input.min);
  }
  return low;
}

Vector Domain::High() const {
  Vector high(n());
  for (Index j = 0; j < n(); ++j) {
    const Input& input = inputs_[static_cast<std::size_t>(j)];
    high(j) = input.fixed.value_or(input.max);
  }
  return high;
}

void Domain::CheckLinear(const std::stop_token& stop) const {
  if (linear_.empty()) return;
  const auto k = static_cast<Index>(linear_.size());
  Matrix A(k, n());
  Vector b(k);
  for (Index i = 0; i < k; ++i) {
    const LinearConstraint& constraint = linear_[static_cast<std::size_t>(i)];
    const std::string field = Element("constraints.linear", i);
    RequireSize((field + ".coefficients").c_str(), constraint.coefficients.size(), n());
    RequireFinite(constraint.bound, field + ".bound");
    for (Index j = 0; j < n(); ++j) {
      const double coefficient = constraint.coefficients(j);
      const std::string element = Element(field + ".coefficients", j);
      RequireFinite(coefficient, element);
      const Input& input = inputs_[static_cast<std::size_t>(j)];
      if (input.kind == InputKind::kCategorical && coefficient != 0) {
        throw InvalidArgument("INVALID_CONSTRAINT", element,
                              "expected 0 for the categorical input \"" + input.name +
                                  "\", whose levels have no order");
      }
    }
    A.row(i) = constraint.coefficients.transpose();
    b(i) = constraint.bound;
  }
  const std::optional<Vector> proof = ProveInfeasible(A, b, Low(), High(), stop);
  if (!proof) return;
  std::string contradicting;
  Index first = -1;
  for (Index i = 0; i < k; ++i) {
    if ((*proof)(i) == 0) continue;
    if (first < 0) first = i;
    contradicting += (contradicting.empty() ? "" : ", ") + std::to_string(i);
  }
  throw InvalidArgument("INFEASIBLE", Element("constraints.linear", first),
                        "no point of the ranges meets the constraints " + contradicting +
                            " together; widen a range or drop or loosen one of them");
}

void Domain::CheckProgram(const std::stop_token& stop) const {
  if (program_ == nullptr) return;
  if (program_->n() != n()) {
    throw InvalidArgument("SHAPE_MISMATCH", "constraints.program",
                          "expected a program of the " + std::to_string(n()) +
                              " inputs of the domain, in their order, got one of " +
                              std::to_string(program_->n()));
  }
  const Vector low = Low();
  const Vector high = High();
  Vector least(program_->m());
  Vector largest(program_->m());
  program_->Enclose(ConstMatrixMap(low.data(), n(), 1), ConstMatrixMap(high.data(), n(), 1),
                    {.Y_min = least.data(), .Y_max = largest.data()}, nullptr, stop);
  Index output = 0;
  if (!(least.maxCoeff<Eigen::PropagateNumbers>(&output) > 0)) return;
  throw InvalidArgument("INFEASIBLE", "constraints.program",
                        "output " + std::to_string(output) + " is at least " + Text(least(output)) +
                            " in all of the domain, and feasible points have outputs <= 0; widen "
                            "a range or mend the constraint");
}

Index Domain::InputOf(Index coordinate) const {
  return axes_[static_cast<std::size_t>(coordinate)].input;
}

Index Domain::NumValues(Index coordinate) const {
  const Input& input = inputs_[static_cast<std::size_t>(InputOf(coordinate))];
  return IsDiscrete(input) ? static_cast<Index>(input.max - input.min) + 1 : 0;
}

std::optional<Index> Domain::NumPoints() const {
  Index count = 1;
  for (Index c = 0; c < num_free(); ++c) {
    const Index values = NumValues(c);
    if (values == 0) return std::nullopt;
    count = count > kMaxPoints / values ? kMaxPoints : count * values;
  }
  return count;
}

double Domain::User(const Axis& axis, double u) const {
  const Input& input = inputs_[static_cast<std::size_t>(axis.input)];
  if (!(u > 0)) return input.min;
  if (u >= 1) return input.max;
  double x = std::lerp(axis.low, axis.high, axis.measure.Quantile(u));
  if (input.scale == Scale::kLogarithmic) x = std::exp(x);
  if (IsDiscrete(input)) x = std::floor(x + 0.5);
  return std::clamp(x, input.min, input.max);
}

double Domain::Unit(const Axis& axis, double x) const {
  const Input& input = inputs_[static_cast<std::size_t>(axis.input)];
  if (!IsDiscrete(input) && x == input.min) return 0;
  if (!IsDiscrete(input) && x == input.max) return 1;
  const auto probability = [&](double value) {
    const double position = input.scale == Scale::kLogarithmic ? std::log(value) : value;
    return axis.measure.Probability((position - axis.low) / (axis.high - axis.low));
  };
  return IsDiscrete(input) ? 0.5 * (probability(x - 0.5) + probability(x + 0.5)) : probability(x);
}

Matrix Domain::ToUser(const Matrix& U) const {
  CheckShape(U, "u", num_free());
  Matrix X = Low().replicate(1, U.cols());
  for (Index s = 0; s < U.cols(); ++s) {
    for (Index c = 0; c < num_free(); ++c) {
      const Axis& axis = axes_[static_cast<std::size_t>(c)];
      X(axis.input, s) = User(axis, U(c, s));
    }
  }
  return X;
}

Matrix Domain::ToUnit(const Matrix& X, const std::string& field) const {
  CheckShape(X, field.c_str(), n());
  const Vector low = Low();
  const Vector high = High();
  for (Index s = 0; s < X.cols(); ++s) {
    for (Index j = 0; j < n(); ++j) {
      const double x = X(j, s);
      const Input& input = inputs_[static_cast<std::size_t>(j)];
      if (x >= low(j) && x <= high(j) && (!IsDiscrete(input) || x == std::rint(x))) continue;
      const std::string element = Element(Element(field, s), j);
      RequireFinite(x, element);
      if (!input.fixed) RequireInteger(input, x, element);
      throw InvalidArgument("OUT_OF_DOMAIN", element,
                            input.fixed
                                ? "expected the fixed value " + Text(*input.fixed) + " of \"" +
                                      input.name + "\", got " + Text(x)
                                : "expected a value of \"" + input.name + "\" in [" + Text(low(j)) +
                                      ", " + Text(high(j)) + "], got " + Text(x));
    }
  }
  Matrix U(num_free(), X.cols());
  for (Index s = 0; s < X.cols(); ++s) {
    for (Index c = 0; c < num_free(); ++c) {
      const Axis& axis = axes_[static_cast<std::size_t>(c)];
      U(c, s) = Unit(axis, X(axis.input, s));
    }
  }
  return U;
}

double Domain::UnitOf(Index coordinate, double x) const {
  return Unit(axes_[static_cast<std::size_t>(coordinate)], x);
}

Matrix Domain::Snap(const Matrix& U) const {
  CheckShape(U, "u", num_free());
  Matrix snapped = U;
  for (Index c = 0; c < num_free(); ++c) {
    if (NumValues(c) == 0) continue;
    const Axis& axis = axes_[static_cast<std::size_t>(c)];
    for (double& u : snapped.row(c)) u = Unit(axis, User(axis, u));
  }
  return snapped;
}

Matrix Domain::UnitJacobian(const Matrix& X, const Matrix& J) const {
  CheckShape(X, "x", n());
  CheckShape(J, "jacobian", n());
  if (X.cols() == 0 || J.cols() % X.cols() != 0) {
    throw InvalidArgument("SHAPE_MISMATCH", "jacobian",
                          "expected as many columns for each of the " + std::to_string(X.cols()) +
                              " points, got " + std::to_string(J.cols()));
  }
  const Index m = J.cols() / X.cols();
  Matrix unit(num_free(), J.cols());
  for (Index s = 0; s < X.cols(); ++s) {
    for (Index c = 0; c < num_free(); ++c) {
      const Axis& axis = axes_[static_cast<std::size_t>(c)];
      const Input& input = inputs_[static_cast<std::size_t>(axis.input)];
      const double x = X(axis.input, s);
      const bool is_logarithmic = input.scale == Scale::kLogarithmic;
      const double width = axis.high - axis.low;
      const double t = ((is_logarithmic ? std::log(x) : x) - axis.low) / width;
      // dx/du: the slope of the scale over the density.
      const double slope = input.kind == InputKind::kCategorical
                               ? std::numeric_limits<double>::quiet_NaN()
                               : (is_logarithmic ? x : 1) * width / axis.measure.Density(t);
      for (Index i = 0; i < m; ++i) unit(c, s * m + i) = slope * J(axis.input, s * m + i);
    }
  }
  return unit;
}

std::vector<std::uint8_t> Domain::Feasible(const Matrix& X, const std::stop_token& stop) const {
  CheckShape(X, "x", n());
  ThrowIfStopped(stop);
  const Index num_points = X.cols();
  std::vector<std::uint8_t> feasible(static_cast<std::size_t>(num_points), 1);
  for (Index s = 0; s < num_points; ++s) {
    feasible[static_cast<std::size_t>(s)] =
        static_cast<std::uint8_t>(std::ranges::all_of(linear_, [&](const LinearConstraint& row) {
          return row.coefficients.dot(X.col(s)) <= row.bound;
        }));
  }
  if (program_ == nullptr || num_points == 0) return feasible;
  Matrix G(program_->m(), num_points);
  std::vector<std::uint8_t> valid(static_cast<std::size_t>(num_points));
  // Strict, so that no processor sees other feasible points.
  program_->Evaluate(ConstMatrixMap(X.data(), n(), num_points), std::nullopt, std::nullopt,
                     {.Y = G.data()}, valid.data(), {.arithmetic = program::Arithmetic::kStrict},
                     stop);
  for (Index s = 0; s < num_points; ++s) {
    const auto i = static_cast<std::size_t>(s);
    if (valid[i] == 0 || (G.col(s).array() > 0).any()) feasible[i] = 0;
  }
  return feasible;
}

}  // namespace sobolev::sampling
