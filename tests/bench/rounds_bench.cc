// What sampling jobs do round by round, without the server: a selection for each round, errors that
// may be reported against true ones, and evaluations to a target.
//
//     rounds_bench [--seeds=2] [--functions=bump2,borehole8] [--ways=sobol,adaptive]
//
// "held-out" is the mean over the samples of a cross-validation, and "estimate" that over the
// domain (model_error.h); "reported" is what jobs report, lowered as the rounds before tell. A stop
// is a round where such an error, as BelievedError takes it, is at most 1e-1, 3e-2, ... 3e-4 for
// the first time; "at once", the error itself.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/error_estimate.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/model_error.h"
#include "engine/sampling/placement.h"
#include "engine/sampling/sobol.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/samples.h"
#include "engine/train/selection.h"
#include "tests/bench/flags.h"
#include "tests/bench/ratios.h"
#include "tests/bench/test_functions.h"
#include "tests/bench/unit_function.h"

namespace sobolev::sampling {
namespace {

using bench::FindTestFunction;
using bench::Flags;
using bench::PercentWithin;
using bench::UnitFunction;

constexpr double kEffort = 0.5e10;

// What is asked of a test function.
struct Function {
  const char* name = "";  // Of tests/bench/test_functions.h.
  double target = 0;
  Index most = 0;  // Evaluations.
};

constexpr Function kFunctions[] = {
    {"bump2", 1e-2, 256},   {"circle2", 3e-3, 256},   {"franke2", 1e-3, 256},
    {"camel2", 1e-3, 256},  {"corner4", 1e-3, 256},   {"sines4", 3e-3, 256},
    {"bump6", 3e-2, 512},   {"borehole8", 1e-3, 256}, {"robot8", 3e-1, 512},
    {"waves10", 5e-2, 512},
};

using Shared = std::shared_ptr<const Surrogate>;

Model InUnits(const Shared& surrogate) {
  return [surrogate](const Matrix& X, Matrix& Y, Matrix& J, const std::stop_token& stop) {
    Y.resize(surrogate->m(), X.cols());
    J.resize(surrogate->n(), surrogate->m() * X.cols());
    surrogate->Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), {}, {},
                       {.Y = Y.data(), .J = J.data()}, stop);
  };
}

train::SampleSet View(const Evidence& evidence) {
  return {.n = evidence.n(),
          .m = 1,
          .blocks = {{.rows = evidence.X.cols(),
                      .x = evidence.X.data(),
                      .y = evidence.Y.data(),
                      .jacobian = evidence.J.data()}}};
}

std::unique_ptr<train::Selection> Select(const train::SampleSet& samples,
                                         const train::SelectionOptions& options) {
  auto selection = std::make_unique<train::Selection>(samples, options);
  for (auto status = train::SelectionStatus::kRunning;
       status != train::SelectionStatus::kFinished;) {
    status = selection->Advance({});
    if (status == train::SelectionStatus::kFailed) std::abort();
  }
  return selection;
}

// Of a run, by name.
struct Stops {
  std::vector<double> left = {1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4};  // Targets.
  double before = std::numeric_limits<double>::quiet_NaN();         // The last error.
};

// Reported errors over true ones at stops.
class Tally {
 public:
  void Add(const std::string& name, double error, double truth, bool few, Stops& stops) {
    const double believed = BelievedError(error, stops.before, few);
    stops.before = error;
    while (!stops.left.empty() && believed <= stops.left.front() && truth > 1e-9) {
      ratios_[name].push_back(error / truth);
      too_soon_[name] += truth > 2 * stops.left.front() ? 1 : 0;
      stops.left.erase(stops.left.begin());
    }
  }

  void Print() const {
    for (const auto& entry : ratios_) {
      std::vector<double> ratios = entry.second;
      std::ranges::sort(ratios);
      std::printf(
          "%-26s over true at %3d stops: median %.2f, within 2x %.0f %%, 3x %.0f %%, below half "
          "%.1f %%, a third %.1f %%; %d true errors above twice the target\n",
          entry.first.c_str(), static_cast<int>(ratios.size()), ratios[ratios.size() / 2],
          PercentWithin(ratios, 0.5, 2), PercentWithin(ratios, 1.0 / 3, 3),
          PercentWithin(ratios, 0, 0.5), PercentWithin(ratios, 0, 1.0 / 3),
          too_soon_.at(entry.first));
    }
  }

 private:
  std::map<std::string, std::vector<double>> ratios_;
  std::map<std::string, int> too_soon_;
};

// Of a model on the unit cube.
RelativeErrors ErrorsOf(const UnitFunction& unit, const Surrogate& model) {
  const Matrix& U = unit.truth().X;
  Matrix Y(1, U.cols());
  Matrix J(unit.n(), U.cols());
  model.Predict(ConstMatrixMap(U.data(), U.rows(), U.cols()), {}, {},
                {.Y = Y.data(), .J = J.data()});
  return unit.Errors(Y, J);
}

void RunOnce(const Function& function, const std::string& way, std::uint64_t seed, Tally& tally) {
  const UnitFunction unit(FindTestFunction(function.name));
  Evidence evidence = unit.Nothing();
  PlacementOptions options{.seed = seed};
  if (way == "sobol") options.strategy = Strategy::kSpaceFilling;
  Shared model;
  Shared before;
  std::map<std::string, Stops> stops;
  std::vector<JudgedRound> rounds;
  std::optional<Index> reached;
  double seconds = 0;
  double worst = 0;
  while (evidence.X.cols() < function.most) {
    const Index count =
        model == nullptr ? 4 + 4 * unit.n() : std::max<Index>(4, (evidence.X.cols() + 7) / 8);
    const auto start = std::chrono::steady_clock::now();
    options.ensemble.clear();
    if (unit.n() > kMaxTaylorInputs && before != nullptr && way == "adaptive") {
      options.ensemble = {InUnits(model), InUnits(before)};
    }
    const Matrix X = NextPoints(evidence, options, count);
    unit.Add(X, true, evidence);
    options.num_proposed += X.cols();
    const train::SampleSet samples = View(evidence);
    train::SelectionOptions training;
    training.budget = kEffort;
    const auto selection = Select(samples, training);
    before = std::exchange(model, selection->MakeSurrogate());
    const double time =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    seconds += time;
    worst = std::max(worst, time);
    const RelativeErrors truth = ErrorsOf(unit, *model);
    std::vector<Index> columns(static_cast<std::size_t>(evidence.X.cols()));
    for (std::size_t k = 0; k < columns.size(); ++k) columns[k] = static_cast<Index>(k);
    const train::Errors& held_out = selection->Best()->errors;
    std::map<std::string, RelativeErrors> reported;
    reported["held-out"] = {.value = held_out.value_relative,
                            .gradient = held_out.jacobian_relative};
    reported["estimate"] =
        JudgeByHeldOut(selection->HeldOutSamples(), evidence, columns, {.seed = 7});
    rounds.push_back({.num_samples = evidence.X.cols(), .held_out = reported.at("estimate")});
    reported["reported"] = ErrorsOfLastModel(rounds, unit.n(), 0);
    tally.Add("value    estimate at once", reported.at("estimate").value, truth.value, false,
              stops["value at once"]);
    tally.Add("gradient estimate at once", reported.at("estimate").gradient, truth.gradient, false,
              stops["gradient at once"]);
    const bool few = evidence.X.cols() < LeastSamplesToJudge(unit.n());
    std::printf("  %4d true %.2e %.2e |", static_cast<int>(evidence.X.cols()), truth.value,
                truth.gradient);
    for (const auto& [name, errors] : reported) {
      std::printf(" %s %.2e %.2e |", name.c_str(), errors.value, errors.gradient);
      const std::string values = "value    " + name;
      tally.Add(values, errors.value, truth.value, few, stops[values]);
      const std::string gradients = "gradient " + name;
      tally.Add(gradients, errors.gradient, truth.gradient, few, stops[gradients]);
    }
    std::printf(" %s\n", train::Name(selection->Best()->recipe).c_str());
    std::fflush(stdout);
    if (!reached && truth.value <= function.target) reached = evidence.X.cols();
  }
  std::printf("%-10s %-9s seed %d: evaluations to %.0e: %s%d, %.1f s, slowest round %.2f s\n",
              function.name, way.c_str(), static_cast<int>(seed), function.target,
              reached ? "" : ">", static_cast<int>(reached.value_or(evidence.X.cols())), seconds,
              worst);
  std::fflush(stdout);
}

int Run(const Flags& flags) {
  const Index num_seeds = flags.Whole("seeds", 2);
  Tally tally;
  for (const Function& function : kFunctions) {
    if (!flags.Lists("functions", function.name)) continue;
    for (const std::string way : {"sobol", "adaptive"}) {
      if (!flags.Lists("ways", way)) continue;
      for (Index seed = 1; seed <= num_seeds; ++seed) {
        RunOnce(function, way, static_cast<std::uint64_t>(seed), tally);
      }
    }
  }
  tally.Print();
  return 0;
}

}  // namespace
}  // namespace sobolev::sampling

int main(int argc, char** argv) {
  return sobolev::sampling::Run(sobolev::bench::Flags(argc, argv));
}
