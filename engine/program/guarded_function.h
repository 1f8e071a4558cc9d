// Compiled C++ code at the speed of replay: recorded once, replayed in lanes, and guarded.
//
// A function that is templated on its scalar is run once on Traced numbers (recording.h), which
// leaves the graph of the branch that one point takes. Batches are replayed on that graph. Its
// guard tells the points at which a comparison comes out differently: another branch of an if,
// another number of turns of a loop. For those the same function runs once more on the classic
// scalar types, point by point, and they are counted. NaN changes the outcome of comparisons like
// any other number, so it is caught where it matters. A function that compares nothing has no
// guard, and pays nothing for it.
//
//   struct Payoff {
//     template <class T>
//     std::vector<T> operator()(const std::vector<T>& x) const {
//       const T gain = x[0] * x[1] - 1.0;
//       return {gain < 0.0 ? T(0.0) : gain};
//     }
//   };
//   const GuardedFunction payoff(Payoff(), std::array{1.1, 1.2});
//   payoff.Evaluate(X, Y.data(), J.data());
//
// What a point gets depends on that point alone, and not on its batch. Therefore nothing is
// recorded anew during evaluation; a caller whose counts are high records once more where its
// points are, in a second object.
//
// In fast arithmetic a comparison of two numbers that differ by rounding only may come out either
// way, as it may after any change of the order of operations; values and derivatives are then those
// of the branch taken.

#ifndef SOBOLEV_ENGINE_PROGRAM_GUARDED_FUNCTION_H_
#define SOBOLEV_ENGINE_PROGRAM_GUARDED_FUNCTION_H_

#include <algorithm>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/ad/adjoint.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/program/definition.h"
#include "engine/program/program.h"
#include "engine/program/recording.h"
#include "engine/program/routine.h"
#include "engine/program/sweep.h"

namespace sobolev::program {

// The replay of one recorded branch. Thread-safe.
class GuardedTrace {
 public:
  // Of a function of n inputs.
  GuardedTrace(RecordedGraph recorded, Index n, Arithmetic arithmetic);

  Index n() const { return stage_.state_size; }
  Index m() const { return static_cast<Index>(stage_.outputs.size()); }
  // Whether any comparison depends on the inputs.
  bool has_guard() const { return guard_ != kNoNode; }

  // Writes y and J at all columns of X as Program::Evaluate does, and returns the points,
  // ascending, at which a comparison came out differently than at the recorded point. What is
  // written for those is that of a branch which they do not take.
  std::vector<Index> Run(const ConstMatrixMap& X, double* Y, double* J,
                         const std::stop_token& stop) const;

 private:
  // The routine with output regions y, J if wanted, and the guard if there is one.
  const Routine& Get(bool with_jacobian) const;
  std::unique_ptr<const Routine> Make(bool with_jacobian) const;

  Stage stage_;
  NodeId guard_ = kNoNode;
  LaneKind kind_;
  mutable std::once_flag once_[2];
  mutable std::unique_ptr<const Routine> routines_[2];
};

// How many points a batch had, and how many of them took another branch and ran point by point.
struct GuardedCounts {
  Index num_points = 0;
  Index num_rerun = 0;
};

// Function: const-callable from std::vector<T> to std::vector<T> for T = Traced, double and
// Adjoint<double>, from several threads at once. It depends on nothing but its argument, looks at
// numbers through arithmetic, functions and comparisons only, and always has as many outputs.
//
// Re-runs differentiate with a tape also where there are few inputs: like the symbolic derivatives,
// and unlike tangents, it never multiplies an infinite number by the zero of an input that has no
// part in it.
//
// Thread-safe. Uses oneTBB's current arena.
template <class Function>
class GuardedFunction {
 public:
  // Records `function` at the point x.
  GuardedFunction(Function function, std::span<const double> x,
                  Arithmetic arithmetic = Arithmetic::kFast)
      : function_(std::move(function)),
        trace_(Record(function_, x), static_cast<Index>(x.size()), arithmetic) {}

  Index n() const { return trace_.n(); }
  Index m() const { return trace_.m(); }
  bool has_guard() const { return trace_.has_guard(); }

  // y and J at the columns of X (n×N): Y is m×N, J is n×(m·N) with column s·m + i = ∇yᵢ at point s;
  // null means not wanted.
  //
  // Throws Error(kInvalidArgument) if X has another number of rows or a re-run another number of
  // outputs, Error(kResourceExhausted) if the symbolic Jacobian is too large, Error(kCancelled)
  // when `stop` fires, and whatever the function throws at a point that is re-run.
  GuardedCounts Evaluate(const ConstMatrixMap& X, double* Y, double* J,
                         const std::stop_token& stop = {}) const {
    const std::vector<Index> others = trace_.Run(X, Y, J, stop);
    const LaneGrid grid{.num_points = static_cast<Index>(others.size())};
    ForEachBlock(grid, kRerunsPerBlock, stop, [&] {
      return [&, tape = ad::Tape<double>()](Index first, Index points) mutable {
        for (const Index s : std::span(others).subspan(static_cast<std::size_t>(first),
                                                       static_cast<std::size_t>(points))) {
          const std::span<const double> x(X.data() + s * n(), static_cast<std::size_t>(n()));
          Rerun(x, tape, Y == nullptr ? nullptr : Y + s * m(),
                J == nullptr ? nullptr : J + s * m() * n());
        }
      };
    });
    return {.num_points = X.cols(), .num_rerun = grid.num_points};
  }

 private:
  // Enough work for a task, few enough to share among threads.
  static constexpr Index kRerunsPerBlock = 16;

  template <class T>
  std::vector<T> Call(const std::vector<T>& x) const {
    std::vector<T> y = function_(x);
    RequireSize("outputs of the function", static_cast<Index>(y.size()), m());
    return y;
  }

  // One point. y: m numbers or null; J: m×n by rows, or null.
  void Rerun(std::span<const double> x, ad::Tape<double>& tape, double* y, double* J) const {
    if (J == nullptr) return WriteValues(x, y);
    WriteAdjoints(x, tape, y, J);
  }

  void WriteValues(std::span<const double> x, double* y) const {
    const std::vector<double> values = Call(std::vector<double>(x.begin(), x.end()));
    if (y != nullptr) std::copy(values.begin(), values.end(), y);
  }

  void WriteAdjoints(std::span<const double> x, ad::Tape<double>& tape, double* y,
                     double* J) const {
    using T = ad::Adjoint<double>;
    const ad::Tape<double>::Scope scope(tape);
    tape.Clear();
    std::vector<T> inputs;
    for (const double entry : x) inputs.push_back(tape.Variable(entry));
    for (const T& output : Call(inputs)) {
      if (y != nullptr) *y++ = output.value();
      tape.Reverse(output);
      for (const T& input : inputs) *J++ = tape.adjoint(input);
    }
  }

  Function function_;
  GuardedTrace trace_;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_GUARDED_FUNCTION_H_
