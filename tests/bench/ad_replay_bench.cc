// Batched replay through the public interface, as a service uses it: the workload is recorded once
// as a program, and a call evaluates a batch of points. The points are all different and near
// Inputs(), which is the first of them and the one whose numbers are compared.
//
// All but the mode "scaling" runs in an arena of one thread. A batch is as long as fits the
// second-level cache together with its results, at most kMaxPoints, unless the variant names its
// length.

#include "tests/bench/ad_replay_bench.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <oneapi/tbb/task_arena.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/program/guarded_function.h"
#include "engine/program/program.h"
#include "engine/program/recording.h"
#include "tests/bench/ad_workloads.h"

namespace sobolev::bench {
namespace {

using program::Arithmetic;
using program::Definition;
using program::Directions;
using program::Program;
using program::Reversal;
using program::Settings;
using program::Traced;

constexpr Index kMaxPoints = 1024;
constexpr Index kBatchDoubles = Index{1} << 17;  // A mebibyte.

// A workload as a function of vectors, for any scalar.
template <class Workload>
struct AsFunction {
  template <class T>
  std::vector<T> operator()(const std::vector<T>& x) const {
    return {workload.Value(x.data())};
  }

  Workload workload;
};

struct BrusselatorFunction {
  template <class T>
  std::vector<T> operator()(const std::vector<T>& x) const {
    std::vector<T> f(x.size());
    Brusselator().Residual(x.data(), f.data());
    return f;
  }
};

// The function of one recorded branch. Near Inputs() no comparison comes out differently;
// GuardedFunction, timed as "replay-guarded", is for points of which that is not known.
template <class Function>
Definition DefinitionOf(const Function& function, const std::vector<double>& x) {
  program::RecordedGraph recorded = program::Record(function, x);
  Definition definition;
  definition.inputs.push_back({.name = "x", .size = std::ssize(x)});
  definition.outputs.push_back({.name = "y", .size = std::ssize(recorded.outputs)});
  definition.stages.push_back({.graph = std::move(recorded.graph),
                               .outputs = std::move(recorded.outputs),
                               .state_size = std::ssize(x)});
  return definition;
}

Definition ShippedExample(const std::string& name) {
  std::ifstream file(std::filesystem::path(SOBOLEV_SOURCE_DIR) / "client/examples/programs" /
                     (name + ".sob"));
  return program::Parse(std::string(std::istreambuf_iterator<char>(file), {}));
}

// Something that takes time to make and is made when it is first used, by one thread.
template <class T>
class Lazy {
 public:
  explicit Lazy(std::function<std::unique_ptr<T>()> make) : make_(std::move(make)) {}

  T& operator*() {
    if (made_ == nullptr) made_ = make_();
    return *made_;
  }

 private:
  std::function<std::unique_ptr<T>()> make_;
  std::unique_ptr<T> made_;
};
using LazyProgram = std::shared_ptr<Lazy<Program>>;

LazyProgram MakeLazy(std::function<Definition()> define) {
  return std::make_shared<Lazy<Program>>(
      [define = std::move(define)] { return std::make_unique<Program>(define()); });
}

Index BatchOf(Index doubles_per_point) {
  const auto fitting = static_cast<std::size_t>(kBatchDoubles / doubles_per_point);
  return std::clamp<Index>(static_cast<Index>(std::bit_floor(fitting)), 64, kMaxPoints);
}

// Columns near x, of which the first is x.
Matrix PointsNear(const std::vector<double>& x, Index num_points) {
  constexpr double kSpread = 1e-5;
  Rng rng(8);
  Matrix X(std::ssize(x), num_points);
  for (Index s = 0; s < num_points; ++s) {
    for (Index i = 0; i < X.rows(); ++i) {
      const double shift = s == 0 ? 0 : kSpread * (2 * rng.Uniform() - 1);
      X(i, s) = x[static_cast<std::size_t>(i)] * (1 + shift);
    }
  }
  return X;
}

ConstMatrixMap View(const Matrix& X) { return {X.data(), X.rows(), X.cols()}; }

// What one measurement calls, and its batch with room for all results of it.
struct Batch {
  Batch(const std::vector<double>& x, Index num_points, Index results_per_point)
      : X(PointsNear(x, num_points)), numbers(results_per_point, num_points) {}

  Matrix X;
  Matrix numbers;  // Array after array, each as the engine writes it.

  // The array for the results from row `first` of a point on.
  double* Array(Index first) { return numbers.data() + first * numbers.cols(); }
  // Appends `count` numbers of the first point of the array from row `first` on.
  double* CopyFirst(Index first, Index count, double* out) {
    return std::copy_n(Array(first), count, out);
  }
};

void RunInArena(Measurement& measurement, int num_threads) {
  const auto arena = std::make_shared<tbb::task_arena>(num_threads);
  measurement.run = [run = std::move(measurement.run), arena](std::int64_t calls,
                                                              std::vector<double>& out) {
    arena->execute([&] { run(calls, out); });
  };
}

// Adds a measurement of evaluate(batch), which fills the arrays of widths `widths`.
template <class Evaluate>
Measurement& AddBatch(Runner& runner, const std::string& workload, const std::string& mode,
                      const std::string& variant, const std::vector<double>& x,
                      const std::vector<Index>& widths, const Evaluate& evaluate,
                      Index num_points = 0, int num_threads = 1) {
  Index width = 0;
  for (const Index part : widths) width += part;
  if (num_points == 0) num_points = BatchOf(std::ssize(x) + width);
  // Made when first used: there are many measurements, and few are asked for.
  const auto batch = std::make_shared<Lazy<Batch>>(
      [x, num_points, width] { return std::make_unique<Batch>(x, num_points, width); });
  Measurement& added = runner.Add(workload, mode, static_cast<std::size_t>(width),
                                  [batch, evaluate, widths](double* out) {
                                    evaluate(**batch);
                                    Index first = 0;
                                    for (const Index part : widths) {
                                      out = (**batch).CopyFirst(first, part, out);
                                      first += part;
                                    }
                                  });
  added.variant = variant;
  added.points_per_call = static_cast<int>(num_points);
  RunInArena(added, num_threads);
  return added;
}

void AddValue(Runner& runner, const std::string& workload, const std::string& variant,
              const std::vector<double>& x, Index m, const LazyProgram& lazy,
              const Settings& settings = {}, Index num_points = 0) {
  AddBatch(
      runner, workload, "value", variant, x, {m},
      [lazy, settings](Batch& batch) {
        (**lazy).Evaluate(View(batch.X), {}, {}, {.Y = batch.Array(0)}, nullptr, settings, {});
      },
      num_points);
}

Measurement& AddGradient(Runner& runner, const std::string& workload, const std::string& mode,
                         const std::string& variant, const std::vector<double>& x,
                         const LazyProgram& lazy, const Settings& settings = {},
                         Index num_points = 0, int num_threads = 1) {
  return AddBatch(
      runner, workload, mode, variant, x, {1, std::ssize(x)},
      [lazy, settings](Batch& batch) {
        (**lazy).Evaluate(View(batch.X), {}, {}, {.Y = batch.Array(0), .J = batch.Array(1)},
                          nullptr, settings, {});
      },
      num_points, num_threads);
}

// One direction for all points.
Directions OneDirection(const std::vector<double>& direction) {
  return {.D = ConstMatrixMap(direction.data(), std::ssize(direction), 1), .count = 1};
}

void AddTangent(Runner& runner, const std::string& workload, const std::vector<double>& x,
                const LazyProgram& lazy, Index num_points = 0) {
  AddBatch(
      runner, workload, "tangent", "replay", x, {1, 1},
      [lazy, x_dot = Direction(x.size())](Batch& batch) {
        (**lazy).Evaluate(View(batch.X), OneDirection(x_dot), {},
                          {.Y = batch.Array(0), .Y_dot = batch.Array(1)}, nullptr, {}, {});
      },
      num_points);
}

// The gradient is the adjoint for ȳ = 1, so that both products come from one reverse sweep.
void AddHessianVector(Runner& runner, const std::string& workload, const std::vector<double>& x,
                      const LazyProgram& lazy) {
  const Index n = std::ssize(x);
  AddBatch(runner, workload, "hessian_vector", "replay", x, {1, n, n},
           [lazy, n, x_dot = Direction(x.size()), y_bar = std::vector<double>{1}](Batch& batch) {
             (**lazy).Evaluate(
                 View(batch.X), OneDirection(x_dot), OneDirection(y_bar),
                 {.Y = batch.Array(0), .X_bar = batch.Array(1), .X_bar_dot = batch.Array(1 + n)},
                 nullptr, {}, {});
           });
}

// Times by the clock on the wall: what more threads gain.
void AddScaling(Runner& runner, const std::string& workload, const std::vector<double>& x,
                const LazyProgram& lazy) {
  constexpr Index kPoints = 4 * kMaxPoints;
  for (const int num_threads : {1, 2}) {
    AddGradient(runner, workload, "scaling", "replay-threads-" + std::to_string(num_threads), x,
                lazy, {}, kPoints, num_threads)
        .clock = CLOCK_MONOTONIC;
  }
}

template <class Workload>
void AddGuarded(Runner& runner, const Workload& workload) {
  using Guarded = program::GuardedFunction<AsFunction<Workload>>;
  const std::vector<double> x = Workload::Inputs();
  const auto guarded = std::make_shared<Lazy<Guarded>>(
      [workload, x] { return std::make_unique<Guarded>(AsFunction<Workload>{workload}, x); });
  AddBatch(runner, Workload::kName, "gradient", "replay-guarded", x, {1, std::ssize(x)},
           [guarded](Batch& batch) {
             (**guarded).Evaluate(View(batch.X), batch.Array(0), batch.Array(1));
           });
}

// Straight workloads: (a) to (d), (f).
template <class Workload>
void AddScalar(Runner& runner, const Workload& workload) {
  const std::string name = Workload::kName;
  const std::vector<double> x = Workload::Inputs();
  const LazyProgram lazy =
      MakeLazy([workload, x] { return DefinitionOf(AsFunction<Workload>{workload}, x); });
  const Settings strict{.arithmetic = Arithmetic::kStrict};
  AddValue(runner, name, "replay", x, 1, lazy);
  AddValue(runner, name, "replay-strict", x, 1, lazy, strict);
  AddTangent(runner, name, x, lazy);
  AddGradient(runner, name, "gradient", "replay", x, lazy);
  AddGradient(runner, name, "gradient", "replay-strict", x, lazy, strict);
  for (const Index num_points : {1, 8, 64}) {
    AddGradient(runner, name, "gradient", "replay-batch-" + std::to_string(num_points), x, lazy, {},
                num_points);
  }
  if (name == LiborSwaptions::kName) AddHessianVector(runner, name, x, lazy);
  if (name == LiborSwaptions::kName || name == TwoVariables::kName) {
    AddScaling(runner, name, x, lazy);
  }
}

// (e) as an evolution, in all ways to reverse it, and as one long trace.
void AddBurgers(Runner& runner) {
  constexpr Index kPoints = 64;
  const std::string name = Burgers::kName;
  const std::vector<double> x = Burgers::Inputs();
  const LazyProgram evolution = MakeLazy([] { return ShippedExample("burgers"); });
  AddValue(runner, name, "replay", x, 1, evolution, {}, kPoints);
  AddTangent(runner, name, x, evolution, kPoints);
  const auto add = [&](const std::string& variant, const Settings& settings) {
    AddGradient(runner, name, "gradient", variant, x, evolution, settings, kPoints);
  };
  add("replay", {});
  add("replay-strict", {.arithmetic = Arithmetic::kStrict});
  add("replay-vanilla", {.reversal = Reversal::kVanilla});
  for (const Index checkpoints : {5, 25, 100}) {
    add("replay-binomial-" + std::to_string(checkpoints),
        {.reversal = Reversal::kBinomial, .checkpoints = checkpoints});
  }
  add("replay-memory-poor", {.reversal = Reversal::kMemoryPoor});
  const LazyProgram unrolled =
      MakeLazy([x] { return DefinitionOf(AsFunction<Burgers>{Burgers()}, x); });
  AddValue(runner, name, "replay-unrolled", x, 1, unrolled, {}, kPoints);
  AddGradient(runner, name, "gradient", "replay-unrolled", x, unrolled, {}, kPoints);
}

// (g), whose Jacobian is symbolic: each nonzero costs what it costs.
void AddBrusselator(Runner& runner) {
  const std::string name = Brusselator::kName;
  const std::vector<double> x = Brusselator::Inputs();
  const LazyProgram lazy = MakeLazy([x] { return DefinitionOf(BrusselatorFunction(), x); });
  AddValue(runner, name, "replay", x, Brusselator::kNumOutputs, lazy);
  AddBatch(runner, name, "jacobian", "replay", x, {Brusselator::kNumNonzeros},
           [lazy](Batch& batch) {
             (**lazy).SparseJacobian(View(batch.X), batch.Array(0), nullptr, {}, {});
           });
}

// Bounds of the value and, with `with_gradient`, of the gradient of (b) over boxes.
void AddIntervals(Runner& runner, const LazyProgram& lazy, bool with_gradient) {
  constexpr Index n = TwoVariables::kNumInputs;
  const std::vector<double> x = TwoVariables::Inputs();
  struct Boxes {
    explicit Boxes(Index num_boxes, const std::vector<double>& centre)
        : X_min(PointsNear(centre, num_boxes).array() - kIntervalRadius),
          X_max(PointsNear(centre, num_boxes).array() + kIntervalRadius),
          Y(2, num_boxes),
          J(2 * n, num_boxes) {}
    Matrix X_min, X_max, Y, J;
  };
  const auto boxes = std::make_shared<Boxes>(kMaxPoints, x);
  Measurement& added =
      runner.Add(TwoVariables::kName, with_gradient ? "interval_gradient" : "interval_value",
                 with_gradient ? 2 + 2 * n : 2, [boxes, lazy, with_gradient](double* out) {
                   double* const Y_max = boxes->Y.data() + kMaxPoints;
                   double* const J_max = boxes->J.data() + n * kMaxPoints;
                   (**lazy).Enclose(View(boxes->X_min), View(boxes->X_max),
                                    {.Y_min = boxes->Y.data(),
                                     .Y_max = Y_max,
                                     .J_min = with_gradient ? boxes->J.data() : nullptr,
                                     .J_max = with_gradient ? J_max : nullptr},
                                    nullptr, {});
                   *out++ = boxes->Y.data()[0];
                   *out++ = Y_max[0];
                   for (Index i = 0; with_gradient && i < n; ++i) {
                     *out++ = boxes->J.data()[i];
                     *out++ = J_max[i];
                   }
                 });
  added.variant = "replay";
  added.points_per_call = static_cast<int>(kMaxPoints);
  RunInArena(added, 1);
}

}  // namespace

void AddReplays(Runner& runner) {
  ForEachScalarWorkload([&runner]<class Workload>(const Workload& workload) {
    if (!runner.Wants(Workload::kName)) return;
    if constexpr (std::is_same_v<Workload, Burgers>) {
      AddBurgers(runner);
    } else {
      AddScalar(runner, workload);
    }
  });
  if (runner.Wants(LiborSwaptions::kName)) AddGuarded(runner, LiborSwaptions());
  if (runner.Wants(AsianBasket::kName)) AddGuarded(runner, AsianBasket());
  if (runner.Wants(Brusselator::kName)) AddBrusselator(runner);
  if (runner.Wants(TwoVariables::kName)) {
    const std::vector<double> x = TwoVariables::Inputs();
    const LazyProgram lazy =
        MakeLazy([x] { return DefinitionOf(AsFunction<TwoVariables>{TwoVariables()}, x); });
    for (const bool with_gradient : {false, true}) AddIntervals(runner, lazy, with_gradient);
  }
}

}  // namespace sobolev::bench
