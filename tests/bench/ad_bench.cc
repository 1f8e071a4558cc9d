// Derivatives of the workloads of ad_workloads.h by the scalar types of engine/ad: the plain value,
// one tangent, the gradient by a tape that is recorded anew for each point, and where it is of
// interest a Hessian-vector product (tangent over adjoint), a compressed sparse Jacobian, and
// enclosures of value and gradient over a box (intervals inside tangents). ad_replay_bench.cc adds
// the same by batched replay.
//
//     ad_bench --benchmark_filter=c_libor     times, by Google Benchmark
//     ad_bench --serve                        answers ad_peers.py, which prints the ratios
//
// Ratios are what counts, and they need both sides in one run: take those of ad_peers.py.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/ad/adjoint.h"
#include "engine/ad/interval.h"
#include "engine/ad/tangent.h"
#include "engine/ad/tape.h"
#include "tests/bench/ad_counted.h"
#include "tests/bench/ad_replay_bench.h"
#include "tests/bench/ad_runner.h"
#include "tests/bench/ad_workloads.h"

namespace sobolev::bench {
namespace {

using ad::Adjoint;
using ad::Interval;
using ad::Tangent;
using ad::Tape;

// Makes `x` the inputs of a new recording on `tape`, which must be active.
template <class T>
void StartRecording(Tape<T>& tape, std::span<const T> values, std::vector<Adjoint<T>>& x) {
  tape.Clear();
  std::transform(values.begin(), values.end(), x.begin(),
                 [&tape](const T& value) { return tape.Variable(value); });
}

template <class Workload>
void AddValue(Runner& runner, const Workload& workload) {
  runner.Add(Workload::kName, "value", 1,
             [workload, x = workload.Inputs()](double* out) { out[0] = workload.Value(x.data()); });
}

template <class Workload>
void AddTangent(Runner& runner, const Workload& workload) {
  const std::vector<double> inputs = workload.Inputs();
  std::vector<Tangent<double>> x(inputs.begin(), inputs.end());
  runner.Add(Workload::kName, "tangent", 2,
             [workload, x, x_dot = Direction(x.size())](double* out) mutable {
               for (std::size_t i = 0; i < x.size(); ++i) x[i].dot = x_dot[i];
               const Tangent<double> y = workload.Value(x.data());
               out[0] = y.value;
               out[1] = y.dot;
             });
}

template <class Workload>
void AddGradient(Runner& runner, const Workload& workload) {
  const std::vector<double> inputs = workload.Inputs();
  const auto tape = std::make_shared<Tape<double>>();
  Measurement& added =
      runner.Add(Workload::kName, "gradient", 1 + inputs.size(),
                 [workload, tape, inputs,
                  x = std::vector<Adjoint<double>>(inputs.size())](double* out) mutable {
                   const Tape<double>::Scope scope(*tape);
                   StartRecording<double>(*tape, inputs, x);
                   const Adjoint<double> y = workload.Value(x.data());
                   tape->Reverse(y);
                   *out++ = y.value();
                   for (const Adjoint<double>& input : x) *out++ = tape->adjoint(input);
                 });
  // The last recording is still there.
  added.tape_bytes = [tape] { return tape->statistics().used_bytes; };
}

// Tangent over adjoint: the sweep over the tangents of a recording in direction ẋ gives ∇²f ẋ.
template <class Workload>
void AddHessianVector(Runner& runner, const Workload& workload) {
  const std::vector<double> inputs = workload.Inputs();
  const std::vector<double> x_dot = Direction(inputs.size());
  std::vector<Tangent<double>> values(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) values[i] = {inputs[i], x_dot[i]};
  runner.Add(Workload::kName, "hessian_vector", 1 + 2 * inputs.size(),
             [workload, tape = std::make_shared<Tape<Tangent<double>>>(), values,
              x = std::vector<Adjoint<Tangent<double>>>(values.size())](double* out) mutable {
               const Tape<Tangent<double>>::Scope scope(*tape);
               StartRecording<Tangent<double>>(*tape, values, x);
               const Adjoint<Tangent<double>> y = workload.Value(x.data());
               tape->Reverse(y);
               *out++ = y.value().value;
               for (const auto& input : x) *out++ = tape->adjoint(input).value;
               for (const auto& input : x) *out++ = tape->adjoint(input).dot;
             });
}

template <class Workload>
void AddOperations(Runner& runner, const Workload& workload) {
  const std::vector<double> inputs = workload.Inputs();
  runner.Add(Workload::kName, "operations", 1,
             [workload, x = std::vector<Counted>(inputs.begin(), inputs.end())](double* out) {
               const std::int64_t before = Counted::Operations();
               workload.Value(x.data());
               out[0] = static_cast<double>(Counted::Operations() - before);
             });
}

// The bounds of an interval, one after the other, from `out` on.
double* Write(const Interval<>& x, double* out) {
  *out++ = x.lo();
  *out++ = x.hi();
  return out;
}

template <class Workload>
void AddIntervals(Runner& runner, const Workload& workload) {
  constexpr int n = Workload::kNumInputs;
  std::vector<Interval<>> box;
  for (const double x : workload.Inputs()) {
    box.emplace_back(x - kIntervalRadius, x + kIntervalRadius);
  }
  runner.Add(Workload::kName, "interval_value", 2,
             [workload, box](double* out) { Write(workload.Value(box.data()), out); });

  using Vector = Tangent<Interval<>, n>;
  std::vector<Vector> seeded(n);
  for (int i = 0; i < n; ++i) seeded[i] = Vector::Seed(box[i], i);
  runner
      .Add(Workload::kName, "interval_gradient", 2 + 2 * n,
           [workload, seeded](double* out) {
             const Vector y = workload.Value(seeded.data());
             out = Write(y.value, out);
             for (int i = 0; i < n; ++i) out = Write(y.dot[i], out);
           })
      .variant = "tangent";
}

void AddBrusselator(Runner& runner) {
  using Vector = Tangent<double, Brusselator::kNumColours>;
  const std::vector<double> inputs = Brusselator::Inputs();
  runner.Add(Brusselator::kName, "value", Brusselator::kNumOutputs,
             [inputs](double* out) { Brusselator().Residual(inputs.data(), out); });

  std::vector<Vector> x(inputs.begin(), inputs.end());
  for (int i = 0; i < Brusselator::kNumInputs; ++i) x[i].dot[Brusselator::Colour(i)] = 1;
  std::vector<int> colours;  // Of the nonzeros, by row.
  std::vector<int> row_starts;
  for (int row = 0; row < Brusselator::kNumOutputs; ++row) {
    row_starts.push_back(static_cast<int>(colours.size()));
    for (const int column : Brusselator::Columns(row)) {
      colours.push_back(Brusselator::Colour(column));
    }
  }
  row_starts.push_back(static_cast<int>(colours.size()));
  runner.Add(Brusselator::kName, "jacobian", Brusselator::kNumNonzeros,
             [x, colours, row_starts,
              f = std::vector<Vector>(Brusselator::kNumOutputs)](double* out) mutable {
               Brusselator().Residual(x.data(), f.data());
               for (std::size_t row = 0; row < f.size(); ++row) {
                 for (int k = row_starts[row]; k < row_starts[row + 1]; ++k) {
                   out[k] = f[row].dot[colours[static_cast<std::size_t>(k)]];
                 }
               }
             });
}

void AddAll(Runner& runner) {
  ForEachScalarWorkload([&runner]<class Workload>(const Workload& workload) {
    if (!runner.Wants(Workload::kName)) return;
    AddValue(runner, workload);
    AddTangent(runner, workload);
    AddGradient(runner, workload);
    AddOperations(runner, workload);
  });
  if (runner.Wants(LiborSwaptions::kName)) AddHessianVector(runner, LiborSwaptions());
  if (runner.Wants(TwoVariables::kName)) AddIntervals(runner, TwoVariables());
  if (runner.Wants(Brusselator::kName)) AddBrusselator(runner);
  AddReplays(runner);
}

// The same measurements, by Google Benchmark.
void Register(Measurement& m) {
  constexpr int kBatch = 16;
  std::string name = m.workload + '/' + m.mode;
  if (!m.variant.empty()) name += '/' + m.variant;
  benchmark::RegisterBenchmark(name.c_str(), [&m](benchmark::State& state) {
    while (state.KeepRunningBatch(kBatch)) m.run(kBatch, m.out);
    state.counters["points"] = benchmark::Counter(
        static_cast<double>(state.iterations() * m.points_per_call), benchmark::Counter::kIsRate);
  });
}

int Main(int argc, char** argv) {
  Runner runner(argc, argv);
  AddAll(runner);
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  if (std::any_of(arguments.begin(), arguments.end(),
                  [](const char* argument) { return std::string_view(argument) == "--serve"; })) {
    return runner.Serve(std::cin, std::cout);
  }
  benchmark::Initialize(&argc, argv);
  for (Measurement& m : runner.measurements()) {
    if (m.mode != "operations") Register(m);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace sobolev::bench

int main(int argc, char** argv) {
  try {
    return sobolev::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ad_bench: %s\n", error.what());
    return 1;
  }
}
