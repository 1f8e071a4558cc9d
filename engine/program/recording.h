// Recording of compiled C++ code: the scalar Traced computes and writes what it does into a graph.
//
// Code templated on its scalar runs once on Traced numbers. A comparison of Traced numbers is
// answered by their values, so the recorded graph is that of one branch; the comparison becomes a
// guard. Guarded replay (guarded_function.h) tells the points where a guard does not hold.

#ifndef SOBOLEV_ENGINE_PROGRAM_RECORDING_H_
#define SOBOLEV_ENGINE_PROGRAM_RECORDING_H_

#include <span>
#include <utility>
#include <vector>

#include "engine/program/expr.h"

namespace sobolev::program {

// A function recorded at a point.
struct RecordedGraph {
  Graph graph;
  std::vector<NodeId> outputs;
  // 1 at points where every comparison comes out as it did at the recorded point, else 0.
  NodeId guard = kNoNode;
};

class Traced;

namespace internal {

// A recording. The last one made in this thread is under way until it is destroyed.
struct Recorder {
  Recorder() : outer(std::exchange(Current(), this)) {}
  ~Recorder() { Current() = outer; }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  Graph graph;
  Expr guard = 1.0;
  Recorder* const outer;

  static Recorder*& Current() {
    thread_local Recorder* current = nullptr;
    return current;
  }
};

}  // namespace internal

// A number and the node that computes it.
class Traced {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): constants mix freely with recorded numbers.
  Traced(double constant = 0) : value_(constant), expr_(constant) {}
  Traced(double value, const Expr& expr) : value_(value), expr_(expr) {}

  double value() const { return value_; }
  const Expr& expr() const { return expr_; }

  static Traced Make(Op op, const Traced& a, const Traced& b = 0.0) {
    return {Apply(op, a.value_, b.value_, 0.0), Expr::Make(op, a.expr_, b.expr_)};
  }

  Traced& operator+=(const Traced& y) { return *this = *this + y; }
  Traced& operator-=(const Traced& y) { return *this = *this - y; }
  Traced& operator*=(const Traced& y) { return *this = *this * y; }
  Traced& operator/=(const Traced& y) { return *this = *this / y; }

  friend Traced operator+(const Traced& x) { return x; }
  friend Traced operator-(const Traced& x) { return Make(Op::kNegate, x); }
  friend Traced operator+(const Traced& x, const Traced& y) { return Make(Op::kAdd, x, y); }
  friend Traced operator-(const Traced& x, const Traced& y) { return Make(Op::kSubtract, x, y); }
  friend Traced operator*(const Traced& x, const Traced& y) { return Make(Op::kMultiply, x, y); }
  friend Traced operator/(const Traced& x, const Traced& y) { return Make(Op::kDivide, x, y); }

  friend bool operator<(const Traced& x, const Traced& y) { return Compare(Op::kLess, x, y); }
  friend bool operator>(const Traced& x, const Traced& y) { return Compare(Op::kLess, y, x); }
  friend bool operator<=(const Traced& x, const Traced& y) { return Compare(Op::kLessEqual, x, y); }
  friend bool operator>=(const Traced& x, const Traced& y) { return Compare(Op::kLessEqual, y, x); }
  friend bool operator==(const Traced& x, const Traced& y) { return Compare(Op::kEqual, x, y); }
  friend bool operator!=(const Traced& x, const Traced& y) { return !Compare(Op::kEqual, x, y); }

 private:
  // The outcome for the values, with a guard that it is the same. Outside a recording all numbers
  // are constants, whose order does not change.
  static bool Compare(Op op, const Traced& x, const Traced& y) {
    const bool outcome = Apply(op, x.value_, y.value_, 0.0) != 0;
    if (internal::Recorder::Current() == nullptr) return outcome;
    const Expr mask = Expr::Make(op, x.expr_, y.expr_);
    Expr& guard = internal::Recorder::Current()->guard;
    guard = And(guard, outcome ? mask : Not(mask));
    return outcome;
  }

  double value_;
  Expr expr_;
};

// Found by argument, under the names of <cmath> and of engine/ad/elementary.h.
inline Traced exp(const Traced& x) { return Traced::Make(Op::kExp, x); }
inline Traced expm1(const Traced& x) { return Traced::Make(Op::kExpm1, x); }
inline Traced log(const Traced& x) { return Traced::Make(Op::kLog, x); }
inline Traced log1p(const Traced& x) { return Traced::Make(Op::kLog1p, x); }
inline Traced sqrt(const Traced& x) { return Traced::Make(Op::kSqrt, x); }
inline Traced cbrt(const Traced& x) { return Traced::Make(Op::kCbrt, x); }
inline Traced sin(const Traced& x) { return Traced::Make(Op::kSin, x); }
inline Traced cos(const Traced& x) { return Traced::Make(Op::kCos, x); }
inline Traced tan(const Traced& x) { return Traced::Make(Op::kTan, x); }
inline Traced asin(const Traced& x) { return Traced::Make(Op::kAsin, x); }
inline Traced acos(const Traced& x) { return Traced::Make(Op::kAcos, x); }
inline Traced atan(const Traced& x) { return Traced::Make(Op::kAtan, x); }
inline Traced sinh(const Traced& x) { return Traced::Make(Op::kSinh, x); }
inline Traced cosh(const Traced& x) { return Traced::Make(Op::kCosh, x); }
inline Traced tanh(const Traced& x) { return Traced::Make(Op::kTanh, x); }
inline Traced asinh(const Traced& x) { return Traced::Make(Op::kAsinh, x); }
inline Traced acosh(const Traced& x) { return Traced::Make(Op::kAcosh, x); }
inline Traced atanh(const Traced& x) { return Traced::Make(Op::kAtanh, x); }
inline Traced erf(const Traced& x) { return Traced::Make(Op::kErf, x); }
inline Traced erfc(const Traced& x) { return Traced::Make(Op::kErfc, x); }
inline Traced abs(const Traced& x) { return Traced::Make(Op::kAbs, x); }
inline Traced floor(const Traced& x) { return Traced::Make(Op::kFloor, x); }
inline Traced pow(const Traced& x, const Traced& y) { return Traced::Make(Op::kPow, x, y); }
inline Traced pow(const Traced& x, double y) { return Traced::Make(Op::kPow, x, y); }
inline Traced atan2(const Traced& y, const Traced& x) { return Traced::Make(Op::kAtan2, y, x); }
inline Traced hypot(const Traced& x, const Traced& y) { return Traced::Make(Op::kHypot, x, y); }
inline Traced Min(const Traced& x, const Traced& y) { return Traced::Make(Op::kMin, x, y); }
inline Traced Max(const Traced& x, const Traced& y) { return Traced::Make(Op::kMax, x, y); }
inline Traced Square(const Traced& x) { return Traced::Make(Op::kSquare, x); }
inline Traced Reciprocal(const Traced& x) { return Traced::Make(Op::kReciprocal, x); }
inline Traced Sign(const Traced& x) { return Traced::Make(Op::kSign, x); }
inline Traced NormalCdf(const Traced& x) { return Traced::Make(Op::kNormalCdf, x); }
inline Traced Sigmoid(const Traced& x) { return Traced::Make(Op::kSigmoid, x); }
inline Traced Softplus(const Traced& x) { return Traced::Make(Op::kSoftplus, x); }

// Runs `function`, a callable from std::vector<Traced> to std::vector<Traced>, at the point x.
template <class Function>
RecordedGraph Record(const Function& function, std::span<const double> x) {
  internal::Recorder recorder;
  std::vector<Traced> inputs;
  for (NodeId i = 0; i < x.size(); ++i) {
    inputs.emplace_back(x[i], Expr(recorder.graph, recorder.graph.Input(i)));
  }
  const std::vector<Traced> y = function(inputs);
  RecordedGraph recorded;
  for (const Traced& output : y) recorded.outputs.push_back(output.expr().Id(recorder.graph));
  recorded.guard = recorder.guard.Id(recorder.graph);
  recorded.graph = std::move(recorder.graph);
  return recorded;
}

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_RECORDING_H_
