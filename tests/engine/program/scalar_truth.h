// What the scalar types say of a random program, and how far an executor may be from it.
//
// The derivatives of a program are computed once on intervals, at a point: the tape records
// tangents of intervals, and what comes out encloses the exact value and the exact derivatives.
// How wide it is tells how badly the problem is conditioned there: every operation widens it by at
// least its own rounding error, and carries on what it was given, as rounding errors are carried on
// in the worst case. An executor whose operations are accurate to a few units in the last place
// stays within a few widths, in whatever order it computes. Where values jump within rounding
// (floor, select) the enclosure holds both sides.

#ifndef SOBOLEV_TESTS_ENGINE_PROGRAM_SCALAR_TRUTH_H_
#define SOBOLEV_TESTS_ENGINE_PROGRAM_SCALAR_TRUTH_H_

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/ad/adjoint.h"
#include "engine/ad/interval.h"
#include "engine/ad/tangent.h"
#include "engine/base/matrix.h"
#include "tests/engine/program/interpret.h"

namespace sobolev::program {

using Box = ad::Interval<double>;

// Derivatives at one point, along ẋ and ȳ. Row-major.
template <class B>
struct PointDerivatives {
  std::vector<B> y;          // m
  std::vector<B> y_dot;      // m
  std::vector<B> J;          // m×n, by rows: adjoints
  std::vector<B> J_columns;  // m×n, by columns: tangents
  std::vector<B> H;          // m×n×n
  std::vector<B> x_bar;      // n
  std::vector<B> x_bar_dot;  // n
};

// By adjoints of tangents.
template <class B>
PointDerivatives<B> DeriveAt(std::span<const PlainStage> stages, const std::vector<B>& x,
                             const std::vector<double>& x_dot, const std::vector<double>& y_bar) {
  using T = ad::Tangent<B>;
  using A = ad::Adjoint<T>;
  ad::Tape<T> tape;
  const typename ad::Tape<T>::Scope scope(tape);
  PointDerivatives<B> result;
  std::vector<A> inputs;
  // Leaves the outputs of a recording whose inputs have the tangents `direction`.
  const auto record = [&](const auto& direction) {
    tape.Clear();
    inputs.clear();
    for (std::size_t j = 0; j < x.size(); ++j) {
      inputs.push_back(tape.Variable(T(x[j], B(direction(j)))));
    }
    return Interpret<A>(stages, inputs);
  };

  const std::vector<A> y = record([&](std::size_t j) { return x_dot[j]; });
  const std::size_t m = y.size();
  const std::size_t n = x.size();
  for (const A& output : y) {
    result.y.push_back(output.value().value);
    result.y_dot.push_back(output.value().dot);
  }
  tape.ZeroAdjoints();
  for (std::size_t i = 0; i < m; ++i) tape.Seed(y[i], T(B(y_bar[i])));
  tape.Reverse();
  for (const A& input : inputs) {
    result.x_bar.push_back(tape.adjoint(input).value);
    result.x_bar_dot.push_back(tape.adjoint(input).dot);
  }

  result.J.resize(m * n);
  result.J_columns.resize(m * n);
  result.H.resize(m * n * n);
  for (std::size_t k = 0; k < n; ++k) {
    const std::vector<A> outputs = record([&](std::size_t j) { return j == k ? 1.0 : 0.0; });
    for (std::size_t i = 0; i < m; ++i) {
      result.J_columns[i * n + k] = outputs[i].value().dot;
      tape.Reverse(outputs[i]);
      for (std::size_t j = 0; j < n; ++j) {
        result.J[i * n + j] = tape.adjoint(inputs[j]).value;
        result.H[(i * n + j) * n + k] = tape.adjoint(inputs[j]).dot;
      }
    }
  }
  return result;
}

// ẏ by tangents.
inline std::vector<double> TangentAt(std::span<const PlainStage> stages,
                                     const std::vector<double>& x,
                                     const std::vector<double>& x_dot) {
  using T = ad::Tangent<double>;
  std::vector<T> inputs;
  for (std::size_t j = 0; j < x.size(); ++j) inputs.emplace_back(x[j], x_dot[j]);
  std::vector<double> y_dot;
  for (const T& output : Interpret<T>(stages, inputs)) y_dot.push_back(output.dot);
  return y_dot;
}

// x̄ and x̄̇ by tangents of adjoints.
template <class B>
PointDerivatives<B> AdjointsAt(std::span<const PlainStage> stages, const std::vector<B>& x,
                               const std::vector<double>& x_dot, const std::vector<double>& y_bar) {
  using A = ad::Adjoint<B>;
  using T = ad::Tangent<A>;
  ad::Tape<B> tape;
  const typename ad::Tape<B>::Scope scope(tape);
  std::vector<A> variables;
  std::vector<T> inputs;
  for (std::size_t j = 0; j < x.size(); ++j) {
    variables.push_back(tape.Variable(x[j]));
    inputs.push_back({variables.back(), A(B(x_dot[j]))});
  }
  const std::vector<T> y = Interpret<T>(stages, inputs);
  const auto gather = [&](const auto& part_of) {
    tape.ZeroAdjoints();
    for (std::size_t i = 0; i < y.size(); ++i) tape.Seed(part_of(y[i]), B(y_bar[i]));
    tape.Reverse();
    std::vector<B> bar;
    bar.reserve(variables.size());
    for (const A& variable : variables) bar.push_back(tape.adjoint(variable));
    return bar;
  };
  return {.x_bar = gather([](const T& output) { return output.value; }),
          .x_bar_dot = gather([](const T& output) { return output.dot; })};
}

// Judges numbers by enclosures, and keeps count of what the enclosures could tell.
class Judge {
 public:
  // That many widths, and units in the last place where an enclosure is a point.
  static constexpr double kWidths = 8;

  void Expect(double got, const Box& truth, const std::string& what) {
    ++num_judged_;
    if (!truth.is_bounded() || truth.is_empty()) {
      ++num_loose_;
      return;
    }
    const double width = truth.Width();
    if (width > 1e-8 * (1 + truth.Magnitude())) ++num_loose_;
    const double slack =
        kWidths * (width + std::numeric_limits<double>::epsilon() * truth.Magnitude());
    EXPECT_TRUE(truth.lo() - slack <= got && got <= truth.hi() + slack)
        << what << ": got " << got << ", expected " << truth << " +- " << slack;
  }

  void Expect(std::span<const double> got, std::span<const Box> truth, const std::string& what) {
    ASSERT_EQ(got.size(), truth.size()) << what;
    for (std::size_t i = 0; i < got.size(); ++i) {
      Expect(got[i], truth[i], what + "[" + std::to_string(i) + "]");
    }
  }

  // Bounds that must hold the truth: they have a point of its enclosure, which has it too. Empty
  // bounds are no wrong answer, but none: callers see a flag (Program::Enclose).
  void ExpectHeld(double lo, double hi, const Box& truth, const std::string& what) {
    ++num_judged_;
    const bool is_empty = std::isnan(lo) && std::isnan(hi);
    if (!truth.is_bounded() || truth.is_empty() || is_empty) {
      ++num_loose_;
      return;
    }
    EXPECT_TRUE(lo <= truth.hi() && truth.lo() <= hi)
        << what << ": bounds " << lo << " and " << hi << " do not hold " << truth;
  }

  // A judge who lets everything pass is none. At most that part may have been judged loosely.
  void ExpectSharp(double part) const {
    EXPECT_GT(num_judged_, 1000);
    EXPECT_LT(static_cast<double>(num_loose_), part * static_cast<double>(num_judged_));
    ::testing::Test::RecordProperty("judged", std::to_string(num_judged_));
    ::testing::Test::RecordProperty("loose", std::to_string(num_loose_));
  }

 private:
  Index num_judged_ = 0;
  Index num_loose_ = 0;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_TESTS_ENGINE_PROGRAM_SCALAR_TRUTH_H_
