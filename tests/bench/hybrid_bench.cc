// How much local Taylor models of what a network misses improve it, and what they cost.
//
//     hybrid_bench [--functions=bump2,circle2] [--samples=256,512] [--effort=30]
//
// With an effort, in units of 1e10 multiply-adds as KIND_AUTO counts it, errors are those of what a
// selection chooses (train/selection.h) and of the best that it tried without local models, fitted
// to all samples; times are those of the selection, and of its trials of local models.
//
// Errors are RMS over 2,048 points by the standard deviation of the function, "value/gradient",
// those of gradients by their root mean square. The samples are a Sobol sequence or, in up to 4
// inputs, placed where Taylor models disagree. The network has two hidden layers of 32 and is
// fitted to values and gradients by 600 steps of L-BFGS; local models alone are around the mean.
// "ratio" is the error of values of what is served by that of the better of its two parts, of which
// the geometric mean shall be at most 0.7 and the largest at most 1.2 (H1). Times are those of the
// choice by held-out samples and of a point in a batch.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>

#include "engine/base/matrix.h"
#include "engine/chain/program_surrogate.h"
#include "engine/nn/activation.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/local_taylor_fit.h"
#include "engine/sampling/model_error.h"
#include "engine/sampling/sobol.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/fit.h"
#include "engine/train/recipe.h"
#include "engine/train/samples.h"
#include "engine/train/selection.h"
#include "engine/train/selection_options.h"
#include "engine/train/trial.h"
#include "tests/bench/flags.h"
#include "tests/bench/placement_run.h"
#include "tests/bench/test_functions.h"
#include "tests/bench/unit_function.h"

namespace sobolev::sampling {
namespace {

using bench::FindTestFunction;
using bench::Flags;
using bench::UnitFunction;

constexpr Index kMostPlacedInputs = 4;

// Of tests/bench/test_functions.h.
constexpr const char* kFunctions[] = {"bump2", "circle2", "franke2", "branin2",   "bump3",
                                      "bump4", "tanh4",   "sines4",  "borehole8", "wing10"};

class Problem {
 public:
  explicit Problem(const char* name) : unit_(FindTestFunction(name)) {}

  Index n() const { return unit_.n(); }
  const Vector& lo() const { return unit_.lo(); }
  Vector hi() const { return unit_.lo() + unit_.side(); }

  Evidence Samples(Index count, bool placed) const {
    Evidence evidence = unit_.Nothing();
    if (!placed) {
      unit_.Add(SobolPoints(n(), 0, count, 1), true, evidence);
      return evidence;
    }
    Explore(unit_, {}, count, 1, [&](const Evidence& known) {
      evidence = known;
      return false;
    });
    // The last points of the last batch.
    evidence.X.conservativeResize(n(), count);
    evidence.Y.conservativeResize(1, count);
    evidence.J.conservativeResize(n(), count);
    return evidence;
  }

  RelativeErrors ErrorsOf(const Surrogate& surrogate) const {
    const Evidence predicted = unit_.Predict(surrogate, unit_.truth().X);
    return unit_.Errors(predicted.Y, predicted.J);
  }

  // Microseconds of a value and its gradient.
  double TimeOf(const Surrogate& surrogate) const {
    double least = 1e9;
    for (int round = 0; round < 5; ++round) {
      const auto before = std::chrono::steady_clock::now();
      unit_.Predict(surrogate, unit_.truth().X);
      const std::chrono::duration<double> time = std::chrono::steady_clock::now() - before;
      least = std::min(least, 1e6 * time.count() / static_cast<double>(UnitFunction::kTestPoints));
    }
    return least;
  }

  std::shared_ptr<const Surrogate> Network(const Evidence& evidence) const {
    const double root = 2 * std::sqrt(3.0);  // 1 / the standard deviation of a uniform number.
    const double mean = evidence.Y.mean();
    const double scale = OutputScales(evidence)(0);
    train::FitData data;
    data.training.X = root * (evidence.X.array() - 0.5);
    data.training.Y = (evidence.Y.array() - mean) / scale;
    data.training.J = evidence.J / (scale * root);
    data.training.weight = Vector::Ones(evidence.NumSamples());
    data.scaling = {.x_mean = lo() + 0.5 * unit_.side(),
                    .x_scale = unit_.side() / root,
                    .y_mean = Vector::Constant(1, mean),
                    .y_scale = Vector::Constant(1, scale)};
    const auto fit = train::MakeFit(
        {.hidden = {32, 32}, .activation = nn::Activation::kSilu, .lbfgs_steps = 600}, data);
    while (fit->Advance({})) {
    }
    return fit->MakeSurrogate();
  }

 private:
  UnitFunction unit_;
};

struct Ratios {
  double logs = 0;
  double largest = 0;
  double count = 0;
};

void Print(const std::string& name, const Problem& problem, Index count, bool placed,
           Ratios& ratios) {
  const Evidence evidence = problem.Samples(count, placed);
  const std::shared_ptr<const Surrogate> network = problem.Network(evidence);
  const auto before = std::chrono::steady_clock::now();
  const LocalTaylorFit hybrid = FitLocalTaylor(network, evidence, problem.lo(), problem.hi());
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - before;
  // The parts: the network, and local models of the best order without it.
  const auto nothing = std::make_shared<chain::ProgramSurrogate>(
      bench::ProgramText(problem.n(), "output y = 0 * a"));
  const LocalTaylorFit taylor = FitLocalTaylor(nothing, evidence, problem.lo(), problem.hi());
  const RelativeErrors of_network = problem.ErrorsOf(*network);
  const RelativeErrors of_taylor = problem.ErrorsOf(*taylor.surrogate);
  const RelativeErrors of_hybrid = problem.ErrorsOf(*hybrid.surrogate);
  const double ratio = of_hybrid.value / std::min(of_network.value, of_taylor.value);
  ratios.logs += std::log(ratio);
  ratios.largest = std::max(ratios.largest, ratio);
  ratios.count += 1;
  std::printf(
      "%-10s %-6s %5d | %.1e/%.1e | %d: %.1e/%.1e | %d%s %.1e/%.1e | %5.2f | %8.0f %6.2f "
      "%6.2f\n",
      name.c_str(), placed ? "placed" : "Sobol", static_cast<int>(count), of_network.value,
      of_network.gradient, taylor.order, of_taylor.value, of_taylor.gradient, hybrid.order,
      hybrid.alone ? " alone:" : ":      ", of_hybrid.value, of_hybrid.gradient, ratio,
      1e3 * time.count(), problem.TimeOf(*network), problem.TimeOf(*hybrid.surrogate));
  std::fflush(stdout);
}

struct Choice {
  std::shared_ptr<const Surrogate> surrogate;
  train::Recipe recipe;
  train::Recipe without;  // The best without local models.
  double seconds = 0;
  double taylor_seconds = 0;  // Of the trials of local models.
};

Choice Select(const Problem& problem, const Evidence& evidence,
              const train::SelectionOptions& options) {
  const Vector side = problem.hi() - problem.lo();
  const Matrix X = (side.asDiagonal() * evidence.X).colwise() + problem.lo();
  const Matrix J = side.cwiseInverse().asDiagonal() * evidence.J;
  const train::SampleSet samples{
      .n = problem.n(),
      .m = 1,
      .blocks = {{.rows = X.cols(), .x = X.data(), .y = evidence.Y.data(), .jacobian = J.data()}}};
  Choice choice;
  const auto start = std::chrono::steady_clock::now();
  auto trial_start = start;
  const auto since = [](std::chrono::steady_clock::time_point before) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  };
  train::Selection selection(samples, options);
  double num_taylor = 0;
  const auto count_taylor = [&] {
    double count = 0;
    for (const train::Trial& trial : selection.Leaderboard()) {
      if (trial.recipe.taylor_order > 0) ++count;
    }
    return count;
  };
  for (auto status = train::SelectionStatus::kRunning;
       status != train::SelectionStatus::kFinished && status != train::SelectionStatus::kFailed;) {
    status = selection.Advance({});
    if (status != train::SelectionStatus::kTrialDone) continue;
    if (count_taylor() > num_taylor) choice.taylor_seconds += since(trial_start);
    num_taylor = count_taylor();
    trial_start = std::chrono::steady_clock::now();
  }
  choice.seconds = since(start);
  choice.surrogate = selection.MakeSurrogate();
  choice.recipe = selection.Best()->recipe;
  for (const train::Trial& trial : selection.Leaderboard()) {
    choice.without = trial.recipe;
    if (trial.recipe.taylor_order == 0) break;
  }
  return choice;
}

void PrintChoice(const std::string& name, const Problem& problem, Index count, bool placed,
                 double effort, Ratios& ratios) {
  const Evidence evidence = problem.Samples(count, placed);
  const Choice chosen = Select(problem, evidence, {.budget = 1e10 * effort});
  const bool same = chosen.recipe == chosen.without;
  const Choice without = same ? chosen : Select(problem, evidence, {.recipes = {chosen.without}});
  const RelativeErrors errors = problem.ErrorsOf(*chosen.surrogate);
  const RelativeErrors errors_without = problem.ErrorsOf(*without.surrogate);
  const double ratio = errors.value / errors_without.value;
  ratios.logs += std::log(ratio);
  ratios.largest = std::max(ratios.largest, ratio);
  ratios.count += 1;
  std::printf("%-10s %-6s %5d | %.1e/%.1e | %.1e/%.1e | %6.2f | %6.2f %6.2f | %s\n", name.c_str(),
              placed ? "placed" : "Sobol", static_cast<int>(count), errors_without.value,
              errors_without.gradient, errors.value, errors.gradient, ratio, chosen.seconds,
              chosen.taylor_seconds, train::Name(chosen.recipe).c_str());
  std::fflush(stdout);
}

int Run(const Flags& flags) {
  const double effort = flags.Number("effort", 0);
  if (effort > 0) {
    std::printf("%-10s %-6s %5s | %-15s | %-15s | %6s | %6s %6s | %s\n", "function", "design", "N",
                "without", "chosen", "ratio", "s", "Taylor", "recipe");
  } else {
    std::printf("%-10s %-6s %5s | %-15s | %-18s | %-23s | %5s | %8s %6s %6s\n", "function",
                "design", "N", "network", "order: Taylor", "order: both", "ratio", "fit ms",
                "net us", "both us");
  }
  Ratios ratios;
  for (const char* const function : kFunctions) {
    if (!flags.Lists("functions", function)) continue;
    const Problem problem(function);
    for (const Index count : {64, 256, 512}) {
      if (!flags.Lists("samples", std::to_string(count))) continue;
      for (const bool placed : {false, true}) {
        if (placed && problem.n() > kMostPlacedInputs) continue;
        if (effort > 0) {
          PrintChoice(function, problem, count, placed, effort, ratios);
        } else {
          Print(function, problem, count, placed, ratios);
        }
      }
    }
  }
  std::printf("ratio: geometric mean %.2f (H1: 0.7), largest %.2f (H1: 1.2)\n",
              std::exp(ratios.logs / std::max(1.0, ratios.count)), ratios.largest);
  return 0;
}

}  // namespace
}  // namespace sobolev::sampling

int main(int argc, char** argv) {
  return sobolev::sampling::Run(sobolev::bench::Flags(argc, argv));
}
